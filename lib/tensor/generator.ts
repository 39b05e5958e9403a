import { native } from '../native/load.js';
import type { Device } from './dtype.js';
import { refuseSlot, slotKey, type SlotKey } from './scope.js';
import { GeneratorBase } from './tape.js';
import { type Tensor, tensorAt } from './tensor.js';

const registry = new FinalizationRegistry<number>((slot) => {
  native.releaseGenerator(slot);
});

function make(options: { device?: Device }): number {
  // A program without types may give a number, which must not pass for a slot.
  if (typeof options !== 'object') refuseSlot('the options of a Generator', options);
  return native.newGenerator(options.device ?? 'cpu');
}

/**
 * A source of random numbers of its own, for the `generator` option of operators.
 * @see torch.Generator
 */
export class Generator extends GeneratorBase {
  /** @param options.device where it draws, default `cpu`. */
  constructor(options?: { device?: Device });
  /** @internal for a slot that the addon has just handed out */
  constructor(key: SlotKey, slot: number);
  constructor(given: { device?: Device } | SlotKey = {}, slot?: number) {
    super(slotKey, given === slotKey ? (slot ?? -1) : make(given));
    registry.register(this, this.handle);
  }

  /** @param seed any 64 bits; a bigint beyond 2⁵³. */
  manualSeed(seed: number | bigint): this {
    native.generatorManualSeed(this.handle, seed);
    return this;
  }

  /** Seeds it from the system's entropy and returns that seed. */
  seed(): bigint {
    return native.generatorSeed(this.handle);
  }

  initialSeed(): bigint {
    return native.generatorInitialSeed(this.handle);
  }

  /** @returns new `[n]` uint8: PyTorch's own layout of the state. */
  getState(): Tensor {
    return tensorAt(native.generatorGetState(this.handle));
  }

  setState(state: Tensor): this {
    native.generatorSetState(this.handle, state.handle);
    return this;
  }
}

/** The default generator of a device: the one that operators draw from when they are given none. */
export function defaultGenerator(device: Device = 'cpu'): Generator {
  return new Generator(slotKey, native.defaultGenerator(device));
}

/**
 * Seeds the default generators of the CPU and of every accelerator.
 * @see torch.manual_seed
 */
export function manualSeed(seed: number | bigint): Generator {
  native.manualSeed(seed);
  return defaultGenerator();
}

/** @returns new `[5056]` uint8: the state of the CPU's default generator. @see torch.get_rng_state */
export function getRngState(): Tensor {
  return defaultGenerator().getState();
}

/** @see torch.set_rng_state */
export function setRngState(state: Tensor): void {
  defaultGenerator().setState(state);
}
