/** What a file gave, as one hash that Python makes of the same value (test/parity/io/hostile_judge.py). */
import { createHash } from 'node:crypto';
import { NdArray, Tuple } from '../../../lib/io/index.js';
import { Complex, OrderedDict, Tensor } from '../../../lib/tensor/index.js';

/**
 * Every value is walked once, however deep and however often it stands there, and also when it contains itself. Ints and
 * floats of one value are alike, as JavaScript has one kind of number.
 */
export function valueDigest(root: unknown): string {
  const hash = createHash('sha256');
  const seen = new Map<object, number>();
  const storages = new Map<number, number>();
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== 'object' || value === null) {
      hash.update(plain(value));
      continue;
    }
    const known = seen.get(value);
    if (known !== undefined) {
      hash.update(`seen ${known};`);
      continue;
    }
    // Python makes empty tuples, bytes and complex numbers anew or not as it likes
    const isConstant =
      value instanceof Uint8Array || value instanceof Complex || (value instanceof Tuple && value.length === 0);
    if (!isConstant) seen.set(value, seen.size);
    hash.update(head(value, storages));
    for (const item of items(value).reverse()) open.push(item);
  }
  return hash.digest('hex').slice(0, 32);
}

function plain(value: unknown): string {
  if (typeof value === 'number') return `number ${numberBits(value)};`;
  if (typeof value === 'bigint') return `int ${value.toString(16)};`;
  if (typeof value === 'string') return `text ${Buffer.from(value, 'utf16le').toString('hex')};`;
  return `${String(value)};`;
}

function numberBits(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString('hex');
}

function head(value: object, storages: Map<number, number>): string {
  if (value instanceof Tensor) return tensorHead(value, storages);
  if (value instanceof OrderedDict) return `ordered ${value.size};`;
  if (value instanceof Map) return `dict ${value.size};`;
  // Python's sets have an order of their own
  if (value instanceof Set) return `set ${value.size} ${[...(value as Set<unknown>)].map(member).sort().join(' ')};`;
  if (value instanceof Tuple) return `tuple ${value.length};`;
  if (Array.isArray(value)) return `list ${value.length};`;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')};`;
  if (value instanceof Complex) return `complex ${numberBits(value.re)} ${numberBits(value.im)};`;
  if (value instanceof NdArray)
    return `ndarray ${value.dtype} ${value.shape.join(',')} ${Buffer.from(value.data.buffer).toString('hex')};`;
  return `object ${value.constructor.name};`;
}

function member(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'object' : plain(value);
}

function tensorHead(tensor: Tensor, storages: Map<number, number>): string {
  const { dtype, shape, requiresGrad } = tensor;
  if (tensor.layout !== 'strided') return `tensor ${tensor.layout} ${dtype} ${shape.join(',')};`;
  const id = tensor.storageId();
  // storages without bytes have no identity in Python
  const key = tensor.storageNbytes() === 0 ? 'none' : (storages.get(id) ?? storages.size);
  if (typeof key === 'number') storages.set(id, key);
  const place = [shape.join(','), tensor.stride().join(','), tensor.storageOffset(), requiresGrad, key];
  const bytes = createHash('sha256').update(tensor.storageBytes()).digest('hex').slice(0, 16);
  return `tensor ${dtype} ${place.join(' ')} ${bytes};`;
}

function items(value: object): unknown[] {
  if (value instanceof Map)
    return [...(value as Map<unknown, unknown>)].flatMap(([key, item]) => [key === 0 ? 0 : key, item]);
  return Array.isArray(value) ? [...(value as unknown[])] : [];
}
