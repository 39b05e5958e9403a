/** Whether two values that were read are the same in everything that one can see of them. */
import { NdArray, Tuple } from '../../../lib/io/index.js';
import { Complex, OrderedDict, Tensor } from '../../../lib/tensor/index.js';

/**
 * Compares classes, order, numbers bit by bit, what stands in several places, and of tensors their place, the storages that they
 * share, the bytes of these, and what autograd knows.
 * @returns where they differ first, and in what; undefined where they do not.
 */
export function difference(first: unknown, second: unknown): string | undefined {
  const partners = new Map<object, object>();
  const storages = [new Map<number, number>(), new Map<number, number>()] as const;
  const open: [unknown, unknown, string][] = [[first, second, '$']];
  const pair = (a: unknown, b: unknown, place: string): void => {
    open.push([a, b, place]);
  };
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [a, b, place] = next;
    if (!isObject(a) || !isObject(b)) {
      if (!Object.is(a, b)) return `${place}: ${String(a)} and ${String(b)}`;
      continue;
    }
    const known = partners.get(a);
    if (known !== undefined) {
      if (known !== b) return `${place}: one object where there are two`;
      continue;
    }
    partners.set(a, b);
    const [headA, headB] = [head(a, storages[0]), head(b, storages[1])];
    if (headA !== headB) return `${place}: ${headA} and ${headB}`;
    if (isPlain(a) && isPlain(b) && !Buffer.from(a.storageBytes()).equals(b.storageBytes()))
      return `${place}: other bytes`;
    const [itemsA, itemsB] = [items(a), items(b)];
    itemsA.forEach((item, i) => pair(item, itemsB[i], `${place}[${i}]`));
  }
  // an object stands for one other only
  return new Set(partners.values()).size === partners.size ? undefined : '$: two objects where there is one';
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function items(value: object): unknown[] {
  if (value instanceof Map) {
    const metadata = value instanceof OrderedDict ? [value.metadata] : [];
    return [...[...(value as Map<unknown, unknown>)].flat(1), ...metadata];
  }
  if (value instanceof Set) return [...(value as Set<unknown>)];
  return Array.isArray(value) ? [...(value as unknown[])] : [];
}

/** Whether a tensor has a storage whose bytes can be looked at. */
function isPlain(value: object): value is Tensor {
  return value instanceof Tensor && value.layout === 'strided' && value.device === 'cpu';
}

/** What is told of a value without its items; `storages` numbers those of its side as they come. */
function head(value: object, storages: Map<number, number>): string {
  const name = value.constructor.name;
  if (value instanceof Tensor) return tensorHead(value, storages);
  if (value instanceof Map || value instanceof Set) return `${name} of ${value.size}`;
  if (value instanceof Tuple || Array.isArray(value)) return `${name} of ${value.length}`;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (value instanceof Complex)
    return `complex ${Buffer.from(Float64Array.of(value.re, value.im).buffer).toString('hex')}`;
  if (value instanceof NdArray)
    return `array ${value.dtype} ${value.shape.join()} ${Buffer.from(value.data.buffer).toString('hex')}`;
  return name;
}

function tensorHead(tensor: Tensor, storages: Map<number, number>): string {
  const { dtype, device, layout, shape, requiresGrad, isLeaf } = tensor;
  const version = tensor.isInference() ? 'inference' : tensor.version;
  const about = [dtype, device, layout, shape, requiresGrad, isLeaf, version];
  if (!isPlain(tensor)) return JSON.stringify(about);
  const [id, nbytes] = [tensor.storageId(), tensor.storageNbytes()];
  if (nbytes > 0 && !storages.has(id)) storages.set(id, storages.size);
  const place = [tensor.stride(), tensor.storageOffset(), nbytes, storages.get(id), tensor.isConj(), tensor.isNeg()];
  return JSON.stringify([...about, ...place]);
}
