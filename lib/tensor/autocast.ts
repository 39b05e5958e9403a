import { native } from '../native/load.js';
import type { Device, DType } from './dtype.js';
import { TorchError } from './errors.js';
import { refusePromise } from './scope.js';
import { warnOnce } from './warn-once.js';

export interface AutocastOptions {
  /** Default: the device's own, bfloat16 on the CPU and float16 on CUDA. */
  dtype?: DType | undefined;
  /** Default true; false switches a surrounding {@link autocast} off. */
  enabled?: boolean | undefined;
  /** Whether a weight's cast is made once and kept while the outermost autocast lasts; default that of the surroundings. */
  cacheEnabled?: boolean | undefined;
}

/** What the CPU's kernels can be cast to. */
const onCpu: readonly DType[] = ['bfloat16', 'float16'];

/**
 * Runs a synchronous function in automatic mixed precision: matrix products and convolutions are computed in the narrow dtype,
 * what needs the range (losses, sums) in float32, the rest in what it is given.
 * ```ts
 * const loss = autocast('cpu', { dtype: 'bfloat16' }, () => crossEntropy(net.call(images), labels));
 * loss.backward(); // outside, as in PyTorch
 * ```
 * @param device of the operators: `'cpu'`, `'cuda'`.
 * @throws TorchError `type` for a function that returns a Promise.
 * @see torch.autocast
 */
export function autocast<T>(device: Device, options: AutocastOptions, fn: () => T): T;
export function autocast<T>(device: Device, fn: () => T): T;
export function autocast<T>(device: Device, given: AutocastOptions | (() => T), last?: () => T): T {
  const options = typeof given === 'function' ? {} : given;
  const fn = typeof given === 'function' ? given : last;
  if (typeof fn !== 'function') throw new TorchError('type', 'Expected a function for autocast');
  const dtype = options.dtype ?? (native.autocastDtype(device) as DType);
  let enabled = options.enabled ?? true;
  if (enabled && device.startsWith('cpu') && !onCpu.includes(dtype)) {
    warnOnce(
      'In CPU autocast, but the target dtype is not supported. Disabling autocast.\nCPU Autocast only supports dtype of torch.bfloat16, torch.float16 currently.',
    );
    enabled = false;
  }
  native.pushAutocast(device, enabled, dtype, options.cacheEnabled ?? native.isAutocastCacheEnabled());
  try {
    const result = fn();
    refusePromise(result, 'autocast');
    return result;
  } finally {
    native.popAutocast();
  }
}

/** Whether an {@link autocast} of the device is on. @see torch.is_autocast_enabled */
export const isAutocastEnabled = (device: Device = 'cpu'): boolean => native.isAutocastEnabled(device);

/** The dtype that an {@link autocast} of the device takes by default. @see torch.get_autocast_dtype */
export const getAutocastDtype = (device: Device): DType => native.autocastDtype(device) as DType;
