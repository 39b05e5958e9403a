import { defaultGenerator } from '../generator.js';
import type { Tensor } from '../tensor.js';
import { type CudaDevice, deviceCount, nameOf } from './device.js';

/** The state of a device's default generator, new `[16]` uint8 on the CPU. @see torch.cuda.get_rng_state */
export const getRngState = (device?: CudaDevice): Tensor => defaultGenerator(nameOf(device)).getState();

/** @see torch.cuda.set_rng_state */
export function setRngState(state: Tensor, device?: CudaDevice): void {
  defaultGenerator(nameOf(device)).setState(state);
}

const all = (): number[] => Array.from({ length: deviceCount() }, (_, index) => index);

/** The states of all devices, none without CUDA. @see torch.cuda.get_rng_state_all */
export const getRngStateAll = (): Tensor[] => all().map(getRngState);

/** @see torch.cuda.set_rng_state_all */
export function setRngStateAll(states: readonly Tensor[]): void {
  states.forEach((state, index) => {
    setRngState(state, index);
  });
}

/** Seeds the current device; nothing without CUDA. @see torch.cuda.manual_seed */
export function manualSeed(seed: number | bigint): void {
  if (deviceCount() > 0) defaultGenerator(nameOf(undefined)).manualSeed(seed);
}

/** Seeds every device; nothing without CUDA. @see torch.cuda.manual_seed_all */
export function manualSeedAll(seed: number | bigint): void {
  for (const index of all()) defaultGenerator(nameOf(index)).manualSeed(seed);
}

/** The seed of the current device's generator. @see torch.cuda.initial_seed */
export const initialSeed = (): bigint => defaultGenerator(nameOf(undefined)).initialSeed();
