/**
 * `base ** exponent`, rounded once. The C library that Python uses rounds correctly here; `Math.pow` is allowed to be
 * off by the last bit, which would part the learning rates.
 * @param base a finite number.
 * @param exponent a small non-negative integer.
 */
export function integerPower(base: number, exponent: number): number {
  if (exponent <= 1) return exponent === 0 ? 1 : base;
  if (exponent === 2) return base * base;
  if (!Number.isFinite(base) || base === 0) return base ** exponent;
  const { mantissa, shift } = decompose(base);
  return compose(mantissa ** BigInt(exponent), shift * exponent);
}

/** `value = mantissa · 2^shift`, exactly. */
function decompose(value: number): { mantissa: bigint; shift: number } {
  let shift = 0;
  let scaled = value;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    shift -= 1;
  }
  return { mantissa: BigInt(scaled), shift };
}

/** The double nearest to `mantissa · 2^shift`; `Number(bigint)` rounds to nearest, ties to even. */
function compose(mantissa: bigint, shift: number): number {
  // Powers of two are exact while the result is a normal number; two factors keep each of them in range.
  const half = Math.trunc(shift / 2);
  const excess = Math.max(0, mantissa.toString(2).length - 1000);
  if (excess > 0) {
    // Beyond 1000 bits a double overflows; a sticky last bit keeps the rounding right.
    const low = mantissa & ((1n << BigInt(excess)) - 1n);
    const high = (mantissa >> BigInt(excess)) | (low === 0n ? 0n : 1n);
    return compose(high, shift + excess);
  }
  return Number(mantissa) * 2 ** half * 2 ** (shift - half);
}
