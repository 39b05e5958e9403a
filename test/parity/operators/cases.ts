/** The cases that generate.py wrote, and their arguments as the addon takes them. */
import fs from 'node:fs';
import path from 'node:path';
import {
  Complex,
  type DType,
  float,
  type Layout,
  fromBytes,
  type OperatorArgument,
  ops,
  Tensor,
} from '../../../lib/tensor/index.js';

/** A value as values.py writes it. */
export type Written =
  | null
  | boolean
  | number
  | { t: number }
  | { i: string }
  | { f: number | string }
  | { c: [Written, Written] }
  | { s: string }
  | { d: string }
  | { e: string }
  | Written[];

export interface Case {
  kind: 'function' | 'method' | 'raw';
  name: string;
  args: Written[];
  kwargs: Record<string, Written>;
  variation: string;
  /** Whether the first argument is changed. */
  inPlace: boolean;
  seed: number;
  /** False where the elements of the result are whatever the memory held. */
  bits: boolean;
}

/** What came of a case; everything that can be seen of it in lines (evaluate.py). */
export interface Outcome {
  results?: string;
  arguments?: string;
  gradients?: string;
  error?: string;
  gradientError?: string;
  /** Python's class of the error. */
  type?: string;
}

interface TensorEntry {
  dtype: DType;
  shape: number[];
  stride: number[];
  offset: number;
  storage: [number, number];
  grad: boolean;
  layout: Layout;
}

export interface CaseFile {
  cases: Case[];
  tensors: TensorEntry[];
  storages: Uint8Array;
}

export function readCases(folder: string): CaseFile {
  const json = fs.readFileSync(path.join(folder, 'cases.json'), 'utf8');
  return {
    ...(JSON.parse(json) as Pick<CaseFile, 'cases' | 'tensors'>),
    storages: fs.readFileSync(path.join(folder, 'storages.bin')),
  };
}

function number(written: Written): number {
  if (typeof written === 'number') return written;
  const held = (written as { f: number | string }).f;
  return typeof held === 'number' ? held : { nan: NaN, inf: Infinity, '-inf': -Infinity }[held]!;
}

function sparse(dense: Tensor, layout: Layout): Tensor {
  const blocksize = layout === 'sparse_bsr' || layout === 'sparse_bsc' ? [1, 1] : null;
  return ops.aten<Tensor>('to_sparse', dense, { layout, blocksize });
}

/** The values of one case, its tensors made anew. */
export class Reader {
  readonly made = new Map<number, Tensor>();

  /** @param bigints makes bigints of ints: where no tensor decides the dtype, a number would be a float. */
  constructor(
    private readonly file: CaseFile,
    private readonly bigints: boolean,
  ) {}

  tensor(index: number): Tensor {
    let made = this.made.get(index);
    if (made === undefined) {
      const entry = this.file.tensors[index]!;
      const [start, size] = entry.storage;
      const storage = fromBytes(this.file.storages.subarray(start, start + size), [size], 'uint8');
      made = storage.viewStorage(entry.dtype, entry.shape, entry.stride, entry.offset);
      if (entry.layout !== 'strided') made = sparse(made, entry.layout);
      made.requiresGrad = entry.grad;
      this.made.set(index, made);
    }
    return made;
  }

  value(written: Written): OperatorArgument {
    if (Array.isArray(written)) return written.map((each) => this.value(each));
    if (typeof written === 'number' && this.bigints) return BigInt(written);
    if (written === null || typeof written !== 'object') return written;
    if ('t' in written) return this.tensor(written.t);
    if ('i' in written) return BigInt(written.i);
    if ('c' in written) return new Complex(number(written.c[0]), number(written.c[1]));
    if ('f' in written) {
      const value = number(written);
      return Number.isInteger(value) ? float(value) : value;
    }
    if ('s' in written) return written.s;
    return 'd' in written ? written.d : written.e;
  }

  named(written: Record<string, Written>): Record<string, OperatorArgument> {
    return Object.fromEntries(Object.entries(written).map(([name, value]) => [name, this.value(value)]));
  }

  /** Those that require gradients, in the order in which the case names them. */
  leaves(): Tensor[] {
    return [...this.made.values()].filter((each) => each.requiresGrad);
  }
}
