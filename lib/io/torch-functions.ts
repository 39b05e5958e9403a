import type { Layout } from '../tensor/index.js';
import type { PickleGlobal } from './pickle-options.js';
import { NdArray, Tuple } from './pickle-values.js';
import type { QuantizerSpec, TensorMaker, TensorSpec } from './tensor-maker.js';
import { dtypeArgument, isQuantized, MAX_DIMENSIONS, naturals, specOf, StorageValue, text } from './torch-arguments.js';

type Call = (args: readonly unknown[]) => unknown;

/** A function that appears as an argument of another. */
export class TorchFunction {
  constructor(readonly call: Call) {}
}

const COMPRESSED: ReadonlySet<string> = new Set(['sparse_csr', 'sparse_csc', 'sparse_bsr', 'sparse_bsc']);

/** The functions that rebuild tensors, by their names in pickles. What they are given is checked here, whoever makes the tensors. */
export function tensorFunctions(maker: TensorMaker): [string, PickleGlobal][] {
  const storageOf = (value: unknown): StorageValue => {
    if (!(value instanceof StorageValue)) throw new Error('a tensor without a storage');
    value.used = true;
    return value;
  };
  const tensorOf = (value: unknown, what: string): object => {
    if (!maker.isTensor(value)) throw new Error(`${what} without a tensor`);
    return value;
  };
  const strided = (made: object, spec: TensorSpec): object => {
    if (isQuantized(spec.dtype)) throw new Error('a quantized tensor without a quantizer');
    return maker.strided(made, spec);
  };
  // By index: nearly all calls are this one, and taking an array apart by its iterator costs more than the rest of it.
  const rebuild: Call = (args) => {
    const { ref, made } = storageOf(args[0]);
    return strided(made, specOf(ref.dtype, args[1], args[2], args[3], args[4], args[6]));
  };
  const rebuildV3: Call = ([storage, offset, size, stride, requiresGrad, , dtype, metadata]) => {
    const { made } = storageOf(storage);
    return strided(made, specOf(dtypeArgument(dtype), offset, size, stride, requiresGrad, metadata));
  };
  const parameter: Call = ([data, grad]) => {
    if (typeof grad !== 'boolean') throw new Error('requires_grad must be a bool');
    return maker.parameter(tensorOf(data, 'a parameter'), grad);
  };
  const functions: [string, Call][] = [
    ['torch._utils._rebuild_tensor', counted(4, 4, rebuild)],
    ['torch._utils._rebuild_tensor_v2', counted(6, 7, rebuild)],
    ['torch._utils._rebuild_tensor_v3', counted(7, 8, rebuildV3)],
    ['torch._utils._rebuild_parameter', counted(3, 3, parameter)],
    ['torch._utils._rebuild_parameter_with_state', counted(4, 4, parameter)],
    ['torch.nn.parameter.Parameter', ([data, grad]) => parameter([data, grad ?? true])],
    ['torch._utils._rebuild_sparse_tensor', ([layout, data]) => sparse(maker, layout, data)],
    ['torch._utils._rebuild_qtensor', (args) => quantized(maker, storageOf(args[0]), args)],
    [
      'torch._utils._rebuild_meta_tensor_no_storage',
      ([dtype, size, stride, grad]) => {
        const { shape, stride: strides, requiresGrad, ...spec } = specOf(dtypeArgument(dtype), 0, size, stride, grad);
        return maker.meta(spec.dtype, shape, strides, requiresGrad);
      },
    ],
    ...['_rebuild_device_tensor_from_numpy', '_rebuild_device_tensor_from_cpu_tensor', '_rebuild_xla_tensor'].map(
      (name): [string, Call] => [
        `torch._utils.${name}`,
        ([data, dtype, device, grad]) =>
          maker.converted(
            data instanceof NdArray ? data : tensorOf(data, 'a tensor of a device'),
            dtypeArgument(dtype),
            text(device, 'a device'),
            grad === true,
          ),
      ],
    ),
    ['torch._tensor._rebuild_from_type_v2', rebuildFromType],
    ['torch.tensor._rebuild_from_type_v2', rebuildFromType],
  ];
  return functions.map(([name, call]) => [name, { call, value: new TorchFunction(call) }]);
}

/** Python's functions take so many arguments, and no others. */
function counted(least: number, most: number, call: Call): Call {
  return (args) => {
    if (args.length >= least && args.length <= most) return call(args);
    throw new Error(`takes ${least === most ? least : `${least} or ${most}`} arguments but ${args.length} were given`);
  };
}

/** A tensor with Python attributes: `(function, class, its arguments, attributes)`; the attributes are left out. */
function rebuildFromType([call, , args]: readonly unknown[]): unknown {
  // Its own name is no function that rebuilds a tensor: a chain of them would be as deep as the file is long.
  if (!(call instanceof TorchFunction) || call.call === rebuildFromType || !(args instanceof Tuple))
    throw new Error('not a tensor of torch');
  return call.call(args);
}

function sparse(maker: TensorMaker, layout: unknown, data: unknown): object {
  const items: unknown[] | undefined = data instanceof Tuple ? data : undefined;
  if (items === undefined || typeof layout !== 'string') throw new Error('a sparse tensor without its parts');
  const coordinates = layout === 'sparse_coo';
  if (!coordinates && !COMPRESSED.has(layout)) throw new Error('a sparse tensor of an unknown layout');
  const count = coordinates ? 2 : 3;
  const parts = items.slice(0, count);
  const [size, isCoalesced = null] = items.slice(count);
  if (!parts.every((part) => maker.isTensor(part)) || parts.length !== count)
    throw new Error('a sparse tensor whose parts are no tensors');
  const shape = naturals(size, 'the size of a sparse tensor');
  if (shape.length > MAX_DIMENSIONS) throw new Error(`a tensor of more than ${MAX_DIMENSIONS} dimensions`);
  if (isCoalesced !== null && typeof isCoalesced !== 'boolean') throw new Error('a malformed sparse tensor');
  return maker.sparse(layout as Layout, parts, shape, isCoalesced);
}

function quantized(maker: TensorMaker, { ref, made }: StorageValue, args: readonly unknown[]): object {
  const [, offset, size, stride, params, grad] = args;
  // A quantized tensor that requires gradients does not exist; specOf says so in PyTorch's words.
  const spec = specOf(ref.dtype, offset, size, stride, grad);
  if (!isQuantized(spec.dtype)) throw new Error(`a quantized tensor of ${spec.dtype}`);
  if (!(params instanceof Tuple)) throw new Error('a quantized tensor without a quantizer');
  return maker.quantized(made, spec, quantizerOf(maker, params, spec.shape));
}

function quantizerOf(maker: TensorMaker, params: readonly unknown[], shape: readonly number[]): QuantizerSpec<object> {
  const [scheme, first, second, axis] = params;
  const isNumber = (value: unknown): value is number => typeof value === 'number';
  if (scheme === 'per_tensor_affine') {
    if (!isNumber(first) || !Number.isInteger(second)) throw new Error('a malformed quantizer');
    return { scheme, scale: first, zeroPoint: second as number };
  }
  if (scheme !== 'per_channel_affine' && scheme !== 'per_channel_affine_float_qparams')
    throw new Error('a quantized tensor of an unknown scheme');
  if (!isNumber(axis) || !(axis >= 0 && axis < shape.length) || !Number.isInteger(axis))
    throw new Error('a quantized tensor whose axis is out of range');
  const listOf = (value: unknown): object | number[] => {
    if (maker.isTensor(value)) return value;
    if (Array.isArray(value) && value.every(isNumber)) return value;
    throw new Error('a malformed quantizer');
  };
  return { scheme, scales: listOf(first), zeroPoints: listOf(second), axis };
}
