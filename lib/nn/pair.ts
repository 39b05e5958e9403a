import { TorchError } from '../tensor/index.js';

/** One number for both dimensions, or `[height, width]`. */
export type Pair = number | readonly [number, number];

/** `[height, width]` of a {@link Pair}. */
export function pair(value: Pair): [number, number] {
  if (typeof value === 'number') return [value, value];
  // As JavaScript callers may give them.
  const given: unknown = value;
  if (Array.isArray(given) && given.length === 2) return [value[0], value[1]];
  const got = Array.isArray(given) ? `${given.length} values` : given === null ? 'null' : typeof given;
  throw new TorchError('type', `expected a number or [height, width], but got ${got}`);
}
