import assert from 'node:assert/strict';
import path from 'node:path';
import { DenseLayer, DenseNet } from '../../../lib/models/index.js';
import { functional } from '../../../lib/nn/index.js';
import {
  getNumThreads,
  manualSeed,
  randint,
  randn,
  scope,
  setNumThreads,
  type Tensor,
} from '../../../lib/tensor/index.js';
import { digest, digests } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';

const names = ['norm1', 'relu1', 'conv1'] as const;
const kinds = ['none', 'count', 'change', 'tensor', 'backward', 'throw', 'throw before'] as const;
type Kind = (typeof kinds)[number];

interface Case {
  /** Hooks that are there before forward, and those that come between forward and backward. */
  readonly before: Kind;
  readonly between: Kind;
  /** Whether the ones from before are gone by then. */
  readonly removed: boolean;
  readonly training: boolean;
}

interface Handle {
  remove(): void;
}

class Thrown extends Error {}

function add(kind: Kind, layer: DenseLayer, log: string[]): Handle[] {
  const { norm1: norm, relu1: relu, conv1: conv } = layer;
  const fail = (): never => {
    throw new Thrown('thrown by a hook');
  };
  switch (kind) {
    case 'count':
      return names.flatMap((name) => [
        layer[name].registerForwardPreHook(() => void log.push(`before ${name}`)),
        layer[name].registerForwardHook(() => void log.push(`after ${name}`)),
      ]);
    case 'change':
      return [
        norm.registerForwardPreHook((_, [x]) => [(x as Tensor).mul(0.5)]),
        norm.registerForwardHook((_, __, out) => (out as Tensor).mul(2)),
        relu.registerForwardHook((_, __, out) => (out as Tensor).add(1)),
        conv.registerForwardPreHook((_, [x]) => [(x as Tensor).mul(3)]),
      ];
    case 'tensor':
      return [
        conv.registerForwardPreHook((_, [x]) => {
          (x as Tensor).registerHook((gradient) => void log.push(`gradient ${digest(gradient)}`));
        }),
      ];
    case 'backward':
      return [
        conv.registerFullBackwardHook((_, [into], [out]) => {
          log.push(`${digest(into!)} ${digest(out!)}`);
        }),
      ];
    case 'throw':
      return [relu.registerForwardHook(fail)];
    case 'throw before':
      return [norm.registerForwardPreHook(fail)];
    case 'none':
      return [];
  }
}

function run({ before, between, removed, training }: Case): unknown {
  manualSeed(4);
  const model = new DenseNet({
    style: 'torchvision',
    efficient: 'checkpoint',
    growthRate: 4,
    blockConfig: [2, 2],
    numInitFeatures: 6,
    bnSize: 2,
    numClasses: 5,
  });
  model.train(training);
  const layer = model.modules().filter((each) => each instanceof DenseLayer)[1]!;
  const log: string[] = [];
  const results: unknown[] = [];
  let handles = add(before, layer, log);
  const remove = (): void => {
    for (const handle of handles) handle.remove();
  };
  for (let step = 0; step < 2; step++) {
    scope(() => {
      const images = randn([2, 3, 64, 64]);
      const labels = randint(0, 5, [2]);
      model.zeroGrad();
      try {
        const loss = functional.crossEntropy(model.call(images), labels);
        if (removed) remove();
        handles.push(...add(between, layer, log));
        loss.backward();
        const gradients = Object.fromEntries(
          [...model.namedParameters()].map(([name, { grad }]) => [name, grad === null ? null : digest(grad)]),
        );
        results.push({ loss: digest(loss.detach()), gradients, state: digests(model.stateDict()) });
        remove();
        handles = add(before, layer, log);
      } catch (error) {
        if (!(error instanceof Thrown)) throw error;
        log.push(error.message);
        remove();
      }
    });
  }
  return { log, results };
}

parityDescribe('checkpoints of a DenseNet whose hooks come and go', function () {
  this.timeout(120_000);
  const threads = getNumThreads();
  before(() => {
    setNumThreads(1);
  });
  after(() => {
    setNumThreads(threads);
  });
  const cases: Case[] = [];
  for (const kind of kinds) {
    const always = { training: true, removed: false };
    if (kind !== 'none') cases.push({ ...always, before: kind, between: 'none' });
    cases.push({ ...always, before: 'none', between: kind });
    if (!kind.startsWith('throw')) cases.push({ ...always, before: kind, between: 'none', removed: true });
  }
  cases.push({ before: 'none', between: 'change', removed: false, training: false });
  cases.push({ before: 'none', between: 'count', removed: false, training: false });

  let python: unknown[];
  before(() => {
    const script = path.join(import.meta.dirname, 'checkpoint_hooks.py');
    python = runPython(script, [JSON.stringify(cases)]).json() as unknown[];
  });
  for (const [index, given] of cases.entries()) {
    const { before, between, removed, training } = given;
    const gone = removed ? ', gone again' : '';
    it(`before forward: ${before}${gone}; before backward: ${between}${training ? '' : '; in evaluation'}`, () => {
      assert.deepEqual(
        scope(() => run(given)),
        python[index],
      );
    });
  }
});
