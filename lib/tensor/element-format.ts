import { formatExponential, formatFixed } from './number-format.js';
import type { PrintOptions } from './print-options.js';

/** An element as it is printed: a number, or a boolean as itself. */
export type PrintedElement = number | bigint | boolean;

/** How all elements of one tensor are written, so that they stand in columns. */
export interface ElementFormat {
  readonly width: number;
  format(value: PrintedElement): string;
}

function plain(value: PrintedElement): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return String(value);
}

/** @param values what decides the form: all elements, or those that a summary shows. */
export function elementFormat(
  values: Iterable<PrintedElement>,
  floating: boolean,
  options: Readonly<PrintOptions>,
): ElementFormat {
  return floating ? floatFormat([...values] as number[], options) : plainFormat(values);
}

function plainFormat(values: Iterable<PrintedElement>): ElementFormat {
  let width = 1;
  for (const value of values) width = Math.max(width, plain(value).length);
  return { width, format: (value) => plain(value).padStart(width) };
}

function floatFormat(values: readonly number[], { precision, sciMode }: Readonly<PrintOptions>): ElementFormat {
  const telling = values.filter((value) => Number.isFinite(value) && value !== 0);
  let largest = 0;
  let smallest = Infinity;
  for (const value of telling) {
    largest = Math.max(largest, Math.abs(value));
    smallest = Math.min(smallest, Math.abs(value));
  }
  const whole = telling.every((value) => Number.isInteger(value));
  const spread = largest / smallest > 1000 || largest > 1e8 || smallest < 1e-4;
  const scientific = telling.length > 0 && (sciMode ?? spread);
  const text = (value: number): string => {
    if (scientific) return formatExponential(value, precision);
    if (!whole) return formatFixed(value, precision);
    return formatFixed(value, 0) + (Number.isFinite(value) ? '.' : '');
  };
  let width = 1;
  for (const value of telling) width = Math.max(width, text(value).length);
  return { width, format: (value) => text(Number(value)).padStart(width) };
}
