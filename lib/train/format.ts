/**
 * Numbers as C's printf and Python's `%` write them: the logs of a run are compared with Python's as text.
 */

export { formatFixed } from '../tensor/number-format.js';

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
