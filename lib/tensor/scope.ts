import { native } from '../native/load.js';
import { TorchError } from './errors.js';

/** Held by the finalization registry in place of the tensor: the handle to free, -1 once it was freed. */
interface Cell {
  handle: number;
}

// The ways into a tensor's private fields, for this file alone.
let slotOf: (tensor: TensorBase) => number;
let emptied: (tensor: TensorBase) => number;
let cellOf: (tensor: TensorBase) => Cell | null;
let setCell: (tensor: TensorBase, cell: Cell | null) => void;
let exchangeSlots: (a: TensorBase, b: TensorBase) => void;

/**
 * What the library shows a constructor that is to take an index of the addon's tables. It is not exported from the package, so
 * nobody else can make an object for a slot: a forged one would read the tensor of another.
 */
export const slotKey: unique symbol = Symbol('slot');
export type SlotKey = typeof slotKey;

/** The error of a constructor that was given a slot without the key. */
export function refuseSlot(what: string, given: unknown): never {
  throw new TorchError('type', `Expected ${what} but received a ${typeof given}`);
}

/**
 * One JavaScript object for one slot of the addon's table. It is owned by the scope it was made in, or by nobody: then
 * it lives until `dispose()` or until the garbage collector finds it unreachable.
 */
export abstract class TensorBase {
  /** Index in the slot table, -1 after the release. */
  #slot: number;
  /** @internal the scope that frees it */
  owner: Scope | null = null;
  #cell: Cell | null = null;

  constructor(key: SlotKey, slot: number) {
    if (key !== slotKey) refuseSlot('a Tensor', key);
    this.#slot = slot;
    if (current === null) own(this);
    else current.add(this);
  }

  /** @internal the slot, or the error of a released tensor */
  get handle(): number {
    if (this.#slot >= 0) return this.#slot;
    throw new TorchError(
      'disposed',
      'this tensor was released: its scope ended, or dispose() was called. Return it from the scope, or keep() it, when it has to live longer',
    );
  }

  /** Whether it was released; every use but this one then throws. */
  get isDisposed(): boolean {
    return this.#slot < 0;
  }

  /**
   * Releases this object's hold on its elements: they are freed before libtorch does anything else, at the latest when the
   * running JavaScript ends. A second call does nothing.
   */
  dispose(): void {
    const slot = this.#slot;
    if (slot < 0) return;
    this.#slot = -1;
    abandon(this);
    release(slot);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  static {
    slotOf = (tensor) => tensor.#slot;
    emptied = (tensor) => {
      const slot = tensor.#slot;
      tensor.#slot = -1;
      return slot;
    };
    cellOf = (tensor) => tensor.#cell;
    setCell = (tensor, cell) => {
      tensor.#cell = cell;
    };
    exchangeSlots = (a, b) => {
      [a.#slot, b.#slot] = [b.#slot, a.#slot];
    };
  }
}

/**
 * Makes each of two objects stand for the other's tensor, with its history and gradient. Who owns an object stays as it is. For what
 * `tensor.data = …` cannot do: another kind of device.
 * @throws TorchError `disposed`.
 * @see torch.utils.swap_tensors
 */
export function swapTensors(a: TensorBase, b: TensorBase): void {
  const [first, second] = [a.handle, b.handle];
  exchangeSlots(a, b);
  const [firstCell, secondCell] = [cellOf(a), cellOf(b)];
  if (firstCell !== null) firstCell.handle = second;
  if (secondCell !== null) secondCell.handle = first;
}

/**
 * Slots to free: a count, then as many handles. Every call of the addon frees them before it does anything else, so a release costs
 * no call of its own.
 */
const released = new Int32Array(64);
native.setReleased(released);
let sweeping = false;

function release(slot: number): void {
  const count = released[0]! + 1;
  released[count] = slot;
  released[0] = count;
  if (count === released.length - 1) native.sweep();
  if (sweeping) return;
  sweeping = true;
  queueMicrotask(sweep);
}

/** Nothing may stay until a next call that never comes. */
function sweep(): void {
  sweeping = false;
  if (released[0] !== 0) native.sweep();
}

let handles = new Int32Array(256);

/** @internal the tensors made since a call of {@link scope} began */
export class Scope {
  closed = false;
  private items: TensorBase[] = [];
  private compactAt = 1024;

  constructor(readonly parent: Scope | null) {}

  add(tensor: TensorBase): void {
    tensor.owner = this;
    if (this.items.length >= this.compactAt) this.compact();
    this.items.push(tensor);
  }

  /** Takes a tensor back that was disposed of: mostly the last one made. */
  forget(tensor: TensorBase): void {
    if (this.items[this.items.length - 1] === tensor) this.items.pop();
  }

  /** A long scope that disposes of its tensors early must not grow with their empty objects. */
  private compact(): void {
    this.items = this.items.filter((each) => each.owner === this && slotOf(each) >= 0);
    this.compactAt = Math.max(1024, this.items.length * 2);
  }

  /** Frees what is still owned, in one native call. */
  close(): void {
    this.closed = true;
    const items = this.items;
    if (handles.length < items.length) handles = new Int32Array(items.length * 2);
    let count = 0;
    for (const each of items) {
      if (each.owner !== this || slotOf(each) < 0) continue;
      handles[count++] = emptied(each);
      each.owner = null;
    }
    this.items = [];
    if (count > 0) native.releaseMany(handles, count);
  }
}

let current: Scope | null = null;

// The scope of the asynchronous function that runs; async-scope.ts knows it.
let findAsyncScope: (() => Scope | undefined) | undefined;

/** @internal */
export function setAsyncScopes(find: () => Scope | undefined): void {
  findAsyncScope = find;
}

/** Gives a tensor that no synchronous scope owns to the asynchronous one, or to nobody. */
function own(tensor: TensorBase): void {
  const around = findAsyncScope?.();
  if (around === undefined || around.closed) adopt(tensor);
  else around.add(tensor);
}

/** @internal runs `fn` as if no synchronous scope were open */
export function outsideScopes<T>(fn: () => T): T {
  const before = current;
  current = null;
  try {
    return fn();
  } finally {
    current = before;
  }
}

const registry = new FinalizationRegistry<Cell>((cell) => {
  if (cell.handle < 0) return;
  native.release(cell.handle);
  cell.handle = -1;
  --unscoped;
});

// Finalizers do not run inside a synchronous loop: tensors made there outside any scope pile up.
const pileLimit = 20_000;
let unscoped = 0;
let turnStartedWith = -1;
let warned = false;

function watchPile(): void {
  ++unscoped;
  if (unscoped % 64 === 0) native.syncExternalMemory();
  if (turnStartedWith < 0) {
    turnStartedWith = unscoped;
    setImmediate(() => {
      turnStartedWith = -1;
    }).unref();
  }
  if (!warned && unscoped - turnStartedWith > pileLimit) {
    warned = true;
    process.emitWarning(
      `more than ${String(pileLimit)} tensors were made outside any scope without a turn of the event loop: they are only freed when the garbage collector runs between turns. Wrap the body of the loop in scope(() => { … }), or dispose() of them`,
      'TorchbridgeWarning',
    );
  }
}

function adopt(tensor: TensorBase): void {
  tensor.owner = null;
  if (cellOf(tensor) !== null) return;
  const cell: Cell = { handle: slotOf(tensor) };
  setCell(tensor, cell);
  registry.register(tensor, cell);
  watchPile();
}

function abandon(tensor: TensorBase): void {
  const cell = cellOf(tensor);
  if (cell !== null) {
    cell.handle = -1;
    setCell(tensor, null);
    --unscoped;
  }
  tensor.owner?.forget(tensor);
  tensor.owner = null;
}

/** @internal hands every tensor of `closing` that `value` holds to the scope around it */
export function escape(value: unknown, closing: Scope): void {
  if (typeof value !== 'object' || value === null) return;
  if (value instanceof TensorBase) {
    moveOut(value, closing);
    return;
  }
  // A stack of one's own: what is returned may be nested deeper than calls can be.
  const seen = new Set<object>([value]);
  const open: object[] = [value];
  const visit = (each: unknown): void => {
    if (each instanceof TensorBase) moveOut(each, closing);
    else if (typeof each === 'object' && each !== null && !seen.has(each)) {
      seen.add(each);
      open.push(each);
    }
  };
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (ArrayBuffer.isView(next)) continue;
    if (next instanceof Map || next instanceof Set) {
      for (const [key, each] of next.entries()) {
        visit(key);
        visit(each);
      }
    }
    // Values, not getters: those may do anything.
    for (const { value: each } of Object.values(Object.getOwnPropertyDescriptors(next))) visit(each);
  }
}

function moveOut(tensor: TensorBase, closing: Scope): void {
  if (tensor.owner !== closing || slotOf(tensor) < 0) return;
  if (closing.parent === null) own(tensor);
  else closing.parent.add(tensor);
}

/** Throws when a function that must be synchronous returned a Promise or a generator: their bodies run later, outside. */
export function refusePromise(value: unknown, what: string): void {
  if (typeof value !== 'object' || value === null || value instanceof TensorBase) return;
  const { then, next } = value as { then?: unknown; next?: unknown };
  const later =
    typeof then === 'function'
      ? 'a Promise: what it does after its first await'
      : typeof next === 'function' && (Symbol.iterator in value || Symbol.asyncIterator in value)
        ? 'an iterator: what it does'
        : undefined;
  if (later !== undefined) {
    throw new TorchError(
      'type',
      `Expected a synchronous function for ${what} but received one that returns ${later} would happen outside`,
    );
  }
}

/**
 * Runs `fn` and releases every tensor made meanwhile, save those that it returns (in arrays, objects, Maps and Sets too),
 * those that were {@link keep}-ed, and those that a module or an optimizer owns. Scopes nest: what is returned belongs to the scope around.
 * @param fn a synchronous function; one that returns a Promise is refused.
 * @returns what `fn` returns.
 * @throws TorchError `type` for an async function; whatever `fn` throws, after everything was released.
 */
export function scope<T>(fn: () => T): T {
  const opened = new Scope(current);
  current = opened;
  try {
    const result = fn();
    refusePromise(result, 'scope');
    escape(result, opened);
    return result;
  } finally {
    current = opened.parent;
    opened.close();
  }
}

/** @internal a function's result, whose tensors stay held until it is said what becomes of them */
export interface Held<T> {
  readonly result: T;
  /** The tensors of the result go to the asynchronous scope around, or to nobody; no others are left. */
  readonly handOut: () => void;
  readonly release: () => void;
}

/** @internal {@link scope} for a function whose tensors are computed later */
export function scopeHeld<T>(fn: () => T): Held<T> {
  return outsideScopes(() => {
    const holding = new Scope(null);
    current = holding;
    try {
      const result = scope(fn);
      const handOut = (): void => {
        escape(result, holding);
        holding.close();
      };
      return { result, handOut, release: () => holding.close() };
    } catch (error) {
      holding.close();
      throw error;
    }
  });
}

/**
 * Takes a tensor out of every scope: it lives until `dispose()`, or until the garbage collector finds it unreachable.
 * @returns the same tensor.
 */
export function keep<T extends TensorBase>(tensor: T): T {
  if (slotOf(tensor) < 0) return tensor;
  adopt(tensor);
  return tensor;
}

/** @internal gives a tensor that was kept to the scope around, which frees it */
export function handOver(tensor: TensorBase): void {
  if (slotOf(tensor) < 0) return;
  abandon(tensor);
  if (current === null) own(tensor);
  else current.add(tensor);
}

/** @internal the innermost scope, null outside of all */
export const currentScope = (): Scope | null => current;

/** @internal takes a tensor out of its scope for an owner who frees the slot natively */
export function detachFromScope(tensor: TensorBase): void {
  tensor.owner = null;
}

/**
 * Whether the innermost scope would release the tensor: it was made there, and nobody has kept or stored it.
 */
export function isTemporary(tensor: TensorBase): boolean {
  return tensor.owner !== null && tensor.owner === current;
}
