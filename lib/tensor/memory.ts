import { native } from '../native/load.js';
import { maxMemoryAllocated, memoryAllocated, resetPeakMemoryStats } from './cuda/memory.js';
import type { Device } from './dtype.js';
import { TorchError } from './errors.js';
import { readNumbers } from './tape.js';

/** What tensors hold on a device. */
export interface MemoryUse {
  /** Live tensors of this thread's environment. */
  tensors: number;
  /** Bytes that the device's allocator has handed out, in the whole process; on the CPU exact, on CUDA in whole blocks. */
  bytes: number;
  /** The most bytes since the start or the last {@link resetPeakMemory}. */
  peakBytes: number;
  /** The most bytes that may be held, null without a limit. */
  limit: number | null;
}

/** @param device default the CPU; `tensors` counts those of every device. */
export function memory(device: Device = 'cpu'): MemoryUse {
  native.memory();
  const [tensors = 0, bytes = 0, peakBytes = 0, limit = -1] = readNumbers(4);
  if (!device.startsWith('cpu'))
    return { tensors, bytes: memoryAllocated(device), peakBytes: maxMemoryAllocated(device), limit: null };
  return { tensors, bytes, peakBytes, limit: limit < 0 ? null : limit };
}

/** Makes the peak what is held now. */
export function resetPeakMemory(device: Device = 'cpu'): void {
  if (device.startsWith('cpu')) native.resetPeakMemory();
  else resetPeakMemoryStats(device);
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
