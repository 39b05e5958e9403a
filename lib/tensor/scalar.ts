import type { Complex, PyFloat } from './tape.js';

/**
 * What an operator takes for a number. Beside a tensor a JavaScript number without a fraction is an int, as the literal `2` is in
 * Python, any other a float; where nothing but numbers decides the dtype of what is made (`full`, `arange`), it is a float.
 * `float(2)` is always Python's `2.0`, `2n` always an int.
 */
export type Scalar = number | bigint | boolean | PyFloat | Complex;

/** A list of integers: sizes, dimensions. */
export type Ints = readonly (number | bigint)[] | Int32Array | BigInt64Array;
