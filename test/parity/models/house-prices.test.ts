import assert from 'node:assert/strict';
import path from 'node:path';
import { DataLoader, parseCsv, TableEncoder, TensorDataset } from '../../../lib/data/index.js';
import { save } from '../../../lib/io/index.js';
import { denseMlp } from '../../../lib/models/index.js';
import { functional, type Sequential } from '../../../lib/nn/index.js';
import { Adam } from '../../../lib/optim/index.js';
import { getNumThreads, manualSeed, ops, scope, setNumThreads, type Tensor } from '../../../lib/tensor/index.js';
import { digests, doubleBits } from '../digest.js';
import { parityDescribe, runPython, withTemporaryFolder } from '../python.js';
import { houseTable } from './house-table.js';

// Beside house_prices.py, statement by statement.
const [K, EPOCHS, LR, BATCH] = [5, 4, 0.05, 16];

function logRmse(net: Sequential, { inputs, targets }: TensorDataset): string {
  return scope(() => {
    const clipped = net.call(inputs).clamp(1, Infinity);
    return doubleBits(functional.mseLoss(clipped.log(), targets.log()).sqrt().item());
  });
}

function train(net: Sequential, trainSet: TensorDataset, validSet: TensorDataset): string[][] {
  const optimizer = new Adam(net.parameters(), { lr: LR, weightDecay: 0 });
  return Array.from({ length: EPOCHS }, () => {
    for (const [x, y] of new DataLoader(trainSet, { batchSize: BATCH, shuffle: true })) {
      scope(() => {
        optimizer.zeroGrad();
        functional.mseLoss(net.call(x), y).backward();
        optimizer.step();
      });
      x.dispose();
      y.dispose();
    }
    return [logRmse(net, trainSet), logRmse(net, validSet)];
  });
}

function fold(index: number, features: Tensor, labels: Tensor): unknown {
  const size = Math.floor(features.size(0) / K);
  const part = (all: Tensor, j: number): Tensor => all.narrow(0, j * size, size);
  const others = Array.from({ length: K }, (_, j) => j).filter((j) => j !== index);
  const rest = (all: Tensor): Tensor => ops.cat(others.map((j) => part(all, j)));
  const net = denseMlp({ inputs: features.size(1), widths: [24, 32], growthRate: 8, numConvs: [2, 2] });
  const errors = train(
    net,
    new TensorDataset(rest(features), rest(labels)),
    new TensorDataset(part(features, index), part(labels, index)),
  );
  return { errors, state: digests(net.stateDict()) };
}

parityDescribe('the k-fold regression of the notes on a table', () => {
  const threads = getNumThreads();
  before(() => setNumThreads(1));
  after(() => setNumThreads(threads));

  it("has the bits of Python's program in every fold: errors, weights and statistics", async () => {
    await withTemporaryFolder((folder) => {
      scope(() => {
        const houses = parseCsv(houseTable());
        const encoder = new TableEncoder([houses], { leaveOut: ['Id', 'Price'] });
        const features = encoder.encode(houses);
        const labels = houses.tensor('Price');
        assert.deepEqual(features.shape, [131, 8]);
        assert.deepEqual(labels.shape, [131, 1]);
        const file = path.join(folder, 'table.pth');
        save([features, labels], file);
        const theirs = runPython(path.join(import.meta.dirname, 'house_prices.py'), [file]).json() as unknown[];
        assert.equal(theirs.length, K);
        manualSeed(0);
        for (let i = 0; i < K; ++i)
          assert.deepEqual(
            scope(() => fold(i, features, labels)),
            theirs[i],
            `fold ${i + 1}`,
          );
      });
    });
  });
});
