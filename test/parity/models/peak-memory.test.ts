import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { cifarDenseNet } from '../../../lib/models/index.js';
import { functional } from '../../../lib/nn/index.js';
import { SGD } from '../../../lib/optim/index.js';
import {
  getNumThreads,
  manualSeed,
  memory,
  noGrad,
  randint,
  randn,
  resetPeakMemory,
  scope,
  setNumThreads,
} from '../../../lib/tensor/index.js';
import { parityDescribe, runPython } from '../python.js';

interface Case {
  readonly depth: number;
  readonly bottleneck: boolean;
  readonly dropRate: number;
}

interface Peaks {
  readonly training: number;
  readonly evaluation: number;
}

/** The allocator as a library of its own, beside the addon of either build. */
function allocator(): string {
  const root = path.join(import.meta.dirname, '..', '..', '..');
  const places = ['build-cmake', 'build'].map((folder) =>
    path.join(root, folder, 'Release', 'libcounting_allocator.so'),
  );
  const found = places.find((file) => fs.existsSync(file));
  assert.ok(found, `the build made none of ${places.join(', ')}`);
  return found;
}

function measure({ depth, bottleneck, dropRate }: Case): Peaks {
  manualSeed(0);
  return scope(() => {
    const before = memory().bytes;
    const model = cifarDenseNet({ depth, bottleneck, dropRate });
    const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 });
    const images = randn([16, 3, 32, 32]);
    const labels = randint(0, 10, [16]);
    const step = (): void =>
      scope(() => {
        const loss = functional.crossEntropy(model.call(images), labels);
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
      });
    step();
    resetPeakMemory();
    step();
    const training = memory().peakBytes - before;
    model.eval();
    optimizer.zeroGrad();
    resetPeakMemory();
    scope(() => noGrad(() => void model.call(images)));
    return { training, evaluation: memory().peakBytes - before };
  });
}

parityDescribe('peak bytes of CIFAR DenseNets, within 3 % of Python’s', function () {
  this.timeout(300_000);
  const threads = getNumThreads();
  before(() => setNumThreads(1));
  after(() => setNumThreads(threads));

  const cases: Case[] = [
    { depth: 40, bottleneck: true, dropRate: 0 },
    { depth: 22, bottleneck: false, dropRate: 0.2 },
  ];
  for (const given of cases) {
    it(JSON.stringify(given), () => {
      const script = path.join(import.meta.dirname, 'peak_memory.py');
      const theirs = runPython(script, [JSON.stringify({ ...given, allocator: allocator() })]).json() as Peaks;
      const ours = measure(given);
      for (const name of ['training', 'evaluation'] as const) {
        assert.ok(ours[name] <= theirs[name] * 1.03, `${name}: ${ours[name]} bytes, Python ${theirs[name]}`);
        assert.ok(ours[name] > theirs[name] * 0.5, `${name}: counted ${ours[name]} bytes, Python ${theirs[name]}`);
      }
    });
  }
});
