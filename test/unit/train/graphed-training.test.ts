/** Steps that are recorded and done again, beside a loop that does each: what a GPU needs is in scripts/gpu-check. */
import assert from 'node:assert/strict';
import { runOptions, trainCommand } from '../../../lib/cli/train-options.js';
import { DataLoader, TensorDataset } from '../../../lib/data/index.js';
import { cifarDenseNet, type Network } from '../../../lib/models/index.js';
import { clipGradNorm, functional } from '../../../lib/nn/index.js';
import { GradScaler, MultiStepLR, SGD } from '../../../lib/optim/index.js';
import {
  autocast,
  manualSeed,
  memory,
  noGrad,
  randint,
  randn,
  scope,
  tensor,
  type Tensor,
  TorchError,
} from '../../../lib/tensor/index.js';
import { recordStep } from '../../../lib/tensor/cuda/graphed-step.js';
import { checkOptions } from '../../../lib/train/config.js';
import { GraphedTraining } from '../../../lib/train/graphed-training.js';
import { Precision } from '../../../lib/train/precision.js';
import { trainEpoch } from '../../../lib/train/train-epoch.js';
import { train, UsageError } from '../../../lib/train/index.js';
import { settle } from '../../settle.js';
import { FakeRecorder } from './fake-recorder.js';

interface Settings {
  readonly amp?: 'none' | 'bf16' | 'fp16';
  readonly channelsLast?: boolean;
  readonly efficient?: 'none' | 'checkpoint' | 'shared' | 'fused';
  readonly clip?: number;
  readonly dropRate?: number;
  readonly labelSmoothing?: number;
}

const EPOCHS = 3;
const BATCH = 4;
const sgd = { momentum: 0.9, nesterov: true, weightDecay: 1e-4 };

interface Outcome {
  readonly losses: readonly number[];
  readonly errors: readonly number[];
  readonly weights: readonly string[];
}

const bytesOf = (model: Network): string[] =>
  scope(() => [...model.stateDict()].map(([name, value]) => `${name} ${value.contiguous().bytes().join()}`));

/** 18 pictures: four whole batches and a smaller one. */
function build({ efficient = 'none', dropRate = 0.2, channelsLast = false }: Settings) {
  manualSeed(11);
  const model = cifarDenseNet({ depth: 10, growthRate: 4, dropRate, efficient });
  if (channelsLast) model.to({ memoryFormat: 'channels_last' });
  const data = new TensorDataset(randn([18, 3, 8, 8]), randint(0, 10, [18], { dtype: 'int64' }));
  return { model, loader: new DataLoader(data, { batchSize: BATCH, shuffle: true }) };
}

/** The loop of a program that knows nothing of recorded steps; its learning rate is a tensor. */
function eager(settings: Settings): Outcome {
  const { amp = 'none', channelsLast = false, clip, labelSmoothing = 0 } = settings;
  const { model, loader } = build(settings);
  const lr = tensor(0.1);
  const optimizer = new SGD(model.parameters(), { ...sgd, lr, fused: true });
  const scaler = new GradScaler('cpu', { enabled: amp === 'fp16' });
  const [losses, errors]: number[][] = [[], []];
  let rate = 0.1;
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    model.train();
    for (const [x, y] of loader) {
      scope(() => {
        optimizer.zeroGrad();
        const input = channelsLast ? x.to({ memoryFormat: 'channels_last' }) : x;
        const forward = (): [Tensor, Tensor] => {
          const output = model.call(input);
          return [output, functional.crossEntropy(output, y, { labelSmoothing })];
        };
        const dtype = amp === 'bf16' ? 'bfloat16' : 'float16';
        const [output, loss] = amp === 'none' ? forward() : autocast('cpu', { dtype }, forward);
        scaler.scale(loss).backward();
        if (clip !== undefined) {
          scaler.unscale_(optimizer);
          clipGradNorm(model.parameters(), clip);
        }
        scaler.step(optimizer);
        scaler.update();
        losses!.push(loss.item());
        errors!.push(output.topk(1, { dim: 1 })[1].squeeze(1).ne(y).to('float32').mean().item());
      });
      x.dispose();
      y.dispose();
    }
    if (epoch === 0) noGrad(() => lr.fill_((rate *= 0.1)));
  }
  scaler.dispose();
  return { losses: losses!, errors: errors!, weights: bytesOf(model) };
}

async function graphed(settings: Settings): Promise<Outcome & { calls: FakeRecorder['calls'] }> {
  const { amp = 'none', channelsLast = false, clip, labelSmoothing = 0 } = settings;
  const { model, loader } = build(settings);
  const precision = new Precision({ device: 'cpu', amp, channelsLast });
  const optimizer = new SGD(model.parameters(), { ...sgd, lr: 0.1, fused: true });
  const schedule = new MultiStepLR(optimizer, { milestones: [1], gamma: 0.1 });
  const scaler = precision.scaler();
  const objective = { labelSmoothing, accumulate: 1, clipGradNorm: clip ?? null };
  const recorder = new FakeRecorder(model, optimizer, scaler);
  const steps = new GraphedTraining({ model, optimizer, objective, scaler, precision, batchSize: BATCH, recorder });
  const [losses, errors]: number[][] = [[], []];
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    await trainEpoch({
      ...{ model, optimizer, objective, scaler, precision, loader, graphed: steps, epoch, nEpochs: EPOCHS },
      logged: (_, { loss, error }) => {
        losses!.push(loss);
        errors!.push(error);
      },
    });
    schedule.step();
  }
  assert.equal(typeof optimizer.paramGroups[0]!.lr, 'number');
  steps.dispose();
  scaler?.dispose();
  return { losses: losses!, errors: errors!, weights: bytesOf(model), calls: recorder.calls };
}

describe('train/graphed-training', function () {
  this.timeout(300_000);

  const cases: Readonly<Record<string, Settings>> = {
    'dropout, momentum and a learning rate that falls': {},
    'a clipped norm and smoothed labels': { clip: 0.5, labelSmoothing: 0.1, dropRate: 0 },
    'bfloat16 with channels last': { amp: 'bf16', channelsLast: true },
    'float16 with a scaler': { amp: 'fp16' },
    'float16 with a scaler and a clipped norm': { amp: 'fp16', clip: 0.5 },
    'efficient: checkpoint': { efficient: 'checkpoint' },
    'efficient: shared': { efficient: 'shared' },
    'efficient: fused': { efficient: 'fused', dropRate: 0 },
  };
  for (const [name, settings] of Object.entries(cases)) {
    it(`gives the bits of a loop that does every step: ${name}`, async () => {
      const { calls, ...got } = await graphed(settings);
      const expected = eager(settings);
      assert.deepEqual(got.losses, expected.losses);
      assert.deepEqual(
        got.errors.map((error) => Math.fround(error)),
        expected.errors,
      );
      assert.deepEqual(got.weights, expected.weights);
      // Twelve whole batches: three before the record, the others are replays; the smaller ones are worked on as they come.
      assert.deepEqual(calls, { warmUps: 3, records: 1, replays: 9, disposed: 1 });
    });
  }

  it('leaves nothing behind, neither from step to step nor at the end', async () => {
    await settle();
    const before = memory().tensors;
    const counts: number[] = [];
    await (async () => {
      const { model, loader } = build({});
      const optimizer = new SGD(model.parameters(), { ...sgd, lr: 0.1, fused: true });
      const precision = new Precision();
      const objective = { labelSmoothing: 0, accumulate: 1, clipGradNorm: null };
      const recorder = new FakeRecorder(model, optimizer);
      const given = { model, optimizer, objective, scaler: null, precision, batchSize: BATCH, recorder };
      const steps = new GraphedTraining(given);
      const logged = (): void => void counts.push(memory().tensors);
      for (let epoch = 0; epoch < 3; epoch++)
        await trainEpoch({ ...given, loader, graphed: steps, epoch, nEpochs: 3, logged });
      steps.dispose();
    })();
    const [, , , , , , second, third, fourth] = counts;
    assert.deepEqual([third, fourth, counts.at(-2)], [second, second, second], counts.join());
    await settle();
    assert.equal(memory().tensors, before);
  });

  it('goes on after a step that cannot be recorded', () => {
    const { tensors } = memory();
    const disposed: string[] = [];
    const recorder = {
      warmUp: <T>(fn: () => T): T => fn(),
      record: (): never => {
        throw new TorchError('runtime', 'operation not permitted when stream is capturing');
      },
      replay: () => undefined,
      dispose: () => void disposed.push('recorder'),
    };
    const x = randn([2]);
    assert.throws(() => recordStep(recorder, (input) => [input.mul(2)], [x]), /not permitted/);
    x.dispose();
    assert.deepEqual([memory().tensors, disposed], [tensors, []]);
  });

  it('refuses inputs of another form in one line', () => {
    const { model } = build({});
    const optimizer = new SGD(model.parameters(), { lr: 0.1 });
    const step = recordStep(new FakeRecorder(model, optimizer), (input) => [input.mul(2)], [tensor([1, 2])]);
    assert.deepEqual(step(tensor([3, 4]))[0]!.toArray(), [6, 8]);
    assert.deepEqual(step(tensor([5, 6]))[0]!.toArray(), [10, 12]);
    assert.throws(
      () => step(tensor([1, 2, 3])),
      /^TorchError: Expected float32\[2\] for a recorded step but received float32\[3\]$/,
    );
    step.dispose();
  });

  it('is asked for by --cuda-graph, where it can be', async () => {
    const parse = (...args: string[]) =>
      runOptions(
        trainCommand()
          .exitOverride()
          .parse(['--cuda-graph', ...args], { from: 'user' })
          .opts(),
      );
    const refused = (pattern: RegExp, ...args: string[]): void => {
      assert.throws(
        () => {
          checkOptions(parse(...args));
        },
        (error: unknown) => {
          assert.ok(error instanceof UsageError && !error.message.includes('\n'));
          assert.match(error.message, pattern);
          return true;
        },
      );
    };
    refused(/^Expected --device cuda with --cuda-graph but received cpu: a graph is recorded on an NVIDIA GPU, /);
    refused(/--optimizer sgd with --cuda-graph but received adam/, '--device', 'cuda', '--optimizer', 'adam');
    refused(/no --accumulate with --cuda-graph/, '--device', 'cuda', '--accumulate', '2');
    refused(/no --schedule one-cycle with --cuda-graph/, '--device', 'cuda', '--schedule', 'one-cycle');
    checkOptions(parse('--device', 'cuda:1', '--amp', 'fp16', '--channels-last', '--efficient', 'shared'));
    await assert.rejects(train(parse(), { save: '/nowhere/run' }), /^UsageError: Expected --device cuda/);
  });
});
