/** What describe() of torch_files.py makes of a value, made of ours. */
import { createHash } from 'node:crypto';
import { NdArray, Tuple } from '../../../lib/io/index.js';
import { Complex, ops, OrderedDict, PyFloat, Tensor } from '../../../lib/tensor/index.js';

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 24);

const { aten } = ops;

/** Tensors that are not strided, quantized, without elements, or wait for something. */
function describeSpecial(value: Tensor, inner: (each: unknown) => unknown): unknown {
  const { layout, shape } = value;
  if (layout !== 'strided') {
    const coo = layout === 'sparse_coo';
    const rows = layout === 'sparse_csr' || layout === 'sparse_bsr';
    const compressed = rows ? ['crow_indices', 'col_indices'] : ['ccol_indices', 'row_indices'];
    const names = coo ? ['_indices', '_values'] : [...compressed, 'values'];
    const parts = names.map((name) => inner(aten<Tensor>(name, value)));
    return ['sparse', layout, coo ? aten<boolean>('is_coalesced', value) : null, shape, parts];
  }
  if (value.device === 'meta') return ['meta', value.dtype, shape, value.stride(), value.requiresGrad];
  if (value.dtype.startsWith('q')) {
    const place = [shape, value.stride(), value.storageOffset()];
    return ['quantized', value.dtype, ...place, sha(value.dequantize().contiguous().bytes())];
  }
  if (value.isConj() || value.isNeg()) {
    const plain = value.detach().resolveConj().resolveNeg().contiguous();
    return ['waiting', value.isConj(), value.isNeg(), describeValue(plain, new Map())];
  }
  return undefined;
}

/** What describe() of torch_files.py makes of the same value. */
export function describeValue(value: unknown, storages: Map<number, number>): unknown {
  const inner = (each: unknown): unknown => describeValue(each, storages);
  const pairs = (map: Map<unknown, unknown>): unknown[] => [...map].map(([key, each]) => [inner(key), inner(each)]);
  if (value instanceof Tensor) {
    const special = describeSpecial(value, inner);
    if (special !== undefined) return special;
    const id = value.storageNbytes() === 0 ? -1 - storages.size : value.storageId();
    if (!storages.has(id)) storages.set(id, storages.size);
    const place = [value.shape, value.stride(), value.storageOffset()];
    return ['tensor', value.dtype, ...place, value.requiresGrad, storages.get(id), sha(value.storageBytes())];
  }
  if (value instanceof NdArray) {
    return ['ndarray', value.dtype, value.shape, sha(new Uint8Array(value.data.buffer))];
  }
  if (value instanceof OrderedDict) {
    const metadata = value.metadata && [...value.metadata].map(([key, versions]) => [key, [...versions]]);
    return ['ordered', pairs(value), metadata ?? null];
  }
  if (value instanceof Map) return ['dict', pairs(value)];
  if (value instanceof Tuple) return ['tuple', value.map(inner)];
  if (Array.isArray(value)) return ['list', value.map(inner)];
  if (value instanceof Set) return ['set', [...(value as Set<number>)].sort((a, b) => a - b)];
  if (value instanceof Uint8Array) return ['bytes', [...value]];
  if (value instanceof Complex) return ['complex', value.re, value.im];
  if (value instanceof PyFloat) return ['number', value.value];
  if (typeof value === 'number' || typeof value === 'bigint') return ['number', Number(value)];
  return value;
}

/** JavaScript has one kind of number: Python's ints and floats are compared by value. */
export function asNumbers(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const [kind, text] = value as [unknown, unknown];
  if (kind === 'int' && value.length === 2) return ['number', Number(text)];
  if (kind === 'float' && value.length === 2) return ['number', fromHex(String(text))];
  return value.map(asNumbers);
}

/** Python's float.hex(). */
function fromHex(text: string): number {
  if (/inf|nan/.test(text)) return Number(text.replace('inf', 'Infinity'));
  const [, sign, lead, fraction = '', exponent] = /^(-?)0x(\d)(?:\.([0-9a-f]*))?p([+-]\d+)$/.exec(text)!;
  const mantissa = Number(BigInt(`0x${lead!}${fraction}`)) * 2 ** (-4 * fraction.length);
  return (sign === '-' ? -1 : 1) * mantissa * 2 ** Number(exponent);
}
