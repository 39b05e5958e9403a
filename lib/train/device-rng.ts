import { cuda, type Tensor } from '../tensor/index.js';

/** The random numbers of a device, from which dropout draws there: those of this process alone. */
export interface DeviceRng {
  /** The state now, new uint8 on the CPU. */
  get(): Tensor;
  set(state: Tensor): void;
  /** The states of all devices that this process sees. */
  getAll(): Tensor[];
  /** Of as many devices as there are here. */
  setAll(states: readonly Tensor[]): void;
}

const CUDA: DeviceRng = {
  get: () => cuda.getRngState(),
  set: (state) => {
    cuda.setRngState(state);
  },
  getAll: () => cuda.getRngStateAll(),
  setAll: (states) => {
    cuda.setRngStateAll(states.slice(0, cuda.deviceCount()));
  },
};

/** Of the device of a run; null on the CPU. */
export const deviceRngOf = (device: string): DeviceRng | null => (device.startsWith('cuda') ? CUDA : null);
