import assert from 'node:assert/strict';
import path from 'node:path';
import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  functional,
  Identity,
  init,
  Linear,
  MaxPool2d,
  Module,
  ModuleDict,
  ModuleList,
  Parameter,
  ReLU,
  Sequential,
  type FanMode,
  type Nonlinearity,
  type Reduction,
} from '../../../lib/nn/index.js';
import { manualSeed, ones, OrderedDict, tensor, TorchError, zeros, type Tensor } from '../../../lib/tensor/index.js';
import { digests } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';

// Beside modules.py, statement by statement.
class Net extends Module {
  readonly c = new Conv2d(3, 4, { kernelSize: 3 });
  readonly b = new BatchNorm2d(4);
  readonly scale = new Parameter(ones([2]));
  readonly layers: ModuleList;
  readonly named: ModuleDict;
  readonly l: Linear;

  constructor() {
    super();
    this.registerBuffer('table', tensor([0, 1, 2]));
    this.registerBuffer('scratch', zeros([2]), { persistent: false });
    this.registerParameter('none', null);
    this.layers = new ModuleList([new Linear(4, 4), new ReLU()]);
    this.named = new ModuleDict({ x: new Linear(2, 2), y: new Identity() });
    this.l = new Linear(4, 2);
  }

  forward(): never {
    throw new Error('only looked at');
  }
}

function net(): Net {
  manualSeed(0);
  return new Net();
}

type Entries = OrderedDict<unknown>;

function attempt(change: (state: Entries) => void, { strict = true, keepMetadata = true } = {}): unknown {
  const model = net();
  const state = model.stateDict();
  const entries: Entries = new OrderedDict([...state].map(([key, value]): [string, unknown] => [key, value.clone()]));
  if (keepMetadata && state.metadata) entries.metadata = state.metadata;
  change(entries);
  try {
    const { missingKeys, unexpectedKeys } = model.loadStateDict(entries, { strict });
    return [missingKeys, unexpectedKeys, digests(model.stateDict())];
  } catch (error) {
    if (error instanceof TorchError) return error.message;
    throw error;
  }
}

function broken(state: Entries): void {
  state.set('x', ones([1]));
  state.delete('c.weight');
  state.set('l.bias', ones([3]));
  state.set('b.running_mean', 5);
  state.set('c.zz', ones([1]));
  state.set('c.zz.deep', ones([1]));
  state.set('b.bias', ones([]));
  state.set('layers.7.weight', ones([1]));
  state.set('table', 'text');
  state.set('l.weight', null);
  state.set('scale', ones([1, 2]));
}

function untracked(state: Entries): void {
  state.delete('b.num_batches_tracked');
}

function converted(state: Entries): void {
  for (const [key, value] of state as Map<string, Tensor>) {
    if (value.dtype === 'float32') state.set(key, value.to('float64').add(1));
  }
}

const relus = (): Sequential => new Sequential(new ReLU(), new Identity());

function big(): Module {
  return new Sequential(
    new Conv2d(3, 4, { kernelSize: 3, padding: 'same', paddingMode: 'reflect', dilation: 2 }),
    new Conv2d(4, 4, { kernelSize: [3, 1], stride: [2, 1], padding: [1, 0], groups: 2, bias: false }),
    new MaxPool2d({ kernelSize: 2, ceilMode: true }),
    new MaxPool2d({ kernelSize: [3, 2], stride: [2, 1], padding: 1 }),
    new AvgPool2d({ kernelSize: [2, 3] }),
    new AdaptiveAvgPool2d([null, 7]),
    new AdaptiveAvgPool2d(1),
    new Dropout({ p: 0.3 }),
    new Dropout({ inplace: true }),
    new Flatten(),
    new Identity(),
    new BatchNorm2d(3, { momentum: null, affine: false, trackRunningStats: false, eps: 1e-3 }),
    new BatchNorm2d(3, { eps: 2.5e-7, momentum: 0.01 }),
    new Linear(3, 4, { bias: false }),
    new ModuleList([new ReLU(), new ReLU(), new ReLU({ inplace: true }), relus(), relus(), relus()]),
    new ModuleDict({ a: new ReLU(), b: new ModuleList() }),
    new Sequential(),
    new Sequential(
      new Map<string, Module>([
        ['first', new ReLU()],
        ['second', new Sequential(new ReLU())],
      ]),
    ),
  );
}

function messages(calls: readonly (() => unknown)[]): (string | null)[] {
  return calls.map((call) => {
    try {
      call();
      return null;
    } catch (error) {
      if (error instanceof TorchError) return error.message;
      throw error;
    }
  });
}

parityDescribe('modules: names, prints, reports', () => {
  let theirs: Record<string, unknown>;
  before(() => {
    theirs = runPython(path.join(import.meta.dirname, 'modules.py')).json() as typeof theirs;
  });

  it('prints as Python does', () => {
    assert.deepEqual([String(net()), String(big())], theirs['prints']);
  });

  it('names parameters, buffers, modules and keys as Python does', () => {
    const model = net();
    const state = model.stateDict();
    const names = (pairs: [string, unknown][]): string[] => pairs.map(([name]) => name);
    assert.deepEqual(
      {
        parameters: names(model.namedParameters()),
        buffers: names(model.namedBuffers()),
        modules: names(model.namedModules()),
        keys: [...state.keys()],
        metadata: Object.fromEntries([...state.metadata!].map(([at, entry]) => [at, Object.fromEntries(entry)])),
      },
      {
        parameters: theirs['parameters'],
        buffers: theirs['buffers'],
        modules: theirs['modules'],
        keys: theirs['keys'],
        metadata: theirs['metadata'],
      },
    );
  });

  it('loads state dicts, and reports what does not fit', () => {
    const clear = (state: Entries): void => state.clear();
    const oldScalar = (state: Entries): unknown => state.set('b.num_batches_tracked', tensor([7n]));
    const loads = [
      attempt(broken),
      attempt(broken, { strict: false }),
      attempt(clear),
      attempt(clear, { strict: false }),
      attempt(untracked),
      attempt(untracked, { keepMetadata: false }),
      attempt(oldScalar),
      attempt(converted),
    ];
    assert.deepEqual(loads, theirs['loads']);
  });

  it('refuses in the same words', () => {
    const model = net();
    const image = zeros([1, 4, 1, 1]);
    const found = messages([
      () => new Conv2d(3, 4, { kernelSize: 3, groups: 2 }),
      () => new Conv2d(4, 3, { kernelSize: 3, groups: 2 }),
      () => new Conv2d(4, 4, { kernelSize: 3, groups: 0 }),
      () => new Conv2d(4, 4, { kernelSize: 3, stride: 2, padding: 'same' }),
      () => new Dropout({ p: 1.5 }),
      () => new Dropout({ p: -1 }),
      () => functional.dropout(ones([2]), { p: 1.25 }),
      () => new BatchNorm2d(4).call(zeros([2, 4])),
      () => new BatchNorm2d(4).call(image),
      () => new BatchNorm2d(4, { eps: 0 }).call(zeros([2, 4, 1, 1])),
      () => new BatchNorm2d(4, { eps: -1e-5 }).eval().call(image),
      () => functional.crossEntropy(zeros([1, 2]), tensor([0n]), { reduction: 'average' as Reduction }),
      () => functional.adaptiveAvgPool2d(zeros([2, 2]), [1, 1]),
      () => init.kaimingNormal_(zeros([3])),
      () => init.kaimingNormal_(zeros([3, 2]), { mode: 'fan_mean' as FanMode }),
      () => init.calculateGain('gelu' as Nonlinearity),
      () => new Sequential(new ReLU()).at(1),
      () => new ModuleList().at(0),
      () => model.registerBuffer('a.b', null),
      () => model.registerBuffer('', null),
      () => model.registerParameter('c', null),
      () => model.registerParameter('a.b', null),
      () => model.addModule('a.b', null),
      () => model.addModule('', null),
      () => model.to('int64'),
      () => model.loadStateDict(3 as unknown as Map<string, unknown>),
      () => model.train('yes' as unknown as boolean),
    ]);
    assert.deepEqual(found, theirs['errors']);
  });
});
