import { createHash } from 'node:crypto';
import {
  ImageClassification,
  ImageTraining,
  PictureLoader,
  type PictureBatch,
  type PictureLoaderState,
  type PicturePass,
} from '../data/index.js';
import type { Sampler } from '../data/sampler.js';
import { IoError } from '../io/index.js';
import { getRngState, manualSeed, setRngState, type Tensor } from '../tensor/index.js';
import type { RunConfig } from './config-schema.js';
import { placeOf, type FolderLayout, type PictureList } from './folder-layout.js';
import {
  drawSplit,
  type LoaderConfig,
  type PassBatches,
  type RunData,
  type RunLoaders,
  type SampledLoader,
} from './run-data.js';

/** The share of its shorter side that is cut out of the middle of a picture: 224 of 256 pixels. */
const CROP_SHARE = 0.875;

/** How pictures of any size are made ready to be tested on. @param side of what the network takes. */
export function testPictures(side: number): ImageClassification {
  return new ImageClassification({ resizeSize: Math.floor(side / CROP_SHARE), cropSize: side });
}

/** Pictures in files, which threads read as they are needed. */
export class FolderData implements RunData {
  readonly numClasses: number;
  readonly classes: readonly string[];
  readonly channels = 3;
  readonly side = null;
  readonly hasValidation: boolean;
  readonly hasTest: boolean;
  readonly notices: readonly string[];

  /** @param root below which the pictures lie, as the paths of `layout` begin. */
  constructor(
    readonly root: string,
    readonly layout: FolderLayout,
  ) {
    this.numClasses = layout.classes.length;
    this.classes = layout.words;
    this.hasValidation = layout.valid !== null;
    this.hasTest = layout.test !== null;
    const same = 'There is no folder test: the final test is on the pictures for validation';
    this.notices = [...layout.notices, ...(this.hasTest ? [] : [same])];
  }

  /** Of the names of the files: a picture that is mended is no other. */
  facts(): RunConfig['pictures'] {
    const { train, valid, test } = this.layout;
    const hash = createHash('sha256');
    for (const list of [train, valid, test]) {
      for (const sample of list?.samples ?? []) hash.update(`${sample.target} ${placeOf(sample, this.root)}\n`);
      hash.update('\n');
    }
    return { train: train.length, test: test?.length ?? 0, sha256: hash.digest('hex') };
  }

  loaders(config: LoaderConfig, notice?: (line: string) => void): RunLoaders {
    const { test } = this.layout;
    const { train, valid } = this.#split(config);
    const loader = (list: PictureList): SampledLoader => this.#loader(list, config, false, notice);
    const validated = valid === null ? null : loader(valid);
    const tested = test === null ? validated : loader(test);
    // Without both there is a part of the pictures to train on.
    if (tested === null) throw new TypeError('Expected pictures to validate or to test on');
    return { train: this.#loader(train, config, true, notice), valid: validated, test: tested };
  }

  tested(config: LoaderConfig, notice?: (line: string) => void): SampledLoader {
    const list = this.layout.test ?? this.layout.valid ?? this.#drawnAgain(config);
    return this.#loader(list, config, false, notice);
  }

  #split(config: LoaderConfig): { train: PictureList; valid: PictureList | null } {
    const { train, valid } = this.layout;
    if (valid !== null || config.validSize === 0) return { train, valid };
    const split = drawSplit(train.length, config);
    const part = (indices: readonly number[]): PictureList => {
      const samples = indices.map((index) => train.samples[index]!);
      return { samples, length: samples.length };
    };
    return { train: part(split.train), valid: part(split.valid) };
  }

  /** The pictures for validation of a run, which draws them first of all. */
  #drawnAgain(config: LoaderConfig): PictureList {
    const state = getRngState();
    manualSeed(config.seed);
    const { valid, train } = this.#split(config);
    setRngState(state);
    state.dispose();
    return valid ?? train;
  }

  #loader(
    list: PictureList,
    config: LoaderConfig,
    isTraining: boolean,
    notice?: (line: string) => void,
    sampler?: Sampler,
  ): SampledLoader {
    const { resize, augment, batchSize, workers, skipBroken } = config;
    const side = resize ?? 224;
    const loader = new PictureLoader(list, {
      transform: isTraining && augment ? new ImageTraining({ cropSize: side }) : testPictures(side),
      batchSize,
      ...(sampler === undefined ? { shuffle: isTraining } : { sampler }),
      workers: workers ?? undefined,
      ...(skipBroken && { onBroken: (error) => notice?.(`${error.message}; left out`) }),
    });
    return {
      length: loader.length,
      pictures: list.length,
      batchSize,
      sampled: (order) => this.#loader(list, config, isTraining, notice, order),
      [Symbol.iterator]: () => new FolderBatches(loader.begin(), isTraining),
      // Its fields are the loader's own to check.
      resume: (state) => new FolderBatches(loader.resume(state as PictureLoaderState), isTraining),
    };
  }
}

/** A pass over pictures in files: each batch is waited for before it becomes tensors. */
class FolderBatches implements PassBatches {
  readonly #pass: PicturePass;
  #batch: PictureBatch | undefined;
  #state: PictureLoaderState;

  /** @param needsAll whether no batch may go without all of its pictures: steps are counted in batches. */
  constructor(
    pass: PicturePass,
    readonly needsAll: boolean,
  ) {
    this.#pass = pass;
    this.#state = pass.state();
  }

  async ready(): Promise<void> {
    const given = this.#pass.state().batches;
    this.#batch = await this.#pass.next();
    const left = this.#pass.state().batches - given - (this.#batch === undefined ? 0 : 1);
    if (left > 0 && this.needsAll)
      throw new IoError('format', 'a batch holds no picture that can be read: expected a larger --batch-size');
  }

  next(): IteratorResult<[Tensor, Tensor], undefined> {
    this.#state = this.#pass.state();
    const batch = this.#batch;
    this.#batch = undefined;
    return batch === undefined ? { done: true, value: undefined } : { done: false, value: batch.tensors() };
  }

  /** Behind the batches that became tensors. */
  state(): PictureLoaderState {
    // Its seed may have been drawn for a batch that could not be read.
    return { ...this.#state, samplerSeed: this.#pass.state().samplerSeed };
  }

  close(): Promise<void> {
    return this.#pass.close();
  }
}
