import assert from 'node:assert/strict';
import path from 'node:path';
import * as models from '../../../lib/models/index.js';
import { functional } from '../../../lib/nn/index.js';
import { manualSeed, noGrad, randint, randn, scope, setNumThreads, getNumThreads } from '../../../lib/tensor/index.js';
import { digest, digests } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';

interface Case {
  readonly name: 'densenet121' | 'densenet161';
  readonly seed: number;
  readonly threads: number;
  readonly dropRate: number;
}

const cases: Case[] = [
  { name: 'densenet121', seed: 0, threads: 1, dropRate: 0 },
  { name: 'densenet121', seed: 3, threads: 2, dropRate: 0.1 },
  { name: 'densenet161', seed: 1, threads: 2, dropRate: 0 },
];

function ours({ name, seed, threads, dropRate }: Case): unknown {
  return scope(() => {
    setNumThreads(threads);
    manualSeed(seed);
    const model = models[name]({ dropRate });
    const images = randn([2, 3, 64, 64]);
    const labels = randint(0, 1000, [2]);
    const state = model.stateDict();
    const result = {
      print: String(model),
      versions: Object.fromEntries([...(state.metadata ?? [])].map(([at, entry]) => [at, Object.fromEntries(entry)])),
      init: digests(state),
    };
    const logits = model.call(images);
    const loss = functional.crossEntropy(logits, labels);
    loss.backward();
    const trained = {
      logits: digest(logits),
      loss: digest(loss),
      gradients: digests(model.namedParameters().map(([key, parameter]) => [key, parameter.grad])),
      state: digests(model.stateDict()),
    };
    model.eval();
    return { ...result, ...trained, evaluated: digest(noGrad(() => model.call(images))) };
  });
}

parityDescribe('DenseNets of torchvision, bit for bit', function () {
  this.timeout(300_000);
  const threads = getNumThreads();
  after(() => setNumThreads(threads));

  for (const given of cases) {
    it(`${given.name}, seed ${given.seed}, drop rate ${given.dropRate}, ${given.threads} threads`, () => {
      const script = path.join(import.meta.dirname, 'torchvision_densenet.py');
      assert.deepEqual(ours(given), runPython(script, [JSON.stringify(given)]).json());
    });
  }
});
