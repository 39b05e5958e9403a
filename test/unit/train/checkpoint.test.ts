import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { save } from '../../../lib/io/index.js';
import { cifarDenseNet, DenseNet } from '../../../lib/models/index.js';
import { findWeights } from '../../../lib/models/weight-files.js';
import { MultiStepLR, SGD } from '../../../lib/optim/index.js';
import {
  getRngState,
  manualSeed,
  memory,
  OrderedDict,
  rand,
  randn,
  scope,
  type Tensor,
  zeros,
} from '../../../lib/tensor/index.js';
import { readCheckpoint, saveCheckpoint } from '../../../lib/train/checkpoint.js';
import { resolveConfig } from '../../../lib/train/config.js';
import { inferNetwork } from '../../../lib/train/infer-network.js';
import type { RunPlace } from '../../../lib/train/run-place.js';
import { modelWithWeights } from '../../../lib/train/build-network.js';

const config = resolveConfig(
  { depth: 10, growthRate: 4 },
  {
    pictures: { train: 5000, test: 1000, sha256: '0'.repeat(64) },
    numClasses: 10,
    seed: 1,
    threads: 1,
    device: 'cpu',
    versions: { torchbridge: '0', torch: '2' },
  },
);

interface Parts {
  model: DenseNet;
  optimizer: SGD;
  scheduler: MultiStepLR;
}

function parts(): Parts {
  const model = cifarDenseNet({ depth: 10, growthRate: 4 });
  const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  return { model, optimizer, scheduler: new MultiStepLR(optimizer, { milestones: [1], gamma: 0.1 }) };
}

function stepOnce({ model, optimizer }: Parts): number {
  return scope(() => {
    const loss = model
      .call(randn([2, 3, 32, 32]))
      .pow(2)
      .sum();
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}

describe('train/checkpoint', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-checkpoint-'));
    file = path.join(folder, 'checkpoint.pth');
  });
  afterEach(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const meter = { val: 0.1, avg: 2, sum: 1 / 3, count: 7 };
  const place: RunPlace = {
    epoch: 3,
    phase: 'train',
    pass: {
      loader: { batches: 5, samplerSeed: 2n ** 62n + 1n, generatorState: null },
      meters: { time: meter, loss: { ...meter, avg: Infinity }, error: { ...meter, val: NaN } },
    },
    trained: { loss: 1, error: 0.5, lr: 0.1 },
    bestError: 1,
    sinceBest: 2,
    modelSaved: true,
    testError: null,
  };

  it('brings back the place, to the last bit', () => {
    saveCheckpoint(file, config, parts(), place, { results: 12, losses: 2 ** 40 });
    const checkpoint = readCheckpoint(file);
    assert.deepEqual(checkpoint.place, place);
    assert.deepEqual(checkpoint.config, config);
    assert.deepEqual(checkpoint.logs, { results: 12, losses: 2 ** 40 });
  });

  it('brings back model, optimizer, scheduler and random numbers', () => {
    manualSeed(5);
    const first = parts();
    stepOnce(first);
    first.scheduler.step();
    saveCheckpoint(file, config, first, place, { results: 0, losses: 0 });
    const expected = [stepOnce(first), stepOnce(first), rand([1]).item()];

    manualSeed(99);
    const second = parts();
    readCheckpoint(file).restore(second);
    assert.deepEqual(second.scheduler.getLastLr(), [0.1 * 0.1]);
    assert.deepEqual([stepOnce(second), stepOnce(second), rand([1]).item()], expected);
  });

  it('keeps the states of the devices: of one process those of all it sees, of several that of each', () => {
    const state = (value: number): Tensor => zeros([16], { dtype: 'uint8' }).add(value);
    const set: number[][] = [];
    const first = (each: Tensor): number => each.get(0).item();
    const deviceRng = {
      get: () => state(9),
      set: (each: Tensor) => void set.push([first(each)]),
      getAll: () => [state(1), state(2)],
      setAll: (all: readonly Tensor[]) => void set.push(all.map(first)),
    };
    saveCheckpoint(file, config, { ...parts(), deviceRng }, place, { results: 0, losses: 0 });
    readCheckpoint(file).restore({ ...parts(), deviceRng });
    const rng = getRngState();
    saveCheckpoint(
      file,
      config,
      { ...parts(), deviceRng },
      place,
      { results: 0, losses: 0 },
      {
        ...{ rngStates: [rng, rng], deviceRngStates: [state(3), state(4)], loaderStates: [] },
      },
    );
    for (const rank of [0, 1]) readCheckpoint(file).restore({ ...parts(), deviceRng }, rank);
    assert.deepEqual(set, [[1, 2], [3], [4]]);
  });

  it('refuses a place that no run can have come to, and names the file', () => {
    const refused = (change: Partial<RunPlace>, message: RegExp): void => {
      saveCheckpoint(file, config, parts(), { ...place, ...change }, { results: 0, losses: 0 });
      assert.throws(
        () => readCheckpoint(file),
        (error) =>
          error instanceof Error &&
          error.message.startsWith(`${file} is damaged: `) &&
          !error.message.includes('\n') &&
          message.test(error.message),
      );
    };
    refused({ phase: 'foo' as RunPlace['phase'] }, /phase is foo, not one of train, valid, test, done$/);
    refused({ epoch: -5 }, /epoch is -5$/);
    refused({ epoch: 2.5 }, /epoch is 2\.5$/);
    refused({ epoch: 300 }, /epoch 300 of 300 does not go with the phase train$/);
    refused({ phase: 'done', testError: 0.5 }, /epoch 3 of 300 does not go with the phase done$/);
    refused({ phase: 'done', epoch: 300 }, /test_error is not a number$/);
    refused({ phase: 'valid', trained: null }, /no training pass before it$/);
  });

  it('names the file whose contents do not fit the run', () => {
    saveCheckpoint(file, config, parts(), place, { results: 0, losses: -1 });
    assert.throws(() => readCheckpoint(file), /checkpoint\.pth is damaged: its losses is -1$/);
    saveCheckpoint(file, config, parts(), place, { results: 0, losses: 0 });
    const other = { ...parts(), model: cifarDenseNet({ depth: 10, growthRate: 6 }) };
    assert.throws(() => readCheckpoint(file).restore(other), /checkpoint\.pth is damaged: .*state_dict/);
  });

  it('refuses what is no checkpoint', () => {
    save(new OrderedDict(), file);
    assert.throws(() => readCheckpoint(file), /checkpoint\.pth is not a checkpoint of this version of torchbridge$/);
    save(new Map<string, unknown>([['torchbridge_checkpoint', 1]]), file);
    assert.throws(() => readCheckpoint(file), /is not a whole checkpoint/);
  });
});

describe('train/infer-network', () => {
  const forms = [
    { depth: 40, growthRate: 12, bottleneck: true },
    { depth: 22, growthRate: 5, bottleneck: true, compression: 0.37, numInitFeatures: 7 },
    { depth: 13, growthRate: 6, bottleneck: false },
    { depth: 10, growthRate: 4, bottleneck: false, compression: 0.9, numClasses: 3 },
  ];
  for (const form of forms) {
    it(`reads ${JSON.stringify(form)} from shapes alone`, () => {
      const original = cifarDenseNet(form);
      const found = inferNetwork(original.stateDict(), 'x.pth');
      assert.deepEqual(
        [found.depth, found.growthRate, found.bottleneck],
        [form.depth, form.growthRate, form.bottleneck],
      );
      assert.equal(String(cifarDenseNet(found)), String(original));
    });
  }

  it('says whose the weights of something else are', () => {
    const of = (state: ReadonlyMap<string, Tensor>, held: string): void =>
      assert.throws(() => inferNetwork(state, 'x.pth'), {
        name: 'IoError',
        message: `x.pth holds the weights of ${held}, not of a CIFAR DenseNet: --model names the network`,
      });
    of(new Map([['a', zeros([1])]]), 'something else (a, …)');
    of(new Map([['layer1.0.conv1.weight', zeros([1])]]), 'a ResNet');
    const large = new DenseNet({ growthRate: 4, blockConfig: [1, 1, 1], numInitFeatures: 8 });
    of(
      large.stateDict(),
      'a DenseNet-BC with blocks of 1, 1, 1 layers, growth rate 4 and 8 first channels, 1000 classes',
    );
    const uneven = new DenseNet({ style: 'cifar', growthRate: 4, blockConfig: [1, 2, 1], numInitFeatures: 8 });
    of(
      uneven.stateDict(),
      'a CIFAR DenseNet-BC with blocks of 1, 2, 1 layers, growth rate 4 and 8 first channels, 10 classes',
    );
  });

  it('says in one line what does not fit, and draws no random number', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-weights-'));
    const file = path.join(folder, 'model.pth');
    try {
      save(cifarDenseNet({ depth: 10, growthRate: 6 }).stateDict(), file);
      const { tensors } = memory();
      assert.throws(
        () => scope(() => modelWithWeights(config, findWeights(file))),
        (error) => {
          assert.ok(error instanceof Error && !error.message.includes('\n'));
          assert.match(
            error.message,
            /model\.pth holds the weights of a CIFAR DenseNet-BC .* growth rate 6 .*; the model is .* growth rate 4 .*, 10 classes \(size mismatch for features\.conv0\.weight: .*\)$/,
          );
          return true;
        },
      );
      assert.equal(memory().tensors, tensors);
      save(cifarDenseNet({ depth: 10, growthRate: 4 }).stateDict(), file);
      manualSeed(7);
      const expected = rand([1]).item();
      manualSeed(7);
      scope(() => modelWithWeights(config, findWeights(file)));
      assert.equal(rand([1]).item(), expected);
      save([1, 2], file);
      assert.throws(
        () => findWeights(file),
        /model\.pth: expected a state dict or a checkpoint with one, but it holds a list$/,
      );
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });
});
