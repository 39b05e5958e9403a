/** The k-fold regression of the notes on a table of houses, until it has learnt. */
import assert from 'node:assert/strict';
import { DataLoader, parseCsv, TableEncoder, TensorDataset } from '../../../lib/data/index.js';
import { denseMlp } from '../../../lib/models/index.js';
import { functional, type Sequential } from '../../../lib/nn/index.js';
import { Adam } from '../../../lib/optim/index.js';
import { getNumThreads, manualSeed, ops, scope, setNumThreads, type Tensor } from '../../../lib/tensor/index.js';
import { houseTable } from '../../parity/models/house-table.js';
import { freeModule } from '../../parity/models/networks.js';

const [K, EPOCHS] = [5, 15];

/** Root of the mean square of the differences between the logarithms, as the notes measure it. */
function logRmse(net: Sequential, { inputs, targets }: TensorDataset): number {
  return scope(() => {
    net.eval();
    const clipped = net.call(inputs).clamp(1, Infinity);
    net.train();
    return functional.mseLoss(clipped.log(), targets.log()).sqrt().item();
  });
}

/** @returns the mean loss of each epoch, and the error on what was left out before and after. */
function fold(index: number, features: Tensor, labels: Tensor): { losses: number[]; before: number; after: number } {
  const size = Math.floor(features.size(0) / K);
  const part = (all: Tensor, j: number): Tensor => all.narrow(0, j * size, size);
  const rest = (all: Tensor): Tensor =>
    ops.cat(Array.from({ length: K }, (_, j) => j).flatMap((j) => (j === index ? [] : [part(all, j)])));
  const [train, valid] = [
    new TensorDataset(rest(features), rest(labels)),
    new TensorDataset(part(features, index), part(labels, index)),
  ];
  const net = denseMlp({ inputs: features.size(1), widths: [24, 32], growthRate: 8, numConvs: [2, 2] });
  const optimizer = new Adam(net.parameters(), { lr: 5 });
  const before = logRmse(net, valid);
  const losses = Array.from({ length: EPOCHS }, () => {
    let [sum, batches] = [0, 0];
    for (const [x, y] of new DataLoader(train, { batchSize: 16, shuffle: true })) {
      sum += scope(() => {
        optimizer.zeroGrad();
        const loss = functional.mseLoss(net.call(x), y);
        loss.backward();
        optimizer.step();
        return loss.item();
      });
      batches++;
      x.dispose();
      y.dispose();
    }
    return sum / batches;
  });
  const after = logRmse(net, valid);
  freeModule(net);
  return { losses, before, after };
}

describe('the k-fold regression of the notes', () => {
  const threads = getNumThreads();
  before(() => setNumThreads(1));
  after(() => setNumThreads(threads));

  it('learns prices from a table in every fold', () => {
    manualSeed(0);
    scope(() => {
      const houses = parseCsv(houseTable());
      const features = new TableEncoder([houses], { leaveOut: ['Id', 'Price'] }).encode(houses);
      const labels = houses.tensor('Price');
      for (let i = 0; i < K; i++) {
        const { losses, before, after } = scope(() => fold(i, features, labels));
        const first = losses[0]!;
        // A constant comes to a tenth of it, and to a log rmse of 0.35.
        assert.ok(losses.at(-1)! < 0.05 * first, `fold ${i + 1}: ${losses.join()}`);
        assert.ok(after < 0.25, `fold ${i + 1}: log rmse ${before} before, ${after} after`);
      }
    });
  });
});
