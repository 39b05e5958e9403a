import { OrderedDict } from '../tensor/index.js';
import type { PickleGlobal } from './pickle-options.js';
import { Tuple } from './pickle-values.js';
import { PYTHON_GLOBALS } from './python-globals.js';
import type { TensorMaker } from './tensor-maker.js';
import { TorchFunction, tensorFunctions } from './torch-functions.js';
import { naturals, StorageType, text } from './torch-arguments.js';
import { ELEMENT_BYTES, OTHER_DTYPES, STORAGE_DTYPES, TENSOR_DTYPES } from './torch-storages.js';

const UNTYPED = new StorageType(undefined);

/** What stands for itself in a file: dtypes, devices, layouts and quantization schemes become their names. */
const VALUES: readonly [string, PickleGlobal][] = [
  ['collections.OrderedDict', { call: ([items]) => orderedDict(items) }],
  ['collections.Counter', { call: ([items]) => new Map(items instanceof Map ? items : []) }],
  ['torch.Size', { call: ([sizes]) => Tuple.make(naturals(sizes ?? [], 'torch.Size')) }],
  ['torch.device', { call: deviceName }],
  ['torch.serialization._get_layout', { call: ([name]) => text(name, 'the name of a layout').replace(/^torch\./, '') }],
  ['torch.Tensor', { value: 'torch.Tensor' }],
  ...[...ELEMENT_BYTES.keys(), ...OTHER_DTYPES].map((dtype): [string, PickleGlobal] => [
    `torch.${dtype}`,
    { value: dtype },
  ]),
  ...[
    'per_tensor_affine',
    'per_tensor_symmetric',
    'per_channel_affine',
    'per_channel_symmetric',
    'per_channel_affine_float_qparams',
  ].map((scheme): [string, PickleGlobal] => [`torch.${scheme}`, { value: scheme }]),
  ...[...STORAGE_DTYPES].flatMap(([name, dtype]): [string, PickleGlobal][] => [
    [`torch.${name}`, { value: new StorageType(dtype) }],
    [`torch.cuda.${name}`, { value: new StorageType(dtype) }],
  ]),
  ['torch.storage.UntypedStorage', { value: UNTYPED }],
  ['torch.UntypedStorage', { value: UNTYPED }],
  ['torch.storage._UntypedStorage', { value: UNTYPED }],
];

/** Kinds of tensors that Python reads and torchbridge has no form for, and why. */
const REFUSED: readonly [string, string][] = [
  ['torch._utils._rebuild_nested_tensor', 'nested tensors are not read; save their parts with unbind()'],
  ['torch.nested._internal.nested_tensor._rebuild_njt', 'nested tensors are not read; save their parts with unbind()'],
  ['torch.nested._internal.nested_tensor.NestedTensor', 'nested tensors are not read; save their parts with unbind()'],
  ['torch._utils._rebuild_wrapper_subclass', 'tensors of subclasses that wrap others are not read; save plain tensors'],
  ['torch.distributed.tensor.DTensor', 'distributed tensors are not read; save full_tensor()'],
];

/**
 * What a torch file may name: the list of Python's `torch.load(weights_only=True)` as far as this library has the parts,
 * Python's plain containers, and numpy's arrays and scalars.
 * @param maker makes the tensors.
 */
export function torchGlobals(maker: TensorMaker): ReadonlyMap<string, PickleGlobal> {
  const functions = tensorFunctions(maker);
  return new Map<string, PickleGlobal>([
    ...PYTHON_GLOBALS,
    ...VALUES,
    // classes of tensors, which old files call without arguments and then give a state
    ...[...TENSOR_DTYPES].flatMap(([name, dtype]): [string, PickleGlobal][] =>
      ['torch', 'torch.cuda'].map((place) => [
        `${place}.${name}`,
        { value: `${place}.${name}`, call: () => maker.empty(dtype) },
      ]),
    ),
    ...REFUSED.map(([name, reason]): [string, PickleGlobal] => {
      const refuse = (): never => {
        throw new Error(reason);
      };
      return [name, { call: refuse, value: new TorchFunction(refuse) }];
    }),
    ...functions,
  ]);
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
