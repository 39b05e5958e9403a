import { deserialize, serialize } from 'node:v8';
import { scopeAsync, tensor, type Tensor, TorchError, zeros, fromBytes } from '../tensor/index.js';
import { allGather, broadcast, gather, type DestinationOptions } from './collectives.js';
import { groupOf } from './groups.js';
import type { CollectiveOptions } from './issue.js';

/** Plain data as bytes by the structured clone of Node: objects, arrays, Maps, Sets, typed arrays, bigints; never code. */
function toBytes(value: unknown): Uint8Array {
  try {
    return serialize(value);
  } catch (cause) {
    throw new TorchError('type', `Expected plain data but received something else: ${(cause as Error).message}`);
  }
}

/** The first `length` bytes of a tensor as what they were made of. */
function fromTensor(bytes: Tensor, length: number): unknown {
  return deserialize(Buffer.from((bytes.toTypedArray() as Uint8Array).subarray(0, length)));
}

async function allGatherLengths(length: number, options: CollectiveOptions): Promise<number[]> {
  const lengths = Array.from({ length: groupOf(options.group).size }, () => zeros([1], { dtype: 'int64' }));
  await allGather(lengths, tensor([length], { dtype: 'int64' }), options);
  return lengths.map((each) => each.item());
}

/** One size for all, as Gloo wants it. */
function paddedTo(length: number, bytes: Uint8Array): Tensor {
  const padded = zeros([length], { dtype: 'uint8' });
  padded.narrow(0, 0, bytes.length).copy_(fromBytes(bytes, [bytes.length], 'uint8'));
  return padded;
}

/**
 * Every process gets the plain data of all, in the order of their ranks.
 * @see torch.distributed.all_gather_object
 */
export async function allGatherObject<T>(value: T, options: CollectiveOptions = {}): Promise<T[]> {
  const { size } = groupOf(options.group);
  return scopeAsync(async () => {
    const bytes = toBytes(value);
    const counts = await allGatherLengths(bytes.length, options);
    const longest = Math.max(1, ...counts);
    const input = paddedTo(longest, bytes);
    const outputs = Array.from({ length: size }, () => zeros([longest], { dtype: 'uint8' }));
    await allGather(outputs, input, options);
    return outputs.map((each, rank) => fromTensor(each, counts[rank] ?? 0) as T);
  });
}

/**
 * The process `dst` (default rank 0) gets the plain data of all, in the order of their ranks.
 * @returns null on the others.
 * @see torch.distributed.gather_object
 */
export async function gatherObject<T>(value: T, options: DestinationOptions = {}): Promise<T[] | null> {
  const { group, ...rest } = options;
  const here = groupOf(group);
  const isDestination = here.rank === here.groupRank(options.dst ?? 0);
  return scopeAsync(async () => {
    const bytes = toBytes(value);
    const counts = await allGatherLengths(bytes.length, { ...rest, group: here });
    const longest = Math.max(1, ...counts);
    const input = paddedTo(longest, bytes);
    const outputs = isDestination ? counts.map(() => zeros([longest], { dtype: 'uint8' })) : null;
    await gather(input, outputs, options);
    return outputs?.map((each, rank) => fromTensor(each, counts[rank] ?? 0) as T) ?? null;
  });
}

/**
 * Every process gets the list of plain data of `src` (default rank 0).
 * @param list its length is the same everywhere, its values count on `src` alone.
 * @see torch.distributed.broadcast_object_list
 */
export async function broadcastObjectList<T>(
  list: readonly T[],
  options: CollectiveOptions & { readonly src?: number } = {},
): Promise<T[]> {
  const group = groupOf(options.group);
  const isSource = group.rank === group.groupRank(options.src ?? 0);
  return scopeAsync(async () => {
    const bytes = isSource ? toBytes(list) : new Uint8Array();
    const length = tensor([bytes.length], { dtype: 'int64' });
    await broadcast(length, options);
    const count = length.item();
    const data = isSource ? fromBytes(bytes, [count], 'uint8') : zeros([count], { dtype: 'uint8' });
    await broadcast(data, options);
    return fromTensor(data, count) as T[];
  });
}
