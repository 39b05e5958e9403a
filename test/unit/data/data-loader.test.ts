/** The loader's batches, its memory, its states, and what it refuses. Random draws are compared in test/parity/data. */
import assert from 'node:assert/strict';
import { DataLoader, PictureDataset, RandomSampler, Subset, type LoaderState } from '../../../lib/data/index.js';
import { load, serialize } from '../../../lib/io/index.js';
import { Generator, getRngState, manualSeed, memory, scope, tensor, type Tensor } from '../../../lib/tensor/index.js';

const COUNT = 10;

const dataset = new PictureDataset({
  count: COUNT,
  channels: 1,
  height: 1,
  width: 1,
  pictures: Uint8Array.from({ length: COUNT }, (_, i) => i),
  labels: Uint8Array.from({ length: COUNT }, (_, i) => i),
  classes: Array.from('0123456789'),
});

const labels = (batches: Iterable<[Tensor, Tensor]>): number[][] =>
  scope(() => Array.from(batches, ([, y]) => [...y.toTypedArray()].map(Number)));

describe('DataLoader', () => {
  it('gives batches in order', () => {
    const loader = new DataLoader(dataset, { batchSize: 4 });
    assert.equal(loader.length, 3);
    assert.deepEqual(labels(loader), [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    const whole = new DataLoader(dataset, { batchSize: 4, dropLast: true });
    assert.equal(whole.length, 2);
    assert.deepEqual(labels(whole), [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ]);
  });

  it('shuffles every sample once, anew each time, the same for the same seed', () => {
    const loader = new DataLoader(dataset, { batchSize: 3, shuffle: true });
    const twice = (): number[][] => {
      manualSeed(3);
      return [labels(loader).flat(), labels(loader).flat()];
    };
    const [first, second] = twice();
    assert.notDeepEqual(first, second);
    assert.deepEqual([...first!].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(twice(), [first, second]);
  });

  it('takes from a subset', () => {
    const subset = new Subset(dataset, [9, 0, 5]);
    assert.deepEqual(labels(new DataLoader(subset, { batchSize: 2 })), [[9, 0], [5]]);
    const tensorIndices = scope(() => new Subset(dataset, tensor([3n, 1n])));
    assert.deepEqual(labels(new DataLoader(tensorIndices)), [[3], [1]]);
    assert.deepEqual(labels(new DataLoader(new Subset(subset, [2, 2]))), [[5], [5]]);
  });

  it('holds no tensor between batches, when each is taken in a scope', () => {
    const loader = new DataLoader(dataset, { batchSize: 3, shuffle: true });
    const before = memory().tensors;
    const iterator = loader[Symbol.iterator]();
    for (let i = 0; i < 4; i++) {
      scope(() => assert.equal(iterator.next().done, false));
      assert.equal(memory().tensors, before);
    }
    assert.equal(iterator.next().done, true);
    assert.equal(iterator.next().done, true);
  });

  for (const own of [false, true]) {
    it(`goes on from every place, through a file${own ? ', with a generator of its own' : ''}`, () => {
      const make = (): DataLoader =>
        new DataLoader(dataset, { batchSize: 3, shuffle: true, generator: own ? new Generator().manualSeed(5) : null });
      manualSeed(1);
      const expected = labels(make());
      for (let stop = 0; stop <= 4; stop++) {
        manualSeed(1);
        const iterator = make()[Symbol.iterator]();
        const begun = scope(() =>
          Array.from({ length: stop }, () => [...iterator.next().value![1].toTypedArray()].map(Number)),
        );
        const rng = scope(() => getRngState().bytes());
        const state = Object.fromEntries(
          load(serialize(iterator.state())) as Map<string, never>,
        ) as unknown as LoaderState;
        const resumed = make().resume(state);
        if (stop > 0)
          assert.deepEqual(
            scope(() => getRngState().bytes()),
            rng,
            'nothing is drawn again',
          );
        assert.deepEqual([...begun, ...labels(resumed)], expected);
      }
    });
  }

  it('refuses what cannot be', () => {
    for (const batchSize of [0, -1, 1.5, NaN]) {
      assert.throws(() => new DataLoader(dataset, { batchSize }), {
        message: `batch_size should be a positive integer value, but got batch_size=${batchSize}`,
      });
    }
    const empty = new Subset(dataset, []);
    assert.throws(() => new DataLoader(empty, { shuffle: true }), {
      message: /num_samples should be a positive integer value/,
    });
    assert.throws(() => new RandomSampler(empty), RangeError);
    assert.deepEqual(labels(new DataLoader(empty)), []);
    for (const bad of [10, -1, 0.5]) {
      assert.throws(() => new Subset(dataset, [0, bad]), {
        message: `Expected indices from 0 to 9 for a Subset but received ${bad}`,
      });
    }
  });

  it('refuses a state that is not its own', () => {
    const loader = new DataLoader(dataset, { batchSize: 3, shuffle: true });
    const state: LoaderState = { batches: 1, samplerSeed: 5n, generatorState: null };
    const refuses = (changes: Partial<LoaderState>, message: RegExp, of = loader): void => {
      assert.throws(() => of.resume({ ...state, ...changes }), message);
    };
    refuses({ batches: 5 }, /Expected 0 to 4 batches/);
    refuses({ batches: -1 }, /Expected 0 to 4 batches/);
    refuses({ samplerSeed: null }, /Expected a samplerSeed/);
    refuses({ samplerSeed: 0.5 }, /Expected an integer or null/);
    refuses({ generatorState: new Uint8Array(3) }, /another generator/);
    refuses({}, /another generator/, new DataLoader(dataset, { shuffle: true, generator: new Generator() }));
    const own = new DataLoader(dataset, { shuffle: true, generator: new Generator() });
    refuses({ generatorState: new Uint8Array(3) }, /./, own);
  });
});
