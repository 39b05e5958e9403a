/** Options of a run: what they stand for, what goes together, and that every one of them goes on from a checkpoint bit by bit. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { load } from '../../../lib/io/index.js';
import { listModels } from '../../../lib/models/index.js';
import { Linear } from '../../../lib/nn/index.js';
import { manualSeed, memory, randn, scope, type Tensor } from '../../../lib/tensor/index.js';
import { buildModel, freeze, startFromWeights } from '../../../lib/train/build-network.js';
import { buildOptimizer } from '../../../lib/train/build-optimizer.js';
import { RunSchedule } from '../../../lib/train/build-schedule.js';
import { readCheckpoint, saveCheckpoint } from '../../../lib/train/checkpoint.js';
import { checkOptions, resolveConfig, type ConfigSurroundings, type RunOptions } from '../../../lib/train/config.js';
import { RunInterrupted, train, trainFolds, UsageError, type Reporter } from '../../../lib/train/index.js';
import { spreadOf } from '../../../lib/train/k-fold.js';
import { NETWORK_FACTS, NETWORK_NAMES } from '../../../lib/train/network-names.js';
import { OPTIMIZER_NAMES } from '../../../lib/train/optimizer-names.js';
import { resumedConfig } from '../../../lib/train/resumed-config.js';
import { firstPlace } from '../../../lib/train/run-place.js';
import { SCHEDULE_NAMES } from '../../../lib/train/schedule-names.js';
import { writeSmallCifar } from '../../cli/small-cifar.js';

const around: ConfigSurroundings = {
  pictures: { train: 5000, test: 1000, sha256: '0'.repeat(64) },
  numClasses: 10,
  seed: 17,
  threads: 1,
  device: 'cpu',
  versions: { torchbridge: '0.1.0', torch: '2.13.0' },
};

const resolved = (options: RunOptions, more: Partial<ConfigSurroundings> = {}) =>
  resolveConfig(options, { ...around, ...more });

function refused(options: RunOptions, message: RegExp): void {
  assert.throws(
    () => {
      checkOptions(options);
      resolved(options);
    },
    (error) => error instanceof UsageError && message.test(error.message) && !error.message.includes('\n'),
    JSON.stringify(options),
  );
}

describe('options of a run', () => {
  it('name every network there is', () => {
    assert.deepEqual([...NETWORK_NAMES].sort(), ['cifar-densenet', ...listModels()].sort());
    const notes = NETWORK_NAMES.filter((name) => NETWORK_FACTS[name].anyChannels && name !== 'cifar-densenet');
    assert.deepEqual([...notes].sort(), listModels('notes').sort());
  });

  it('bring pictures to the size and the channels of a network', () => {
    const form = (options: RunOptions, side: number): (number | null)[] => {
      const { resize, inChannels } = resolved({ validSize: 500, ...options }, { side });
      return [resize, inChannels];
    };
    assert.deepEqual(form({ dataset: 'digits' }, 28), [null, 1]);
    assert.deepEqual(form({ dataset: 'digits', model: 'lenet' }, 28), [28, 1]);
    assert.deepEqual(form({ dataset: 'shapes', model: 'lenet' }, 32), [32, 3]);
    assert.deepEqual(form({ dataset: 'fashion-mnist', model: 'fashion-densenet121' }, 28), [96, 1]);
    assert.deepEqual(form({ dataset: 'fashion-mnist', model: 'nin' }, 28), [224, 1]);
    assert.deepEqual(form({ dataset: 'digits', model: 'resnet18' }, 28), [224, 3]);
    assert.deepEqual(form({ dataset: 'digits', model: 'resnet18', resize: 64, inChannels: 1 }, 28), [64, 1]);
  });

  it('take the names of the paper, and the network of published weights', () => {
    const { model, depth, growthRate, bottleneck, numInitFeatures } = resolved({ model: 'densenet-bc-100-12' });
    assert.deepEqual([model, depth, growthRate, bottleneck, numInitFeatures], ['cifar-densenet', 100, 12, true, 24]);
    assert.equal(resolved({ model: 'densenet-100-24', growthRate: 6 }).growthRate, 6);
    assert.equal(resolved({ weights: 'resnet18' }).model, 'resnet18');
  });

  it('stand in recipes, which given ones replace', () => {
    const svhn = resolved({ recipe: 'svhn', data: 'x' }, { pictures: { ...around.pictures, train: 73257 } });
    assert.deepEqual(
      [svhn.dataset, svhn.nEpochs, svhn.batchSize, svhn.dropRate, svhn.augment, svhn.milestones, svhn.validSize],
      ['svhn', 40, 64, 0.2, false, [20, 30], 6000],
    );
    const imagenet = resolved({ recipe: 'imagenet' });
    assert.deepEqual(
      [imagenet.model, imagenet.nEpochs, imagenet.batchSize, imagenet.lr, imagenet.milestones],
      ['densenet121', 90, 256, 0.1, [30, 60]],
    );
    const [plain, plus] = [resolved({ recipe: 'cifar' }), resolved({ recipe: 'cifar+', dropRate: 0.1 })];
    assert.deepEqual([plain.dropRate, plain.augment, plain.milestones], [0.2, false, [150, 225]]);
    assert.deepEqual([plus.dropRate, plus.augment], [0.1, true]);
    const other = resolved({
      recipe: 'svhn',
      dataset: 'digits',
      model: 'lenet',
      optimizer: 'adam',
      schedule: 'cosine',
    });
    assert.deepEqual(
      [other.dataset, other.lr, other.dropRate, other.momentum],
      ['digits', 0.001, undefined, undefined],
    );
  });

  it('that do not go together are refused in a line', () => {
    refused({ recipe: 'best' }, /Expected cifar, cifar\+, svhn, imagenet or list for --recipe but received "best"/);
    refused({ model: 'resnet19' }, /for --model but received "resnet19"$/);
    refused({ model: 'resnet18', depth: 40 }, /^Expected no --depth 40 with --model resnet18: /);
    refused({ model: 'nin', resize: 96 }, /^Expected 224 for --resize with --model nin but received 96$/);
    refused({ model: 'lenet', efficient: 'shared' }, /no --efficient shared with --model lenet/);
    refused({ inChannels: 1 }, /^Expected 3 for --in-channels but received 1: the pictures have colours$/);
    refused({ betas: [0.9, 0.99] }, /^Expected no --betas 0.9,0.99 with --optimizer sgd: it takes --lr, --momentum, /);
    refused({ optimizer: 'adam', nesterov: false }, /^Expected no --no-nesterov with --optimizer adam: /);
    refused(
      { schedule: 'cosine', milestones: [3] },
      /^Expected no --milestones 3 with --schedule cosine: it takes --min-lr$/,
    );
    refused({ schedule: 'plateau', warmupEpochs: 2 }, /no --warmup-epochs with --schedule plateau/);
    refused({ schedule: 'plateau', scheduleEvery: 'step' }, /--schedule-every epoch with --schedule plateau/);
    refused(
      { warmupFactor: 0.5 },
      /^Expected --warmup-epochs or --warmup-steps with --warmup-factor: there is no warm-up/,
    );
    refused({ warmupEpochs: 4, nEpochs: 4 }, /fewer than the 4 epochs of the run for --warmup-epochs but received 4/);
    refused({ warmupEpochs: 4, milestones: [3] }, /--milestones after the 4 epochs of the warm-up but received 3/);
    refused({ warmupSteps: 5, warmupEpochs: 2 }, /one of --warmup-epochs and --warmup-steps but received both$/);
    refused({ warmupSteps: 5, scheduleEvery: 'epoch' }, /--schedule-every step with --warmup-steps: /);
    refused(
      { warmupSteps: 5, schedule: 'one-cycle' },
      /no --warmup-steps with --schedule one-cycle: it rises by itself$/,
    );
    // 4500 pictures to train on make 71 steps an epoch.
    refused(
      { warmupSteps: 142, nEpochs: 2 },
      /fewer than the 142 steps of the run for --warmup-steps but received 142$/,
    );
    refused({ warmupSteps: 71, nEpochs: 2, milestones: [1] }, /--milestones after the 71 steps of the warm-up .* 1$/);
    assert.equal(resolved({ warmupSteps: 70, nEpochs: 2, milestones: [1] }).scheduleEvery, 'step');
    refused({ validSize: 5, validationSplit: 0.1 }, /one of --valid-size and --validation-split/);
    refused({ validSize: 5, kFold: 3 }, /no --valid-size and no --validation-split with --k-fold/);
    refused({ validSize: 0, earlyStop: 3 }, /Expected validation pictures with --early-stop/);
    refused({ kFold: 5001 }, /Expected at most 5000 .* for --k-fold but received 5001/);
  });

  it('are compared when a run goes on', () => {
    const stored = resolved({ validationSplit: 0.2, recipe: 'cifar', dropRate: 0.1, model: 'densenet-40-12' });
    assert.equal(stored.validSize, 1000);
    const again = { validationSplit: 0.2, recipe: 'cifar', dropRate: 0.1, model: 'densenet-40-12' };
    assert.deepEqual(resumedConfig(stored, again, 'run'), stored);
    assert.throws(
      () => resumedConfig(stored, { optimizer: 'adam', earlyStop: 3, validationSplit: 0.1 }, 'run'),
      /with --optimizer adam \(it was --optimizer sgd\), --early-stop 3 \(it was no --early-stop\), --valid-size 500 \(it was --valid-size 1000\): /,
    );
  });
});

describe('weights to begin with', () => {
  it('keep the classifier that was made for other classes, and freeze by name', () => {
    const form = { model: 'lenet', resize: 28, inChannels: 1 } as const;
    const notices: string[] = [];
    const before = memory().tensors;
    const [theirs, ours] = [buildModel({ ...form, numClasses: 10 }), buildModel({ ...form, numClasses: 3 })];
    scope(() => startFromWeights(ours, theirs.stateDict(), (line) => notices.push(line)));
    const values = (model: typeof ours, name: string): Tensor => new Map(model.namedParameters()).get(name)!;
    assert.ok(values(ours, 'conv.0.weight').equal(values(theirs, 'conv.0.weight')));
    assert.deepEqual(values(ours, 'linear.5.weight').shape, [3, 84]);
    assert.match(notices.join(), /has 10 classes, the model 3: linear.5.weight, linear.5.bias were left out/);
    assert.equal(freeze(ours, ['conv.*', 'linear.1.bias']).length, 5);
    assert.equal(values(ours, 'conv.2.bias').requiresGrad, false);
    assert.throws(
      () => freeze(ours, ['conv']),
      /Expected names of parameters, .* for --freeze but received "conv": they are conv.0.weight/,
    );
    assert.throws(() => freeze(ours, ['*']), /--freeze leaves none/);
    for (const model of [theirs, ours]) for (const tensor of model.parameters()) tensor.dispose();
    assert.equal(memory().tensors, before);
  });
});

describe('a run that goes on', function () {
  this.timeout(300_000);
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-options-'));
  });
  afterEach(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it('has the same bits with every optimizer and every schedule', () => {
    const schedules = SCHEDULE_NAMES.filter((name) => name !== 'plateau');
    OPTIMIZER_NAMES.forEach((optimizer, index) => {
      const schedule = schedules[index % schedules.length]!;
      const warmupEpochs = schedule === 'one-cycle' ? 0 : index % 2;
      const config = resolved({ optimizer, schedule, nEpochs: 6, warmupEpochs, lr: 0.01 });
      const make = () => {
        const model = new Linear(4, 3);
        const made = buildOptimizer(model.parameters(), config);
        return { model, optimizer: made, schedule: new RunSchedule(made, config, 1) };
      };
      const advance = ({ model, optimizer: made, schedule: moving }: ReturnType<typeof make>): number =>
        scope(() => {
          const loss = model
            .call(randn([5, 4]))
            .pow(2)
            .sum();
          made.zeroGrad();
          loss.backward();
          made.step();
          moving.afterStep();
          moving.afterTraining();
          return loss.item();
        });
      manualSeed(index);
      const first = make();
      const file = path.join(folder, 'checkpoint.pth');
      for (let step = 0; step < 3; step++) advance(first);
      const { scheduler } = first.schedule;
      saveCheckpoint(file, config, { ...first, scheduler }, { ...firstPlace(), epoch: 3 }, { results: 0, losses: 0 });
      const expected = [advance(first), advance(first), advance(first)];
      const second = make();
      readCheckpoint(file).restore({ ...second, scheduler: second.schedule.scheduler });
      assert.deepEqual([advance(second), advance(second), advance(second)], expected, `${optimizer}, ${schedule}`);
      assert.deepEqual(second.schedule.scheduler.getLastLr(), scheduler.getLastLr(), `${optimizer}, ${schedule}`);
    });
  });

  const runs: readonly [title: string, options: RunOptions, stops: readonly [epoch: number, iteration: number][]][] = [
    [
      'between the batches of a step, with a moving average',
      { optimizer: 'adamw', schedule: 'cosine', scheduleEvery: 'step', accumulate: 2, ema: 0.9, labelSmoothing: 0.1 },
      [
        [0, 0],
        [1, 1],
      ],
    ],
    [
      'in one cycle',
      { optimizer: 'rmsprop', schedule: 'one-cycle', clipGradNorm: 1, freeze: ['features.conv0.*'] },
      [[1, 1]],
    ],
    [
      'towards an early stop',
      { schedule: 'plateau', patience: 0, earlyStop: 1, lr: 5, nEpochs: 9, augment: false },
      [[1, 0]],
    ],
  ];
  for (const [title, options, stops] of runs) {
    it(`has the same bytes when it was stopped ${title}`, async () => {
      const data = path.join(folder, 'data');
      writeSmallCifar(data);
      const all: RunOptions = {
        ...{ data, verify: false, depth: 10, growthRate: 4, batchSize: 16, validSize: 20, seed: 1, threads: 1 },
        ...{ nEpochs: 3, ...options },
      };
      const [whole, parts] = [path.join(folder, 'whole'), path.join(folder, 'parts')];
      const notices: string[] = [];
      await train(all, { save: whole, reporter: { notice: (line) => notices.push(line) } });
      for (const [epoch, iteration] of stops) {
        const controller = new AbortController();
        const reporter: Reporter = {
          iteration: (report) => {
            if (report.phase === 'train' && report.epoch === epoch && report.iteration === iteration)
              controller.abort();
          },
        };
        const resume = epoch > 0 && fs.existsSync(parts);
        await assert.rejects(
          train(resume ? {} : all, { save: parts, resume, reporter, signal: controller.signal }),
          RunInterrupted,
        );
      }
      await train({}, { save: parts, resume: true });
      for (const name of ['results.csv', 'losses.csv', 'config.json', 'model.pth'])
        assert.ok(fs.readFileSync(path.join(parts, name)).equals(fs.readFileSync(path.join(whole, name))), name);
      scope(() => {
        const [one, other] = [whole, parts].map(
          (run) => load(path.join(run, 'checkpoint.pth')) as Map<string, Map<string, Tensor>>,
        );
        for (const part of ['model', 'averaged']) {
          assert.equal(one?.has(part), other?.has(part));
          for (const [name, tensor] of one?.get(part) ?? [])
            assert.ok(tensor.equal(other!.get(part)!.get(name)!), name);
        }
      });
      if (all.earlyStop == null) return;
      const epochs = fs.readFileSync(path.join(whole, 'results.csv'), 'utf8').trimEnd().split('\n').length - 2;
      assert.ok(epochs < 9, `${epochs} epochs`);
      assert.deepEqual(notices, [`No better validation error for 1 epoch: training ends after epoch ${epochs}`]);
    });
  }

  it('is one of several folds, each with a part of the pictures', async () => {
    const data = path.join(folder, 'data');
    writeSmallCifar(data, { train: 20, test: 10 });
    const options: RunOptions = {
      ...{ data, verify: false, depth: 10, growthRate: 2, batchSize: 16, kFold: 3, seed: 1, threads: 1, nEpochs: 1 },
      ...{ transitionPool: 'max' },
    };
    const controller = new AbortController();
    let fold = 0;
    const reporter: Reporter = {
      start: () => {
        fold += 1;
        if (fold === 2) controller.abort();
      },
    };
    const save = path.join(folder, 'folds');
    await assert.rejects(trainFolds(options, { save, reporter, signal: controller.signal }), RunInterrupted);
    const pictures: number[] = [];
    const counting: Reporter = { start: ({ trainIterations }) => pictures.push(trainIterations) };
    const result = await trainFolds({}, { save, resume: true, reporter: counting });
    assert.deepEqual([result.folds.length, pictures], [3, [1, 1, 1]]);
    assert.deepEqual(result.validError, spreadOf(result.folds.map(({ validError }) => validError)));
    assert.match(
      fs.readFileSync(path.join(save, 'folds.csv'), 'utf8'),
      /^fold,valid_error,test_error\n1,.*\n2,.*\n3,.*\nmean,.*\ndeviation,.*\n$/,
    );
    const again = await trainFolds(options, { save: path.join(folder, 'again') });
    assert.deepEqual(
      again.folds.map(({ testError }) => testError),
      result.folds.map(({ testError }) => testError),
    );
    assert.deepEqual(spreadOf([1, 2, 3, 4]), { mean: 2.5, deviation: Math.sqrt(5 / 3) });
  });
});
