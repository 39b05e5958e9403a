import { native } from '../native/load.js';
import { type Tensor, TorchError } from '../tensor/index.js';
import { groupOf } from './groups.js';
import { type CollectiveOptions, issue, type ReduceOptions } from './issue.js';
import type { ProcessGroup } from './process-group.js';
import { Work } from './work.js';

/*
 * Every process of the group calls the same collectives in the same order, with tensors of the same shapes and dtypes: Gloo does
 * not check that of one process against another. TORCH_DISTRIBUTED_DEBUG=DETAIL lets c10d check it, at a price.
 */

/** Options of a collective that begins at one process. */
export interface SourceOptions extends CollectiveOptions {
  /** Its rank in the whole job, also where a group has its own numbers; default 0. */
  readonly src?: number;
}

/** Options of a collective that ends at one process. */
export interface DestinationOptions extends CollectiveOptions {
  /** Its rank in the whole job, also where a group has its own numbers; default 0. */
  readonly dst?: number;
}

const nothing = (): void => undefined;

/**
 * Every process gets the reduction of all processes' tensors, in place.
 * @see torch.distributed.all_reduce
 */
export function allReduce(tensor: Tensor, options: ReduceOptions = {}): Work<Tensor> {
  return issue('allReduce', { ...options, first: [tensor], result: () => tensor });
}

/** {@link allReduce} of several tensors of one dtype at once. @see torch.distributed.all_reduce_coalesced */
export function allReduceCoalesced(tensors: readonly Tensor[], options: ReduceOptions = {}): Work<readonly Tensor[]> {
  return issue('allReduceCoalesced', { ...options, first: tensors, result: () => tensors });
}

/** Every process gets the tensor of `src` (default rank 0), in place. @see torch.distributed.broadcast */
export function broadcast(tensor: Tensor, options: SourceOptions = {}): Work<Tensor> {
  return issue('broadcast', { ...options, root: rootOf(options, options.src), first: [tensor], result: () => tensor });
}

/** `dst` (default rank 0) gets the reduction; what the others' tensors hold afterwards is undefined. @see torch.distributed.reduce */
export function reduce(tensor: Tensor, options: ReduceOptions & DestinationOptions = {}): Work<Tensor> {
  return issue('reduce', { ...options, root: rootOf(options, options.dst), first: [tensor], result: () => tensor });
}

/** Every process gets all processes' tensors. @param outputs one a process. @see torch.distributed.all_gather */
export function allGather(
  outputs: readonly Tensor[],
  input: Tensor,
  options: CollectiveOptions = {},
): Work<readonly Tensor[]> {
  return issue('allGather', { ...options, first: outputs, second: [input], result: () => outputs });
}

/** {@link allGather} into one tensor `[size · N, ...]` or `[size, N, ...]`. @see torch.distributed.all_gather_into_tensor */
export function allGatherInto(output: Tensor, input: Tensor, options: CollectiveOptions = {}): Work<Tensor> {
  return issue('allGatherInto', { ...options, first: [output], second: [input], result: () => output });
}

/**
 * `dst` (default rank 0) gets all processes' tensors.
 * @param outputs one a process on `dst`, null elsewhere.
 * @see torch.distributed.gather
 */
export function gather(input: Tensor, outputs: readonly Tensor[] | null, options: DestinationOptions = {}): Work {
  const root = rootOf(options, options.dst);
  onRootAlone(root, options, outputs, 'outputs');
  return issue('gather', { ...options, root, first: outputs ?? [], second: [input], result: nothing });
}

/**
 * Every process gets one of the tensors of `src` (default rank 0).
 * @param inputs one a process on `src`, null elsewhere.
 * @see torch.distributed.scatter
 */
export function scatter(output: Tensor, inputs: readonly Tensor[] | null, options: SourceOptions = {}): Work<Tensor> {
  const root = rootOf(options, options.src);
  onRootAlone(root, options, inputs, 'inputs');
  return issue('scatter', { ...options, root, first: [output], second: inputs ?? [], result: () => output });
}

/** Each process gets its part of the reduction. @param inputs one a process. @see torch.distributed.reduce_scatter */
export function reduceScatter(output: Tensor, inputs: readonly Tensor[], options: ReduceOptions = {}): Work<Tensor> {
  return issue('reduceScatter', { ...options, first: [output], second: inputs, result: () => output });
}

/** {@link reduceScatter} of one tensor `[size · N, ...]`. @see torch.distributed.reduce_scatter_tensor */
export function reduceScatterTensor(output: Tensor, input: Tensor, options: ReduceOptions = {}): Work<Tensor> {
  return issue('reduceScatterTensor', { ...options, first: [output], second: [input], result: () => output });
}

/**
 * Each process gets one tensor of every process.
 * @param outputs one a process, from it. @param inputs one a process, for it.
 * @see torch.distributed.all_to_all
 */
export function allToAll(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: CollectiveOptions = {},
): Work<readonly Tensor[]> {
  const { size } = groupOf(options.group);
  if (outputs.length !== size || inputs.length !== size) {
    throw new TorchError(
      'value',
      `Expected ${size} inputs and ${size} outputs for allToAll but received ${inputs.length} and ${outputs.length}`,
    );
  }
  return issue('allToAll', { ...options, first: outputs, second: inputs, result: () => outputs });
}

/** Options of {@link allToAllSingle}: rows for each process; default even parts. */
export interface AllToAllSingleOptions extends CollectiveOptions {
  readonly outputSplitSizes?: readonly number[];
  readonly inputSplitSizes?: readonly number[];
}

/**
 * {@link allToAll} of the rows of one tensor.
 * @param output `[N, ...]`: what the processes sent, in their order. @param input `[M, ...]`: what goes to them.
 * @throws TorchError `value` for splits that do not add up to the rows.
 * @see torch.distributed.all_to_all_single
 */
export function allToAllSingle(output: Tensor, input: Tensor, options: AllToAllSingleOptions = {}): Work<Tensor> {
  const { outputSplitSizes: outputSplits = [], inputSplitSizes: inputSplits = [], ...rest } = options;
  const lists = { first: [output], second: [input], outputSplits, inputSplits };
  return issue('allToAllSingle', { ...rest, ...lists, result: () => output });
}

/** Waits until every process of the group has come here. @see torch.distributed.barrier */
export function barrier(options: CollectiveOptions = {}): Work {
  return issue('barrier', { ...options, result: nothing });
}

/**
 * {@link barrier} that tells rank 0 which rank did not come. The group cannot be used for anything else meanwhile.
 * On Gloo and the CPU, which the group must have.
 * @param options.waitAllRanks whether all that did not come are told, instead of the first one.
 * @see torch.distributed.monitored_barrier
 */
export async function monitoredBarrier(
  options: CollectiveOptions & { readonly waitAllRanks?: boolean } = {},
): Promise<void> {
  const group = groupOf(options.group);
  if (!group.deviceTypes.includes('cpu')) {
    throw new TorchError('value', 'monitored_barrier is only implemented for GLOO backend.');
  }
  await native.monitoredBarrier(group.number, options.timeout ?? group.timeout, options.waitAllRanks ?? false);
}

/** Options of {@link send} and {@link recv}. */
export interface PointToPointOptions extends CollectiveOptions {
  /** Matches a send with its receive. Default 0. */
  readonly tag?: number;
}

/** Sends a tensor to a rank. @see torch.distributed.isend */
export function send(tensor: Tensor, dst: number, options: PointToPointOptions = {}): Work {
  return issue('send', { ...options, root: rootOf(options, dst), first: [tensor], result: nothing });
}

/**
 * Receives a tensor of the same shape and dtype, in place.
 * @param src the rank it comes from; null takes it from any.
 * @returns the rank it came from.
 * @see torch.distributed.irecv
 */
export function recv(tensor: Tensor, src: number | null = null, options: PointToPointOptions = {}): Work<number> {
  const { ranks } = groupOf(options.group);
  if (src === null) {
    return issue('recvAnySource', { ...options, first: [tensor], result: (source) => ranks[source] ?? -1 });
  }
  return issue('recv', { ...options, root: rootOf(options, src), first: [tensor], result: () => src });
}

/** One of the calls of {@link batchISendIRecv}. @see torch.distributed.P2POp */
export interface P2POp extends PointToPointOptions {
  readonly op: 'send' | 'recv';
  readonly tensor: Tensor;
  /** The rank it goes to or comes from. */
  readonly peer: number;
}

/**
 * Sends and receives at once, in whichever order they stand; on NCCL as one launch, without which they would wait for each other.
 * @param ops of one group and one kind of device.
 * @returns a work each, in their order; on NCCL one for all.
 * @see torch.distributed.batch_isend_irecv
 */
export function batchISendIRecv(ops: readonly P2POp[]): Work<unknown>[] {
  const [first] = ops;
  if (first === undefined) throw new TorchError('value', 'Expected at least one operation for batchISendIRecv');
  const unknown = ops.find(({ op }) => !['send', 'recv'].includes(op));
  if (unknown !== undefined) {
    throw new TorchError('value', `Expected send or recv for op but received ${unknown.op}`);
  }
  const group = groupOf(first.group);
  if (ops.some((each) => groupOf(each.group) !== group)) {
    throw new TorchError('value', 'All ops need to use the same group.');
  }
  for (const { peer } of ops) group.groupRank(peer);
  const issueAll = (): Work<unknown>[] =>
    ops.map(({ op, tensor, peer, ...options }) =>
      op === 'send' ? send(tensor, peer, options) : recv(tensor, peer, options),
    );
  if (!first.tensor.device.startsWith('cuda')) return issueAll();
  return coalesced(group, issueAll);
}

function rootOf(options: CollectiveOptions, rank = 0): number {
  return groupOf(options.group).groupRank(rank);
}

function onRootAlone(root: number, { group }: CollectiveOptions, list: readonly Tensor[] | null, name: string): void {
  const { rank, size } = groupOf(group);
  if (rank === root && list?.length !== size) {
    throw new TorchError(
      'value',
      `Expected ${size} tensors for ${name} on the root but received ${list?.length ?? 'none'}`,
    );
  }
  if (rank !== root && list !== null && list.length > 0) {
    throw new TorchError('value', `Expected null for ${name} on ranks that are not the root`);
  }
}

/** Issues as one what the group's backend can run as one. */
function coalesced(group: ProcessGroup, issueAll: () => Work<unknown>[]): Work<unknown>[] {
  if (!native.startCoalescing(group.number)) return issueAll();
  let parts: Work<unknown>[] = [];
  try {
    parts = issueAll();
  } finally {
    // Also after a failure: a launch that stays open would swallow all that follows.
    const whole = native.endCoalescing(group.number);
    for (const each of parts) each.forget();
    parts = [new Work(whole, nothing)];
  }
  return parts;
}
