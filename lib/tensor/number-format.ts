/** Numbers as C's printf writes them, and so Python's `%` and `format`. JavaScript's own rounds exact ties away from zero. */

const view = new DataView(new ArrayBuffer(8));

/** A double taken apart: `sign`, and |x| = mantissa * 2^exponent; a text alone for what is not finite. */
function takeApart(x: number): { sign: string; mantissa: bigint; exponent: number } | string {
  if (Number.isNaN(x)) return 'nan';
  if (!Number.isFinite(x)) return x > 0 ? 'inf' : '-inf';
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  // Subnormal numbers have no hidden bit.
  const mantissa = biased === 0 ? fraction : fraction | 0x10000000000000n;
  return { sign: bits >> 63n === 1n ? '-' : '', mantissa, exponent: (biased === 0 ? 1 : biased) - 1075 };
}

/** `numerator / denominator` as an integer, exact ties to even. */
function divideRounded(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twice = 2n * (numerator - quotient * denominator);
  const up = twice > denominator || (twice === denominator && (quotient & 1n) === 1n);
  return up ? quotient + 1n : quotient;
}

/** |x| * 10^power, rounded to an integer. */
function scaled(mantissa: bigint, exponent: number, power: number): bigint {
  const numerator = (mantissa << BigInt(Math.max(exponent, 0))) * 10n ** BigInt(Math.max(power, 0));
  return divideRounded(numerator, (1n << BigInt(Math.max(-exponent, 0))) * 10n ** BigInt(Math.max(-power, 0)));
}

function withPoint(digits: string, fraction: number): string {
  return fraction === 0 ? digits : `${digits.slice(0, -fraction)}.${digits.slice(-fraction)}`;
}

/**
 * `%.{digits}f` of C: correctly rounded, exact ties to even (0.90625 is `0.9062`).
 * @param x any double; `nan`, `inf` and `-inf` are written as C does.
 * @param digits digits after the point.
 */
export function formatFixed(x: number, digits: number): string {
  const parts = takeApart(x);
  if (typeof parts === 'string') return parts;
  const rounded = scaled(parts.mantissa, parts.exponent, digits).toString();
  return parts.sign + withPoint(rounded.padStart(digits + 1, '0'), digits);
}

/** `%.{digits}e` of C: `1.5000e-05`. */
export function formatExponential(x: number, digits: number): string {
  const parts = takeApart(x);
  if (typeof parts === 'string') return parts;
  const { sign, mantissa, exponent } = parts;
  if (mantissa === 0n) return `${sign}${withPoint('0'.repeat(digits + 1), digits)}e+00`;
  let power = Math.floor(Math.log10(Math.abs(x)));
  let rounded = scaled(mantissa, exponent, digits - power).toString();
  // The logarithm may be off by one, and rounding may add a digit.
  while (rounded.length !== digits + 1) {
    power += rounded.length > digits + 1 ? 1 : -1;
    rounded = scaled(mantissa, exponent, digits - power).toString();
  }
  const size = String(Math.abs(power)).padStart(2, '0');
  return `${sign}${withPoint(rounded, digits)}e${power < 0 ? '-' : '+'}${size}`;
}
