import { native } from '../native/load.js';
import { type TensorMethods, methodTable } from '../generated/methods.js';
import { runEngine } from './autograd/anomaly.js';
import { runBackwardAsync } from './autograd/backward-async.js';
import { gradFnOf, type Node } from './autograd/graph-node.js';
import {
  type PostAccumulateGradHook,
  registerLeafHook,
  registerTensorHook,
  type RemovableHandle,
  type TensorHook,
} from './autograd/hooks.js';
import { type Conversions, conversions } from './conversions.js';
import type { DType, Device, Layout, MemoryFormat } from './dtype.js';
import { TorchError } from './errors.js';
import { operatorIndex } from './operators.js';
import { refuseSlot, slotKey, type SlotKey, TensorBase } from './scope.js';
import {
  callBinary,
  callOperator,
  callUnary,
  isOptions,
  readNumbers,
  setTensorClass,
  writePlace,
  writeTape,
} from './tape.js';
import { TensorValues } from './tensor-values.js';

/** Where {@link Tensor.to} moves or converts to. */
export interface ToOptions {
  dtype?: DType | undefined;
  device?: Device | undefined;
  memoryFormat?: MemoryFormat | undefined;
  /** A copy even when nothing changes. */
  copy?: boolean | undefined;
  nonBlocking?: boolean | undefined;
}

export interface BackwardOptions {
  /** The gradient of this tensor, of its shape; may be left out for a tensor of one element. */
  gradient?: Tensor | null | undefined;
  /** Keeps the graph for another backward; default the value of `createGraph`. */
  retainGraph?: boolean | undefined;
  /** Records the backward itself, for gradients of gradients. */
  createGraph?: boolean | undefined;
  /** Only these leaves receive gradients. */
  inputs?: Tensor | readonly Tensor[] | undefined;
}

// The generated methods are put on the prototype at the end of this file.
const WithMethods = TensorValues as unknown as abstract new (
  key: SlotKey,
  slot: number,
) => TensorValues & TensorMethods & Conversions;

/** The object for a slot that the addon has just handed out. */
export function tensorAt(slot: number): Tensor {
  return new Tensor(slotKey, slot);
}

/** The list behind the option `inputs` of backward; empty when it is left out. */
export function backwardInputs(inputs: Tensor | readonly Tensor[] | undefined): readonly Tensor[] {
  if (inputs === undefined) return [];
  const list = inputs instanceof Tensor ? [inputs] : inputs;
  if (list.length === 0) throw new TorchError('value', "'inputs' argument to backward() cannot be empty");
  return list;
}

const dtypes = new Set(['bool']);
function isDType(name: string): name is DType {
  return dtypes.has(name) || /^(u?int|float|bfloat|complex|quint|qint)\d/.test(name);
}

/**
 * A multi-dimensional array of libtorch. It belongs to the scope it was made in; see {@link scope} and {@link keep}.
 * @see torch.Tensor
 */
export class Tensor extends WithMethods {
  /** @param source another tensor: the two then stand for the same one. */
  constructor(source: Tensor);
  /** @internal for a slot that the addon has just handed out; see {@link tensorAt} */
  constructor(key: SlotKey, slot: number);
  constructor(source: Tensor | SlotKey, slot?: number) {
    if (source === slotKey) super(slotKey, slot ?? -1);
    else if (source instanceof TensorBase) super(slotKey, native.share(source.handle));
    else refuseSlot('a Tensor', source);
  }

  /** Sizes, outermost first; `[]` for a scalar. */
  get shape(): number[] {
    return readNumbers(native.shape(this.handle));
  }

  /** All sizes, or that of one dimension (negative from the end). */
  size(): number[];
  size(dim: number): number;
  size(dim?: number): number | number[] {
    const shape = this.shape;
    if (dim === undefined) return shape;
    const size = shape[dim < 0 ? dim + shape.length : dim];
    if (size === undefined) {
      throw new TorchError(
        'index',
        `Expected a dimension from ${String(-shape.length)} to ${String(shape.length - 1)} but received ${String(dim)}`,
      );
    }
    return size;
  }

  get dtype(): DType {
    return native.dtype(this.handle) as DType;
  }

  get device(): Device {
    return native.device(this.handle);
  }

  get layout(): Layout {
    return native.layout(this.handle) as Layout;
  }

  get ndim(): number {
    return native.ndim(this.handle);
  }

  dim(): number {
    return this.ndim;
  }

  /** How many elements. */
  numel(): number {
    return native.numel(this.handle);
  }

  /** Bytes of one element. */
  get itemsize(): number {
    return native.elementSize(this.handle);
  }

  /** Bytes of all elements. */
  get nbytes(): number {
    return this.numel() * this.itemsize;
  }

  /** Steps between neighbours, in elements. */
  stride(): number[] {
    return readNumbers(native.stride(this.handle));
  }

  /** Where the first element lies in the storage, in elements. */
  storageOffset(): number {
    return native.storageOffset(this.handle);
  }

  isContiguous(memoryFormat: MemoryFormat = 'contiguous_format'): boolean {
    return native.isContiguous(this.handle, memoryFormat);
  }

  /** How often it was changed in place. */
  get version(): number {
    return native.version(this.handle);
  }

  /** Whether both objects stand for one tensor of libtorch. */
  isSame(other: Tensor): boolean {
    return native.isSame(this.handle, other.handle);
  }

  /** Equal for tensors that share their memory. */
  storageId(): number {
    return native.storageId(this.handle);
  }

  storageNbytes(): number {
    return native.storageNbytes(this.handle);
  }

  /** A copy of the whole storage, of which this tensor may show a part. */
  storageBytes(): Uint8Array {
    const bytes = new Uint8Array(this.storageNbytes());
    native.storageCopyTo(this.handle, bytes);
    return bytes;
  }

  /** A tensor over the same storage; throws when an element would lie outside of it. */
  viewStorage(dtype: DType, shape: readonly number[], stride: readonly number[], offset: number): Tensor {
    writePlace(shape, stride);
    return tensorAt(native.viewStorage(this.handle, dtype, offset));
  }

  // Autograd

  get requiresGrad(): boolean {
    return native.requiresGrad(this.handle);
  }

  set requiresGrad(wanted: boolean) {
    native.setRequiresGrad(this.handle, wanted);
  }

  requiresGrad_(wanted = true): this {
    this.requiresGrad = wanted;
    return this;
  }

  /** The accumulated gradient: each access gives a new object for it. */
  get grad(): Tensor | null {
    const slot = native.grad(this.handle);
    return slot < 0 ? null : tensorAt(slot);
  }

  set grad(gradient: Tensor | null) {
    native.setGrad(this.handle, gradient === null ? -1 : gradient.handle);
  }

  get isLeaf(): boolean {
    return native.isLeaf(this.handle);
  }

  /** The function that made it (its `name` is such as `AddBackward0`); null for a leaf. */
  get gradFn(): Node | null {
    return gradFnOf(this);
  }

  /** Which of its function's outputs it is. */
  get outputNr(): number {
    return native.outputNr(this.handle);
  }

  /** Keeps the gradient of a tensor that is no leaf in `grad` too. @see torch.Tensor.retain_grad */
  retainGrad(): void {
    native.retainGrad(this.handle);
  }

  get retainsGrad(): boolean {
    return native.retainsGrad(this.handle);
  }

  /**
   * Calls `hook` with the gradient whenever backward has computed it; a tensor that the hook returns takes its place. The gradient
   * that the hook sees is released when it returns: `keep` it (or its numbers) to have it longer.
   * @throws TorchError `runtime` for a tensor that requires no gradient; in backward, when a result has another shape or dtype.
   * @see torch.Tensor.register_hook
   */
  registerHook(hook: TensorHook): RemovableHandle {
    return registerTensorHook(this, hook);
  }

  /**
   * Calls `hook` with this leaf after backward has accumulated its `grad`.
   * @throws TorchError `runtime` for a tensor that is no leaf or requires no gradient.
   * @see torch.Tensor.register_post_accumulate_grad_hook
   */
  registerPostAccumulateGradHook(hook: PostAccumulateGradHook): RemovableHandle {
    return registerLeafHook(this, hook);
  }

  isInference(): boolean {
    return native.isInference(this.handle);
  }

  /** The same memory without a history; changes through it go unseen by autograd. */
  get data(): Tensor {
    return tensorAt(native.dataOf(this.handle));
  }

  /** Puts other memory, of any size, behind this tensor. */
  set data(data: Tensor) {
    native.setData(this.handle, data.handle);
  }

  /**
   * Accumulates the gradient of this tensor into the leaves it was computed from.
   * @throws TorchError `runtime` when there is no graph (any more), or `gradient` is needed.
   */
  backward(options: BackwardOptions = {}): void {
    writeTape([this], [options.gradient ?? null], backwardInputs(options.inputs));
    runEngine(() => native.backward(options.retainGraph, options.createGraph ?? false));
  }

  /**
   * {@link backward} off the event loop: a thread of libuv's pool runs the engine while JavaScript goes on, and JavaScript's thread runs
   * the hooks, custom functions and checkpointed functions that it meets, in turns of the event loop. Bits and memory are those of
   * backward. Those of a thread of JavaScript run one after the other; reading or setting a `grad`, setting `data`, and a
   * synchronous backward wait for them. Elements of tensors in the graph must not be changed before it has settled.
   * ```ts
   * const loss = crossEntropy(net.call(images), labels);
   * await loss.backwardAsync();
   * optimizer.step();
   * ```
   * @throws what {@link backward} throws, as a rejection, with the stack of this call or of the JavaScript that threw.
   */
  backwardAsync(options: BackwardOptions = {}): Promise<void> {
    writeTape([this], [options.gradient ?? null], backwardInputs(options.inputs));
    return runBackwardAsync(options.retainGraph, options.createGraph ?? false);
  }

  // Conversion

  /**
   * The same elements in another dtype, on another device or in another order of memory; itself (as a new object) when nothing
   * changes.
   */
  to(target: Device | Tensor | ToOptions): Tensor {
    let options: ToOptions;
    if (typeof target === 'string') options = isDType(target) ? { dtype: target } : { device: target };
    else if (target instanceof Tensor) options = { dtype: target.dtype, device: target.device };
    else options = target;
    return callOperator(toIndex, [
      this,
      {
        dtype: options.dtype ?? null,
        device: options.device ?? null,
        memoryFormat: options.memoryFormat ?? null,
        copy: options.copy ?? false,
        nonBlocking: options.nonBlocking ?? false,
      },
    ]) as Tensor;
  }
}

const toIndex = operatorIndex('to.dtype_layout');
setTensorClass(Tensor);

/** What a generated table says: the name in camelCase, aten's, and the place of `self` among the arguments. */
export function* tableEntries(table: string): Generator<[name: string, aten: string, self: number]> {
  for (const entry of table.trim().split(/\s+/)) {
    const [names = '', self = '0'] = entry.split('@');
    const [name = '', aten = name] = names.split('=');
    yield [name, aten, Number(self)];
  }
}

for (const [name, method] of conversions()) {
  Object.defineProperty(Tensor.prototype, name, { value: method, writable: true, configurable: true });
}

for (const [name, aten, self] of tableEntries(methodTable)) {
  if (name in Tensor.prototype) continue;
  let index = -1;
  // The commonest calls have no list of arguments made for them: it would cost a tenth of a small operator.
  let method = function (this: Tensor, first?: unknown, second?: unknown, ...rest: unknown[]): unknown {
    if (index < 0) index = operatorIndex(aten);
    if (second === undefined && rest.length === 0) {
      if (first === undefined) return callUnary(index, this);
      if (!isOptions(first)) return callBinary(index, this, first);
      return callOperator(index, [this, first]);
    }
    return callOperator(index, [this, first, second, ...rest]);
  };
  if (self > 0) {
    method = function (this: Tensor, ...given: unknown[]): unknown {
      if (index < 0) index = operatorIndex(aten);
      const named = given.at(-1);
      if (given.length > self || !isOptions(named)) return callOperator(index, given.toSpliced(self, 0, this));
      return callOperator(index, [...given.slice(0, -1), { ...named, self: this }]);
    };
  }
  Object.defineProperty(Tensor.prototype, name, { value: method, writable: true, configurable: true });
}
