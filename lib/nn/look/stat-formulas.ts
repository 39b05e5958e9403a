import { ELU, LeakyReLU, PReLU } from '../leaky-activations.js';
import { ReLU, ReLU6 } from '../activations.js';
import { BatchNorm2d, BatchNorm3d } from '../batch-norm.js';
import { Bilinear } from '../bilinear.js';
import { Conv2d, Conv3d } from '../conv.js';
import { ConvTranspose2d, ConvTranspose3d } from '../conv-transpose.js';
import type { ConvBase } from '../conv-base.js';
import { Linear } from '../linear.js';
import type { Module } from '../module.js';
import { AvgPool2d, AvgPool3d, MaxPool2d, MaxPool3d } from '../pooling.js';
import { Softmax } from '../softmax.js';
import { Upsample } from '../upsample.js';

type Sizes = readonly number[];

const product = (numbers: Sizes): number => numbers.reduce((all, each) => all * each, 1);

type Class = abstract new (...given: never[]) => Module;

const isOne = (module: Module, ...classes: readonly Class[]): boolean => classes.some((each) => module instanceof each);

/** Points of a kernel whose size may be one number for all dimensions. */
function kernelPoints(module: Module, dimensions: number): number {
  const { kernelSize } = module as unknown as { readonly kernelSize: number | Sizes };
  return typeof kernelSize === 'number' ? kernelSize ** dimensions : product(kernelSize);
}

/** Multiplications and additions of a convolution, of one picture; a transposed one counts the places of its input. */
function convolutionMadd(conv: ConvBase<2> | ConvBase<3>, channels: number, places: Sizes, outputs: number): number {
  const multiplications = product(conv.kernelSize) * Math.floor(channels / conv.groups);
  const additions = multiplications - (conv.bias === null ? 1 : 0);
  return (multiplications + additions) * product(places) * Math.floor(outputs / conv.groups) * conv.groups;
}

/**
 * torchstat's MAdd of a layer, for one picture: multiplications and additions, each counted. undefined for a class that it does not know.
 * @param input sizes with the batch.
 */
export function maddOf(module: Module, input: Sizes, output: Sizes, second: Sizes | undefined): number | undefined {
  const [, channels = 0] = input;
  const [, outputs = 0] = output;
  const one = product(input.slice(1));
  if (module instanceof Conv2d || module instanceof Conv3d)
    return convolutionMadd(module, channels, output.slice(2), outputs);
  if (module instanceof ConvTranspose2d || module instanceof ConvTranspose3d)
    return convolutionMadd(module, channels, input.slice(2), outputs);
  if (isOne(module, BatchNorm2d, BatchNorm3d)) return 4 * one;
  if (isOne(module, MaxPool2d, MaxPool3d))
    return (kernelPoints(module, output.length - 2) - 1) * product(output.slice(1));
  if (isOne(module, AvgPool2d, AvgPool3d)) return kernelPoints(module, output.length - 2) * product(output.slice(1));
  if (isOne(module, ReLU, ReLU6)) return one;
  if (module instanceof Softmax) return 3 * one - 1;
  // Its bias is left out, there too. Several rows of a picture count each.
  if (module instanceof Linear) return product(output.slice(1)) * (2 * (input.at(-1) ?? 0) - 1);
  if (module instanceof Bilinear) {
    const b = second?.at(-1) ?? 0;
    return outputs * (2 * ((input.at(-1) ?? 0) * b + b) - 1);
  }
  return undefined;
}

/** torchstat's Flops of a layer, for the whole batch: multiply-adds, those of a bias too. undefined for a class that it does not know. */
export function flopsOf(module: Module, input: Sizes, output: Sizes): number | undefined {
  const [batch = 0, channels = 0] = input;
  const [, outputs = 0] = output;
  if (module instanceof Conv2d || module instanceof Conv3d) {
    const places = batch * product(output.slice(2));
    const each = product(module.kernelSize) * channels * Math.floor(outputs / module.groups);
    return (each + (module.bias === null ? 0 : outputs)) * places;
  }
  if (module instanceof BatchNorm2d || module instanceof BatchNorm3d)
    return product(input) * (module.weight === null ? 1 : 2);
  if (isOne(module, AvgPool2d, MaxPool2d, AvgPool3d, MaxPool3d)) return product(input);
  if (isOne(module, ReLU, ReLU6, PReLU, ELU, LeakyReLU)) return product(input);
  if (module instanceof Upsample) return product(output);
  if (module instanceof Linear) return product(output) * (input.at(-1) ?? 0);
  return undefined;
}

/** torchstat's elements that a layer reads and writes, for the whole batch. undefined for a class that it does not know. */
export function memoryOf(module: Module, input: Sizes, output: Sizes): readonly [number, number] | undefined {
  const [batch = 0, channels = 0] = input;
  const trained = module
    .parameters()
    .filter((each) => each.requiresGrad)
    .reduce((sum, each) => sum + each.numel(), 0);
  if (isOne(module, ReLU, ReLU6, ELU, LeakyReLU)) return [product(input), product(input)];
  if (module instanceof PReLU) return [product(input) + batch * trained, product(input)];
  if (isOne(module, Conv2d, Linear)) return [product(input) + batch * trained, product(output)];
  if (module instanceof BatchNorm2d) return [product(input) + batch * 2 * channels, product(input)];
  if (isOne(module, AvgPool2d, MaxPool2d)) return [product(input), product(output)];
  return undefined;
}
