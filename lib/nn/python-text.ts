import { pyNumber } from '../tensor/index.js';

/**
 * Text as Python writes it: what `String(module)` and the reports of `loadStateDict` consist of.
 */

/** A value of a layer's option as Python prints it: `(3, 3)`, `None`, `True`, `same`, `0.1`. */
export function pyValue(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return pyNumber(value);
  if (Array.isArray(value))
    return value.length === 1 ? `(${pyValue(value[0])},)` : `(${value.map(pyValue).join(', ')})`;
  return typeof value === 'string' ? value : pyClass(value);
}

/** `torch.Size([64, 3])`, as PyTorch writes a shape. */
export function pySize(shape: readonly number[]): string {
  return `torch.Size([${shape.join(', ')}])`;
}

/** `[3, 2]`, as Python prints a list of numbers. */
export function pyList(values: readonly number[]): string {
  return `[${values.map(pyNumber).join(', ')}]`;
}

/** A number as Python prints a float: `2.0`, where {@link pyValue} takes an integral one for an int. */
export function pyFloat(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e16 ? `${pyNumber(value)}.0` : pyNumber(value);
}

/**
 * A float option as Python prints it. JavaScript cannot tell `1.0` from `1`: the default prints as the float that it
 * is, another integral number as the int that people write.
 */
export function pyFloatOption(value: number, byDefault: number): string {
  return value === byDefault ? pyFloat(value) : pyNumber(value);
}

/** A string literal as Python's `repr` writes it: single quotes unless only they occur in it. */
export function pyString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll('\r', '\\r')
    .replaceAll(quote, `\\${quote}`);
  return quote + body + quote;
}

/** The Python class that a JS value stands for, as `<class 'int'>`. */
export function pyClass(value: unknown): string {
  return `<class '${pyTypeName(value)}'>`;
}

/** The name of {@link pyClass} alone, as `int`. */
export function pyTypeName(value: unknown): string {
  if (value === null || value === undefined) return 'NoneType';
  switch (typeof value) {
    case 'number':
      return Number.isInteger(value) ? 'int' : 'float';
    case 'bigint':
      return 'int';
    case 'boolean':
      return 'bool';
    case 'string':
      return 'str';
    case 'function':
      return 'function';
    default:
      break;
  }
  if (Array.isArray(value)) return value.constructor === Array ? 'list' : 'tuple';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Map || Object.getPrototypeOf(value) === Object.prototype) return 'dict';
  return value.constructor.name;
}

/** Indents every line but the first by two spaces; blank lines stay empty. */
export function indentTail(text: string): string {
  return text.replaceAll(/\n(?=[^\n])/g, '\n  ');
}
