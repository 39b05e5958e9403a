/** Folders of pictures and mixes of data sets: what a run takes of them, and what it says of those it cannot take. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Normalize, PictureDataset } from '../../../lib/data/index.js';
import { manualSeed, memory, scope } from '../../../lib/tensor/index.js';
import { checkOptions, datasetOf } from '../../../lib/train/config.js';
import { openData } from '../../../lib/train/datasets.js';
import { evaluate, train, UsageError, type RunOptions } from '../../../lib/train/index.js';
import { MemoryData, type MemoryPart } from '../../../lib/train/memory-data.js';
import type { LoaderConfig, PassLoader } from '../../../lib/train/run-data.js';
import { writeClassFolders } from '../../cli/class-folders.js';
import { settle } from '../../settle.js';

const small: RunOptions = { depth: 10, growthRate: 4, batchSize: 4, seed: 1, threads: 1, nEpochs: 1 };

describe('a run on folders of pictures', function () {
  this.timeout(300_000);
  let root = '';
  const at = (...names: string[]): string => path.join(root, ...names);

  before(async () => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-folders-'));
    await writeClassFolders(at('data', 'train'), { pictures: 5 });
    await writeClassFolders(at('data', 'val'), { pictures: 2, seed: 7 });
  });
  after(() => fs.rmSync(root, { recursive: true, force: true }));

  const refuses = async (options: RunOptions, message: RegExp): Promise<void> => {
    await assert.rejects(
      train({ ...small, ...options }, { save: at('none') }),
      (error: Error) => message.test(error.message) && !error.message.includes('\n'),
      JSON.stringify(options),
    );
    assert.ok(!fs.existsSync(at('none')), 'nothing is written');
  };

  it('says in one line what is wrong with them', async () => {
    await refuses({ data: at('no'), dataset: 'imagefolder' }, /cannot read .*no: no such file or folder$/);
    await refuses(
      { data: at('data', 'val', 'disk') },
      /val\/disk holds no folders: expected one folder of pictures for/,
    );
    fs.cpSync(at('data'), at('odd'), { recursive: true });
    fs.mkdirSync(at('odd', 'train', 'ring'));
    await refuses({ data: at('odd') }, /The class folder ring of .*odd\/train holds no pictures \(\.jpg, /);
    fs.rmdirSync(at('odd', 'train', 'ring'));
    fs.renameSync(at('odd', 'val', 'disk'), at('odd', 'val', 'disc'));
    await refuses({ data: at('odd') }, /odd\/val holds disc, which .*odd\/train does not: expected the same/);
    for (const name of ['disk', 'square']) fs.rmSync(at('odd', 'train', name), { recursive: true });
    await refuses({ data: at('odd') }, /odd\/train holds one folder, triangle: expected one folder of pictures/);
    await refuses({ data: at('data'), validSize: 3 }, /no --valid-size 3: the folder holds pictures for validation/);
    await refuses({ data: at('data'), kFold: 3 }, /no --k-fold 3: the folder holds pictures for validation/);
    await refuses({ data: at('data', 'train'), validSize: 0 }, /Expected --valid-size above 0/);
    await refuses({ dataset: 'digits', workers: 2 }, /no --workers with --dataset digits: it is for folders/);
    await refuses({ dataset: 'digits', skipBroken: true }, /no --skip-broken with --dataset digits/);
  });

  it('takes val for validation, test for the test, and the classes by their names', () => {
    fs.cpSync(at('data'), at('three'), { recursive: true });
    fs.cpSync(at('data', 'val'), at('three', 'test'), { recursive: true });
    fs.rmSync(at('three', 'val', 'disk'), { recursive: true });
    assert.equal(datasetOf({ data: at('three') }), 'imagefolder');
    assert.equal(datasetOf({ data: root }), 'cifar10');
    const data = openData({ dataset: 'imagefolder', data: at('three'), verify: true });
    assert.deepEqual([data.classes, data.hasValidation, data.hasTest], [['disk', 'square', 'triangle'], true, true]);
    assert.deepEqual(data.notices, [`${at('three', 'val')} holds no pictures of disk`]);
    const { train: count, test } = data.facts();
    assert.deepEqual([count, test], [15, 6]);
    const config = { ...fileConfig, validSize: 0, batchSize: 4 };
    const { train: training, valid, test: testing } = data.loaders(config);
    assert.deepEqual([training.length, valid?.length, testing.length], [4, 1, 2]);
  });

  it('tells pictures by their names, wherever they lie', () => {
    const facts = (folder: string): string =>
      openData({ dataset: 'imagefolder', data: folder, verify: true }).facts().sha256;
    fs.cpSync(at('data'), at('elsewhere'), { recursive: true });
    assert.equal(facts(at('data')), facts(`${at('elsewhere')}/`));
    fs.renameSync(at('elsewhere', 'train', 'disk', '0.png'), at('elsewhere', 'train', 'square', '00.png'));
    assert.notEqual(facts(at('data')), facts(at('elsewhere')));
  });

  it('chooses pictures for validation by the seed where there is no val, and leaves no tensors behind', async () => {
    const options = { ...small, data: at('data', 'train'), validSize: 4, workers: 0, nEpochs: 2 };
    await settle();
    const before = memory().tensors;
    const counts: number[] = [];
    const reporter = { iteration: () => void counts.push(memory().tensors) };
    const { testError } = await train(options, { save: at('flat'), reporter });
    assert.equal(new Set(counts.slice(0, 3)).size, 1, 'the first steps of training');
    const { error, pictures } = await evaluate({ save: at('flat') });
    assert.deepEqual([error, pictures], [testError, 4]);
    await settle();
    assert.equal(memory().tensors, before);
  });
});

const fileConfig: LoaderConfig = {
  ...{ resize: 32, inChannels: 3, augment: true, validSize: 4, kFold: null, fold: null },
  ...{ batchSize: 4, seed: 1, workers: 0, skipBroken: false },
};

/** Grey pictures of one pixel value each, from `first` on. */
function part(name: string, count: number, first: number, classes: readonly string[]): MemoryPart {
  const set = (pictures: number): PictureDataset =>
    new PictureDataset({
      ...{ count: pictures, channels: 1, height: 2, width: 2, classes },
      pictures: Uint8Array.from({ length: 4 * pictures }, (_, at) => first + Math.floor(at / 4)),
      labels: Uint8Array.from({ length: pictures }, (_, at) => at % 2),
    });
  return { name, train: set(count), test: set(2), scale: new Normalize([0], [1]), steps: [] };
}

describe('a mix of data sets', () => {
  it('is one after the other, divided by one draw', () => {
    const data = new MemoryData([part('one', 6, 0, ['a', 'b']), part('other', 4, 100, ['a', 'b'])]);
    const { train: count, test } = data.facts();
    assert.deepEqual([count, test, data.classes, data.notices], [10, 4, ['a', 'b'], []]);
    manualSeed(1);
    const config = { ...fileConfig, resize: null, inChannels: 1, batchSize: 3 };
    const { train: training, valid, test: testing } = data.loaders(config);
    const values = (loader: PassLoader | null): number[] => {
      const found: number[] = [];
      const batches = loader?.[Symbol.iterator]();
      while (batches !== undefined) {
        const next = scope(() => {
          const { done, value } = batches.next();
          return done === true ? null : value[0].select(1, 0).select(1, 0).select(1, 0).mul(255).round().tolist();
        });
        if (next === null) break;
        found.push(...(next as number[]));
      }
      return found;
    };
    const all = [...values(training), ...values(valid)];
    assert.deepEqual(
      all.sort((a, b) => a - b),
      [0, 1, 2, 3, 4, 5, 100, 101, 102, 103],
    );
    assert.deepEqual([values(testing), values(valid).length], [[0, 1, 100, 101], 4]);
    assert.deepEqual(values(data.tested(config)), [0, 1, 100, 101]);
  });

  it('tells of classes that have other names, and keeps none', () => {
    const data = new MemoryData([part('one', 6, 0, ['a', 'b']), part('other', 4, 100, ['a', 'c'])]);
    assert.equal(data.classes, null);
    assert.deepEqual(data.notices, ['The classes of one and other have one number and different names: 1 is b and c']);
    const three = part('other', 4, 100, ['a', 'b', 'c']);
    assert.throws(
      () => new MemoryData([part('one', 6, 0, ['a', 'b']), three]),
      /Expected data sets of one number of classes for --dataset one\+other but received 2 and 3$/,
    );
  });

  it('is refused where they do not agree', () => {
    const refused = (dataset: string, message: RegExp, data?: string): void =>
      assert.throws(
        () => {
          checkOptions({ dataset, data });
          openData({ dataset, data: data ?? null, verify: true });
        },
        (error: Error) => error instanceof UsageError && message.test(error.message),
        dataset,
      );
    refused('digits+shapes', /of one shape of pictures for --dataset digits\+shapes but received 1x28x28 and 3x32x32$/);
    refused('digits+digits', /Expected different data sets for --dataset but received "digits\+digits"$/);
    refused('svhn+svhn-extra', /Expected different data sets for --dataset but received/);
    refused('digits+no', /, or a mix of them like digits\+mnist, for --dataset but received "digits\+no"$/);
    refused('digits+mnist', /Expected --data DIR with --dataset digits\+mnist: the folder of MNIST/);
    refused('shapes+imagefolder', /Expected no mix with imagefolder .*: put the pictures into/, 'data');
  });
});
