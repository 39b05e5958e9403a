import { tensor, TorchError, type Tensor } from '../tensor/index.js';
import { pairwiseSum } from './pairwise-sum.js';
import type { Field, Table } from './table.js';

/** Options of {@link TableEncoder}. */
export interface TableEncoderOptions {
  /** Columns to leave out: the target, numbers of rows. */
  readonly leaveOut?: readonly string[];
  /** Whether every text column gets a feature for its gaps; default true. */
  readonly dummyNa?: boolean;
}

interface NumberColumn {
  readonly name: string;
  readonly mean: number;
  readonly std: number;
}

interface TextColumn {
  readonly name: string;
  /** Place of each text among the features. */
  readonly places: ReadonlyMap<string, number>;
  /** Place of a gap; undefined where it has none. */
  readonly gap: number | undefined;
}

/**
 * Turns tables into features as the house-price notes do with pandas: columns of numbers first, less their mean and divided
 * by their standard deviation, 0 for gaps; then one feature for each text of each other column, in the order of the texts,
 * and one for its gaps (`get_dummies(dummy_na=True)`).
 * ```ts
 * const encoder = new TableEncoder([train, test], { leaveOut: ['Id', 'SalePrice'] });
 * const features = encoder.encode(train);
 * ```
 */
export class TableEncoder {
  /** Name of each feature: `LotArea`, `MSZoning_RL`, `MSZoning_nan`. */
  readonly features: readonly string[];
  readonly #numbers: readonly NumberColumn[];
  readonly #texts: readonly TextColumn[];

  /**
   * @param tables what means, deviations and texts are taken from, all of them together: training and test table.
   * @throws TorchError `value` for tables without rows or columns in common.
   */
  constructor(tables: readonly Table[], { leaveOut = [], dummyNa = true }: TableEncoderOptions = {}) {
    const [first, ...others] = tables;
    const names = (first?.columns ?? []).filter(
      (name) => !leaveOut.includes(name) && others.every((table) => table.columns.includes(name)),
    );
    if (names.length === 0) throw new TorchError('value', 'Expected tables with columns in common');
    const isNumber = (name: string): boolean => tables.every((table) => table.kind(name) === 'number');
    this.#numbers = names.filter(isNumber).map((name) => measure(name, tables));
    const features = this.#numbers.map(({ name }) => name);
    this.#texts = names
      .filter((name) => !isNumber(name))
      .map((name) => {
        const texts = distinct(tables.map((table) => table.fields(name)));
        const places = new Map(texts.map((text) => [text, features.push(`${name}_${text}`) - 1]));
        return { name, places, gap: dummyNa ? features.push(`${name}_nan`) - 1 : undefined };
      });
    this.features = features;
  }

  /**
   * The features of a table, whose texts are all known or get none.
   * @returns float32 `[N, features]`, owned by the current scope.
   * @throws TorchError `value` for a column that is missing, or holds texts where there were numbers.
   */
  encode(table: Table): Tensor {
    const width = this.features.length;
    const values = new Float32Array(table.length * width);
    this.#numbers.forEach(({ name, mean, std }, place) => {
      table.numbers(name).forEach((value, row) => {
        const scaled = (value - mean) / std;
        values[row * width + place] = Number.isNaN(scaled) ? 0 : scaled;
      });
    });
    for (const { name, places, gap } of this.#texts) {
      table.fields(name).forEach((field, row) => {
        const place = field === null ? gap : places.get(field);
        if (place !== undefined) values[row * width + place] = 1;
      });
    }
    return tensor(values, { shape: [table.length, width] });
  }
}

/** Mean and standard deviation (of a sample) over what there is, summed as numpy sums. */
function measure(name: string, tables: readonly Table[]): NumberColumn {
  const all = Float64Array.from(tables.flatMap((table) => [...table.numbers(name)]));
  const there = all.map((value) => (Number.isNaN(value) ? 0 : 1));
  const count = pairwiseSum(there);
  const mean = pairwiseSum(all.map((value, i) => (there[i] === 0 ? 0 : value))) / count;
  const squares = all.map((value, i) => (there[i] === 0 ? 0 : (mean - value) * (mean - value)));
  return { name, mean, std: Math.sqrt(pairwiseSum(squares) / (count - 1)) };
}

function distinct(columns: readonly (readonly Field[])[]): string[] {
  const texts = new Set(columns.flat().filter((field) => field !== null));
  // Python's order of texts: by code points.
  return [...texts].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
