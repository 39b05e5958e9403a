import { cuda } from '../tensor/index.js';

/** The GPUs of a process. */
export interface Gpus {
  count(): number;
  /** Makes one of them what `cuda` means from here on. */
  use(index: number): void;
  /** What tells it from all other GPUs, on this machine and elsewhere; null where the driver does not say. */
  idOf(index: number): string | null;
}

/** Those of CUDA. */
export const CUDA_GPUS: Gpus = {
  count: () => cuda.deviceCount(),
  use: (index) => {
    cuda.setDevice(index);
  },
  idOf: (index) => cuda.driver().devices[index]?.uuid ?? null,
};
