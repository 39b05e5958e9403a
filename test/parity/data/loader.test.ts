/** Batches of a CIFAR folder on disk, with transforms and shuffling: the same bits as torchvision and PyTorch's loader. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  CIFAR10,
  Compose,
  DataLoader,
  Normalize,
  RandomCrop,
  RandomHorizontalFlip,
  shapes,
  Subset,
  ToTensor,
  type LoaderState,
} from '../../../lib/data/index.js';
import {
  Generator,
  getRngState,
  manualSeed,
  randperm,
  scope,
  setRngState,
  type Tensor,
} from '../../../lib/tensor/index.js';
import { parityDescribe, runPython } from '../python.js';

interface Options {
  readonly root: string;
  readonly seed: number;
  readonly valid: number;
  readonly batch: number;
  readonly drop_last: boolean;
  readonly own_generator: boolean;
  readonly padding: number;
}

interface Outcome {
  readonly epochs: string[][][];
  readonly lengths: number[];
  readonly states: string[];
}

function digest(...tensors: Tensor[]): string {
  const whole = createHash('sha256');
  for (const each of tensors) whole.update(`[${each.shape.join(', ')}]`).update(each.bytes());
  return whole.digest('hex');
}

const MEAN = [0.49139968, 0.48215841, 0.44653091];
const STD = [0.24703223, 0.24348513, 0.26158784];

/** The same program as loader.py. `stops` cuts each pass over the training set in two and resumes it. */
function ours(options: Options, stops: boolean): Outcome {
  return scope(() => {
    const normalise = [new ToTensor(), new Normalize(MEAN, STD)];
    const trainTransform = new Compose([
      new RandomCrop(32, { padding: options.padding }),
      new RandomHorizontalFlip(),
      ...normalise,
    ]);
    const { train: pictures, test } = CIFAR10.load(options.root, { verify: false });
    manualSeed(options.seed);
    const indices = randperm(pictures.length);
    const split = pictures.length - options.valid;
    const train = new Subset(pictures.withTransform(trainTransform), indices.narrow(0, 0, split));
    const plain = new Compose(normalise);
    const valid = new Subset(pictures.withTransform(plain), indices.narrow(0, split, options.valid));
    const generator = options.own_generator ? new Generator().manualSeed(7) : null;
    const { batch: batchSize, drop_last: dropLast } = options;
    const loader = new DataLoader(train, { batchSize, shuffle: true, dropLast, generator });
    const others = [valid, test.withTransform(plain)].map((each) => new DataLoader(each, { batchSize }));
    const epochs: string[][][] = [];
    for (let epoch = 0; epoch < 3; epoch++) {
      epochs.push([stops ? pauses(loader, 2 * epoch) : digests(loader), ...others.map(digests)]);
    }
    const states = [getRngState(), ...(generator === null ? [] : [generator.getState()])];
    return { epochs, lengths: [loader, ...others].map((each) => each.length), states: states.map((s) => digest(s)) };
  });
}

const digests = (batches: Iterable<[Tensor, Tensor]>): string[] => Array.from(batches, ([x, y]) => digest(x, y));

/** A pass that is stopped after `count` batches, while other random numbers are drawn, and then resumed. */
function pauses(loader: DataLoader, count: number): string[] {
  const result: string[] = [];
  const iterator = loader[Symbol.iterator]();
  for (let i = 0; i < count; i++) result.push(digest(...iterator.next().value!));
  const state = structuredClone(iterator.state()) satisfies LoaderState;
  const rng = getRngState();
  iterator.next();
  manualSeed(99);
  digests(loader);
  setRngState(rng);
  const resumed = loader.resume(state);
  assert.deepEqual(resumed.state(), state);
  return [...result, ...digests(resumed)];
}

const USUAL = { seed: 5, valid: 45, batch: 32, drop_last: false, own_generator: false, padding: 4 };

const CASES: [string, Partial<Options>][] = [
  ['the usual way', {}],
  ['a last batch that is smaller', { valid: 50, seed: 2 ** 40 }],
  ['a last batch that is left out', { valid: 50, drop_last: true }],
  ['a generator of its own', { own_generator: true }],
  ['a generator of its own, a last batch left out', { own_generator: true, drop_last: true, valid: 50 }],
  ['no padding: the crop draws nothing', { padding: 0 }],
  ['a large padding', { padding: 40, batch: 7 }],
];

parityDescribe('batches, against torchvision and PyTorch', function () {
  this.timeout(300_000);
  let root: string;
  let theirs: Outcome[];
  const optionsOf = (changes: Partial<Options>): Options => ({ root, ...USUAL, ...changes });
  const embedded = (): Options => {
    const folder = fs.readdirSync(root).find((name) => name.startsWith('shapes-'))!;
    return optionsOf({ root: path.join(root, folder), valid: 4000, batch: 500 });
  };

  before(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-loader-'));
    runPython('test/parity/small_cifar.py', [root, '205', '50']);
    shapes({ cacheFolder: root });
    // one process for all cases: importing torchvision takes longer than the rest
    const all = [...CASES.map(([, changes]) => optionsOf(changes)), embedded()];
    theirs = runPython('test/parity/data/loader.py', [JSON.stringify(all)]).json() as Outcome[];
  });
  after(() => fs.rmSync(root, { recursive: true, force: true }));

  CASES.forEach(([name, changes], index) => {
    it(`${name}: the same bits and the same random state, also when stopped and resumed`, () => {
      assert.deepEqual(ours(optionsOf(changes), false), theirs[index]);
      assert.deepEqual(ours(optionsOf(changes), true), theirs[index]);
    });
  });

  it('torchvision reads the embedded pictures as we do', () => {
    assert.deepEqual(ours(embedded(), false), theirs[CASES.length]);
  });
});
