import { Linear } from '../linear.js';
import type { Module } from '../module.js';
import { isWeightedLayer } from './counts.js';
import { examine, inputsFor } from './examine.js';
import { groupOperators, type OperatorGroup } from './operator-groups.js';
import { traceOperators, type TracedOperator } from './trace.js';

/** A step of a network's computation, with what belongs to it: a convolution with its batch normalisation and ReLU, a dense layer, an addition. */
export interface GraphNode {
  /** Dotted path of the module, or of the first one of the step. */
  readonly path: string;
  /** Class of that module; for a function the operator, such as `add`. */
  readonly className: string;
  /** What the step does, such as `7×7 conv, 64 /2`: the kernel, channels, stride. */
  readonly label: string;
  /** Sizes of its output without the batch. */
  readonly shape: readonly number[];
  /** The enclosing module that is drawn around it, such as a dense block, with its class. */
  readonly group: { readonly path: string; readonly className: string } | undefined;
  /** Layers with weights in it. */
  readonly layers: number;
  readonly kind: 'conv' | 'linear' | 'pool' | 'add' | 'concat' | 'other';
}

/** A graph of what a network computes, as {@link networkGraph} finds it. */
export interface NetworkGraph {
  readonly name: string;
  readonly inputShape: readonly number[];
  readonly nodes: readonly GraphNode[];
  /** From which node to which, -1 for the input. What is joined by a concatenation comes from each of the joined. */
  readonly edges: readonly (readonly [number, number])[];
  /** Most layers with weights on a way from the input to the output: the number in the names of ResNets, VGGs and DenseNets. */
  readonly depth: number;
}

/**
 * What a network computes for such an input, from the operators that it dispatches: steps and which reads which. Operators that only
 * follow another, and modules that are a chain, are one step; features that are joined and used elsewhere too lead to the reader.
 * @param inputSize with the batch: `[1, 3, 224, 224]`.
 * @throws TorchError `value` for sizes that are none; what the network throws, with the sizes and the module.
 */
export function networkGraph(net: Module, inputSize: readonly number[]): NetworkGraph {
  return examine(net, { mode: 'eval' }, () => {
    const trace = traceOperators(net, inputsFor(net, { inputSize }));
    const groups = groupOperators(trace);
    const nodes = groups.map((group) => nodeOf(group, trace, net, groups));
    const edges = groups.flatMap((group, to) => group.sources.map((from) => [from, to] as const));
    return { name: net.className(), inputShape: inputSize.slice(1), nodes, edges, depth: weightedDepth(trace) };
  });
}

/** Most layers with weights on a way through the operators. */
export function weightedDepth(trace: readonly TracedOperator[]): number {
  const depths: number[] = [];
  for (const operator of trace) {
    const before = Math.max(0, ...operator.sources.map((source) => (source < 0 ? 0 : depths[source]!)));
    depths.push(before + (isWeighted(operator) ? 1 : 0));
  }
  return Math.max(0, ...depths);
}

/** Whether an operator is that of a layer with weights; not what such a layer does besides, such as padding. */
function isWeighted({ name, calls }: TracedOperator): boolean {
  const module = calls.at(-1)?.module;
  return module !== undefined && isWeightedLayer(module) && /conv|linear/.test(name);
}

const KINDS: readonly (readonly [RegExp, GraphNode['kind']])[] = [
  [/conv/, 'conv'],
  [/^(bi)?linear$|^(add)?mm$|matmul/, 'linear'],
  [/pool|^mean$/, 'pool'],
  [/^add_?$/, 'add'],
  [/^(cat|concat)$/, 'concat'],
];

/** What an operator does, as far as a picture tells it apart. */
export const kindOf = (name: string): GraphNode['kind'] =>
  KINDS.find(([pattern]) => pattern.test(name))?.[1] ?? 'other';

function nodeOf(
  group: OperatorGroup,
  trace: readonly TracedOperator[],
  net: Module,
  groups: readonly OperatorGroup[],
): GraphNode {
  const operators = group.operators.map((index) => trace[index]!);
  const main = operators.find(({ name }) => kindOf(name) !== 'other') ?? operators[0]!;
  // What only reshapes says little of a picture.
  const last = operators.findLast((each) => !/^(flatten|view|reshape|squeeze)$/.test(each.name)) ?? main;
  const whole = group.call ?? main.calls.at(-1)!;
  const isFunction = whole.module.children().length > 0 && group.call === undefined;
  const name = main.name.replace(/_$/, '');
  return {
    // A function of the network itself has no name: that of what comes before it in the step.
    path: whole.path === '' ? operators[0]!.calls.at(-1)!.path : whole.path,
    className: isFunction ? name : whole.module.className(),
    label: labelOf(operators, main),
    shape: last.shape.slice(1),
    group: enclosing(group, trace, net, groups),
    layers: operators.filter(isWeighted).length,
    kind: operators.some(({ name: each }) => kindOf(each) === 'conv') ? 'conv' : kindOf(main.name),
  };
}

/** A step in a few words: its convolutions, products and poolings, or else what it does first. */
function labelOf(operators: readonly TracedOperator[], main: TracedOperator): string {
  const told = operators.filter(({ name }) => ['conv', 'linear', 'pool'].includes(kindOf(name)));
  return (told.length > 0 ? told : [main]).map(operatorLabel).join(' + ');
}

function operatorLabel(operator: TracedOperator): string {
  const { name, args, calls, shape } = operator;
  if (kindOf(name) === 'conv') return convolutionLabel(operator);
  const module = calls.at(-1)?.module;
  if (module instanceof Linear) return `linear, ${module.outFeatures}`;
  if (/^adaptive_(avg|max)_pool/.test(name))
    return `${name.includes('avg') ? 'mean' : 'maximum'} to ${shape.slice(2).join('×')}`;
  const window = /^(max|avg)_pool\d/.exec(name);
  if (window !== null) return `${sizesText(args[1])} ${window[1] ?? ''} pool${strideText(args[2] ?? args[1])}`;
  return name.replace(/_$/, '').replaceAll('_', ' ');
}

function convolutionLabel({ args, shape }: TracedOperator): string {
  const [, weight, , stride] = args;
  return `${sizesText((weight as number[]).slice(2))} conv, ${shape[1] ?? ''}${strideText(stride)}`;
}

function sizesText(sizes: unknown): string {
  return Array.isArray(sizes) ? sizes.join('×') : `${String(sizes)}×${String(sizes)}`;
}

function strideText(stride: unknown): string {
  const list: readonly unknown[] = Array.isArray(stride) ? (stride as unknown[]) : [stride];
  return list.every((each) => each === 1 || each === undefined) ? '' : ` /${String(list[0])}`;
}

/** The innermost module around a step that is more than a list of layers, and holds other steps too. */
function enclosing(
  group: OperatorGroup,
  trace: readonly TracedOperator[],
  net: Module,
  groups: readonly OperatorGroup[],
): GraphNode['group'] {
  const calls = trace[group.operators[0]!]!.calls;
  const own = group.call === undefined ? calls.length : calls.indexOf(group.call);
  for (const call of calls.slice(0, own).reverse()) {
    const { module, path } = call;
    if (module === net || module.children().length === 0) continue;
    if (['Sequential', 'ModuleList', 'ModuleDict'].includes(module.className())) continue;
    const inside = groups.filter((other) => trace[other.operators[0]!]!.calls.includes(call));
    if (inside.length > 1) return { path, className: module.className() };
  }
  return undefined;
}
