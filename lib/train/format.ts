/**
 * Numbers as C's printf and Python's `%` write them: the logs of a run are compared with Python's as text.
 */

const view = new DataView(new ArrayBuffer(8));

/**
 * `%.{digits}f` of C: correctly rounded, exact ties to even.
 *
 * `Number.prototype.toFixed` rounds exact ties away from zero (0.90625 gives 0.9063 where C gives 0.9062), so the
 * double is taken apart and rounded as an exact fraction.
 * @param x any double; `nan`, `inf` and `-inf` are written as C does.
 * @param digits digits after the point, 0 to 100.
 */
export function formatFixed(x: number, digits: number): string {
  if (Number.isNaN(x)) return 'nan';
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const sign = bits >> 63n === 1n ? '-' : '';
  if (!Number.isFinite(x)) return `${sign}inf`;
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  // |x| = mantissa * 2^exponent; subnormal numbers have no hidden bit.
  const mantissa = biased === 0 ? fraction : fraction | 0x10000000000000n;
  const exponent = (biased === 0 ? 1 : biased) - 1075;
  const scaled = mantissa * 10n ** BigInt(digits);
  let rounded: bigint;
  if (exponent >= 0) {
    rounded = scaled << BigInt(exponent);
  } else {
    const shift = BigInt(-exponent);
    rounded = scaled >> shift;
    const rest = scaled - (rounded << shift);
    const half = 1n << (shift - 1n);
    if (rest > half || (rest === half && (rounded & 1n) === 1n)) rounded += 1n;
  }
  const text = rounded.toString().padStart(digits + 1, '0');
  if (digits === 0) return sign + text;
  return `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** `%0{width}d` of C for an integer that is not negative. */
export function formatPadded(n: number, width: number): string {
  return String(n).padStart(width, '0');
}

/**
 * The shortest decimal that reads back as the same float32: `2.3249285` rather than the 17 digits of its double.
 * @param x a double that holds a float32 value (what `loss.item()` gives).
 */
export function formatFloat32(x: number): string {
  if (!Number.isFinite(x)) return formatDouble(x);
  for (let precision = 1; precision < 9; precision++) {
    const candidate = Number(x.toPrecision(precision));
    if (Math.fround(candidate) === x) return String(candidate);
  }
  return String(Number(x.toPrecision(9)));
}

/** The shortest decimal that reads back as the same double; `nan`, `inf` and `-inf` as Python writes them. */
export function formatDouble(x: number): string {
  if (Number.isNaN(x)) return 'nan';
  if (!Number.isFinite(x)) return x > 0 ? 'inf' : '-inf';
  return String(x);
}

/** Reads what {@link formatDouble} and {@link formatFloat32} wrote. */
export function parseNumber(text: string): number {
  if (text === 'inf') return Infinity;
  if (text === '-inf') return -Infinity;
  return text === '' ? NaN : Number(text);
}
