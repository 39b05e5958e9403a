import assert from 'node:assert/strict';
import path from 'node:path';
import { DenseNet, type DenseNetStyle, type EfficientMode } from '../../../lib/models/index.js';
import { functional } from '../../../lib/nn/index.js';
import { SGD } from '../../../lib/optim/index.js';
import { getNumThreads, manualSeed, rand, randint, randn, scope, setNumThreads } from '../../../lib/tensor/index.js';
import { digest, digests } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';

interface Case {
  readonly style: DenseNetStyle;
  readonly bottleneck: boolean;
  readonly dropRate: number;
  readonly threads: number;
  readonly size: number;
  readonly seed: number;
}

function train(given: Case, efficient: EfficientMode): unknown {
  setNumThreads(given.threads);
  return scope(() => {
    manualSeed(given.seed);
    const { style, bottleneck, dropRate, size } = given;
    const model = new DenseNet({
      style,
      bottleneck,
      dropRate,
      efficient,
      growthRate: 6,
      blockConfig: [3, 3],
      numInitFeatures: 12,
      numClasses: 10,
    });
    const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 });
    const losses = Array.from({ length: 20 }, () =>
      scope(() => {
        const images = randn([4, 3, size, size]);
        const labels = randint(0, 10, [4]);
        const loss = functional.crossEntropy(model.call(images), labels);
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
        return digest(loss.detach());
      }),
    );
    return { losses, state: digests(model.stateDict()), 'next draw': digest(rand([4])) };
  });
}

const cases: [string, Case][] = [
  ['torchvision', { style: 'torchvision', bottleneck: true, dropRate: 0, threads: 1, size: 64, seed: 1 }],
  ['torchvision, dropout', { style: 'torchvision', bottleneck: true, dropRate: 0.2, threads: 2, size: 64, seed: 2 }],
  ['the CIFAR script', { style: 'cifar', bottleneck: true, dropRate: 0, threads: 1, size: 16, seed: 3 }],
  ['the CIFAR script, dropout', { style: 'cifar', bottleneck: true, dropRate: 0.2, threads: 2, size: 16, seed: 4 }],
  ['no bottlenecks', { style: 'cifar', bottleneck: false, dropRate: 0.2, threads: 1, size: 16, seed: 5 }],
];

parityDescribe('ways of computing a DenseNet, twenty steps bit for bit', function () {
  this.timeout(300_000);
  const threads = getNumThreads();
  after(() => {
    setNumThreads(threads);
  });
  const script = path.join(import.meta.dirname, 'efficient.py');
  for (const [name, given] of cases) {
    it(name, () => {
      const python = runPython(script, [JSON.stringify(given)]).json() as Record<'plain' | 'checkpoint', unknown>;
      assert.deepEqual(train(given, 'checkpoint'), python.checkpoint, 'checkpoint');
      assert.deepEqual(train(given, 'shared'), python.plain, 'shared');
    });
  }
});
