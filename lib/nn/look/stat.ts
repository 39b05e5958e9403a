import { Tensor } from '../../tensor/index.js';
import { watchCalls } from '../call-watcher.js';
import type { Module } from '../module.js';
import { callWith, examine, inputsFor, oneSize } from './examine.js';
import { flopsOf, maddOf, memoryOf } from './stat-formulas.js';
import { statTable } from './stat-table.js';

/** A layer without layers below it, a row of {@link stat}. */
export interface StatRow {
  /** Dotted path of the module. */
  readonly name: string;
  readonly className: string;
  /** Sizes without the batch; zeros for a layer that did not run. */
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  readonly parameters: number;
  /** Bytes of the output of one picture, four for each element. */
  readonly memoryBytes: number;
  /** Multiplications and additions, each counted; 0 where torchstat knows no formula. */
  readonly madd: number;
  /** What torchstat calls Flops: multiply-adds. */
  readonly flops: number;
  /** Bytes read: input and parameters. */
  readonly memRead: number;
  /** Bytes written: output. */
  readonly memWrite: number;
  /** Seconds of the last call. */
  readonly duration: number;
  /** How often it ran; the rest is of the last time, as in torchstat. */
  readonly calls: number;
}

/** What {@link stat} found. As text it is torchstat's table. */
export class StatReport {
  /** @internal */
  constructor(
    readonly rows: readonly StatRow[],
    /** Classes that a column has no formula for, by the column. */
    readonly unsupported: Readonly<Record<'MAdd' | 'Flops' | 'Memory', readonly string[]>>,
  ) {}

  /** Of all rows. */
  total(column: 'parameters' | 'memoryBytes' | 'madd' | 'flops' | 'memRead' | 'memWrite' | 'duration'): number {
    return this.rows.reduce((sum, row) => sum + row[column], 0);
  }

  toString(): string {
    return statTable(this);
  }
}

/**
 * What torchstat tells of a network: for each layer parameters, memory, multiplications and additions, multiply-adds, bytes read and written, time.
 * The network runs once for one picture, in its eval mode and without gradients; its mode, its running statistics and the generators are
 * afterwards what they were. Only modules are seen, as there: a ReLU that is called as a function has no row.
 * ```ts
 * console.log(String(nn.stat(models.resnet18(), [3, 224, 224])));
 * ```
 * @param inputSize without the batch.
 * @throws TorchError `value` for sizes that are none; what the network throws, with the sizes and the module.
 */
export function stat(net: Module, inputSize: readonly number[]): StatReport {
  return examine(net, { mode: 'eval' }, () => {
    const [picture] = inputsFor(net, { inputSize: [1, ...oneSize(inputSize)] });
    const runs = new Map<Module, Run>();
    const starts: number[] = [];
    const watcher = {
      enter: () => void starts.push(performance.now()),
      leave: (module: Module, input: readonly unknown[], output: unknown) => {
        const seconds = (performance.now() - starts.at(-1)!) / 1000;
        const [first, second] = input;
        if (!(first instanceof Tensor) || !(output instanceof Tensor)) return;
        const calls = (runs.get(module)?.calls ?? 0) + 1;
        const other = second instanceof Tensor ? second.shape : undefined;
        const { shape: sizes, itemsize } = first;
        runs.set(module, { sizes, second: other, output: output.shape, itemsize, seconds, calls });
      },
      end: () => void starts.pop(),
    };
    // The first run of an operator takes longer: it is not the layer's time.
    callWith(net, [picture!]);
    watchCalls(watcher, () => callWith(net, [picture!]));
    const unsupported = { MAdd: new Set<string>(), Flops: new Set<string>(), Memory: new Set<string>() };
    const rows = net
      .namedModules()
      .filter(([, module]) => module.children().length === 0)
      .map(([name, module]) => rowOf(name, module, runs.get(module), unsupported));
    const { MAdd, Flops, Memory } = unsupported;
    return new StatReport(rows, { MAdd: [...MAdd], Flops: [...Flops], Memory: [...Memory] });
  });
}

interface Run {
  readonly sizes: readonly number[];
  readonly second: readonly number[] | undefined;
  readonly output: readonly number[];
  readonly itemsize: number;
  readonly seconds: number;
  readonly calls: number;
}

const NOTHING: Run = {
  sizes: [1, 0, 0, 0],
  second: undefined,
  output: [1, 0, 0, 0],
  itemsize: 4,
  seconds: 0,
  calls: 0,
};

function rowOf(
  name: string,
  module: Module,
  run: Run = NOTHING,
  unsupported: Readonly<Record<'MAdd' | 'Flops' | 'Memory', Set<string>>>,
): StatRow {
  const { sizes, second, output, itemsize, seconds, calls } = run;
  const className = module.className();
  const known = <T>(column: 'MAdd' | 'Flops' | 'Memory', value: T | undefined, otherwise: T): T => {
    if (calls === 0) return otherwise;
    if (value === undefined) unsupported[column].add(className);
    return value ?? otherwise;
  };
  const [reads, writes] = known('Memory', memoryOf(module, sizes, output), [0, 0] as const);
  return {
    name,
    className,
    inputShape: sizes.slice(1),
    outputShape: output.slice(1),
    parameters: calls === 0 ? 0 : module.parameters().reduce((sum, each) => sum + each.numel(), 0),
    memoryBytes: 4 * output.slice(1).reduce((all, each) => all * each, 1),
    madd: known('MAdd', maddOf(module, sizes, output, second), 0),
    flops: known('Flops', flopsOf(module, sizes, output), 0),
    memRead: reads * itemsize,
    memWrite: writes * itemsize,
    duration: seconds,
    calls,
  };
}
