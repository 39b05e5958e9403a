import { emptyLike, isComplex, isFloatingPoint, noGrad, ops, scope, swapTensors, TorchError } from '../tensor/index.js';
import type { DType, MemoryFormat, Tensor } from '../tensor/index.js';
import type { Module } from './module.js';

/** Where and as what a module's parameters and buffers are to be kept. */
export interface ModuleToOptions {
  readonly device?: string;
  /** A floating point or complex type; integer buffers keep theirs. */
  readonly dtype?: DType;
  /** Applied to parameters and buffers of four or five dimensions. */
  readonly memoryFormat?: MemoryFormat;
}

/** @see Module.to */
export function convertModule(module: Module, target: string | ModuleToOptions): void {
  const { device, dtype, memoryFormat } = typeof target === 'object' ? target : parseTarget(target);
  if (dtype !== undefined && !isFloatingPoint(dtype) && !isComplex(dtype)) {
    throw new TorchError(
      'type',
      `nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.${dtype}`,
    );
  }
  exchangeAll(module, (data) => {
    const converts = isFloatingPoint(data.dtype) || isComplex(data.dtype);
    const isImage = data.ndim === 4 || data.ndim === 5;
    try {
      return data.to({
        device,
        dtype: converts ? dtype : undefined,
        memoryFormat: isImage ? memoryFormat : undefined,
      });
    } catch (error) {
      if (!(error instanceof TorchError) || !error.message.includes(NO_DATA)) throw error;
      throw new TorchError(
        error.code,
        `${NO_DATA} Please use Module.toEmpty() instead of Module.to() when moving module from meta to a different device.`,
      );
    }
  });
}

const NO_DATA = 'Cannot copy out of meta tensor; no data!';

/** @see Module.toEmpty */
export function emptyModule(module: Module, device: string): void {
  exchangeAll(module, (data) => emptyLike(data, { device }));
}

/** Gives all parameters, their gradients and all buffers other data. */
function exchangeAll(module: Module, made: (data: Tensor) => Tensor): void {
  const exchange = (tensor: Tensor): void => {
    const grad = tensor.grad;
    const data = made(tensor.data);
    if (ops.aten<boolean>('_has_compatible_shallow_copy_type', tensor, data)) {
      tensor.data = data;
      if (grad !== null) exchange(grad);
      return;
    }
    // Another kind of tensor: the object comes to stand for a new one, and what it stood for goes with the scope.
    if (tensor.requiresGrad) data.requiresGrad = true;
    if (grad !== null) data.grad = made(grad.data);
    swapTensors(tensor, data);
  };
  scope(() =>
    noGrad(() => {
      for (const tensor of [...module.parameters(), ...module.buffers()]) exchange(tensor);
    }),
  );
}

function parseTarget(target: string): ModuleToOptions {
  const isDType = /^(float|bfloat|complex|u?int)\d|^bool$/.test(target);
  return isDType ? { dtype: target as DType } : { device: target };
}
