import { PickleContainers } from './pickle-containers.js';
import type { PickleReadOptions } from './pickle-options.js';
import { Global } from './pickle-stack.js';
import { decodeUtf8, parseDecimal } from './pickle-text.js';
import { Tuple, UnknownObject } from './pickle-values.js';
import { WorkLimit } from './pickle-work.js';

/** Python 2 names of modules and builtins, as pickle's `fix_imports` maps them. */
const RENAMED = new Map([
  ['__builtin__', 'builtins'],
  ['copy_reg', 'copyreg'],
]);

/** The whole of what a pickle works with: containers, text, and what classes and functions of the allow list make. */
export class PickleMachine extends PickleContainers {
  readonly #options: PickleReadOptions;
  readonly #work: WorkLimit;

  constructor(bytes: Uint8Array, options: PickleReadOptions) {
    super(bytes, options.what ?? 'pickle');
    this.#options = options;
    this.#work = new WorkLimit(bytes.byteLength);
  }

  /** The next `count` bytes as text. */
  text(count: number): void {
    const text = this.in.text(count, 'utf8');
    // Malformed bytes and lone surrogates become this character, which may also be meant.
    this.push(text.includes('\ufffd') ? this.#utf8(this.in.back(count)) : text);
  }

  #utf8(bytes: Uint8Array): string {
    const text = decodeUtf8(bytes);
    if (text === undefined) throw this.in.error('a string is not valid UTF-8');
    return text;
  }

  /** A Python 2 str of the next `count` bytes. */
  py2(count: number): void {
    if (count < 0) throw this.in.error(`negative length ${count}`);
    const encoding = this.#options.encoding ?? 'ascii';
    if (encoding === 'latin1') this.push(this.in.latin1(count));
    else this.py2Bytes(this.in.slice(count));
  }

  py2Bytes(bytes: Uint8Array): void {
    const encoding = this.#options.encoding ?? 'ascii';
    if (encoding === 'bytes') this.push(new Uint8Array(bytes));
    else if (encoding === 'latin1') this.push(Buffer.from(bytes).toString('latin1'));
    else if (encoding === 'utf8') this.push(this.#utf8(bytes));
    else {
      if (bytes.some((byte) => byte > 127))
        throw this.in.error('a Python 2 str is not ASCII: read it with encoding latin1 or bytes');
      this.push(Buffer.from(bytes).toString('latin1'));
    }
  }

  /** Protocol 0 writes the booleans as numbers of two digits. */
  decimalOrBool(line: string): void {
    this.push(line === '00' ? false : line === '01' ? true : this.parsed(parseDecimal(line), 'int'));
  }

  parsed<T>(value: T | undefined, what: string): T {
    if (value === undefined) throw this.in.error(`malformed ${what}`);
    return value;
  }

  bytes(count: number): void {
    this.push(new Uint8Array(this.in.slice(count)));
  }

  global(moduleName: string, name: string): void {
    const full = `${RENAMED.get(moduleName) ?? moduleName}.${name}`;
    const known = this.#options.globals.get(full);
    if (known !== undefined) {
      this.push(new Global(full, known));
      return;
    }
    const { onUnknown, wayOut } = this.#options;
    if (onUnknown === undefined) {
      throw this.in.error(
        `names ${printable(full)}, which is not on the list of classes that torchbridge reads; nothing was executed` +
          (wayOut === undefined ? '' : `. ${wayOut}`),
      );
    }
    onUnknown(full);
    this.push(new UnknownObject(full));
  }

  stackGlobal(): void {
    const name = this.take();
    const moduleName = this.take();
    if (typeof name !== 'string' || typeof moduleName !== 'string')
      throw this.in.error('a global whose name is no text');
    this.global(moduleName, name);
  }

  /** What a class or function gives for its arguments. */
  call(callee: unknown, args: unknown): unknown {
    if (!(callee instanceof Global)) {
      if (callee instanceof UnknownObject) return new UnknownObject(callee.className);
      throw this.in.error('calls something that is no class or function');
    }
    if (!(args instanceof Tuple)) throw this.in.error(`calls ${callee.name} with arguments that are no tuple`);
    const { call } = callee.known;
    if (call === undefined) throw this.in.error(`calls ${callee.name}, which is no function`);
    this.running = callee.name;
    this.#work.chargeArguments(args);
    const made = call(args);
    this.running = undefined;
    const ofList = Array.isArray(args[0]) && (made instanceof Set || made instanceof Map);
    return ofList ? this.checkedKeys(made) : made;
  }

  reduce(): void {
    const args = this.take();
    this.push(this.call(this.take(), args));
  }

  /** NEWOBJ_EX: keyword arguments are only allowed empty. */
  newObjectEx(): void {
    const keywords = this.take();
    if (this.#options.onUnknown === undefined && (!(keywords instanceof Map) || keywords.size > 0))
      throw this.in.error('keyword arguments are not read');
    this.reduce();
  }

  /** Protocol 0's INST: the arguments lie on the stack above a mark. */
  inst(): void {
    const moduleName = this.in.line();
    const name = this.in.line();
    const args = this.takeMarked();
    this.global(moduleName, name);
    this.push(this.call(this.take(), Tuple.make(args.map((arg) => this.data(arg)))));
  }

  /** Protocol 1's OBJ: class and arguments lie on the stack above a mark. */
  obj(): void {
    const [callee, ...args] = this.takeMarked();
    this.push(this.call(callee, Tuple.make(args.map((arg) => this.data(arg)))));
  }

  build(): void {
    const state = this.data(this.take());
    const target = this.top();
    if (target instanceof UnknownObject) {
      target.state = state;
      return;
    }
    let done: boolean | undefined = false;
    if (typeof target === 'object' && target !== null) {
      this.running = 'state';
      this.#work.chargeArguments(state);
      done = this.#options.build?.(target, state);
      this.running = undefined;
    }
    if (done !== true) {
      throw this.in.error('sets the state of an object that takes none');
    }
  }

  /** What a persistent id stands for. */
  persistent(id: unknown): unknown {
    if (this.#options.persistentLoad === undefined)
      throw this.in.error('holds a persistent id, which only torch files may');
    this.running = 'persistent id';
    const loaded = this.#options.persistentLoad(id);
    this.running = undefined;
    return loaded;
  }

  protocol(version: number): void {
    if (version > 5) throw this.in.error(`protocol ${version} is newer than 5, the newest that torchbridge reads`);
  }

  frame(length: number): void {
    if (length > this.in.remaining)
      throw this.in.error(`truncated: a frame of ${length} bytes, ${this.in.remaining} left`);
  }

  refuse(what: string): void {
    throw this.in.error(`${what} are not read`);
  }
}

function printable(name: string): string {
  const text = JSON.stringify(name).slice(1, -1);
  return text.length > 120 ? `${text.slice(0, 120)}...` : text;
}
