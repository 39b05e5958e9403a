import { empty, rand, randint, type Generator } from '../tensor/index.js';

/** One draw of `torch.randint(low, high, (1,)).item()` from the default generator. */
export function drawInteger(low: number, high: number): number {
  const drawn = randint(low, high, [1]);
  const value = drawn.item();
  drawn.dispose();
  return value;
}

/** One draw of `torch.rand(1).item()` from the default generator. */
export function drawUniform(): number {
  const drawn = rand([1]);
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
