/** Dense blocks in each way of computing them, and the functions of autograd under them, with whatever a list holds. */
import { DenseBlock, type DenseLayer, EFFICIENT_MODES } from '../../../lib/models/index.js';
import { fusedNormPool } from '../../../lib/models/fused-norm-pool.js';
import * as nn from '../../../lib/nn/index.js';
import { normReluConv, normReluPool } from '../../../lib/nn/norm-relu-conv.js';
import type { Tensor } from '../../../lib/tensor/index.js';
import { type ApiEntry, onGraph, through } from './api-entry.js';

/** One of them, for any whole number. */
const oneOf = <T>(list: readonly T[], n: number): T => list[Math.abs(n) % list.length]!;

/** Four dimensions; of some the planes are made larger, as vectors want them. */
function pictures(n: number, given: Tensor): Tensor {
  let x = given;
  while (x.ndim < 4) x = x.unsqueeze(x.ndim % 2 === 0 ? 0 : -1);
  return n % 2 === 0 ? x : x.repeat([1, 1, 4, oneOf([3, 4], n >> 1)]);
}

const dtypeOf = (x: Tensor) => (x.isFloatingPoint() ? x.dtype : 'float32');
const channels = (x: Tensor): number => Math.min(x.shape[1] ?? 1, 512);

function block(n: number, m: number, x: Tensor): DenseBlock {
  const layers = new DenseBlock(oneOf([1, 2, 3], m), channels(x), {
    growthRate: oneOf([1, 4, 5, 17], n),
    bnSize: oneOf([1, 2, null], n + m),
    dropRate: oneOf([0, 0, 0.5], n),
    version: 2,
    efficient: oneOf(EFFICIENT_MODES, m),
    reentrant: n % 2 === 0,
  });
  return layers.to(dtypeOf(x)).train(n % 3 !== 0);
}

/** Puts a tensor where a module has one of its own, whatever its shape. */
function exchange(module: nn.Module, names: readonly string[], n: number, value: unknown): void {
  Object.defineProperty(module, oneOf(names, n), { value, configurable: true });
}

/** As many values as there are channels, where there are any. */
const fitted = (tensor: Tensor, n: number, width: number): Tensor =>
  n % 3 === 0 ? tensor : tensor.reshape([-1]).repeat([width]).narrow(0, 0, width);

const NORM = ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'];

export const modelsApi: Readonly<Record<string, ApiEntry>> = {
  denseBlock: onGraph('int int tensor retainGraph=bool? createGraph=bool?', (n: number, m: number, given: Tensor, named) => {
    const x = pictures(n, given);
    return through(block(n, m, x).call(x), given, named);
  }),
  denseBlockExchanged: onGraph('int int int tensor tensor', (n: number, m: number, o: number, given: Tensor, y: Tensor) => {
    const x = pictures(m, given);
    const layers = block(n, m, x);
    const layer = oneOf(layers.children(), o) as DenseLayer;
    if (o % 3 === 0) exchange(layer.conv1, ['weight'], o, y);
    else exchange(layer.norm1, NORM, n, fitted(y, m, layer.norm1.numFeatures));
    return through(layers.call(x), given);
  }),
  normReluConv: onGraph('int int tensor tensor tensor', (n: number, m: number, first: Tensor, second: Tensor, other: Tensor) => {
    const x = pictures(n, first);
    const y = m % 3 === 0 ? pictures(n, second) : x.mul(2);
    const [size, given] = [oneOf([0, 1, 2, 3], n), oneOf([1, 2, 0, -1, 9], m)];
    const width = channels(x) + channels(y);
    const [norm, conv] = [new nn.BatchNorm2d(width), new nn.Conv2d(width, 2, { kernelSize: 1, bias: n % 5 === 0 })];
    conv.to(dtypeOf(x));
    if (n % 3 === 0) exchange(conv, ['weight', 'bias'], n, other);
    if (m % 2 === 0) exchange(conv, ['stride', 'padding', 'dilation'], m, [given, size]);
    norm.to(dtypeOf(x)).train(n % 2 === 0);
    return through(normReluConv([x, y], norm, new nn.ReLU(), conv)!, first);
  }),
  normReluPool: onGraph('int int tensor tensor', (n: number, m: number, given: Tensor, other: Tensor) => {
    const x = pictures(m, given);
    const norm = new nn.BatchNorm2d(channels(x)).to(dtypeOf(x)).train(n % 2 === 0);
    if (m % 4 === 0) exchange(norm, NORM, n, fitted(other, m, norm.numFeatures));
    const size = oneOf([3, 3, 2, 1, 0, -1], m);
    const pool = new nn.MaxPool2d({ kernelSize: size, stride: oneOf([2, 2, 1, 0], n), padding: oneOf([1, 1, 0, 7], n) });
    return through(normReluPool(x, norm, new nn.ReLU(), pool)!, given);
  }),
  fusedNormPool: onGraph('int int tensor tensor', (n: number, m: number, given: Tensor, other: Tensor) => {
    const x = pictures(m, given);
    const norm = new nn.BatchNorm2d(channels(x)).to(dtypeOf(x)).train(n % 2 === 0);
    if (m % 4 === 0) exchange(norm, NORM, n, fitted(other, m, norm.numFeatures));
    return through(fusedNormPool(x, norm, oneOf([1, 2, 3, 0, -1, 1e9], n), oneOf([1, 2, 5, 0, 2 ** 53], m))!, given);
  }),
};
