import { ByteCursor } from './byte-cursor.js';
import { PickleMemo } from './pickle-memo.js';
import type { PickleGlobal } from './pickle-options.js';
import { Tuple } from './pickle-values.js';

/** A global on the stack. */
export class Global {
  constructor(
    readonly name: string,
    readonly known: PickleGlobal,
  ) {}
}

// Deeper than any pickler nests without hitting its own recursion limit many times over.
export const MAX_MARKS = 100_000;

/** The stack, the marks and the memo of a pickle. */
export class PickleStack {
  /** The pickle, and how far it was read. */
  readonly in: ByteCursor;
  readonly memo = new PickleMemo();
  /** Values; of those from `height` on nothing is meant any more. */
  readonly values: unknown[] = [];
  height = 0;
  /** Where the values above the last mark begin: what lies below cannot be taken. */
  base = 0;
  /** The bases of the marks before the last one. */
  readonly outer: number[] = [];

  /** What runs that knows nothing of the pickle: an error of its own is told together with this, and the place. */
  protected running: string | undefined;

  constructor(bytes: Uint8Array, what: string) {
    this.in = new ByteCursor(bytes, what);
  }

  /** The result, when STOP is reached. */
  finish(): unknown {
    if (this.hasMark) throw this.in.error('ends inside an open mark');
    return this.data(this.take());
  }

  /** What to throw in the place of an error that ended the reading. */
  explain(error: unknown): unknown {
    if (this.running !== undefined && error instanceof Error)
      return this.in.error(`${this.running}: ${error.message.replace(/\s*\n\s*/g, ' ')}`);
    // integers, strings and containers beyond what JavaScript can hold
    return error instanceof RangeError ? this.in.error(error.message) : error;
  }

  push(value: unknown): void {
    this.values[this.height++] = value;
  }

  take(): unknown {
    if (this.height === this.base) throw this.in.error('takes a value from an empty stack');
    return this.values[--this.height];
  }

  top(): unknown {
    if (this.height === this.base) throw this.in.error('looks at an empty stack');
    return this.values[this.height - 1];
  }

  /** The value of what lies on the stack: a class name may be called, but is a value only where the allow list gives it one. */
  data(value: unknown): unknown {
    if (typeof value !== 'object' || !(value instanceof Global)) return value;
    if ('value' in value.known) return value.known.value;
    throw this.in.error(`${value.name} is used as a value, not called`);
  }

  mark(): void {
    if (this.outer.length >= MAX_MARKS) throw this.in.error(`more than ${MAX_MARKS} nested marks`);
    this.outer.push(this.base);
    this.base = this.height;
  }

  /** Takes the last mark away. @returns where the values above it begin, up to {@link height} as it was. */
  unmark(): number {
    const outer = this.outer.pop();
    if (outer === undefined) throw this.in.error('closes a mark that was never set');
    const from = this.base;
    this.base = outer;
    return from;
  }

  get hasMark(): boolean {
    return this.outer.length > 0;
  }

  /** What lies above the last mark, which is taken away with it. */
  takeMarked(): unknown[] {
    const end = this.height;
    this.height = this.unmark();
    return this.values.slice(this.height, end);
  }

  /** Python's POP: on an empty frame it takes the mark itself away. */
  pop(): void {
    if (this.height === this.base && this.hasMark) this.unmark();
    else this.take();
  }

  /** Puts a tuple in the place of the values from `from` on. */
  tuple(from: number): void {
    if (from < this.base) throw this.in.error('takes a value from an empty stack');
    const tuple = new Tuple();
    for (let i = from; i < this.height; i++) tuple.push(this.data(this.values[i]));
    this.values[from] = tuple;
    this.height = from + 1;
  }

  /** What lies above the last mark becomes a tuple. */
  markedTuple(): void {
    this.tuple(this.unmark());
  }

  put(index: number | bigint | undefined): void {
    if (typeof index !== 'number' || index < 0) throw this.in.error('memo index expected');
    this.memo.put(index, this.top());
  }

  get(index: number | bigint | undefined): void {
    if (typeof index !== 'number' || !this.memo.has(index))
      throw this.in.error(`nothing was stored at memo index ${String(index)}`);
    this.values[this.height++] = this.memo.get(index);
  }
}
