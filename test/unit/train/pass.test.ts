import assert from 'node:assert/strict';
import { DataLoader, type Dataset } from '../../../lib/data/index.js';
import { cifarDenseNet } from '../../../lib/models/index.js';
import { SGD } from '../../../lib/optim/index.js';
import { manualSeed, memory, randint, randn, tensor, type Tensor } from '../../../lib/tensor/index.js';
import { runPass, top1Error } from '../../../lib/train/pass.js';
import { Precision } from '../../../lib/train/precision.js';
import { testEpoch } from '../../../lib/train/test-epoch.js';
import { trainEpoch } from '../../../lib/train/train-epoch.js';

/** Pictures drawn anew for each batch. */
class Noise implements Dataset {
  constructor(readonly length: number) {}
  batch(indices: readonly number[]): [Tensor, Tensor] {
    return [randn([indices.length, 3, 32, 32]), randint(0, 10, [indices.length], { dtype: 'int64' })];
  }
}

const place = { epoch: 0, nEpochs: 1, precision: new Precision() };

describe('train/pass', function () {
  this.timeout(300_000);

  it('counts wrong first choices', () => {
    const output = tensor([
      [0.1, 0.7, 0.2],
      [0.5, 0.1, 0.4],
      [0.2, 0.3, 0.5],
      [0.9, 0.0, 0.1],
    ]);
    assert.equal(top1Error(output, tensor([1n, 2n, 2n, 0n])), 0.25);
    assert.equal(top1Error(tensor([[1, 2]]), tensor([0n])), 1, 'a batch of one picture');
  });

  it('gives the event loop its turn between iterations', async () => {
    let turns = 0;
    let running = true;
    const spin = (): void => {
      turns += 1;
      if (running) setImmediate(spin);
    };
    setImmediate(spin);
    const loader = new DataLoader(new Noise(10), { batchSize: 1 });
    await runPass({ ...place, phase: 'test', loader }, () => ({ loss: 0, error: 0 }));
    running = false;
    assert.ok(turns >= 9, `${turns} turns`);
  });

  it('stops between iterations and goes on from its place to the same numbers', async () => {
    const loader = (): DataLoader => new DataLoader(new Noise(20), { batchSize: 3, shuffle: true });
    const losses: number[] = [];
    const step = (input: Tensor): { loss: number; error: number } => {
      const loss = input.sum().item();
      losses.push(loss);
      return { loss, error: 0.5 };
    };
    manualSeed(3);
    const whole = await runPass({ ...place, phase: 'train', loader: loader() }, step);
    const expected = losses.splice(0);

    manualSeed(3);
    const controller = new AbortController();
    const reporter = { iteration: ({ iteration }: { iteration: number }) => iteration === 2 && controller.abort() };
    const first = await runPass(
      {
        ...place,
        phase: 'train',
        loader: loader(),
        signal: controller.signal,
        reporter: { iteration: (r) => void reporter.iteration(r) },
      },
      step,
    );
    assert.ok(!first.finished && first.place !== null);
    assert.equal(first.place.loader.batches, 3);
    // The generator has not moved since, so its state need not be put back here.
    const second = await runPass({ ...place, phase: 'train', loader: loader(), place: first.place }, step);
    assert.deepEqual(losses, expected);
    assert.ok(whole.finished && second.finished);
    assert.deepEqual(second.meters.loss.state(), whole.meters.loss.state());
  });

  it('trains to the same bits where the next batch is copied meanwhile, stopped and gone on', async () => {
    const copies = {
      begin: ([input, target]: readonly [Tensor, Tensor]): [Tensor, Tensor] => [input.clone(), target.clone()],
      end: () => undefined,
    };
    const objective = { labelSmoothing: 0, accumulate: 1, clipGradNorm: null };
    const run = async (given: { copies?: typeof copies }, stopAt: number) => {
      manualSeed(5);
      const model = cifarDenseNet({ depth: 10, growthRate: 4 });
      const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
      const loader = new DataLoader(new Noise(10), { batchSize: 3, shuffle: true });
      const results: number[] = [];
      const controller = new AbortController();
      const options = {
        ...{ ...place, ...given, model, optimizer, objective, loader, signal: controller.signal },
        logged: (iteration: number, { loss, error }: { loss: number; error: number }) => {
          results.push(loss, error);
          if (iteration === stopAt) controller.abort();
        },
      };
      const first = await trainEpoch(options);
      if (!first.finished) {
        assert.equal(first.place?.loader.batches, stopAt + 1);
        const { signal: _, ...rest } = options;
        await trainEpoch({ ...rest, place: first.place });
      }
      return [...results, randn([1]).item()];
    };
    const whole = await run({}, -1);
    assert.deepEqual(await run({ copies }, -1), whole);
    assert.deepEqual(await run({ copies }, 1), whole);
    assert.deepEqual(await run({ copies }, 3), whole);
  });

  it('draws nothing when it is stopped before it begins', async () => {
    const loader = new DataLoader(new Noise(4), { shuffle: true });
    const outcome = await runPass({ ...place, phase: 'train', loader, signal: AbortSignal.abort() }, () =>
      assert.fail(),
    );
    assert.deepEqual(outcome, { finished: false, place: null });
  });

  it('holds the same tensors and bytes after every iteration', async () => {
    manualSeed(1);
    const model = cifarDenseNet({ depth: 10, growthRate: 4 });
    const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 });
    const loader = new DataLoader(new Noise(96), { batchSize: 8 });
    const use: string[] = [];
    const reporter = {
      iteration: () => {
        const { tensors, bytes } = memory();
        use.push(`${tensors} tensors, ${bytes} bytes`);
      },
    };
    const objective = { labelSmoothing: 0, accumulate: 1, clipGradNorm: null };
    await trainEpoch({ ...place, model, optimizer, objective, loader, reporter });
    // The first iteration makes the momentum buffers and gradients, which stay.
    assert.equal(new Set(use.slice(1)).size, 1, use.join('\n'));
    use.length = 0;
    await testEpoch({ ...place, phase: 'test', model, loader, reporter });
    assert.equal(new Set(use).size, 1, use.join('\n'));
  });
});
