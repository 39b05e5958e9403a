import { native } from '../native/load.js';
import type { Device } from './dtype.js';
import { GeneratorBase } from './tape.js';
import { Tensor } from './tensor.js';

const registry = new FinalizationRegistry<number>((slot) => {
  native.releaseGenerator(slot);
});

/**
 * A source of random numbers of its own, for the `generator` option of operators.
 * @see torch.Generator
 */
export class Generator extends GeneratorBase {
  /** @internal */
  readonly slot: number;

  /** @param options.device where it draws, default `cpu`. */
  constructor(options: { device?: Device } | { slot: number } = {}) {
    super();
    this.slot = 'slot' in options ? options.slot : native.newGenerator(options.device ?? 'cpu');
    registry.register(this, this.slot);
  }

  /** @param seed any 64 bits; a bigint beyond 2⁵³. */
  manualSeed(seed: number | bigint): this {
    native.generatorManualSeed(this.slot, seed);
    return this;
  }

  /** Seeds it from the system's entropy and returns that seed. */
  seed(): bigint {
    return native.generatorSeed(this.slot);
  }

  initialSeed(): bigint {
    return native.generatorInitialSeed(this.slot);
  }

  /** @returns new `[n]` uint8: PyTorch's own layout of the state. */
  getState(): Tensor {
    return new Tensor(native.generatorGetState(this.slot));
  }

  setState(state: Tensor): this {
    native.generatorSetState(this.slot, state.handle);
    return this;
  }
}

/** The default generator of a device: the one that operators draw from when they are given none. */
export function defaultGenerator(device: Device = 'cpu'): Generator {
  return new Generator({ slot: native.defaultGenerator(device) });
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
