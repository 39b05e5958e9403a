import { deserialize, serialize } from 'node:v8';
import { scopeAsync, tensor, type Tensor, TorchError, zeros, fromBytes } from '../tensor/index.js';
import { allGather, broadcast, gather, type DestinationOptions, recv, scatter, send } from './collectives.js';
import type { BackendDevice } from './backend.js';
import { groupOf } from './groups.js';
import type { CollectiveOptions } from './issue.js';
import { controlDevice } from './process-group.js';

/** Plain data as bytes by the structured clone of Node: objects, arrays, Maps, Sets, typed arrays, bigints; never code. */
function toBytes(value: unknown): Uint8Array {
  try {
    return serialize(value);
  } catch (cause) {
    throw new TorchError('type', `Expected plain data but received something else: ${(cause as Error).message}`);
  }
}

/** Where the bytes travel. */
const deviceOf = (options: CollectiveOptions): { device: BackendDevice } => ({
  device: controlDevice(groupOf(options.group)),
});

/** The first `length` bytes of a tensor as what they were made of. */
function fromTensor(bytes: Tensor, length: number): unknown {
  return deserialize(Buffer.from((bytes.toTypedArray() as Uint8Array).subarray(0, length)));
}

async function allGatherLengths(length: number, options: CollectiveOptions): Promise<number[]> {
  const device = deviceOf(options);
  const lengths = Array.from({ length: groupOf(options.group).size }, () => count(0, device));
  await allGather(lengths, count(length, device), options);
  return lengths.map((each) => each.item());
}

const count = (value: number, { device }: { device: BackendDevice }): Tensor =>
  tensor([value], { dtype: 'int64', device });

/** One size for all, as backends want it. */
function paddedTo(length: number, bytes: Uint8Array, { device }: { device: BackendDevice }): Tensor {
  const padded = zeros([length], { dtype: 'uint8', device });
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
    const device = deviceOf(options);
    const input = paddedTo(longest, bytes, device);
    const outputs = Array.from({ length: size }, () => zeros([longest], { dtype: 'uint8', ...device }));
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
    const device = deviceOf(options);
    const input = paddedTo(longest, bytes, device);
    const outputs = isDestination ? counts.map(() => zeros([longest], { dtype: 'uint8', ...device })) : null;
    await gather(input, outputs, options);
    return outputs?.map((each, rank) => fromTensor(each, counts[rank] ?? 0) as T) ?? null;
  });
}

/**
 * Every process gets one of the plain data of `src` (default rank 0).
 * @param list one a process on `src`, null elsewhere.
 * @see torch.distributed.scatter_object_list
 */
export async function scatterObjectList<T>(
  list: readonly T[] | null,
  options: CollectiveOptions & { readonly src?: number } = {},
): Promise<T> {
  const group = groupOf(options.group);
  const isSource = group.rank === group.groupRank(options.src ?? 0);
  if (isSource && list?.length !== group.size) {
    throw new TorchError(
      'value',
      `Expected ${group.size} values for list on the source but received ${list?.length ?? 'none'}`,
    );
  }
  return scopeAsync(async () => {
    const all = isSource ? list!.map(toBytes) : null;
    const device = deviceOf(options);
    const sizes = all?.map((each) => count(each.length, device)) ?? null;
    const own = count(0, device);
    const longest = count(Math.max(1, ...(all ?? []).map((each) => each.length)), device);
    await broadcast(longest, options);
    const width = longest.item();
    const output = zeros([width], { dtype: 'uint8', ...device });
    await scatter(output, all?.map((each) => paddedTo(width, each, device)) ?? null, options);
    await scatter(own, sizes, options);
    return fromTensor(output, own.item()) as T;
  });
}

/** Sends a list of plain data to a rank, which calls {@link recvObjectList}. @see torch.distributed.send_object_list */
export async function sendObjectList(
  list: readonly unknown[],
  dst: number,
  options: CollectiveOptions = {},
): Promise<void> {
  await scopeAsync(async () => {
    const bytes = toBytes(list);
    const device = deviceOf(options);
    await send(count(bytes.length, device), dst, options);
    await send(fromBytes(bytes, [bytes.length], 'uint8').to(device), dst, options);
  });
}

/**
 * @param src the rank that calls {@link sendObjectList}; null takes it from any.
 * @see torch.distributed.recv_object_list
 */
export async function recvObjectList<T>(src: number | null = null, options: CollectiveOptions = {}): Promise<T[]> {
  return scopeAsync(async () => {
    const device = deviceOf(options);
    const length = count(0, device);
    const from = await recv(length, src, options);
    const bytes = zeros([length.item()], { dtype: 'uint8', ...device });
    await recv(bytes, from, options);
    return fromTensor(bytes, bytes.numel()) as T[];
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
    const device = deviceOf(options);
    const length = count(bytes.length, device);
    await broadcast(length, options);
    const size = length.item();
    const data = isSource ? fromBytes(bytes, [size], 'uint8').to(device) : zeros([size], { dtype: 'uint8', ...device });
    await broadcast(data, options);
    return fromTensor(data, size) as T[];
  });
}
