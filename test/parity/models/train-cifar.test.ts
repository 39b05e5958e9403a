import assert from 'node:assert/strict';
import path from 'node:path';
import { cifarDenseNet } from '../../../lib/models/index.js';
import { functional } from '../../../lib/nn/index.js';
import { SGD } from '../../../lib/optim/index.js';
import {
  manualSeed,
  noGrad,
  rand,
  randint,
  randn,
  scope,
  setNumThreads,
  getNumThreads,
  type Tensor,
} from '../../../lib/tensor/index.js';
import { digest, digests } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';

interface Case {
  readonly name: string;
  readonly depth: number;
  readonly bottleneck: boolean;
  readonly dropRate: number;
  readonly threads: number;
  readonly batch: number;
  readonly seed: number;
}

const forms = [
  { name: 'DenseNet-BC-40', depth: 40, bottleneck: true, dropRate: 0 },
  { name: 'DenseNet-BC-40 with dropout', depth: 40, bottleneck: true, dropRate: 0.2 },
  { name: 'DenseNet-40', depth: 40, bottleneck: false, dropRate: 0 },
  { name: 'DenseNet-40 with dropout', depth: 40, bottleneck: false, dropRate: 0.2 },
];

function train(given: Case): unknown {
  setNumThreads(given.threads);
  manualSeed(given.seed);
  const model = cifarDenseNet(given);
  const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 });
  const result = { print: String(model), init: digests(model.stateDict()), steps: [] as unknown[] };
  for (let step = 0; step < 3; step++) {
    scope(() => {
      const images = randn([given.batch, 3, 32, 32]);
      const labels = randint(0, 10, [given.batch]);
      const logits = model.call(images);
      const loss = functional.crossEntropy(logits, labels);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      const named = model.namedParameters();
      result.steps.push({
        images: digest(images),
        logits: digest(logits),
        loss: digest(loss),
        gradients: digests(named.map(([name, parameter]) => [name, parameter.grad])),
        state: digests(model.stateDict()),
        buffers: digests(
          named.map(([name, parameter]) => [name, optimizer.state.get(parameter)?.['momentum_buffer'] as Tensor]),
        ),
      });
    });
  }
  model.eval();
  const evaluated = scope(() => noGrad(() => digest(model.call(randn([4, 3, 32, 32])))));
  return { ...result, evaluated, 'next draw': scope(() => digest(rand([4]))) };
}

parityDescribe('training of CIFAR DenseNets, bit for bit', function () {
  this.timeout(300_000);
  const threads = getNumThreads();
  after(() => setNumThreads(threads));

  for (const form of forms) {
    for (const count of [1, 2]) {
      it(`${form.name}, ${count} thread${count === 1 ? '' : 's'}`, () => {
        const given: Case = { ...form, threads: count, batch: 4, seed: 20 + count };
        const script = path.join(import.meta.dirname, 'train_cifar.py');
        assert.deepEqual(train(given), runPython(script, [JSON.stringify(given)]).json());
      });
    }
  }
});
