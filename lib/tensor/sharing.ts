import { native } from '../native/load.js';
import type { DType } from './dtype.js';
import { TorchError } from './errors.js';
import { writeTape } from './tape.js';
import { type Tensor, tensorAt } from './tensor.js';

/** What {@link share} makes of a tensor: a plain object that `postMessage` carries to another worker thread of this process. */
export interface SharedTensor {
  readonly torchbridge: 'tensor';
  /** Stands for the memory in this process; empty where `buffer` is the memory. */
  readonly token: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly offset: number;
  readonly requiresGrad: boolean;
  /** The memory of a tensor over a SharedArrayBuffer. */
  readonly buffer?: SharedArrayBuffer;
}

/** Times that a shared tensor can be received. */
export interface ShareOptions {
  /** How many workers receive it; default 1. */
  receivers?: number | undefined;
}

/**
 * Makes a tensor ready to travel: `port.postMessage(share(x))` there, `receive(message)` here. Both then work on the same memory
 * (writing races as in any shared memory), and each lives on its own: the memory is freed when the last tensor over it is. A leaf arrives with
 * its `requiresGrad`, without its gradient.
 *
 * What is never received keeps its memory until {@link unshare}, or the end of the process.
 * @param options.receivers how often the message can be received; default 1.
 * @throws TorchError `runtime` for a tensor with a history (detach it), or not dense on the CPU.
 * @see torch.multiprocessing
 */
export function share(tensor: Tensor, options: ShareOptions = {}): SharedTensor {
  const receivers = options.receivers ?? 1;
  if (!Number.isSafeInteger(receivers) || receivers < 1) {
    throw new TorchError('value', `Expected a positive integer for receivers but received ${String(receivers)}`);
  }
  const buffer = tensor.isLeaf ? native.pinnedBuffer(tensor.handle)?.buffer : undefined;
  const plain = buffer instanceof SharedArrayBuffer && !tensor.isConj() && !tensor.isNeg();
  const token = plain ? '' : native.shareTensor(tensor.handle, receivers);
  return {
    torchbridge: 'tensor' as const,
    token,
    dtype: tensor.dtype,
    shape: tensor.shape,
    stride: tensor.stride(),
    offset: tensor.storageOffset(),
    requiresGrad: tensor.requiresGrad,
    ...(plain ? { buffer } : {}),
  };
}

function isShared(message: unknown): message is SharedTensor {
  return (
    typeof message === 'object' &&
    message !== null &&
    (message as { torchbridge?: unknown }).torchbridge === 'tensor' &&
    typeof (message as { token?: unknown }).token === 'string'
  );
}

/**
 * A tensor over the memory that a message of {@link share} stands for.
 * @throws TorchError `value` when it was received as often as `share` allowed, was unshared, or comes from another process; `type`
 * for any other message.
 */
export function receive(message: unknown): Tensor {
  if (!isShared(message)) throw new TorchError('type', 'Expected a message made by share() but received another value');
  const { buffer } = message;
  if (!(buffer instanceof SharedArrayBuffer)) return tensorAt(native.receiveTensor(message.token));
  writeTape([buffer.byteLength]);
  const whole = tensorAt(native.overBuffer(new Uint8Array(buffer), 'uint8', 0, true));
  try {
    const tensor = whole.viewStorage(message.dtype, message.shape, message.stride, message.offset);
    if (message.requiresGrad) tensor.requiresGrad = true;
    return tensor;
  } finally {
    whole.dispose();
  }
}

/**
 * Takes a message of {@link share} back: what was not received any more is refused from now on, and keeps no memory.
 * @returns whether it still kept any.
 */
export function unshare(message: SharedTensor): boolean {
  if (!isShared(message)) throw new TorchError('type', 'Expected a message made by share() but received another value');
  return native.unshareTensor(message.token);
}

/** How many tensors this process has shared that were not yet received as often as they may be. */
export function sharedTensors(): number {
  return native.sharedTensors();
}
