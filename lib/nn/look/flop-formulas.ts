import { TorchError } from '../../tensor/index.js';
import type { LoggedArgument } from '../../tensor/operator-log.js';

/**
 * Operations of one call of an operator: a multiplication and an addition are two.
 * @param args what it was given, in the schema's order: sizes for a tensor, null for what is missing.
 */
export type FlopFormula = (...args: LoggedArgument[]) => number;

type Sizes = readonly number[];

function sizes(argument: LoggedArgument | undefined): Sizes {
  if (Array.isArray(argument)) return argument as Sizes;
  throw new TorchError(
    'value',
    `Expected the sizes of a tensor for a count of operations but received ${String(argument)}`,
  );
}

const product = (numbers: Sizes): number => numbers.reduce((all, each) => all * each, 1);

function mm(a: Sizes, b: Sizes): number {
  const [m = 0, k = 0] = a;
  return m * (b[1] ?? 0) * 2 * k;
}

function bmm(a: Sizes, b: Sizes): number {
  return (a[0] ?? 0) * mm(a.slice(1), b.slice(1));
}

/** Each place of `places` takes the whole filter, for each pair of channels. */
const conv = (batch: number, places: Sizes, filter: Sizes): number => 2 * batch * product(places) * product(filter);

/** Sizes of the plane that a convolution makes; strides and the like may be one number for all. */
function convolvedPlane(x: Sizes, w: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes): number[] {
  const at = (list: Sizes, index: number): number => list[index] ?? list[0] ?? 1;
  return x.slice(2).map((size, index) => {
    const reach = at(dilation, index) * ((w[index + 2] ?? 1) - 1);
    return Math.floor((size + 2 * at(padding, index) - reach - 1) / at(stride, index)) + 1;
  });
}

const convolution: FlopFormula = (input, weight, _bias, stride, padding, dilation, transposed) => {
  const [x, w] = [sizes(input), sizes(weight)];
  const places =
    transposed === true ? x.slice(2) : convolvedPlane(x, w, sizes(stride), sizes(padding), sizes(dilation));
  return conv(x[0] ?? 0, places, w);
};

/** cuDNN's and the slow one take their sizes in another order. */
const cudnnConvolution: FlopFormula = (input, weight, padding, stride, dilation) =>
  convolution(input ?? null, weight ?? null, null, stride ?? null, padding ?? null, dilation ?? null, false);
const slowConvolution: FlopFormula = (input, weight, _kernel, _bias, stride, padding) =>
  convolution(input ?? null, weight ?? null, null, stride ?? null, padding ?? null, [1], false);

const convolutionBackward: FlopFormula = (grad, input, weight, ...rest) => {
  const [g, x, w] = [sizes(grad), sizes(input), sizes(weight)];
  const [, , , , transposed, , , mask] = rest;
  const [wantsInput, wantsWeight] = Array.isArray(mask) ? (mask as LoggedArgument[]) : [];
  let flops = 0;
  // The gradient of the input is a transposed convolution of the output's, so that its places are the output's; and the reverse.
  if (wantsInput === true) flops += conv(g[0] ?? 0, transposed === true ? x.slice(2) : g.slice(2), w);
  // That of the weight is a convolution whose filter is the larger of the two planes' other one.
  if (wantsWeight === true) {
    const [plane, filter] = transposed === true ? [g, x] : [x, g];
    flops += conv(plane[1] ?? 0, w.slice(2), [filter[1] ?? 0, filter[0] ?? 0, ...filter.slice(2)]);
  }
  return flops;
};

const attention: FlopFormula = (query, key, value) => {
  const [q, k, v] = [sizes(query), sizes(key), sizes(value)];
  const [batch = 0, heads = 0, sq = 0, dq = 0] = q;
  const both = batch * heads;
  return bmm([both, sq, dq], [both, dq, k[2] ?? 0]) + bmm([both, sq, k[2] ?? 0], [both, k[2] ?? 0, v[3] ?? 0]);
};

const attentionBackward: FlopFormula = (_grad, query, key, value) => {
  const [q, k, v] = [sizes(query), sizes(key), sizes(value)];
  const [batch = 0, heads = 0, sq = 0, dq = 0] = q;
  const both = batch * heads;
  const [sk, dv] = [k[2] ?? 0, v[3] ?? 0];
  // The scores anew, the gradients of scores and values, those of queries and keys.
  return (
    bmm([both, sq, dq], [both, dq, sk]) +
    bmm([both, sq, dv], [both, dv, sk]) +
    bmm([both, sk, sq], [both, sq, dv]) +
    bmm([both, sq, sk], [both, sk, dq]) +
    bmm([both, dq, sq], [both, sq, sk])
  );
};

/** PyTorch's formulas, by the operators' names. @see torch.utils.flop_counter */
export const FLOP_FORMULAS: Readonly<Record<string, FlopFormula>> = {
  'aten::mm': (a, b) => mm(sizes(a), sizes(b)),
  'aten::addmm': (_self, a, b) => mm(sizes(a), sizes(b)),
  'aten::bmm': (a, b) => bmm(sizes(a), sizes(b)),
  'aten::baddbmm': (_self, a, b) => bmm(sizes(a), sizes(b)),
  'aten::_scaled_mm': (a, b) => mm(sizes(a), sizes(b)),
  'aten::convolution': convolution,
  'aten::_convolution': convolution,
  'aten::convolution_overrideable': convolution,
  'aten::cudnn_convolution': cudnnConvolution,
  'aten::_slow_conv2d_forward': slowConvolution,
  'aten::convolution_backward': convolutionBackward,
  'aten::_scaled_dot_product_efficient_attention': attention,
  'aten::_scaled_dot_product_flash_attention': attention,
  'aten::_scaled_dot_product_cudnn_attention': attention,
  'aten::_scaled_dot_product_efficient_attention_backward': attentionBackward,
  'aten::_scaled_dot_product_flash_attention_backward': attentionBackward,
  'aten::_scaled_dot_product_cudnn_attention_backward': attentionBackward,
};
