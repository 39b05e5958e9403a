import { Tensor, TorchError } from '../../tensor/index.js';
import { watchCalls } from '../call-watcher.js';
import type { Module } from '../module.js';
import { countLayers, type LayerCounts } from './counts.js';
import { callWith, examine, inputsFor, sizesOf, type ExamineInput } from './examine.js';
import { FlopCounter } from './flop-counter.js';
import { LayerInfo, multiplyAdds, type Place } from './layer-info.js';
import {
  COLUMNS,
  ROW_SETTINGS,
  summaryTable,
  type SummaryColumn,
  type SummaryRowSetting,
  type TableSettings,
} from './summary-table.js';

/** Options of {@link summary}, as torchinfo's. */
export interface SummaryOptions extends ExamineInput {
  /** Position at which a batch of 1 is put into the sizes of `inputSize`; default: they hold the batch. */
  readonly batchDim?: number | undefined;
  /** Columns in their order; default `output_size`, `num_params`, without an input `num_params`. */
  readonly colNames?: readonly SummaryColumn[] | undefined;
  /** Characters of a column; default 25. */
  readonly colWidth?: number | undefined;
  /** Levels of modules that are shown; default 3. */
  readonly depth?: number | undefined;
  /** Mode in which the network runs; default `eval`. */
  readonly mode?: 'train' | 'eval' | undefined;
  /** What names a row; default `depth`. */
  readonly rowSettings?: readonly SummaryRowSetting[] | undefined;
}

/** What {@link summary} found. As text it is torchinfo's table. */
export class ModelStatistics {
  readonly totalParams: number;
  readonly trainableParams: number;
  /** Multiply-adds as torchinfo counts them: a layer's parameters (its bias too) for each place of its output. */
  readonly totalMultAdds: number;
  /** Bytes of the inputs. */
  readonly totalInput: number;
  /** Bytes of the outputs of layers with parameters, twice: for their gradients. */
  readonly totalOutputBytes: number;
  readonly totalParamBytes: number;

  /** @internal */
  constructor(
    /** Every call of a module, in order. */
    readonly layers: readonly LayerInfo[],
    /** Sizes of the inputs; none where the network did not run. */
    readonly inputSize: readonly (readonly number[])[],
    totalInput: number,
    /** Operations of the operators that libtorch dispatched in the forward pass, a multiplication and an addition as two. */
    readonly flops: number,
    /** Layers with weights, as the 121 of DenseNet-121 are counted. */
    readonly weightedLayers: LayerCounts,
    private readonly settings: TableSettings,
  ) {
    const leaves = layers.filter((each) => each.isLeaf);
    const fresh = layers.filter((each) => !each.isRecursive);
    const total = (list: readonly LayerInfo[], of: (layer: LayerInfo) => number): number =>
      list.reduce((sum, each) => sum + of(each), 0);
    this.totalParams = total(fresh, (each) => Math.max(0, each.ownParams));
    this.trainableParams = total(fresh, (each) => Math.max(0, each.ownTrainableParams));
    this.totalMultAdds = total(leaves, (each) => each.macs);
    this.totalInput = totalInput;
    this.totalOutputBytes = 2 * total(leaves, (each) => (each.numParams > 0 ? each.outputBytes : 0));
    this.totalParamBytes = total(
      leaves.filter((each) => !each.isRecursive),
      (each) => each.paramBytes,
    );
  }

  toString(): string {
    return summaryTable(this, this.settings);
  }
}

/**
 * What torchinfo tells of a network: a tree of its modules in the order in which they ran, with shapes, parameters, multiply-adds
 * and sizes. The network runs once without gradients, or not at all where neither `inputSize` nor `inputData` is given; its mode, its running
 * statistics and the generators are afterwards what they were.
 * ```ts
 * console.log(String(nn.summary(models.resnet18(), { inputSize: [1, 3, 224, 224], depth: 1 })));
 * ```
 * @throws TorchError `value` for an option that cannot be; what the network throws, with the sizes and the module.
 */
export function summary(net: Module, options: SummaryOptions = {}): ModelStatistics {
  const { colWidth = 25, depth = 3, mode = 'eval', rowSettings = ['depth'], batchDim } = options;
  const runs = options.inputSize !== undefined || options.inputData !== undefined;
  const colNames = options.colNames ?? (runs ? ['output_size', 'num_params'] : ['num_params']);
  checkOptions({ colNames, colWidth, depth, rowSettings, runs });
  const places = placesOf(net);
  const settings = { colNames, colWidth, depth, rowSettings };
  if (!runs) {
    const layers = [...places].map(([module, place]) => new LayerInfo(module, place));
    return new ModelStatistics(inTree(layers), [], 0, 0, countLayers(net), settings);
  }
  const input = batchDim === undefined ? options : withBatch(options, batchDim);
  return examine(net, { mode }, () => {
    const inputs = inputsFor(net, input);
    const counter = new FlopCounter();
    const layers = runLayers(places, () => counter.run(() => callWith(net, inputs)));
    const bytes = inputs.reduce((sum, each) => sum + each.numel() * each.itemsize, 0);
    const sizes = inputs.map((each) => each.shape);
    return new ModelStatistics(inTree(layers), sizes, bytes, counter.getTotalFlops(), countLayers(net), settings);
  });
}

function checkOptions(given: {
  readonly colNames: readonly string[];
  readonly colWidth: number;
  readonly depth: number;
  readonly rowSettings: readonly string[];
  readonly runs: boolean;
}): void {
  const { colNames, colWidth, depth, rowSettings, runs } = given;
  const oneOf = (what: string, list: readonly string[], names: readonly string[]): void => {
    const wrong = list.find((each) => !names.includes(each));
    if (wrong !== undefined)
      throw new TorchError('value', `Expected ${names.join(', ')} for ${what} of a summary but received ${wrong}`);
  };
  oneOf('colNames', colNames, Object.keys(COLUMNS));
  oneOf('rowSettings', rowSettings, ROW_SETTINGS);
  for (const [name, value, least] of [
    ['colWidth', colWidth, 1],
    ['depth', depth, 0],
  ] as const)
    if (!Number.isSafeInteger(value) || value < least)
      throw new TorchError(
        'value',
        `Expected an integer from ${least} for ${name} of a summary but received ${String(value)}`,
      );
  const needs = colNames.find((each) => !['num_params', 'params_percent', 'kernel_size', 'trainable'].includes(each));
  if (!runs && needs !== undefined)
    throw new TorchError(
      'value',
      `Expected inputSize or inputData for the column ${needs} of a summary but received neither`,
    );
}

function withBatch({ inputSize, ...rest }: ExamineInput, batchDim: number): ExamineInput {
  if (inputSize === undefined) throw new TorchError('value', 'Expected inputSize with batchDim but received inputData');
  const sizes = sizesOf(inputSize).map((size) => {
    if (!Number.isInteger(batchDim) || batchDim < 0 || batchDim > size.length)
      throw new TorchError('value', `Expected 0 to ${size.length} for batchDim but received ${String(batchDim)}`);
    return [...size.slice(0, batchDim), 1, ...size.slice(batchDim)];
  });
  return { ...rest, inputSize: sizes };
}

/** Where modules stand in the tree; a module that stands in several places, at the last. */
function placesOf(net: Module): Map<Module, Place> {
  const places = new Map<Module, Place>();
  const walk = (module: Module, place: Place): void => {
    places.set(module, place);
    for (const [name, child] of module.members().children)
      if (child !== null) walk(child, { name, depth: place.depth + 1, parent: module });
  };
  walk(net, { name: net.className(), depth: 0, parent: undefined });
  return places;
}

/** A layer for every call of a module of the tree while `run` runs. */
function runLayers(places: ReadonlyMap<Module, Place>, run: () => unknown): LayerInfo[] {
  const layers: LayerInfo[] = [];
  const seen = new Set<Module>();
  const open: (LayerInfo | undefined)[] = [];
  const watcher = {
    enter: (module: Module) => {
      const place = places.get(module);
      const layer = place && new LayerInfo(module, place, { again: seen.has(module), places });
      open.push(layer);
      if (layer === undefined) return;
      seen.add(module);
      layers.push(layer);
    },
    leave: (module: Module, input: readonly unknown[], output: unknown) => {
      const layer = open.at(-1);
      if (layer === undefined) return;
      layer.inputSize = firstTensor(input)?.shape ?? [];
      const result = firstTensor(output);
      layer.outputSize = result?.shape ?? [];
      layer.outputBytes = result === undefined ? 0 : result.numel() * result.itemsize;
      layer.macs = multiplyAdds(module, layer.outputSize);
    },
    end: () => void open.pop(),
  };
  watchCalls(watcher, run);
  return layers;
}

/** The first tensor within arrays and objects. */
function firstTensor(value: unknown): Tensor | undefined {
  if (value instanceof Tensor) return value;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const each of Array.isArray(value) ? (value as unknown[]) : Object.values(value)) {
    const found = firstTensor(each);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Puts what was not called itself, such as a ModuleList, above what it holds; counts layers level by level; finds what is below each. */
function inTree(calls: readonly LayerInfo[]): LayerInfo[] {
  const layers: LayerInfo[] = [];
  const above: (LayerInfo | undefined)[] = [];
  const known = new Set(calls.map(({ module }) => module));
  for (const call of calls) {
    for (const missing of call.ancestors()) {
      if (above[missing.place.depth]?.module === missing.module) continue;
      missing.isRecursive = known.has(missing.module) && missing.numParams > 0;
      known.add(missing.module);
      layers.push(missing);
      above.splice(missing.place.depth, Infinity, missing);
    }
    layers.push(call);
    above.splice(call.place.depth, Infinity, call);
  }
  const counts: number[] = [];
  layers.forEach((layer, index) => {
    const { depth } = layer.place;
    layer.depthIndex = counts[depth] = (counts[depth] ?? 0) + 1;
    const end = layers.findIndex((other, at) => at > index && other.place.depth <= depth);
    layer.children = layers.slice(index + 1, end < 0 ? undefined : end);
  });
  return layers;
}
