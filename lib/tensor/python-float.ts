import { native } from '../native/load.js';

/**
 * Python's `math.cos`: the C library's. JavaScript's own may differ in the last bit.
 * @param x radians.
 */
export const pyCos = (x: number): number => native.cos(x);

/** Python's `math.sin`. */
export const pySin = (x: number): number => native.sin(x);

/** Python's `math.tan`. */
export const pyTan = (x: number): number => native.tan(x);

/** Python's `math.atan`. */
export const pyAtan = (x: number): number => native.atan(x);

/** Python's `base ** exponent` for floats: the C library's. JavaScript's own may differ in the last bit. */
export const pyPow = (base: number, exponent: number): number => native.pow(base, exponent);

/** Python's `math.erf`. */
export const pyErf = (x: number): number => native.erf(x);
