/** Prints the peak of bytes that a training step of DenseNet-BC-40 (batch 64) holds, by the counting allocator. */
import {
  manualSeed,
  memory,
  models,
  nn,
  optim,
  randint,
  randn,
  resetPeakMemory,
  scope,
  setNumThreads,
} from '../dist/lib/index.js';

setNumThreads(1);
manualSeed(0);
const model = models.cifarDenseNet({ depth: 40, growthRate: 12 });
const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 });
const [input, target] = [randn([64, 3, 32, 32]), randint(0, 10, [64])];
for (let i = 0; i < 3; ++i) {
  resetPeakMemory();
  scope(() => {
    const loss = nn.functional.crossEntropy(model.call(input), target);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
  });
}
console.log(memory().peakBytes);
