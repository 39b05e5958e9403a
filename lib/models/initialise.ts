import { BatchNorm2d, Conv2d, init, Linear, type Module } from '../nn/index.js';
import { scope } from '../tensor/index.js';

/** How a network draws its weights once its layers, with draws of their own, are made. */
export interface Initialisation {
  readonly conv: (layer: Conv2d) => void;
  /** Default: as the layer was made. */
  readonly linear?: (layer: Linear) => void;
}

/** Goes over the modules in PyTorch's order; batch normalisation starts with gain 1 and offset 0. */
export function initialise(model: Module, { conv, linear }: Initialisation): void {
  scope(() => {
    for (const module of model.modules()) {
      if (module instanceof Conv2d) conv(module);
      else if (module instanceof Linear) linear?.(module);
      else if (module instanceof BatchNorm2d) {
        if (module.weight !== null) init.constant_(module.weight, 1);
        if (module.bias !== null) init.constant_(module.bias, 0);
      }
    }
  });
}

/** He initialisation that keeps the size of gradients. */
export function heByFanOut({ weight, bias }: Conv2d): void {
  init.kaimingNormal_(weight, { mode: 'fan_out', nonlinearity: 'relu' });
  if (bias !== null) init.constant_(bias, 0);
}

/** He initialisation that keeps the size of activations. */
export function heByFanIn({ weight }: Conv2d): void {
  init.kaimingNormal_(weight);
}

/** Leaves the weight as it is. */
export function zeroBias({ bias }: Linear): void {
  if (bias !== null) init.constant_(bias, 0);
}
