import { native } from '../native/load.js';
import { type Tensor, TorchError } from '../tensor/index.js';
import { writeTape } from '../tensor/tape.js';
import { groupOf } from './groups.js';
import type { ProcessGroup } from './process-group.js';
import { Work } from './work.js';

/** c10d's numbers. */
const REDUCTIONS: Readonly<Record<ReduceOp, number>> = {
  ...{ sum: 0, avg: 1, product: 2, min: 3, max: 4 },
  ...{ band: 5, bor: 6, bxor: 7 },
};

/** How elements of several processes become one; `avg` is for floating-point tensors. @see torch.distributed.ReduceOp */
export type ReduceOp = 'sum' | 'avg' | 'product' | 'min' | 'max' | 'band' | 'bor' | 'bxor';

/** Options of every collective. */
export interface CollectiveOptions {
  /** Default the whole job. */
  readonly group?: ProcessGroup;
  /** Milliseconds; default that of the group. */
  readonly timeout?: number;
}

/** Options of collectives that reduce. */
export interface ReduceOptions extends CollectiveOptions {
  /** Default `sum`. */
  readonly op?: ReduceOp;
}

/** The collectives of the addon. */
export type Kind =
  | 'broadcast'
  | 'allReduce'
  | 'allReduceCoalesced'
  | 'reduce'
  | 'allGather'
  | 'allGatherInto'
  | 'gather'
  | 'scatter'
  | 'reduceScatter'
  | 'reduceScatterTensor'
  | 'allToAll'
  | 'allToAllSingle'
  | 'send'
  | 'recv'
  | 'recvAnySource'
  | 'barrier';

interface Call<T> extends ReduceOptions {
  /** What is reduced or sent, or the outputs. */
  readonly first?: readonly Tensor[];
  /** The inputs, where outputs are apart. */
  readonly second?: readonly Tensor[];
  /** A rank of the group. */
  readonly root?: number;
  readonly tag?: number;
  readonly outputSplits?: readonly number[];
  readonly inputSplits?: readonly number[];
  readonly result: (source: number) => T;
}

/** Issues a collective; it runs beside the event loop. */
export function issue<T>(kind: Kind, call: Call<T>): Work<T> {
  const { op = 'sum', root = 0, tag = 0, timeout = -1, first = [], second = [] } = call;
  if (!Object.hasOwn(REDUCTIONS, op)) {
    throw new TorchError('value', `Expected ${Object.keys(REDUCTIONS).join(', ')} for op but received ${op as string}`);
  }
  const { number } = groupOf(call.group);
  const { outputSplits = [], inputSplits = [] } = call;
  writeTape(first, second);
  return new Work(
    native.issueCollective(number, kind, REDUCTIONS[op], root, tag, timeout, outputSplits, inputSplits),
    call.result,
  );
}
