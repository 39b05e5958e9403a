/** CUDA devices: memory, streams, events, random numbers and graphs. Without one, questions are answered as PyTorch answers them. */
export {
  currentDevice,
  deviceCount,
  driver,
  getDeviceCapability,
  getDeviceName,
  getDeviceProperties,
  isAvailable,
  isBf16Supported,
  isBuilt,
  setDevice,
  synchronize,
  whyNotAvailable,
  withDevice,
  type CudaDevice,
  type DeviceProperties,
  type Driver,
} from './device.js';
export {
  emptyCache,
  maxMemoryAllocated,
  maxMemoryReserved,
  memGetInfo,
  memoryAllocated,
  memoryReserved,
  memoryStats,
  resetAccumulatedMemoryStats,
  resetPeakMemoryStats,
  setPerProcessMemoryFraction,
  type MemoryStats,
} from './memory.js';
export {
  getRngState,
  getRngStateAll,
  initialSeed,
  manualSeed,
  manualSeedAll,
  setRngState,
  setRngStateAll,
} from './random.js';
export { Event, recordStream, Stream, withStream } from './streams.js';
export { type CaptureErrorMode, CUDAGraph, graph, type GraphOptions, isCurrentStreamCapturing } from './graph.js';
export { makeGraphedStep, type GraphedStep, type GraphedStepOptions } from './graphed-step.js';
