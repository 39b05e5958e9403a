import { type CudaBinding, cudaBinding } from '../../native/cuda-binding.js';
import { TorchError } from '../errors.js';
import { requireCuda } from './device.js';

/**
 * The second addon.
 * @param what is to be done with it, for the message.
 * @throws TorchError `device` without CUDA; `notImplemented`, in one line, where the module was not built.
 */
export function cudaModule(what: string): CudaBinding {
  requireCuda();
  const module = cudaBinding();
  if (typeof module === 'string') throw new TorchError('notImplemented', `${what} needs the CUDA module: ${module}`);
  return module;
}

/** Runs a call of the module: its failures become a TorchError. */
export function calling<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    const [first = ''] = (error as Error).message.split('\n');
    throw new TorchError('runtime', first, undefined, undefined);
  }
}
