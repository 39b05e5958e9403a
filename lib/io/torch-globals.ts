import { type DType, OrderedDict, Tensor } from '../tensor/index.js';
import type { PickleGlobal } from './pickle-machine.js';
import { Tuple } from './pickle-values.js';
import { buildPython, PYTHON_GLOBALS } from './python-globals.js';
import { ELEMENT_BYTES, STORAGE_DTYPES } from './torch-storages.js';

/** A storage class that a pickle names: `dtype` undefined for untyped ones. */
export class StorageType {
  constructor(readonly dtype: DType | undefined) {}
}

/** A storage that a pickle refers to; tensors are views of it. */
export interface StorageHandle {
  readonly dtype: DType | undefined;
  /** A tensor over the storage, owned by the current scope. */
  view(dtype: DType, shape: readonly number[], stride: readonly number[], offset: number): Tensor;
}

/** A function that appears as an argument of another. */
class TorchFunction {
  constructor(readonly call: (args: readonly unknown[]) => unknown) {}
}

type Call = (args: readonly unknown[]) => unknown;

const both = (call: Call): PickleGlobal => ({ call, value: new TorchFunction(call) });

const UNTYPED = new StorageType(undefined);

/**
 * What a torch file may name: the list of Python's `torch.load(weights_only=True)`, as far as this library has the parts.
 * dtypes, devices and layouts become their names.
 */
export const TORCH_GLOBALS: ReadonlyMap<string, PickleGlobal> = new Map<string, PickleGlobal>([
  ...PYTHON_GLOBALS,
  ['collections.OrderedDict', { call: ([items]) => orderedDict(items) }],
  ['collections.Counter', { call: ([items]) => new Map(items instanceof Map ? items : []) }],
  ['torch.Size', { call: ([sizes]) => Tuple.make(naturals(sizes ?? [], 'torch.Size')) }],
  ['torch.device', { call: deviceName }],
  ['torch.serialization._get_layout', { call: ([name]) => text(name, 'the name of a layout').replace(/^torch\./, '') }],
  ['torch.Tensor', { value: 'torch.Tensor' }],
  [
    'torch.nn.parameter.Parameter',
    { value: 'torch.nn.Parameter', call: ([data, grad]) => parameter(data, grad ?? true) },
  ],
  ['torch._utils._rebuild_tensor', both(([storage, offset, size, stride]) => rebuild(storage, offset, size, stride))],
  ['torch._utils._rebuild_tensor_v2', both(rebuildV2)],
  ['torch._utils._rebuild_tensor_v3', both(rebuildV3)],
  ['torch._utils._rebuild_parameter', both(([data, grad]) => parameter(data, grad))],
  ['torch._utils._rebuild_parameter_with_state', both(([data, grad]) => parameter(data, grad))],
  ['torch._tensor._rebuild_from_type_v2', { call: rebuildFromType }],
  ...[...ELEMENT_BYTES.keys()].map((dtype): [string, PickleGlobal] => [`torch.${dtype}`, { value: dtype }]),
  ...[...STORAGE_DTYPES].flatMap(([name, dtype]): [string, PickleGlobal][] => [
    [`torch.${name}`, { value: new StorageType(dtype) }],
    [`torch.cuda.${name}`, { value: new StorageType(dtype) }],
  ]),
  ['torch.storage.UntypedStorage', { value: UNTYPED }],
  ['torch.UntypedStorage', { value: UNTYPED }],
]);

/** Completes dicts with versions, tensors with attributes, and what {@link buildPython} completes. */
export function buildTorch(target: object, state: unknown): boolean {
  if (target instanceof OrderedDict) {
    const metadata: unknown = state instanceof Map ? state.get('_metadata') : undefined;
    if (metadata instanceof Map && [...metadata.values()].every((versions) => versions instanceof Map)) {
      target.metadata = metadata as Map<string, Map<string, unknown>>;
    }
    return true; // other attributes of a dict mean nothing here
  }
  return buildPython(target, state);
}

function orderedDict(items: unknown): OrderedDict<unknown> {
  const dict = new OrderedDict<unknown>();
  if (items === undefined) return dict;
  if (!Array.isArray(items)) throw new Error('expected a list of pairs');
  for (const pair of items as unknown[]) {
    if (!Array.isArray(pair) || pair.length !== 2) throw new Error('expected a list of pairs');
    dict.set(pair[0] as string, pair[1]);
  }
  return dict;
}

/** `('cpu')` or `('cuda', 1)`. Only what may stand there is turned into text: that of doubled nested lists has no end. */
function deviceName([type, index]: readonly unknown[]): string {
  const name = text(type, 'the type of a device');
  if (index === undefined || index === null) return name;
  return `${name}:${naturals([index], 'the number of a device')[0]!}`;
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new Error(`${what} is no text`);
  return value;
}

function naturals(value: unknown, what: string): number[] {
  const list: unknown[] | undefined = Array.isArray(value) ? value : undefined;
  if (
    list === undefined ||
    !list.every((n): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0)
  ) {
    throw new Error(`${what} is not a list of integers from 0 on`);
  }
  return list;
}

function isStorage(value: unknown): value is StorageHandle {
  return typeof value === 'object' && value !== null && 'view' in value;
}

function rebuild(storage: unknown, offset: unknown, size: unknown, stride: unknown, dtype?: DType): Tensor {
  if (!isStorage(storage)) throw new Error('a tensor without a storage');
  const used = dtype ?? storage.dtype;
  if (used === undefined) throw new Error('a tensor over an untyped storage without a dtype');
  if (typeof offset !== 'number' || !Number.isSafeInteger(offset)) throw new Error('a tensor with a malformed offset');
  return storage.view(used, naturals(size, 'the size of a tensor'), naturals(stride, 'the stride of a tensor'), offset);
}

function rebuildV2([storage, offset, size, stride, requiresGrad, , metadata]: readonly unknown[]): Tensor {
  return finish(rebuild(storage, offset, size, stride), requiresGrad, metadata);
}

function rebuildV3([storage, offset, size, stride, requiresGrad, , dtype, metadata]: readonly unknown[]): Tensor {
  if (typeof dtype !== 'string' || !ELEMENT_BYTES.has(dtype as DType)) throw new Error('a tensor without a dtype');
  return finish(rebuild(storage, offset, size, stride, dtype as DType), requiresGrad, metadata);
}

function finish(tensor: Tensor, requiresGrad: unknown, metadata: unknown): Tensor {
  if (metadata instanceof Map && [...metadata.values()].includes(true)) {
    const bits = [...metadata.keys()].map((bit) => text(bit, 'the name of a bit of a tensor'));
    throw new Error(`tensors with the ${bits.join(' and ')} bit are not read; save a resolved copy`);
  }
  if (requiresGrad === true) tensor.requiresGrad = true;
  return tensor;
}

function parameter(data: unknown, requiresGrad: unknown): Tensor {
  if (!(data instanceof Tensor)) throw new Error('a parameter without a tensor');
  data.requiresGrad = requiresGrad === true;
  return data;
}

/** A tensor with Python attributes: `(function, class, its arguments, attributes)`; the attributes are left out. */
function rebuildFromType([call, , args]: readonly unknown[]): unknown {
  if (!(call instanceof TorchFunction) || !(args instanceof Tuple)) throw new Error('not a tensor of torch');
  return call.call(args);
}
