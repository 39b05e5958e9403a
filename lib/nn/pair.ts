import { TorchError } from '../tensor/index.js';

/** One number, or `[length]`. */
export type Single = number | readonly [number];
/** One number for both dimensions, or `[height, width]`. */
export type Pair = number | readonly [number, number];
/** One number for all three dimensions, or `[depth, height, width]`. */
export type Triple = number | readonly [number, number, number];

/** How many dimensions a layer slides over. */
export type Dimensions = 1 | 2 | 3;

/** One number for each of `D` dimensions. */
export type Sizes<D extends Dimensions> = { 1: [number]; 2: [number, number]; 3: [number, number, number] }[D];

/** One number for all of `D` dimensions, or one for each. */
export type SizesOrOne<D extends Dimensions> = number | Readonly<Sizes<D>>;

const NAMES = ['depth', 'height', 'width'];

/** A number for each of `dimensions`, from one for all of them or from as many. @throws TorchError `type`. */
export function sizes<D extends Dimensions>(dimensions: D, value: SizesOrOne<D>): Sizes<D> {
  // As JavaScript callers may give them. Layers come here at every call: no loops where none is needed.
  const given: unknown = value;
  if (typeof given === 'number') {
    const all = dimensions === 1 ? [given] : dimensions === 2 ? [given, given] : [given, given, given];
    return all as Sizes<D>;
  }
  if (Array.isArray(given) && given.length === dimensions) return (given as number[]).slice() as Sizes<D>;
  const got = Array.isArray(given) ? `${given.length} values` : given === null ? 'null' : typeof given;
  const names = dimensions === 1 ? 'length' : NAMES.slice(-dimensions).join(', ');
  throw new TorchError('type', `expected a number or [${names}], but got ${got}`);
}

/** `[height, width]` of a {@link Pair}. */
export function pair(value: Pair): [number, number] {
  return sizes(2, value);
}
