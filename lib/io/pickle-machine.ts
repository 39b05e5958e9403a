import { ByteCursor } from './byte-cursor.js';
import { PythonKeys } from './pickle-keys.js';
import { decodeUtf8 } from './pickle-text.js';
import { Tuple, UnknownObject } from './pickle-values.js';
import { WorkLimit } from './pickle-work.js';

/** How a class or function that a pickle names is treated: what stands for it, and what calling it gives. */
export interface PickleGlobal {
  /** What stands for it where it is not called (`torch.float32`); without a value, only calling is allowed. */
  readonly value?: unknown;
  /** Stands for `global(*args)`; a returned object may be completed by `build`. Throws an Error with one clear line. */
  readonly call?: (args: readonly unknown[]) => unknown;
}

/** How Python 2's `str` is read, as `pickle.load`'s `encoding`. */
export type Py2Encoding = 'ascii' | 'latin1' | 'utf8' | 'bytes';

export interface PickleReadOptions {
  /** The allow list: `'module.name'` to its meaning. Anything else is refused by name. */
  readonly globals: ReadonlyMap<string, PickleGlobal>;
  /** Completes an object with its pickled state (BUILD). @returns false where that kind of object takes none. */
  readonly build?: (target: object, state: unknown) => boolean;
  /** What a persistent id stands for; without it persistent ids are refused. */
  readonly persistentLoad?: (id: unknown) => unknown;
  /**
   * For those who only look into a file: what is not on the list stands in the result as an {@link UnknownObject} instead
   * of being refused. Called with every such name.
   */
  readonly onUnknown?: (name: string) => void;
  /** What the error for a name that is not on the list ends with: the way out. */
  readonly wayOut?: string;
  /** Default `'ascii'`. */
  readonly encoding?: Py2Encoding;
  /** Names the contents in errors; default `'pickle'`. */
  readonly what?: string;
}

/** A global on the stack. */
class Global {
  constructor(
    readonly name: string,
    readonly known: PickleGlobal,
  ) {}
}

// Deeper than any pickler nests without hitting its own recursion limit many times over.
const MAX_MARKS = 100_000;

/** Python 2 names of modules and builtins, as pickle's `fix_imports` maps them. */
const RENAMED = new Map([
  ['__builtin__', 'builtins'],
  ['copy_reg', 'copyreg'],
]);

/** The stack, the marks and the memo of a pickle, and what opcodes do to them. */
export class PickleMachine {
  readonly #in: ByteCursor;
  readonly #options: PickleReadOptions;
  readonly #memo = new Map<number, unknown>();
  readonly #marks: unknown[][] = [];
  readonly #keys = new PythonKeys();
  readonly #work: WorkLimit;
  #stack: unknown[] = [];

  constructor(bytes: Uint8Array, options: PickleReadOptions) {
    this.#in = new ByteCursor(bytes, options.what ?? 'pickle');
    this.#options = options;
    this.#work = new WorkLimit(bytes.byteLength);
  }

  /** The result, when STOP is reached. */
  finish(): unknown {
    if (this.#marks.length > 0) throw this.#in.error('ends inside an open mark');
    return this.#data(this.#pop());
  }

  // ---- stack ----

  get in(): ByteCursor {
    return this.#in;
  }

  push(value: unknown): void {
    this.#stack.push(value);
  }

  #pop(): unknown {
    if (this.#stack.length === 0) throw this.#in.error('takes a value from an empty stack');
    return this.#stack.pop();
  }

  /** A class name may be called, but is a value only where the allow list gives it one. */
  #data(value: unknown): unknown {
    if (!(value instanceof Global)) return value;
    if ('value' in value.known) return value.known.value;
    throw this.#in.error(`${value.name} is used as a value, not called`);
  }

  #top(): unknown {
    if (this.#stack.length === 0) throw this.#in.error('looks at an empty stack');
    return this.#stack[this.#stack.length - 1];
  }

  mark(): void {
    if (this.#marks.length >= MAX_MARKS) throw this.#in.error(`more than ${MAX_MARKS} nested marks`);
    this.#marks.push(this.#stack);
    this.#stack = [];
  }

  #popMark(): unknown[] {
    const outer = this.#marks.pop();
    if (outer === undefined) throw this.#in.error('closes a mark that was never set');
    const items = this.#stack;
    this.#stack = outer;
    return items;
  }

  pop(): void {
    // Python's POP on an empty frame takes the mark itself away.
    if (this.#stack.length === 0 && this.#marks.length > 0) this.#popMark();
    else this.#pop();
  }

  popMark(): void {
    this.#popMark();
  }

  dup(): void {
    this.push(this.#top());
  }

  // ---- memo ----

  put(index: number | bigint | undefined): void {
    if (typeof index !== 'number' || index < 0) throw this.#in.error('memo index expected');
    this.#memo.set(index, this.#top());
  }

  memoize(): void {
    this.put(this.#memo.size);
  }

  get(index: number | bigint | undefined): void {
    if (typeof index !== 'number' || !this.#memo.has(index))
      throw this.#in.error(`nothing was stored at memo index ${String(index)}`);
    this.push(this.#memo.get(index));
  }

  // ---- text and bytes ----

  utf8(bytes: Uint8Array): string {
    const text = decodeUtf8(bytes);
    if (text === undefined) throw this.#in.error('a string is not valid UTF-8');
    return text;
  }

  /** A Python 2 str of the next `count` bytes. */
  py2(count: number): void {
    if (count < 0) throw this.#in.error(`negative length ${count}`);
    const encoding = this.#options.encoding ?? 'ascii';
    if (encoding === 'latin1') this.push(this.#in.latin1(count));
    else this.py2Bytes(this.#in.slice(count));
  }

  py2Bytes(bytes: Uint8Array): void {
    const encoding = this.#options.encoding ?? 'ascii';
    if (encoding === 'bytes') this.push(new Uint8Array(bytes));
    else if (encoding === 'latin1') this.push(Buffer.from(bytes).toString('latin1'));
    else if (encoding === 'utf8') this.push(this.utf8(bytes));
    else {
      if (bytes.some((byte) => byte > 127))
        throw this.#in.error('a Python 2 str is not ASCII: read it with encoding latin1 or bytes');
      this.push(Buffer.from(bytes).toString('latin1'));
    }
  }

  parsed<T>(value: T | undefined, what: string): T {
    if (value === undefined) throw this.#in.error(`malformed ${what}`);
    return value;
  }

  bytes(count: number): void {
    this.push(new Uint8Array(this.#in.slice(count)));
  }

  // ---- containers ----

  tuple(count: number): void {
    const tuple = new Tuple();
    for (let i = count - 1; i >= 0; i--) tuple[i] = this.#data(this.#pop());
    this.push(tuple);
  }

  collect(make: (items: unknown[]) => unknown): void {
    const items = this.#popMark();
    for (let i = 0; i < items.length; i++) items[i] = this.#data(items[i]);
    this.push(make(items));
  }

  dictOf(items: unknown[]): Map<unknown, unknown> {
    const dict = new Map<unknown, unknown>();
    this.#fill(dict, items);
    return dict;
  }

  #fill(target: unknown, items: unknown[]): void {
    if (target instanceof UnknownObject) return;
    if (!(target instanceof Map)) throw this.#in.error('sets a key on something that is no dict');
    if (items.length % 2 !== 0) throw this.#in.error('a key without a value');
    for (let i = 0; i < items.length; i += 2) target.set(this.#key(target, items[i]), this.#data(items[i + 1]));
  }

  #key(container: object, value: unknown): unknown {
    const key = this.#data(value);
    return typeof key === 'string' ? key : this.#located('a key', () => this.#keys.find(container, key));
  }

  setItem(): void {
    const value = this.#pop();
    const key = this.#pop();
    this.#fill(this.#top(), [key, value]);
  }

  setItems(): void {
    const items = this.#popMark();
    this.#fill(this.#top(), items);
  }

  append(items: unknown[]): void {
    const list = this.#top();
    if (list instanceof UnknownObject) return;
    if (!Array.isArray(list) || list instanceof Tuple) throw this.#in.error('appends to something that is no list');
    for (const item of items) list.push(this.#data(item));
  }

  appendOne(): void {
    this.append([this.#pop()]);
  }

  appendMarked(): void {
    this.append(this.#popMark());
  }

  addItems(): void {
    const items = this.#popMark();
    const set = this.#top();
    if (set instanceof UnknownObject) return;
    if (!(set instanceof Set)) throw this.#in.error('adds to something that is no set');
    this.#addAll(set, items);
  }

  setOf(items: unknown[]): Set<unknown> {
    return this.#addAll(new Set(), items);
  }

  #addAll(set: Set<unknown>, items: Iterable<unknown>): Set<unknown> {
    for (const item of items) set.add(this.#key(set, item));
    return set;
  }

  // ---- globals and objects ----

  global(moduleName: string, name: string): void {
    const full = `${RENAMED.get(moduleName) ?? moduleName}.${name}`;
    const known = this.#options.globals.get(full);
    if (known !== undefined) {
      this.push(new Global(full, known));
      return;
    }
    const { onUnknown, wayOut } = this.#options;
    if (onUnknown === undefined) {
      throw this.#in.error(
        `names ${printable(full)}, which is not on the list of classes that torchbridge reads; nothing was executed` +
          (wayOut === undefined ? '' : `. ${wayOut}`),
      );
    }
    onUnknown(full);
    this.push(new UnknownObject(full));
  }

  stackGlobal(): void {
    const name = this.#pop();
    const moduleName = this.#pop();
    if (typeof name !== 'string' || typeof moduleName !== 'string')
      throw this.#in.error('a global whose name is no text');
    this.global(moduleName, name);
  }

  #call(callee: unknown, args: unknown): void {
    if (callee instanceof UnknownObject) {
      this.push(new UnknownObject(callee.className));
      return;
    }
    if (!(callee instanceof Global)) throw this.#in.error('calls something that is no class or function');
    if (!(args instanceof Tuple)) throw this.#in.error(`calls ${callee.name} with arguments that are no tuple`);
    const { call } = callee.known;
    if (call === undefined) throw this.#in.error(`calls ${callee.name}, which is no function`);
    const made = this.#located(callee.name, () => {
      this.#work.chargeArguments(args);
      return call(args);
    });
    const ofList = Array.isArray(args[0]) && (made instanceof Set || made instanceof Map);
    this.push(ofList ? this.#checkedKeys(made) : made);
  }

  /** Dicts and sets that functions make of lists have Python's keys too. */
  #checkedKeys(made: Set<unknown> | Map<unknown, unknown>): object {
    const items: unknown[] = made instanceof Map ? [...made].flat(1) : [...made];
    made.clear();
    if (made instanceof Set) return this.#addAll(made, items);
    this.#fill(made, items);
    return made;
  }

  /** Adds the place in the file to what a handler says. */
  #located<T>(what: string, run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw this.#in.error(`${what}: ${error.message.replace(/\s*\n\s*/g, ' ')}`);
    }
  }

  reduce(): void {
    const args = this.#pop();
    this.#call(this.#pop(), args);
  }

  /** NEWOBJ_EX: keyword arguments are only allowed empty. */
  newObjectEx(): void {
    const keywords = this.#pop();
    if (this.#options.onUnknown === undefined && (!(keywords instanceof Map) || keywords.size > 0))
      throw this.#in.error('keyword arguments are not read');
    this.reduce();
  }

  /** Protocol 0's INST: the arguments lie on the stack above a mark. */
  inst(): void {
    const moduleName = this.#in.line();
    const name = this.#in.line();
    const args = this.#popMark();
    this.global(moduleName, name);
    this.#call(this.#pop(), Tuple.make(args.map((arg) => this.#data(arg))));
  }

  /** Protocol 1's OBJ: class and arguments lie on the stack above a mark. */
  obj(): void {
    const [callee, ...args] = this.#popMark();
    this.#call(callee, Tuple.make(args.map((arg) => this.#data(arg))));
  }

  build(): void {
    const state = this.#data(this.#pop());
    const target = this.#top();
    if (target instanceof UnknownObject) return;
    const done =
      typeof target === 'object' &&
      target !== null &&
      this.#located('state', () => {
        this.#work.chargeArguments(state);
        return this.#options.build?.(target, state);
      });
    if (done !== true) {
      throw this.#in.error('sets the state of an object that takes none');
    }
  }

  persistent(id: unknown): void {
    if (this.#options.persistentLoad === undefined)
      throw this.#in.error('holds a persistent id, which only torch files may');
    const load = this.#options.persistentLoad;
    this.push(this.#located('persistent id', () => load(id)));
  }

  persistentFromStack(): void {
    this.persistent(this.#data(this.#pop()));
  }

  protocol(version: number): void {
    if (version > 5) throw this.#in.error(`protocol ${version} is newer than 5, the newest that torchbridge reads`);
  }

  frame(length: number): void {
    if (length > this.#in.remaining)
      throw this.#in.error(`truncated: a frame of ${length} bytes, ${this.#in.remaining} left`);
  }

  refuse(what: string): void {
    throw this.#in.error(`${what} are not read`);
  }
}

function printable(name: string): string {
  const text = JSON.stringify(name).slice(1, -1);
  return text.length > 120 ? `${text.slice(0, 120)}...` : text;
}
