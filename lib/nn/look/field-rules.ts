import { divisor, readThrough, type Field, type Reading } from './field.js';
import type { TracedOperator } from './trace.js';

/** The field of what an operator makes, from the field of what it is given. */
export type FieldRule = (field: Field, operator: TracedOperator) => Field;

/** A window that moves: place `o` reads the places `o · stride − padding + k · dilation`, for `k` below `kernel`. */
interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, k) => k);

function through(field: Field, { kernel, stride, padding, dilation }: Window): Field {
  const readings = kernel.map((size, axis): Reading => ({
    period: 1,
    step: stride[axis]!,
    taps: () => upTo(size).map((k) => k * dilation[axis]! - padding[axis]!),
  }));
  return readThrough(field, readings);
}

/** One number for all dimensions, or one for each. */
function forAxes(value: unknown, count: number, otherwise: number | readonly number[]): number[] {
  const given = Array.isArray(value) && value.length === 0 ? otherwise : (value ?? otherwise);
  const list = Array.isArray(given) ? (given as number[]) : [given as number];
  return Array.from({ length: count }, (_, index) => list[index] ?? list[0]!);
}

const dimensionsOf = ({ sourceShapes }: TracedOperator): number => sourceShapes[0]!.length - 2;

const convolution: FieldRule = (field, operator) => {
  const count = dimensionsOf(operator);
  const [, weight, , stride, padding, dilation] = operator.args;
  const kernel = (weight as number[]).slice(2);
  const dilations = forAxes(dilation, count, 1);
  // For `same` the smaller half of what is missing stands before.
  const border =
    padding === 'same'
      ? kernel.map((size, axis) => Math.floor(((size - 1) * dilations[axis]!) / 2))
      : forAxes(padding === 'valid' ? 0 : padding, count, 0);
  return through(field, { kernel, stride: forAxes(stride, count, 1), padding: border, dilation: dilations });
};

/** Place `i` of the input goes to the places `i · stride − padding + k · dilation` of the output. */
const transposed: FieldRule = (field, operator) => {
  const count = dimensionsOf(operator);
  const [, weight, , stride, padding, , , dilation] = operator.args;
  const [strides, borders, dilations] = [
    forAxes(stride, count, 1),
    forAxes(padding, count, 0),
    forAxes(dilation, count, 1),
  ];
  const readings = (weight as number[]).slice(2).map((kernel, axis): Reading => {
    const [each, border, apart] = [strides[axis]!, borders[axis]!, dilations[axis]!];
    const taps = (q: number): number[] =>
      upTo(kernel)
        .map((k) => (q + border - k * apart) / each)
        .filter(Number.isInteger);
    return { period: each, step: 1, taps };
  });
  return readThrough(field, readings);
};

const pooling =
  (isMax: boolean): FieldRule =>
  (field, operator) => {
    const count = dimensionsOf(operator);
    const [, size, stride, padding, dilation] = operator.args;
    const kernel = forAxes(size, count, 1);
    const ones = kernel.map(() => 1);
    return through(field, {
      kernel,
      stride: forAxes(stride, count, kernel),
      padding: forAxes(padding, count, 0),
      dilation: isMax ? forAxes(dilation, count, ones) : ones,
    });
  };

const adaptive: FieldRule = (field, { shape, sourceShapes }) => {
  const [from, to] = [sourceShapes[0]!.slice(2), shape.slice(2)];
  // Windows of one size, one beside the other; else they differ from place to place, and one place takes all.
  if (to.every((size) => size === 1) || from.some((size, axis) => size % to[axis]! !== 0)) return 'whole';
  const kernel = from.map((size, axis) => size / to[axis]!);
  const [zeros, ones] = [kernel.map(() => 0), kernel.map(() => 1)];
  return through(field, { kernel, stride: kernel, padding: zeros, dilation: ones });
};

/** Borders come in pairs, the last dimension's first. */
const padded: FieldRule = (field, { args }) => {
  if (field === 'whole') return field;
  const border = args[1] as readonly number[];
  const readings = field.map((_, axis): Reading => {
    const before = border[2 * (field.length - 1 - axis)] ?? 0;
    return { period: 1, step: 1, taps: () => [-before] };
  });
  return readThrough(field, readings);
};

/** `from` places of the input become `to` of the output. */
interface Ratio {
  readonly from: number;
  readonly to: number;
}

/** From the sizes, or the factor that the operator was given; undefined for a factor that is no small fraction. */
function ratioOf(from: number, to: number, factor: number | undefined): Ratio | undefined {
  if (factor === undefined || factor * from === to) {
    const common = divisor(from, to);
    return { from: from / common, to: to / common };
  }
  const parts = upTo(65).find((each) => each > 0 && Number.isInteger(factor * each));
  return parts === undefined ? undefined : { from: parts, to: factor * parts };
}

/** Factors in what `upsample_*` was given: a list, numbers one after the other, or named ones. */
function factorsOf(args: readonly unknown[], count: number): readonly number[] {
  const [last] = args.slice(2).filter((each) => typeof each === 'object' && each !== null);
  const named: unknown[] = Object.values(last ?? {});
  const given = Array.isArray(last) ? named : [...args.slice(2), ...named];
  const numbers = given.filter((each) => typeof each === 'number');
  return numbers.length === count ? numbers : [];
}

/** @param taps what of the input an output reads, by exact arithmetic. */
const enlarged =
  (taps: (q: number, ratio: Ratio) => readonly number[], alignedTaps?: typeof taps): FieldRule =>
  (field, operator) => {
    const { args, shape, sourceShapes } = operator;
    const count = dimensionsOf(operator);
    const corners = alignedTaps !== undefined && args[2] === true;
    const factors = corners ? [] : factorsOf(args, count);
    const readings = upTo(count).map((axis): Reading | undefined => {
      const [from, to] = [sourceShapes[0]![axis + 2]!, shape[axis + 2]!];
      const ratio = corners ? ratioOf(from - 1, to - 1, undefined) : ratioOf(from, to, factors[axis]);
      if (ratio === undefined || !(ratio.from > 0 && ratio.to > 0)) return undefined;
      return { period: ratio.to, step: ratio.from, taps: (q) => (corners ? alignedTaps : taps)(q, ratio) };
    });
    return readings.some((each) => each === undefined) ? 'whole' : readThrough(field, readings as Reading[]);
  };

const nearest = enlarged((q, { from, to }) => [Math.floor((q * from) / to)]);
const nearestExact = enlarged((q, { from, to }) => [Math.floor(((2 * q + 1) * from) / (2 * to))]);

/** Between the places on both sides, `reach` of each side; on a place that is hit it is that one alone. */
const between = (reach: number): FieldRule => {
  const around = (numerator: number, denominator: number): number[] => {
    const before = Math.floor(numerator / denominator);
    if (numerator % denominator === 0) return [before];
    return [before - reach + 1, before + reach];
  };
  return enlarged(
    (q, { from, to }) => around((2 * q + 1) * from - to, 2 * to),
    (q, { from, to }) => around(q * from, to),
  );
};

/** Channels that become pixels: `r` of them along each side for one. */
const shuffled: FieldRule = (field, { args }) => {
  const factor = args[1] as number;
  const reading: Reading = { period: factor, step: 1, taps: () => [0] };
  return readThrough(field, [reading, reading]);
};

const unshuffled: FieldRule = (field, { args }) => {
  const factor = args[1] as number;
  const reading: Reading = { period: 1, step: factor, taps: () => upTo(factor) };
  return readThrough(field, [reading, reading]);
};

const same: FieldRule = (field) => field;
const all: FieldRule = () => 'whole';

const named = (rule: FieldRule, names: string): Record<string, FieldRule> =>
  Object.fromEntries(names.split(' ').map((name) => [name, rule]));

/** By the operators' names, without the `_` of those that work in place. */
const RULES: Readonly<Record<string, FieldRule>> = {
  ...named(convolution, 'conv1d conv2d conv3d'),
  ...named(transposed, 'conv_transpose1d conv_transpose2d conv_transpose3d'),
  ...named(pooling(true), 'max_pool1d max_pool2d max_pool3d max_pool2d_with_indices max_pool3d_with_indices'),
  ...named(pooling(false), 'avg_pool1d avg_pool2d avg_pool3d'),
  ...named(adaptive, 'adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d'),
  ...named(adaptive, 'adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d'),
  ...named(padded, 'constant_pad_nd pad'),
  ...named(nearest, 'upsample_nearest1d upsample_nearest2d upsample_nearest3d'),
  ...named(nearestExact, '_upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d'),
  ...named(between(1), 'upsample_linear1d upsample_bilinear2d upsample_trilinear3d'),
  ...named(between(2), 'upsample_bicubic2d'),
  ...named(shuffled, 'pixel_shuffle'),
  ...named(unshuffled, 'pixel_unshuffle'),
  ...named(
    same,
    'batch_norm relu relu6 leaky_relu prelu elu celu selu gelu silu mish sigmoid tanh hardswish hardsigmoid',
  ),
  ...named(
    same,
    'hardtanh softplus softsign log_sigmoid threshold clamp abs neg square sqrt exp log pow clone contiguous',
  ),
  ...named(same, 'dropout feature_dropout alpha_dropout feature_alpha_dropout detach to cat concat add sub mul div'),
  ...named(all, 'linear matmul mm addmm bmm flatten view reshape mean sum softmax log_softmax layer_norm group_norm'),
  ...named(all, 'instance_norm squeeze unsqueeze permute transpose scaled_dot_product_attention'),
};

/** The rule for an operator; undefined where there is none. */
export const fieldRule = ({ name }: TracedOperator): FieldRule | undefined => RULES[name.replace(/_$/, '')];
