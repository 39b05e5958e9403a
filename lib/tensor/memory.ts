import { native } from '../native/load.js';
import { TorchError } from './errors.js';
import { readNumbers } from './tape.js';

/** What tensors hold on the CPU. */
export interface MemoryUse {
  /** Live tensors of this thread's environment. */
  tensors: number;
  /** Bytes that libtorch's CPU allocator has handed out, in the whole process; exact. */
  bytes: number;
  /** The most bytes since the start or the last {@link resetPeakMemory}. */
  peakBytes: number;
  /** The most bytes that may be held, null without a limit. */
  limit: number | null;
}

export function memory(): MemoryUse {
  native.memory();
  const [tensors = 0, bytes = 0, peakBytes = 0, limit = -1] = readNumbers(4);
  return { tensors, bytes, peakBytes, limit: limit < 0 ? null : limit };
}

/** Makes the peak what is held now. */
export function resetPeakMemory(): void {
  native.resetPeakMemory();
}

/** Refuses allocations (TorchError `memory`) beyond so many bytes of CPU tensors; null lifts the limit. */
export function setMemoryLimit(bytes: number | null): void {
  if (bytes !== null && !(Number.isSafeInteger(bytes) && bytes >= 0)) {
    throw new TorchError('value', `Expected a number of bytes for the memory limit but received ${String(bytes)}`);
  }
  native.setMemoryLimit(bytes ?? -1);
}

/**
 * Gives the operating system back what tensors have freed. The process keeps it otherwise, since taking fresh pages costs a
 * training step a tenth of its time.
 * @returns whether there was any.
 */
export function releaseMemory(): boolean {
  return native.releaseMemory();
}
