import { fromBytes, type Generator } from '../tensor/index.js';
import { RandomSampler, type Sampler } from './sampler.js';

/** Where a pass over a loader has got to, as plain data: numbers, bigint, bytes and null, which a pickle can hold. */
export interface LoaderState {
  /** Batches that were given out. */
  batches: number;
  /** Seed of this pass's order; null while it is not drawn, without shuffling, and with a generator of one's own. */
  samplerSeed: number | bigint | null;
  /** State of the generator of one's own when the pass began; null without one. */
  generatorState: Uint8Array | null;
}

/** What decides which samples are in which batch. */
export interface BatchSource {
  /** Batches in one pass. */
  readonly length: number;
  readonly batchSize: number;
  readonly dropLast: boolean;
  readonly generator: Generator | null;
  readonly sampler: Sampler;
}

/** The batches of one pass as indices of samples, drawn when the first is asked for. */
export class BatchOrder {
  readonly #source: BatchSource;
  readonly #order: Iterator<number>;
  readonly #generatorState: Uint8Array | null;
  #samplerSeed: bigint | null = null;
  #batches = 0;
  #ended = false;

  /** @param state goes on from there; what was drawn is not drawn again. @throws RangeError, TypeError for the state of another loader. */
  constructor(source: BatchSource, state: LoaderState | null) {
    this.#source = source;
    const { sampler, generator } = source;
    if (state !== null) checkState(state, source);
    if (state !== null && generator !== null && state.generatorState !== null)
      setGenerator(generator, state.generatorState);
    this.#generatorState = generator === null ? null : stateOf(generator);
    const known = state?.samplerSeed ?? null;
    const remember = (seed: bigint): void => {
      this.#samplerSeed = seed;
    };
    const indices =
      sampler instanceof RandomSampler
        ? sampler.indices(known === null ? undefined : BigInt(known), remember)
        : sampler.indices();
    this.#order = indices[Symbol.iterator]();
    if (known !== null) this.#samplerSeed = BigInt(known);
    for (let i = 0; i < (state?.batches ?? 0); i++) this.next();
  }

  /** Samples of the next batch; undefined behind the last. */
  next(): number[] | undefined {
    if (this.#ended) return undefined;
    const { batchSize, dropLast } = this.#source;
    const indices: number[] = [];
    while (indices.length < batchSize) {
      const next = this.#order.next();
      if (next.done === true) break;
      indices.push(next.value);
    }
    if (indices.length === 0 || (dropLast && indices.length < batchSize)) {
      this.#ended = true;
      return undefined;
    }
    this.#batches++;
    return indices;
  }

  state(): LoaderState {
    return { batches: this.#batches, samplerSeed: this.#samplerSeed, generatorState: this.#generatorState };
  }
}

/** The bytes of a generator's state. */
export function stateOf(generator: Generator): Uint8Array {
  const state = generator.getState();
  const bytes = state.bytes();
  state.dispose();
  return bytes;
}

/** Puts a generator into the state that {@link stateOf} read. */
export function setGenerator(generator: Generator, bytes: Uint8Array): void {
  const state = fromBytes(bytes, [bytes.byteLength], 'uint8');
  generator.setState(state);
  state.dispose();
}

/** A state comes from a file: a wrong one must not end in a wrong order. */
function checkState({ batches, samplerSeed, generatorState }: LoaderState, source: BatchSource): void {
  if (!Number.isSafeInteger(batches) || batches < 0 || batches > source.length) {
    throw new RangeError(`Expected 0 to ${source.length} batches in the state of a loader but received ${batches}`);
  }
  if (samplerSeed !== null && typeof samplerSeed !== 'bigint' && !Number.isSafeInteger(samplerSeed)) {
    throw new TypeError('Expected an integer or null for samplerSeed in the state of a loader');
  }
  const shuffles = source.sampler instanceof RandomSampler && source.generator === null;
  if (shuffles && batches > 0 && samplerSeed === null) {
    throw new TypeError('Expected a samplerSeed in the state of a loader that shuffles');
  }
  if ((generatorState === null) !== (source.generator === null)) {
    throw new TypeError('The state is that of a loader with another generator');
  }
}
