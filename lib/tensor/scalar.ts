import type { Complex, PyFloat } from './tape.js';

/**
 * What an operator takes for a number. A JavaScript number without a fraction is an int, as the literal `2` is in Python; any
 * other is a float. `float(2)` is Python's `2.0`, `2n` always an int.
 */
export type Scalar = number | bigint | boolean | PyFloat | Complex;

/** A list of integers: sizes, dimensions. */
export type Ints = readonly (number | bigint)[] | Int32Array | BigInt64Array;
