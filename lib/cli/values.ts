import { datasetParts } from '../train/dataset-names.js';
import { UsageError } from '../train/errors.js';

/**
 * Readers of option values. Each throws a UsageError of one form, `Expected X for --flag but received "text"`, which
 * the command answers with exit code 2.
 */
function refuse(expected: string, flag: string, text: string): never {
  throw new UsageError(`Expected ${expected} for ${flag} but received ${JSON.stringify(text)}`);
}

/** Decimal digits only: `Number` would take '', ' 7', '0x10' and '1e3' as well. */
const integerForm = /^\d+$/;
const numberForm = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** An integer from 1 to `max`. */
export function positiveInteger(flag: string, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const expected = max === Number.MAX_SAFE_INTEGER ? 'a positive integer' : `an integer from 1 to ${max}`;
  return (text) => {
    const value = Number(text);
    return integerForm.test(text) && value >= 1 && value <= max ? value : refuse(expected, flag, text);
  };
}

/** An integer from 0 to `max`. */
export function wholeNumber(flag: string, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const expected = max === Number.MAX_SAFE_INTEGER ? 'an integer from 0' : `an integer from 0 to ${max}`;
  return (text) => {
    const value = Number(text);
    return integerForm.test(text) && value <= max ? value : refuse(expected, flag, text);
  };
}

/** A finite number within bounds; `expected` says them in words. */
export function decimal(flag: string, expected: string, fits: (value: number) => boolean): (text: string) => number {
  return (text) => {
    const value = Number(text);
    return numberForm.test(text) && Number.isFinite(value) && fits(value) ? value : refuse(expected, flag, text);
  };
}

/** Two finite numbers from 0, separated by a comma. */
export function pairOf(
  flag: string,
  expected: string,
  fits: (value: number, index: number) => boolean,
): (text: string) => [number, number] {
  return (text) => {
    const parts = text.split(',');
    const [first = NaN, second = NaN] = parts.map((part) => (numberForm.test(part) ? Number(part) : NaN));
    const right = parts.length === 2 && [first, second].every((value, i) => Number.isFinite(value) && fits(value, i));
    return right ? [first, second] : refuse(expected, flag, text);
  };
}

/** Words separated by commas. */
export function wordList(flag: string, expected: string): (text: string) => string[] {
  return (text) => {
    const words = text.split(',').map((word) => word.trim());
    return words.every((word) => word !== '') ? words : refuse(expected, flag, text);
  };
}

/** One of a few words. */
export function choice<const T extends string>(flag: string, words: readonly T[]): (text: string) => T {
  const expected = [words.slice(0, -1).join(', '), words.at(-1)].filter(Boolean).join(' or ');
  return (text) => words.find((word) => word === text) ?? refuse(expected, flag, text);
}

/** The name of a data set, or a mix of them. */
export function datasetName(): (text: string) => string {
  return (text) => datasetParts(text).join('+');
}

/** Epochs, separated by commas and growing; `none` for an empty list. */
export function epochList(flag: string): (text: string) => number[] {
  return (text) => {
    if (text === 'none') return [];
    const parts = text.split(',');
    const values = parts.map(Number);
    const grows = values.every((value, i) => i === 0 || value > (values[i - 1] ?? 0));
    if (parts.every((part) => integerForm.test(part)) && (values[0] ?? 0) >= 1 && grows) return values;
    return refuse('epochs like 150,225, or none,', flag, text);
  };
}

/** Positive integers, separated by commas and growing. */
export function increasingIntegers(flag: string): (text: string) => number[] {
  return (text) => {
    const values = text.split(',').map((part) => (integerForm.test(part) ? Number(part) : NaN));
    const grows = values.every((value, i) => Number.isSafeInteger(value) && value > (values[i - 1] ?? 0));
    return grows ? values : refuse('growing integers like 40,100,250', flag, text);
  };
}

const BYTE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/** A number of bytes, as `512MB`, `1.5GiB` or `8000000`. */
export function byteCount(flag: string): (text: string) => number {
  return (text) => {
    const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text) ?? [];
    const value = Math.floor(Number(digits) * (BYTE_UNITS[unit === '' ? 'B' : unit.toUpperCase()] ?? NaN));
    return value > 0 && Number.isSafeInteger(value) ? value : refuse('bytes such as 8GB or 512MB', flag, text);
  };
}

/** A path that is not empty. */
export function filePath(flag: string, expected: string): (text: string) => string {
  return (text) => (text === '' ? refuse(expected, flag, text) : text);
}

/** A device in libtorch's form. Whether it is there is libtorch's to say. */
export function device(flag: string): (text: string) => string {
  const form = /^(cpu|(cuda|mps|xpu)(:\d{1,3})?)$/;
  return (text) => (form.test(text) ? text : refuse('a device such as cpu, cuda or cuda:0', flag, text));
}

/** Channels, height and width of a picture, as `3x224x224`. */
export function pictureSize(flag: string): (text: string) => number[] {
  return (text) => {
    const values = text.split(/[x×,]/).map((part) => (integerForm.test(part) ? Number(part) : NaN));
    const fits = values.length === 3 && values.every((value) => value >= 1 && value <= 1e6);
    return fits ? values : refuse('channels, height and width like 3x224x224', flag, text);
  };
}
