import { calling, cudaModule } from './module.js';
import { native } from '../../native/load.js';
import { TorchError } from '../errors.js';
import { type CudaDevice, indexOf, isAvailable, nameOf } from './device.js';

/** The numbers of the caching allocator, as `allocated_bytes.all.current`. */
export type MemoryStats = Readonly<Record<string, number>>;

/** Empty without CUDA, and before a device was used. @see torch.cuda.memory_stats */
export function memoryStats(device?: CudaDevice): MemoryStats {
  return isAvailable() ? (JSON.parse(native.memoryStats(nameOf(device))) as MemoryStats) : {};
}

const stat = (device: CudaDevice, name: string): number => memoryStats(device)[name] ?? 0;

/** Bytes that tensors hold; 0 without CUDA. @see torch.cuda.memory_allocated */
export const memoryAllocated = (device?: CudaDevice): number => stat(device, 'allocated_bytes.all.current');

/** The most bytes that tensors held since the last {@link resetPeakMemoryStats}. @see torch.cuda.max_memory_allocated */
export const maxMemoryAllocated = (device?: CudaDevice): number => stat(device, 'allocated_bytes.all.peak');

/** Bytes that the allocator took from the device, for tensors and for those to come. @see torch.cuda.memory_reserved */
export const memoryReserved = (device?: CudaDevice): number => stat(device, 'reserved_bytes.all.current');

/** @see torch.cuda.max_memory_reserved */
export const maxMemoryReserved = (device?: CudaDevice): number => stat(device, 'reserved_bytes.all.peak');

/** Makes the peaks what is held now. @see torch.cuda.reset_peak_memory_stats */
export function resetPeakMemoryStats(device?: CudaDevice): void {
  native.resetPeakStats(nameOf(device));
}

/** Makes the sums over time zero. @see torch.cuda.reset_accumulated_memory_stats */
export function resetAccumulatedMemoryStats(device?: CudaDevice): void {
  native.resetAccumulatedStats(nameOf(device));
}

/** Gives the devices back what the allocator keeps for tensors to come; nothing without CUDA. @see torch.cuda.empty_cache */
export function emptyCache(): void {
  if (isAvailable()) native.emptyCache(nameOf(undefined));
}

/** Free and total bytes of a device, whoever holds them. @see torch.cuda.mem_get_info */
export function memGetInfo(device?: CudaDevice): [free: number, total: number] {
  const { free, total } = JSON.parse(native.memoryInfo(nameOf(device))) as { free: number; total: number };
  return [free, total];
}

/**
 * Limits what this process may take of a device: beyond it an allocation is out of memory.
 * @param fraction of the device's memory, 0 to 1.
 * @throws TorchError `notImplemented` where the CUDA module was not built.
 * @see torch.cuda.set_per_process_memory_fraction
 */
export function setPerProcessMemoryFraction(fraction: number, device?: CudaDevice): void {
  if (!(fraction >= 0 && fraction <= 1))
    throw new TorchError('value', `Invalid fraction value: ${fraction}. Allowed range: 0~1`);
  const module = cudaModule('setPerProcessMemoryFraction');
  calling(() => {
    module.setMemoryFraction(fraction, indexOf(device));
  });
}
