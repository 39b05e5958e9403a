import { native } from '../../native/load.js';
import type { Device } from '../dtype.js';
import { TorchError } from '../errors.js';
import { refusePromise } from '../scope.js';

/** A CUDA device: `cuda`, `cuda:1`, or its number; nothing for the current one. */
export type CudaDevice = Device | number | undefined;

/** What the driver tells of a device. */
export interface DeviceProperties {
  readonly name: string;
  /** Bytes. */
  readonly totalMemory: number;
  /** Compute capability, as 9 and 0. */
  readonly major: number;
  readonly minor: number;
  readonly multiProcessorCount: number;
  /** As `GPU-9c1e…`, what tells it from all others; null for a driver that does not say. */
  readonly uuid: string | null;
}

/** CUDA's driver as this process sees it. */
export interface Driver {
  /** Why it cannot be used, null where it can. */
  readonly failure: string | null;
  /** The newest CUDA that it runs, as `13.0`. */
  readonly version: string | null;
  readonly devices: readonly DeviceProperties[];
}

/** CUDA's driver, whatever libtorch is linked. */
export const driver = (): Driver => JSON.parse(native.cudaDriver()) as Driver;

/** How many CUDA devices there are, 0 without CUDA. @see torch.cuda.device_count */
export const deviceCount = (): number => native.deviceCount('cuda');

/** Whether there is a CUDA device. @see torch.cuda.is_available */
export const isAvailable = (): boolean => deviceCount() > 0;

/** Whether the libtorch that is linked was built with CUDA. @see torch.backends.cuda.is_built */
export const isBuilt = (): boolean => /\bUSE_CUDA=(1|ON)\b/.test(native.buildInfo().config);

/**
 * Why there is no CUDA device, in one line; undefined where there is one.
 */
export function whyNotAvailable(): string | undefined {
  if (isAvailable()) return undefined;
  if (!isBuilt()) {
    return 'this libtorch was built without CUDA: `torchbridge fetch-libtorch --cuda` fetches the build that has it';
  }
  const { failure } = driver();
  return failure === null
    ? 'the CUDA driver shows no device to this process: see CUDA_VISIBLE_DEVICES'
    : `the CUDA driver cannot be used: ${failure}`;
}

/** @throws TorchError `device` in one line where there is none. */
export function requireCuda(): void {
  const reason = whyNotAvailable();
  if (reason !== undefined) throw new TorchError('device', `Expected a CUDA device but found none: ${reason}`);
}

/**
 * The number of a device.
 * @throws TorchError `device` for one that is not there, and without CUDA.
 */
export function indexOf(device: CudaDevice): number {
  requireCuda();
  if (device === undefined || device === 'cuda') return native.currentDevice('cuda');
  const index = typeof device === 'number' ? device : /^cuda:\d+$/.test(device) ? Number(device.slice(5)) : NaN;
  const count = deviceCount();
  if (Number.isInteger(index) && index >= 0 && index < count) return index;
  throw new TorchError('device', `Expected a CUDA device from 0 to ${count - 1} but received ${String(device)}`);
}

/** `cuda:1` of what names a device. */
export const nameOf = (device: CudaDevice): Device => `cuda:${indexOf(device)}`;

/** The current device. @throws TorchError `device` without CUDA. @see torch.cuda.current_device */
export const currentDevice = (): number => indexOf(undefined);

/** Makes a device the current one, for `'cuda'` without a number. @see torch.cuda.set_device */
export function setDevice(device: CudaDevice): void {
  native.setDevice(nameOf(device));
}

/**
 * Runs a synchronous function with another current device.
 * @throws TorchError `type` for a function that returns a Promise.
 * @see torch.cuda.device
 */
export function withDevice<T>(device: CudaDevice, fn: () => T): T {
  const name = nameOf(device);
  const before = nameOf(undefined);
  native.setDevice(name);
  try {
    const result = fn();
    refusePromise(result, 'withDevice');
    return result;
  } finally {
    native.setDevice(before);
  }
}

/** Waits until a device has done what it was given. @see torch.cuda.synchronize */
export function synchronize(device?: CudaDevice): void {
  native.synchronizeDevice(nameOf(device));
}

/** @see torch.cuda.get_device_properties */
export function getDeviceProperties(device?: CudaDevice): DeviceProperties {
  const properties = driver().devices[indexOf(device)];
  if (properties === undefined)
    throw new TorchError('device', `the CUDA driver tells nothing of the device ${nameOf(device)}`);
  return properties;
}

/** As `NVIDIA H100 80GB HBM3`. @see torch.cuda.get_device_name */
export const getDeviceName = (device?: CudaDevice): string => getDeviceProperties(device).name;

/** Major and minor number. @see torch.cuda.get_device_capability */
export function getDeviceCapability(device?: CudaDevice): [major: number, minor: number] {
  const { major, minor } = getDeviceProperties(device);
  return [major, minor];
}

/** Whether the devices compute in bfloat16 themselves: from compute capability 8. @see torch.cuda.is_bf16_supported */
export const isBf16Supported = (): boolean => isAvailable() && getDeviceProperties().major >= 8;
