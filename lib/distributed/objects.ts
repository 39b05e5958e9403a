import { deserialize, serialize } from 'node:v8';
import { scopeAsync, tensor, type Tensor, TorchError, zeros, fromBytes } from '../tensor/index.js';
import { allGather, broadcast } from './collectives.js';
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

/**
 * Every process gets the plain data of all, in the order of their ranks.
 * @see torch.distributed.all_gather_object
 */
export async function allGatherObject<T>(value: T, options: CollectiveOptions = {}): Promise<T[]> {
  const { size } = groupOf(options.group);
  return scopeAsync(async () => {
    const bytes = toBytes(value);
    const lengths = Array.from({ length: size }, () => zeros([1], { dtype: 'int64' }));
    await allGather(lengths, tensor([bytes.length], { dtype: 'int64' }), options);
    const counts = lengths.map((each) => each.item());
    // One size for all, as Gloo wants it.
    const longest = Math.max(1, ...counts);
    const input = zeros([longest], { dtype: 'uint8' });
    input.narrow(0, 0, bytes.length).copy_(fromBytes(bytes, [bytes.length], 'uint8'));
    const outputs = Array.from({ length: size }, () => zeros([longest], { dtype: 'uint8' }));
    await allGather(outputs, input, options);
    return outputs.map((each, rank) => fromTensor(each, counts[rank] ?? 0) as T);
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
