import { isComplex, isFloatingPoint, noGrad, scope, TorchError } from '../tensor/index.js';
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
  const exchange = (tensor: Tensor): void => {
    const converts = isFloatingPoint(tensor.dtype) || isComplex(tensor.dtype);
    const isImage = tensor.ndim === 4 || tensor.ndim === 5;
    tensor.data = tensor.data.to({
      device,
      dtype: converts ? dtype : undefined,
      memoryFormat: isImage ? memoryFormat : undefined,
    });
  };
  scope(() =>
    noGrad(() => {
      for (const parameter of module.parameters()) {
        exchange(parameter);
        if (parameter.grad !== null) exchange(parameter.grad);
      }
      for (const buffer of module.buffers()) exchange(buffer);
    }),
  );
}

function parseTarget(target: string): ModuleToOptions {
  const isDType = /^(float|bfloat|complex|u?int)\d|^bool$/.test(target);
  return isDType ? { dtype: target as DType } : { device: target };
}
