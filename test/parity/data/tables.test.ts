import assert from 'node:assert/strict';
import path from 'node:path';
import {
  ConcatDataset,
  DataLoader,
  randomSplit,
  readCsv,
  Subset,
  TableEncoder,
  TensorDataset,
} from '../../../lib/data/index.js';
import { arange, Generator, manualSeed, rand, scope } from '../../../lib/tensor/index.js';
import { digest } from '../digest.js';
import { parityDescribe, runPython, withTemporaryFolder } from '../python.js';

parityDescribe('tables, and data sets joined and cut', function () {
  this.timeout(120_000);
  let theirs: Record<string, unknown>;

  it("become the features of the notes' recipe, bit for bit", async () => {
    await withTemporaryFolder((folder) => {
      theirs = runPython(path.join(import.meta.dirname, 'tables.py'), [folder]).json() as typeof theirs;
      const [train, test] = ['train.csv', 'test.csv'].map((name) => readCsv(path.join(folder, name)));
      assert.deepEqual([train!.length, test!.length], [731, 402]);
      assert.equal(train!.kind('LotArea'), 'number');
      const encoder = new TableEncoder([train!, test!], { leaveOut: ['Id', 'Price'] });
      assert.deepEqual(encoder.features, theirs['titles']);
      scope(() => {
        assert.equal(digest(encoder.encode(train!)), theirs['train']);
        assert.equal(digest(encoder.encode(test!)), theirs['test']);
        assert.equal(digest(train!.tensor('Price')), theirs['labels']);
      });
      const without = new TableEncoder([train!], { leaveOut: ['Id', 'Price'], dummyNa: false });
      assert.equal(
        without.features.some((name) => name.endsWith('_nan')),
        false,
      );
    });
  });

  it("ConcatDataset, Subset and randomSplit with PyTorch's orders", () => {
    scope(() => {
      const data = [5, 1, 7].map(
        (n) =>
          new TensorDataset(
            arange(n * 2)
              .reshape([n, 2])
              .to('float32')
              .add(100 * n),
            arange(n).to('int64'),
          ),
      );
      const both = new ConcatDataset([...data, new Subset(data[2]!, [6, 0, 3])]);
      assert.deepEqual([both.length, both.cumulativeSizes], [16, [5, 6, 13, 16]]);
      manualSeed(3);
      const batches = [...new DataLoader(both, { batchSize: 4, shuffle: true })].map((batch) => batch.map(digest));
      assert.deepEqual(batches, theirs['batches']);
      manualSeed(4);
      const splits = [[10, 6], [0.5, 0.25, 0.25], [0.1, 0.9], [16]].flatMap((lengths) => randomSplit(both, lengths));
      assert.deepEqual(
        splits.map(({ indices }) => indices),
        theirs['splits'],
      );
      const generator = new Generator();
      generator.manualSeed(8);
      const own = randomSplit(both, [7, 9], { generator });
      assert.deepEqual(
        own.map(({ indices }) => indices),
        theirs['own'],
      );
      assert.equal(rand([1]).item(), theirs['next']);
    });
  });
});
