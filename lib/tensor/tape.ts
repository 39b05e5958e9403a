import { native } from '../native/load.js';
import { TorchError } from './errors.js';
import { refuseSlot, slotKey, type SlotKey, TensorBase } from './scope.js';

/**
 * JavaScript's side of the tape (native/tape.h): arguments are written to a buffer that C++ reads, so that a call of an
 * operator costs one Node-API call however many arguments it has.
 */
const enum Tag {
  None = 0,
  Skip = 1,
  Tensor = 2,
  Bool = 3,
  Number = 4,
  BigInt = 5,
  String = 6,
  List = 7,
  Float = 8,
  Complex = 9,
  Generator = 10,
  Map = 11,
}

let cells = new Float64Array(4096);
let bits = new BigInt64Array(cells.buffer);
native.setTape(cells.buffer);

/** Makes the tape at least `size` cells long; what was written stays. */
function grow(size: number): void {
  const longer = new Float64Array(Math.max(size, cells.length * 2));
  longer.set(cells);
  cells = longer;
  bits = new BigInt64Array(cells.buffer);
  native.setTape(longer.buffer);
}

/** A number that is a Python float even where an integral JavaScript number would be an int. */
export class PyFloat {
  constructor(readonly value: number) {}
}

/** `float(2)` is Python's `2.0`: use it where the difference matters (`ints.mul(float(2))`, or a value to be pickled). */
export function float(value: number): PyFloat {
  return new PyFloat(value);
}

/** A complex number, for operators that take one and as an element of complex tensors. */
export class Complex {
  constructor(
    readonly re: number,
    readonly im: number,
  ) {}
}

/** What a Generator of random numbers shows to the tape. */
export abstract class GeneratorBase {
  readonly #slot: number;

  constructor(key: SlotKey, slot: number) {
    if (key !== slotKey) refuseSlot('the options of a Generator', key);
    this.#slot = slot;
  }

  /** @internal index in the addon's table */
  get handle(): number {
    return this.#slot;
  }
}

/** What operators take. */
export type OperatorArgument =
  | TensorBase
  | number
  | bigint
  | boolean
  | string
  | null
  | undefined
  | PyFloat
  | Complex
  | GeneratorBase
  | readonly OperatorArgument[]
  | ArrayLike<number>
  | ArrayLike<bigint>;

function put(at: number, tag: Tag, value: number): number {
  cells[at] = tag;
  cells[at + 1] = value;
  return at + 2;
}

function writeText(text: string, at: number): number {
  if (at + text.length + 8 > cells.length) grow(at + text.length + 8);
  cells[at] = Tag.String;
  cells[at + 1] = text.length;
  for (let i = 0; i < text.length; ++i) cells[at + 2 + i] = text.charCodeAt(i);
  return at + 2 + text.length;
}

function writeBigInt(value: bigint, at: number): number {
  if (BigInt.asIntN(64, value) !== value) {
    throw new TorchError('value', `Expected an integer of 64 bits but received ${value.toString()}n`);
  }
  cells[at] = Tag.BigInt;
  bits[at + 1] = value;
  return at + 2;
}

function writeList(list: ArrayLike<unknown>, at: number): number {
  if (at + list.length * 3 + 8 > cells.length) grow(at + list.length * 3 + 8);
  let next = put(at, Tag.List, list.length);
  for (let i = 0; i < list.length; ++i) {
    const item = list[i];
    // What lists hold in every layer of a network: sizes, strides, paddings, and the tensors that are joined.
    if (next + 2 > cells.length) next = writeValue(item, next);
    else if (typeof item === 'number') next = put(next, Tag.Number, item);
    else if (item instanceof TensorBase) next = put(next, Tag.Tensor, item.handle);
    else next = writeValue(item, next);
  }
  return next;
}

/** Writes one value; returns the cell after it. */
export function writeValue(value: unknown, at: number): number {
  if (at + 8 > cells.length) grow(at + 8);
  switch (typeof value) {
    case 'number':
      return put(at, Tag.Number, value);
    case 'boolean':
      return put(at, Tag.Bool, value ? 1 : 0);
    case 'undefined':
      cells[at] = Tag.Skip;
      return at + 1;
    case 'string':
      return writeText(value, at);
    case 'bigint':
      return writeBigInt(value, at);
    case 'object':
      break;
    default:
      throw new TorchError('type', `Expected a tensor, number, text or list but received a ${typeof value}`);
  }
  if (value === null) {
    cells[at] = Tag.None;
    return at + 1;
  }
  if (value instanceof TensorBase) return put(at, Tag.Tensor, value.handle);
  if (Array.isArray(value)) return writeList(value, at);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return writeList(value as unknown as ArrayLike<unknown>, at);
  if (value instanceof GeneratorBase) return put(at, Tag.Generator, value.handle);
  if (value instanceof PyFloat) return put(at, Tag.Float, value.value);
  if (value instanceof Complex) {
    const next = put(at, Tag.Complex, value.re);
    cells[next] = value.im;
    return next + 1;
  }
  throw new TorchError('type', `Expected a tensor, number, text or list but received ${describe(value)}`);
}

function describe(value: object): string {
  const name = (Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null)?.constructor?.name;
  return name === undefined || name === 'Object' ? 'an object' : `a ${name}`;
}

export function isOptions(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

let tensorClass: (new (key: SlotKey, slot: number) => TensorBase) | undefined;

/** Called once by tensor.ts, which this module cannot import. */
export function setTensorClass(constructor: new (key: SlotKey, slot: number) => TensorBase): void {
  tensorClass = constructor;
}

/** @internal a Tensor for a slot of the addon's table */
export function wrap(slot: number): TensorBase {
  if (tensorClass === undefined) throw new TorchError('internal', 'lib/tensor is not loaded');
  return new tensorClass(slotKey, slot);
}

/** Reads results back; `given` are the arguments, of which a result may be one. */
class Reader {
  private at = 0;
  constructor(
    private readonly cells: Float64Array,
    private readonly given: (index: number) => unknown,
  ) {}

  results(): unknown {
    const count = this.next();
    if (count === 0) return undefined;
    if (count === 1) return this.value();
    return Array.from({ length: count }, () => this.value());
  }

  private next(): number {
    return this.cells[this.at++] ?? 0;
  }

  private value(): unknown {
    const tag = this.next() as Tag;
    switch (tag) {
      case Tag.None:
        return null;
      case Tag.Skip:
        return this.given(this.next());
      case Tag.Tensor:
        return wrap(this.next());
      case Tag.Bool:
        return this.next() !== 0;
      case Tag.Number:
      case Tag.Float:
        return this.next();
      case Tag.BigInt:
        return new BigInt64Array(this.cells.buffer)[this.at++];
      case Tag.Complex:
        return new Complex(this.next(), this.next());
      case Tag.String:
        return Buffer.from(Array.from({ length: this.next() }, () => this.next())).toString('utf8');
      case Tag.List:
        return Array.from({ length: this.next() }, () => this.value());
      case Tag.Map:
        return new Map(
          Array.from({ length: this.next() }, (): [unknown, unknown] => {
            const key = this.value();
            return [key, this.value()];
          }),
        );
      case Tag.Generator:
        break;
    }
    throw new TorchError('internal', `the tape holds a result of kind ${String(tag)}`);
  }
}

/** Stands between a call of an operator and the addon. Operators that it calls itself go to the addon. */
export type Interceptor = (operator: number, given: readonly unknown[], run: () => unknown) => unknown;

let interceptor: Interceptor | undefined;

/** @internal runs `fn` with another interceptor, or with none */
export function intercept<T>(by: Interceptor | undefined, fn: () => T): T {
  const before = interceptor;
  interceptor = by;
  try {
    return fn();
  } finally {
    interceptor = before;
  }
}

const intercepted = (by: Interceptor, operator: number, given: readonly unknown[]): unknown =>
  intercept(undefined, () => by(operator, given, () => callOperator(operator, given)));

/** Calls an operator with one tensor: what {@link callOperator} does, without a list of arguments. */
export function callUnary(operator: number, self: TensorBase): unknown {
  if (interceptor !== undefined) return intercepted(interceptor, operator, [self]);
  cells[0] = 1;
  cells[1] = Tag.Tensor;
  cells[2] = self.handle;
  cells[3] = 0;
  const result = native.call(operator);
  return typeof result === 'number' && result >= 0 ? wrap(result) : finish(result, [self], 1, undefined);
}

/** Calls an operator with a tensor and one more value, which is not a bag of options. */
export function callBinary(operator: number, self: TensorBase, other: unknown): unknown {
  if (interceptor !== undefined) return intercepted(interceptor, operator, [self, other]);
  cells[0] = 2;
  cells[1] = Tag.Tensor;
  cells[2] = self.handle;
  const at = other instanceof TensorBase ? put(3, Tag.Tensor, other.handle) : writeValue(other, 3);
  cells[at] = 0;
  const result = native.call(operator);
  return typeof result === 'number' && result >= 0 ? wrap(result) : finish(result, [self, other], 2, undefined);
}

type Options = Readonly<Record<string, unknown>> | undefined;

/** Writes the arguments of a call: a last one that is a plain object holds named arguments in camelCase; it is returned, copied. */
export function writeArguments(given: readonly unknown[]): Options {
  const last = given.length - 1;
  // A copy, before the first cell is written: a getter may call an operator itself.
  const options = last >= 0 && isOptions(given[last]) ? { ...given[last] } : undefined;
  const positional = options === undefined ? given.length : last;
  cells[0] = positional;
  let at = 1;
  for (let i = 0; i < positional; ++i) at = writeValue(given[i], at);
  if (at + 1 > cells.length) grow(at + 1);
  if (options === undefined) {
    cells[at] = 0;
  } else {
    const countAt = at++;
    let count = 0;
    for (const [key, value] of Object.entries(options)) {
      at = writeText(key, at);
      at = writeValue(value, at);
      ++count;
    }
    cells[countAt] = count;
  }
  return options;
}

/**
 * Calls an operator with what {@link writeArguments} takes.
 * @param operator index from `findOperator`
 */
export function callOperator(operator: number, given: readonly unknown[]): unknown {
  if (interceptor !== undefined) return intercepted(interceptor, operator, given);
  const options = writeArguments(given);
  const result = native.call(operator);
  if (typeof result === 'number' && result >= 0) return wrap(result);
  return finish(result, given, options === undefined ? given.length : given.length - 1, options);
}

/** Makes what the caller gets of a result that is not one new tensor. */
function finish(
  result: number | Float64Array,
  given: readonly unknown[],
  positional: number,
  options: Readonly<Record<string, unknown>> | undefined,
): unknown {
  if (typeof result === 'number' && result <= -2) return argumentAt(given, positional, options, -2 - result);
  const read = typeof result === 'number' ? cells : result;
  return new Reader(read, (index) => argumentAt(given, positional, options, index)).results();
}

// As in native/dispatch.cpp: indices from here on stand for the tensors of a list given as `out`.
const mostArguments = 64;

function argumentAt(
  given: readonly unknown[],
  positional: number,
  options: Readonly<Record<string, unknown>> | undefined,
  index: number,
): unknown {
  if (index >= mostArguments) return (options?.['out'] as readonly unknown[] | undefined)?.[index - mostArguments];
  return index < positional ? given[index] : Object.values(options ?? {})[index - positional];
}

/** Writes values from the start of the tape, for the addon's functions that take lists. */
export function writeTape(...values: readonly unknown[]): void {
  let at = 0;
  for (const each of values) at = writeValue(each, at);
}

/** Writes the shape and the strides of a tensor from the start of the tape. */
export function writePlace(shape: readonly number[], stride: readonly number[]): void {
  const at = Array.isArray(shape) ? writeList(shape, 0) : writeValue(shape, 0);
  if (Array.isArray(stride)) writeList(stride, at);
  else writeValue(stride, at);
}

/** Reads `count` plain numbers from the start of the tape. */
export function readNumbers(count: number): number[] {
  return Array.from(cells.subarray(0, count));
}
