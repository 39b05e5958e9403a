import assert from 'node:assert/strict';
import { densenetByName, EFFICIENT_MODES } from '../../../lib/models/index.js';
import { functional } from '../../../lib/nn/index.js';
import { SGD } from '../../../lib/optim/index.js';
import {
  getNumThreads,
  memory,
  randint,
  randn,
  scope,
  setMemoryLimit,
  setNumThreads,
  Tensor,
  type TorchError,
} from '../../../lib/tensor/index.js';
import { depthFigure, memoryByDepth, memoryReport } from '../../../lib/train/index.js';

describe('the report of what a training step takes', function () {
  this.timeout(300_000);
  const model = 'densenet-bc-22-8';
  const threads = getNumThreads();
  before(() => setNumThreads(1));
  after(() => setNumThreads(threads));

  it('tells exact bytes, as counted by hand around a step', () => {
    const before = memory();
    const report = memoryReport({ model, batchSize: 8, steps: 1 });
    assert.deepEqual(
      report.modes.map(({ mode }) => mode),
      [...EFFICIENT_MODES],
    );
    assert.equal(memory().tensors, before.tensors);
    assert.equal(memory().bytes, before.bytes);
    const held = scope(() => {
      const network = densenetByName(model);
      const input = randn([8, 3, 32, 32]);
      const target = randint(0, 10, [8]);
      const outside = memory().bytes;
      functional.crossEntropy(network.call(input), target);
      return memory().bytes - outside;
    });
    assert.equal(report.modes[0]!.held, held);
    for (const { peak, seconds } of report.modes) {
      assert.ok(peak > report.modelBytes * 2, 'the peak counts the network and its momentum');
      assert.ok(seconds > 0);
    }
    assert.equal(report.imageSize, 32);
  });

  it('shows that the other modes hold less', () => {
    const { modes } = memoryReport({ model, batchSize: 8, steps: 1 });
    const [plain, ...others] = modes;
    for (const { mode, held, largestBatch } of others) {
      const share = mode === 'checkpoint' ? 0.8 : 0.6; // little of a network so shallow can be computed again
      assert.ok(held < plain!.held * share, `${mode} holds ${held} bytes, plain ${plain!.held}`);
      assert.ok(largestBatch > plain!.largestBatch, mode);
    }
  });

  it('names the largest batch that a limit allows', () => {
    const limit = 60e6;
    const outside = memory().bytes;
    for (const { mode, largestBatch } of memoryReport({ model, batchSize: 8, steps: 1, limit }).modes) {
      scope(() => {
        const network = densenetByName(model, { efficient: mode });
        const optimizer = new SGD(network.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true });
        const step = (batchSize: number): void =>
          scope(() => {
            const [input, target] = [randn([batchSize, 3, 32, 32]), randint(0, 10, [batchSize])];
            functional.crossEntropy(network.call(input), target).backward();
            optimizer.step();
            optimizer.zeroGrad();
          });
        try {
          setMemoryLimit(outside + limit);
          step(largestBatch);
          assert.throws(
            () => step(Math.ceil(largestBatch * 1.3)),
            (error: TorchError) => error.code === 'memory',
          );
        } finally {
          setMemoryLimit(null);
        }
        optimizer.zeroGrad();
        const momentum = [...optimizer.state.values()].flatMap((state) => Object.values(state));
        for (const each of [...network.parameters(), ...network.buffers(), ...momentum])
          if (each instanceof Tensor) each.dispose();
      });
    }
    assert.equal(memory().bytes, outside);
  });

  it('refuses names that are none', () => {
    assert.throws(() => memoryReport({ model: 'resnet50' }), /Expected densenet121, .* but received resnet50/);
    assert.throws(() => memoryReport({ model: 'densenet-bc-41-12' }), /nearest: 40 and 46/);
  });
});

describe('memory against depth', function () {
  this.timeout(300_000);

  it('grows with the square of the depth in plain form, linearly in the others', () => {
    const depths = [22, 40, 58];
    const points = memoryByDepth({ depths, growthRate: 4, batchSize: 64 });
    for (const mode of EFFICIENT_MODES) {
      const [a, b, c] = points.filter((point) => point.mode === mode).map(({ held }) => held);
      const bend = (c! - b!) / (b! - a!);
      if (mode === 'none') assert.ok(bend > 1.25, `plain grows by ${bend} times more from depth to depth`);
      else assert.ok(bend < 1.25, `${mode} grows by ${bend} times more from depth to depth`);
    }
    const svg = depthFigure(points, { growthRate: 4, batchSize: 64 });
    for (const mode of EFFICIENT_MODES) assert.match(svg, new RegExp(`>${mode}  [\\d.]+ GB<`));
    assert.equal(svg.match(/<circle/g)?.length, points.length);
    assert.doesNotMatch(svg, /NaN|undefined/);
  });
});
