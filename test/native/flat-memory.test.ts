import assert from 'node:assert/strict';
import { manualSeed, memory, models, nn, optim, randint, randn, scope, setNumThreads } from '../../lib/index.js';

/** A training loop as a user writes it: synchronous, in one turn of the event loop. */
function trainer(): () => number {
  manualSeed(0);
  const model = new models.DenseNet({
    growthRate: 4,
    blockConfig: [2, 2],
    numInitFeatures: 8,
    bnSize: 2,
    numClasses: 4,
    dropRate: 0.1,
  });
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9, nesterov: true, weightDecay: 1e-4 });
  const [input, target] = [randn([4, 3, 8, 8]), randint(0, 4, [4])];
  return () =>
    scope(() => {
      const output = model.call(input);
      const loss = nn.functional.crossEntropy(output, target);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss.item();
    });
}

describe('a synchronous training loop', () => {
  it('holds tensors, bytes and resident memory flat over 2,000 iterations in one turn of the event loop', function () {
    this.timeout(300_000);
    setNumThreads(1); // so small a net gains nothing from a second thread, and waits for it on a busy machine
    const step = trainer();
    for (let i = 0; i < 200; ++i) step();
    const before = memory();
    const resident = process.memoryUsage().rss;
    let turned = false;
    setImmediate(() => (turned = true));
    for (let i = 0; i < 2000; ++i) step();
    assert.equal(turned, false, 'the event loop must not have had a turn');
    assert.deepEqual([memory().tensors, memory().bytes], [before.tensors, before.bytes]);
    const grown = (process.memoryUsage().rss - resident) / 2 ** 20;
    assert.ok(grown < 48, `resident memory grew by ${grown.toFixed(1)} MiB`);
  });

  it('does the same without a scope around the step, where modules open their own', () => {
    manualSeed(0);
    const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 2));
    const input = randn([3, 4]);
    const held = memory().tensors;
    for (let i = 0; i < 100; ++i) model.call(input).dispose();
    assert.equal(memory().tensors, held);
  });
});
