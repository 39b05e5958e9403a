import type { Module } from '../module.js';
import { examine, inputsFor } from './examine.js';
import { traceOperators, type TracedOperator } from './trace.js';

/**
 * What of the input an output can depend on, along one dimension: place `i` of the output reads the places from `low + i · stride` to
 * `high + i · stride` of the input, both included. Places before 0 and behind the end are padding.
 */
export interface FieldAxis {
  readonly low: number;
  readonly high: number;
  readonly stride: number;
}

/** A receptive field: an axis for each dimension of a picture; `whole` where every output depends on all of the input. */
export type Field = readonly FieldAxis[] | 'whole';

/** What a module reads of the input. */
export interface LayerField {
  /** Dotted path of the module. */
  readonly name: string;
  readonly className: string;
  /** Places that one place of its output reads, along each dimension; null for all of the input. */
  readonly size: readonly number[] | null;
  /** Places between what two neighbours read. */
  readonly stride: readonly number[] | null;
  /** Where the first output's field begins, at or before 0. */
  readonly start: readonly number[] | null;
}

/** What {@link receptiveField} found. */
export interface ReceptiveField {
  /** Places that one place of the last feature map reads, before a mean over the picture or a linear layer takes all. */
  readonly size: readonly number[];
  readonly stride: readonly number[];
  readonly start: readonly number[];
  /** Sizes of that feature map. */
  readonly featureMap: readonly number[];
  /** For every module without modules below it, in the order in which they ran. */
  readonly layers: readonly LayerField[];
  /** Operators for which there is no rule: what they make was taken to depend on all of the input. */
  readonly unknown: readonly string[];
}

/**
 * The receptive field of a network, from the operators that it dispatches for such an input: the region of the input that an output
 * can depend on, as if the input had no borders; with batch normalisation as in evaluation. Where branches meet it is the largest.
 * ```ts
 * console.log(nn.receptiveField(models.resnet18(), [1, 3, 224, 224]).size); // [ 435, 435 ]
 * ```
 * @param inputSize with the batch: `[1, 3, 224, 224]`.
 * @throws TorchError `value` for sizes that are none; what the network throws, with the sizes and the module.
 */
export function receptiveField(net: Module, inputSize: readonly number[]): ReceptiveField {
  return examine(net, { mode: 'eval' }, () => {
    const trace = traceOperators(net, inputsFor(net, { inputSize }));
    const { fields, unknown } = fieldsOf(trace, inputSize.length - 2);
    const last = fields.findLastIndex((field) => field !== 'whole');
    const field = fields[last] ?? startField(inputSize.length - 2);
    const layers = new Map<Module, LayerField>();
    trace.forEach(({ calls }, index) => {
      const call = calls.at(-1);
      if (call === undefined || call.module.children().length > 0) return;
      layers.set(call.module, { name: call.path, className: call.module.className(), ...shown(fields[index]!) });
    });
    const { size, stride, start } = shown(field);
    return {
      size: size ?? [],
      stride: stride ?? [],
      start: start ?? [],
      featureMap: last < 0 ? inputSize : trace[last]!.shape,
      layers: [...layers.values()],
      unknown,
    };
  });
}

const startField = (dimensions: number): FieldAxis[] =>
  Array.from({ length: Math.max(0, dimensions) }, () => ({ low: 0, high: 0, stride: 1 }));

function shown(field: Field): Pick<LayerField, 'size' | 'stride' | 'start'> {
  if (field === 'whole') return { size: null, stride: null, start: null };
  return {
    size: field.map(({ low, high }) => high - low + 1),
    stride: field.map(({ stride }) => stride),
    start: field.map(({ low }) => low),
  };
}

/** The field of what each operator makes. */
export function fieldsOf(
  trace: readonly TracedOperator[],
  dimensions: number,
): { readonly fields: Field[]; readonly unknown: string[] } {
  const fields: Field[] = [];
  const unknown = new Set<string>();
  for (const operator of trace) {
    const given = operator.sources.map((source) => (source < 0 ? startField(dimensions) : fields[source]!));
    const rule = RULES[operator.name.replace(/_$/, '')];
    if (rule === undefined) unknown.add(operator.name);
    fields.push(rule === undefined || dimensions < 1 ? 'whole' : rule(union(given), operator));
  }
  return { fields, unknown: [...unknown] };
}

/** What all of them read together. */
function union(fields: readonly Field[]): Field {
  const [first = 'whole', ...others] = fields;
  return others.reduce<Field>((all, field) => {
    if (all === 'whole' || field === 'whole' || all.length !== field.length) return 'whole';
    // Places of different strides drift apart: together they read everything.
    if (all.some(({ stride }, axis) => stride !== field[axis]!.stride)) return 'whole';
    return all.map(({ low, high, stride }, axis) => ({
      low: Math.min(low, field[axis]!.low),
      high: Math.max(high, field[axis]!.high),
      stride,
    }));
  }, first);
}

type Rule = (field: Field, operator: TracedOperator) => Field;

/** A window that moves: place `o` reads the places `o · stride − padding + k · dilation`, for `k` below `kernel`. */
interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

function through(field: Field, { kernel, stride, padding, dilation }: Window): Field {
  if (field === 'whole') return field;
  return field.map((axis, index) => {
    const border = padding[index]!;
    return {
      low: axis.low - border * axis.stride,
      high: axis.high + ((kernel[index]! - 1) * dilation[index]! - border) * axis.stride,
      stride: axis.stride * stride[index]!,
    };
  });
}

/** One number for all dimensions, or one for each. */
function forAxes(value: unknown, count: number, otherwise: number | readonly number[]): number[] {
  const given = Array.isArray(value) && value.length === 0 ? otherwise : (value ?? otherwise);
  const list = Array.isArray(given) ? (given as number[]) : [given as number];
  return Array.from({ length: count }, (_, index) => list[index] ?? list[0]!);
}

const convolution: Rule = (field, { args, sourceShapes }) => {
  const count = sourceShapes[0]!.length - 2;
  const [, weight, , stride, padding, dilation] = args;
  const kernel = (weight as number[]).slice(2);
  const dilations = forAxes(dilation, count, 1);
  // For `same` the smaller half of what is missing stands before.
  const border =
    padding === 'same'
      ? kernel.map((size, axis) => Math.floor(((size - 1) * dilations[axis]!) / 2))
      : forAxes(padding === 'valid' ? 0 : padding, count, 0);
  return through(field, { kernel, stride: forAxes(stride, count, 1), padding: border, dilation: dilations });
};

const pooling =
  (isMax: boolean): Rule =>
  (field, { args, sourceShapes }) => {
    const count = sourceShapes[0]!.length - 2;
    const [, size, stride, padding, dilation] = args;
    const kernel = forAxes(size, count, 1);
    const ones = kernel.map(() => 1);
    return through(field, {
      kernel,
      stride: forAxes(stride, count, kernel),
      padding: forAxes(padding, count, 0),
      dilation: isMax ? forAxes(dilation, count, ones) : ones,
    });
  };

const adaptive: Rule = (field, { shape, sourceShapes }) => {
  const [from, to] = [sourceShapes[0]!.slice(2), shape.slice(2)];
  // Windows of one size, one beside the other; else they differ from place to place, and one place takes all.
  if (to.every((size) => size === 1) || from.some((size, axis) => size % to[axis]! !== 0)) return 'whole';
  const kernel = from.map((size, axis) => size / to[axis]!);
  const [zeros, ones] = [kernel.map(() => 0), kernel.map(() => 1)];
  return through(field, { kernel, stride: kernel, padding: zeros, dilation: ones });
};

/** Borders come in pairs, the last dimension's first. */
const padded: Rule = (field, { args }) => {
  if (field === 'whole') return field;
  const border = args[1] as readonly number[];
  return field.map((axis, index) => {
    const before = border[2 * (field.length - 1 - index)] ?? 0;
    return { low: axis.low - before * axis.stride, high: axis.high - before * axis.stride, stride: axis.stride };
  });
};

const same: Rule = (field) => field;
const all: Rule = () => 'whole';

const named = (rule: Rule, names: string): Record<string, Rule> =>
  Object.fromEntries(names.split(' ').map((name) => [name, rule]));

/** By the operators' names, without the `_` of those that work in place. */
const RULES: Readonly<Record<string, Rule>> = {
  ...named(convolution, 'conv1d conv2d conv3d'),
  ...named(pooling(true), 'max_pool1d max_pool2d max_pool3d max_pool2d_with_indices max_pool3d_with_indices'),
  ...named(pooling(false), 'avg_pool1d avg_pool2d avg_pool3d'),
  ...named(adaptive, 'adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d'),
  ...named(adaptive, 'adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d'),
  ...named(padded, 'constant_pad_nd pad'),
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
