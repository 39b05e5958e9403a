import { empty, rand, randint, type Generator } from '../tensor/index.js';

/** One draw of `torch.randint(low, high, (1,), generator=generator).item()`; without one from the default generator, as all of these. */
export function drawInteger(low: number, high: number, generator: Generator | null = null): number {
  const drawn = randint(low, high, [1], { generator });
  const value = drawn.item();
  drawn.dispose();
  return value;
}

/** One draw of `torch.rand(1, generator=generator).item()`. */
export function drawUniform(generator: Generator | null = null): number {
  const drawn = rand([1], { generator });
  const value = drawn.item();
  drawn.dispose();
  return value;
}

/** One draw of `torch.empty((), dtype=torch.int64).random_(generator=generator).item()`. */
export function drawSeed(generator: Generator | null): bigint {
  const drawn = empty([], { dtype: 'int64' });
  drawn.random_({ generator });
  const value = drawn.itemBigInt();
  drawn.dispose();
  return value;
}

/** One draw of `torch.empty(1).uniform_(low, high, generator=generator).item()`. */
export function drawBetween(low: number, high: number, generator: Generator | null = null): number {
  const drawn = empty([1]);
  drawn.uniform_(low, high, { generator });
  const value = drawn.item();
  drawn.dispose();
  return value;
}

/** One draw of `torch.rand(1) < p`: Python compares a float32 with p, which becomes one for it. */
export function drawWith(p: number, generator: Generator | null = null): boolean {
  return drawUniform(generator) < Math.fround(p);
}

/** @throws RangeError */
export function expectProbability(p: number): void {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`Expected a probability from 0 to 1 for p but received ${p}`);
}
