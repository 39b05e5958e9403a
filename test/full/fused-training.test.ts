import assert from 'node:assert/strict';
import { DenseNet } from '../../lib/models/index.js';
import { functional } from '../../lib/nn/index.js';
import { SGD } from '../../lib/optim/index.js';
import {
  getNumThreads,
  manualSeed,
  noGrad,
  randint,
  randn,
  scope,
  setNumThreads,
  type Tensor,
} from '../../lib/tensor/index.js';

const CLASSES = 6;
const STEPS = 150;
/** Two means of five values each are further apart, in units of their common error, once in a hundred times (Student's t, 8). */
const STUDENT = 3.355;

/** A network is trained on noisy pictures of a few patterns. @returns the last losses' mean, and the error on new pictures. */
function train(efficient: 'none' | 'fused', seed: number): [loss: number, error: number] {
  return scope(() => {
    manualSeed(seed);
    const patterns = randn([CLASSES, 3, 16, 16]);
    const draw = (count: number): [Tensor, Tensor] => {
      const labels = randint(0, CLASSES, [count]);
      return [patterns.indexSelect(0, labels).add(randn([count, 3, 16, 16]).mul(2.5)), labels];
    };
    const options = { growthRate: 8, blockConfig: [4, 4, 4], numInitFeatures: 16, numClasses: CLASSES };
    const model = new DenseNet({ style: 'cifar', ...options, efficient });
    const optimizer = new SGD(model.parameters(), { lr: 0.05, momentum: 0.9, nesterov: true, weightDecay: 1e-4 });
    let last = 0;
    for (let step = 0; step < STEPS; step++) {
      // As real runs end: with a small rate, so that what is measured is not where the last step happened to lead.
      if (step === STEPS - 50) optimizer.paramGroups[0]!.lr = 0.005;
      scope(() => {
        const [x, labels] = draw(32);
        const loss = functional.crossEntropy(model.call(x), labels);
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        if (step >= STEPS - 20) last += loss.item() / 20;
      });
    }
    model.eval();
    const wrong = noGrad(() => {
      const [x, labels] = draw(1000);
      return model.call(x).argmax(1).ne(labels).to('float32').mean().item();
    });
    return [last, wrong];
  });
}

const mean = (values: readonly number[]): number => values.reduce((sum, each) => sum + each, 0) / values.length;
const deviation = (values: readonly number[]): number =>
  Math.sqrt(mean(values.map((each) => (each - mean(values)) ** 2)) * (values.length / (values.length - 1)));

describe('training with fused dense blocks', () => {
  let threads = 0;
  before(() => {
    threads = getNumThreads();
    setNumThreads(1);
  });
  after(() => setNumThreads(threads));

  it('ends within the noise of plain training, five seeds each', function () {
    this.timeout(1_200_000);
    const runs = [1, 2, 3, 4, 5].map((seed) => ({ plain: train('none', seed), fused: train('fused', seed) }));
    for (const i of [0, 1]) {
      const plain = runs.map((run) => run.plain[i]!);
      const fused = runs.map((run) => run.fused[i]!);
      const noise = Math.sqrt((deviation(plain) ** 2 + deviation(fused) ** 2) / 5);
      const text = `plain ${plain.map((each) => each.toFixed(4)).join(' ')}, fused ${fused.map((each) => each.toFixed(4)).join(' ')}`;
      console.log(`      ${i === 0 ? 'last losses' : 'errors'}: ${text}`);
      assert.ok(Math.abs(mean(plain) - mean(fused)) <= STUDENT * noise, text);
      // Something was learnt at all: chance has a loss of 1.79 and an error of 0.83.
      assert.ok(mean(plain) < (i === 0 ? 1.6 : 0.75), text);
    }
  });
});
