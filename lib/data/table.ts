import { tensor, TorchError, type Tensor } from '../tensor/index.js';

/** A field of a table; null is a gap. */
export type Field = string | null;

/** What a column holds: numbers (and gaps) alone, or texts. */
export type ColumnKind = 'number' | 'text';

/** Digits, point and exponent, or the words that pandas takes for numbers too. */
const NUMBER = /^[ \t]*[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf(inity)?)[ \t]*$/i;

/** A table of named columns. */
export class Table {
  readonly #columns: ReadonlyMap<string, readonly Field[]>;

  /** @param length rows. */
  constructor(
    columns: ReadonlyMap<string, readonly Field[]>,
    readonly length: number,
  ) {
    this.#columns = columns;
  }

  /** Names of the columns, in order. */
  get columns(): string[] {
    return [...this.#columns.keys()];
  }

  /** @throws TorchError `value` for a column that there is not. */
  fields(name: string): readonly Field[] {
    const fields = this.#columns.get(name);
    if (fields !== undefined) return fields;
    throw new TorchError('value', `there is no column ${JSON.stringify(name)}; there are ${this.columns.join(', ')}`);
  }

  /** Numbers where no field is anything else; a column of gaps alone is one of numbers, as in pandas. */
  kind(name: string): ColumnKind {
    return this.fields(name).every((field) => field === null || NUMBER.test(field)) ? 'number' : 'text';
  }

  /** The numbers of a column; NaN for a gap. @throws TorchError `value` for what is no number. */
  numbers(name: string): Float64Array {
    return Float64Array.from(this.fields(name), (field, row) => {
      if (field === null) return NaN;
      if (!NUMBER.test(field)) {
        throw new TorchError('value', `column ${name}: row ${row + 1} holds ${JSON.stringify(field)}, no number`);
      }
      const text = field.trim();
      return /inf/i.test(text) ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text);
    });
  }

  /** A column of numbers as float32 `[N, 1]`, owned by the current scope. @throws TorchError `value` for what is no number. */
  tensor(name: string): Tensor {
    return tensor(Float32Array.from(this.numbers(name)), { shape: [this.length, 1] });
  }
}
