import type { Module } from '../module.js';
import { examine, inputsFor } from './examine.js';
import { fieldRule } from './field-rules.js';
import { startField, union, type Field } from './field.js';
import { traceOperators, type TracedOperator } from './trace.js';

/** What a module reads of the input. */
export interface LayerField {
  /** Dotted path of the module. */
  readonly name: string;
  readonly className: string;
  /** The most places that one place of its output reads, along each dimension; null for all of the input. */
  readonly size: readonly number[] | null;
  /** Places between what two neighbours read; a half, say, where an output is twice as large as the input. */
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

function shown(field: Field): Pick<LayerField, 'size' | 'stride' | 'start'> {
  if (field === 'whole') return { size: null, stride: null, start: null };
  return {
    size: field.map(({ lows, highs }) => Math.max(0, ...highs.map((high, q) => high - lows[q]! + 1))),
    stride: field.map(({ lows, step }) => step / lows.length),
    start: field.map(({ lows }) => (Number.isFinite(lows[0]) ? lows[0]! : 0)),
  };
}

/** The field of what each operator makes. */
function fieldsOf(
  trace: readonly TracedOperator[],
  dimensions: number,
): { readonly fields: Field[]; readonly unknown: string[] } {
  const fields: Field[] = [];
  const unknown = new Set<string>();
  for (const operator of trace) {
    const given = operator.sources.map((source) => (source < 0 ? startField(dimensions) : fields[source]!));
    const rule = fieldRule(operator);
    if (rule === undefined) unknown.add(operator.name);
    fields.push(rule === undefined || dimensions < 1 ? 'whole' : rule(union(given), operator));
  }
  return { fields, unknown: [...unknown] };
}
