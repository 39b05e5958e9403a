import { scope, TorchError } from '../../tensor/index.js';
import { logOperators, type LoggedOperator, type LogMark } from '../../tensor/operator-log.js';
import { formatFixed } from '../../tensor/number-format.js';
import { watchCalls } from '../call-watcher.js';
import type { Module } from '../module.js';
import { FLOP_FORMULAS, type FlopFormula } from './flop-formulas.js';
import { ModuleNames } from './module-names.js';

/** Options of {@link FlopCounter}. */
export interface FlopCounterOptions {
  /** Levels of modules in the table; default 2. */
  readonly depth?: number;
  /** More formulas by the operators' names (`my_ops::scale`), or others than PyTorch's. */
  readonly formulas?: Readonly<Record<string, FlopFormula>>;
}

/** From when to when a module ran. */
interface Span {
  readonly name: string;
  readonly from: LogMark;
  readonly to: LogMark;
}

/**
 * Counts the floating-point operations of what runs within {@link run}, forward and backward, by module and by operator, with PyTorch's
 * formulas for the operators that libtorch dispatched: products of matrices, convolutions, attention; a multiplication and an
 * addition are two. What has no formula counts nothing.
 * ```ts
 * const counter = new nn.FlopCounter();
 * counter.run(() => model.call(images).sum().backward());
 * console.log(counter.getTable());
 * ```
 * An operator of backward belongs to the modules whose call recorded it.
 * @see torch.utils.flop_counter.FlopCounterMode
 */
export class FlopCounter {
  readonly depth: number;
  readonly #formulas: Readonly<Record<string, FlopFormula>>;
  #counts = new Map<string, Map<string, number>>();

  constructor(options: FlopCounterOptions = {}) {
    this.depth = options.depth ?? 2;
    this.#formulas = { ...FLOP_FORMULAS, ...options.formulas };
  }

  /**
   * Runs `fn` and counts; what was counted before is forgotten.
   * @param fn a synchronous function.
   * @returns what `fn` returns.
   * @throws TorchError `type` for a function that returns a Promise.
   */
  run<T>(fn: () => T): T {
    this.#counts = new Map();
    const names = new ModuleNames();
    const spans: Span[] = [];
    const { result, operators } = logOperators(Object.keys(this.#formulas), (mark) => {
      const open: { name: string; from: LogMark }[] = [];
      const watcher = {
        // Named on the way in: what is called first gives its name to what is below it.
        enter: (module: Module) => void open.push({ name: names.of(module), from: mark() }),
        end: () => {
          spans.push({ ...open.pop()!, to: mark() });
        },
      };
      return watchCalls(watcher, fn);
    });
    operators.forEach((operator, index) => this.#add(operator, index, spans));
    return result;
  }

  #add({ name, args, node }: LoggedOperator, index: number, spans: readonly Span[]): void {
    const formula = this.#formulas[name];
    if (formula === undefined) throw new TorchError('internal', `there is no formula for ${name}`);
    const flops = formula(...args);
    const owners = new Set(['Global']);
    for (const { name: owner, from, to } of spans) {
      const ran = index >= from.size && index < to.size;
      const recorded = node >= from.node && node < to.node;
      if (ran || recorded) owners.add(owner);
    }
    const key = name.replace('::', '.');
    for (const owner of owners) {
      let counts = this.#counts.get(owner);
      if (counts === undefined) this.#counts.set(owner, (counts = new Map<string, number>()));
      counts.set(key, (counts.get(key) ?? 0) + flops);
    }
  }

  /** Everything that was counted. */
  getTotalFlops(): number {
    return sum(this.#counts.get('Global'));
  }

  /**
   * Counts by module, then by operator: `Global` for all, `DenseNet.features.conv0` for a module within the one that was called, and
   * `aten.convolution` for an operator.
   */
  getFlopCounts(): Map<string, Map<string, number>> {
    return new Map([...this.#counts].map(([name, counts]) => [name, new Map(counts)]));
  }

  /** The counts as PyTorch prints them. @param depth levels of modules. */
  getTable(depth = this.depth): string {
    const all = this.getTotalFlops();
    const unit = unitOf(all);
    const lines = (name: string, indent: number): string[][] => {
      const counts = this.#counts.get(name);
      const line = (words: string, flops: number): string[] => [
        ' '.repeat(indent) + words,
        inUnit(flops, unit),
        all === 0 ? '0%' : `${formatFixed((flops / all) * 100, 2)}%`,
      ];
      return [line(name, sum(counts)), ...[...(counts ?? [])].map(([key, flops]) => line(` - ${key}`, flops))];
    };
    const modules = [...this.#counts.keys()].filter((name) => name !== 'Global').sort(byCodePoints);
    const shown = modules.filter((name) => name.split('.').length <= depth);
    let rows = shown.flatMap((name) => lines(name, name.split('.').length - 1));
    // What no module holds would be missed.
    if (this.#counts.has('Global') && !shown.some((name) => sum(this.#counts.get(name)) >= all))
      rows = [...lines('Global', 0), ...rows.map(([first = '', ...rest]) => [` ${first}`, ...rest])];
    if (rows.length === 0) rows = [['Global', '0', '0%']];
    return grid([['Module', 'FLOP', '% Total'], ...rows]);
  }
}

/**
 * Operations of what `fn` runs: {@link FlopCounter} for one number. A multiplication and an addition are two, so that half of it is
 * what others call multiply-adds, or MACs.
 */
export function countFlops(fn: () => unknown): number {
  const counter = new FlopCounter();
  scope(() => void counter.run(fn));
  return counter.getTotalFlops();
}

const sum = (counts: ReadonlyMap<string, number> | undefined): number =>
  [...(counts?.values() ?? [])].reduce((total, each) => total + each, 0);

const UNITS = ['', 'K', 'M', 'B', 'T'] as const;

/** The unit of a column; a number of it may have four digits before the point. */
function unitOf(flops: number): number {
  return Math.max(0, Math.min(UNITS.length - 1, Math.floor((String(flops).length - 2) / 3)));
}

const inUnit = (flops: number, unit: number): string => `${formatFixed(flops / 1000 ** unit, 3)}${UNITS[unit] ?? ''}`;

const byCodePoints = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Columns, the first to the left and the others to the right. */
function grid(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ');
  return [line(rows[0]!), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.slice(1).map(line)].join('\n');
}
