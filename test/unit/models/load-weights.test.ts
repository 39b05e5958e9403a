import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { NdArray, save, saveSafetensors } from '../../../lib/io/index.js';
import {
  cifarDenseNet,
  DenseNet,
  densenet121,
  type DenseNetOptions,
  loadWeights,
  type LoadWeightsOptions,
  WeightsError,
  type WeightsReport,
  type WeightsSource,
} from '../../../lib/models/index.js';
import { BatchNorm2d, Linear, type Module } from '../../../lib/nn/index.js';
import {
  manualSeed,
  memory,
  noGrad,
  ones,
  OrderedDict,
  rand,
  scope,
  tensor,
  type Tensor,
  zeros,
} from '../../../lib/tensor/index.js';
import { recordWarnings } from '../../warnings.js';

const small: DenseNetOptions = { growthRate: 4, blockConfig: [2, 2], numInitFeatures: 8, numClasses: 3 };

/** Its tensors under other names, in the same order, with the versions. */
function renamed(model: Module, rename: (key: string) => string | null): OrderedDict<Tensor> {
  const given = model.stateDict();
  const state = new OrderedDict<Tensor>();
  for (const [key, value] of given) {
    const name = rename(key);
    if (name !== null) state.set(name, value);
  }
  return state;
}

const legacy = (key: string): string | null =>
  key.endsWith('num_batches_tracked') ? null : key.replace(/(denselayer\d+\.(?:norm|conv))([12])/, '$1.$2');

describe('loadWeights', () => {
  let model: DenseNet;
  let other: DenseNet;
  beforeEach(() => {
    model = new DenseNet(small);
    other = new DenseNet(small);
    noGrad(() => other.parameters().forEach((each) => void each.fill_(5)));
    scope(() => noGrad(() => other.buffers().forEach((each) => void each.add_(3))));
  });
  const same = (): void =>
    scope(() => {
      const expected = other.stateDict();
      for (const [key, value] of model.stateDict()) assert.ok(value.equal(expected.get(key)!), key);
    });
  const loads = (
    source: WeightsSource,
    options: LoadWeightsOptions = {},
  ): { report: WeightsReport; notices: string[] } => {
    const notices: string[] = [];
    const report = loadWeights(model, source, { onNotice: (line) => notices.push(line), ...options });
    return { report, notices };
  };

  it('takes a state dict as it is, and reports nothing', () => {
    const { report, notices } = loads(other.stateDict());
    same();
    assert.deepEqual(notices, []);
    assert.deepEqual(report, {
      ...{ entry: null, prefix: '', renamed: new Map(), leftOut: [], missingKeys: [], unexpectedKeys: [] },
    });
  });

  it('takes old spellings: dots, spaces, the last norm of the other style', () => {
    const { report } = loads(renamed(other, (key) => key.replace(/(denselayer\d+\.(?:norm|conv))([12])/, '$1.$2')));
    same();
    assert.equal(
      report.renamed.get('features.denseblock2.denselayer1.norm.2.num_batches_tracked'),
      'features.denseblock2.denselayer1.norm2.num_batches_tracked',
    );
    const spaced = loads(renamed(other, (key) => key.replace(/(block|layer|transition)(\d)/g, '$1 $2')));
    same();
    assert.ok(spaced.report.renamed.has('features.denseblock 1.denselayer 1.conv1.weight'));
    const efficient = renamed(other, (key) =>
      key.endsWith('tracked') ? null : key.replace(/(denselayer\d+)\.(norm|conv)1\./, '$1.bn.$2_'),
    );
    assert.equal(
      loads(efficient).report.renamed.get('features.denseblock1.denselayer2.bn.norm_running_var'),
      'features.denseblock1.denselayer2.norm1.running_var',
    );
    for (const [key, value] of other.stateDict())
      if (!key.endsWith('tracked')) assert.ok(value.equal(model.stateDict().get(key)!), key);
    const { report: last } = loads(renamed(other, (key) => key.replace('norm5', 'norm_final')));
    same();
    assert.deepEqual([...last.renamed.values()].slice(0, 1), ['features.norm5.weight']);
    const script = cifarDenseNet({ depth: 10, growthRate: 4 });
    const theirs = cifarDenseNet({ depth: 10, growthRate: 4, style: 'torchvision' });
    loadWeights(script, theirs.stateDict());
    assert.ok(
      script.stateDict().get('features.norm_final.bias')!.equal(theirs.stateDict().get('features.norm5.bias')!),
    );
  });

  it('completes what was written before batches were counted, and misses it in later files', () => {
    const state = renamed(other, legacy);
    loads(state);
    scope(() => {
      const counter = model.stateDict().get('features.norm0.num_batches_tracked')!;
      assert.equal(counter.item(), 0);
      const rest = [...other.stateDict()].filter(([key]) => !key.endsWith('tracked'));
      for (const [key, value] of rest) assert.ok(value.equal(model.stateDict().get(key)!), key);
    });
    // torchvision's own renaming leaves the versions under the old names, where nobody looks for them.
    state.metadata = new Map(
      [...other.stateDict().metadata!].map(([at, entry]) => [at.replace(/(norm|conv)([12])$/, '$1.$2'), entry]),
    );
    assert.throws(
      () => loads(state),
      (error: Error) => {
        assert.match(
          error.message,
          /Missing key\(s\) in state_dict: "features\.norm0\.num_batches_tracked", "features\.transition1/,
        );
        assert.doesNotMatch(error.message, /denselayer/);
        return true;
      },
    );
    for (const entry of state.metadata.values()) entry.set('version', 1);
    loads(state);
  });

  it('takes a prefix off, with a notice, and leaves out what is beside it', () => {
    for (const prefix of ['module.', '_orig_mod.', 'model.', 'module.net.']) {
      const given = renamed(other, (key) => prefix + key);
      given.metadata = new Map(
        [...other.stateDict().metadata!].map(([at, entry]) => [`${prefix}${at}`.replace(/\.$/, ''), entry]),
      );
      const { report, notices } = loads(given);
      same();
      assert.equal(report.prefix, prefix);
      assert.deepEqual(notices, [`the state dict: the prefix ${prefix} was taken off the names`]);
    }
    const averaged = renamed(other, (key) => `module.${key}`);
    averaged.set('n_averaged', tensor(3n));
    const { report, notices } = loads(averaged);
    assert.deepEqual(report.leftOut, ['n_averaged']);
    assert.equal(notices[1], 'the state dict: left out, as they are beside module.: n_averaged');
    const { warnings } = recordWarnings(() =>
      loadWeights(
        model,
        renamed(other, (key) => `module.${key}`),
      ),
    );
    assert.deepEqual(warnings, ['the state dict: the prefix module. was taken off the names']);
  });

  it('finds the weights in a checkpoint', () => {
    const state = other.stateDict();
    const optimizer = new Map<string, unknown>([
      ['state', new Map()],
      ['param_groups', []],
    ]);
    for (const entry of ['state_dict', 'model_state_dict', 'model', 'net', 'anything']) {
      const { report } = loads(
        new Map<string, unknown>([
          ['epoch', 3],
          ['optimizer', optimizer],
          [entry, state],
          ['best', new NdArray('float64', [], Float64Array.of(1))],
        ]),
      );
      same();
      assert.equal(report.entry, entry);
    }
    const two = new Map([
      ['ema', state],
      ['raw', model.stateDict()],
    ]);
    assert.throws(() => loads(two), {
      name: 'IoError',
      message: 'the state dict: it holds several state dicts (ema, raw): name one as entry',
    });
    assert.equal(loads(two, { entry: 'ema' }).report.entry, 'ema');
    same();
    assert.throws(() => loads(two, { entry: 'none' }), /expected a state dict under none, but it holds ema, raw$/);
    assert.throws(
      () => loads(new Map([['optimizer', optimizer]]), { entry: 'optimizer' }),
      /under optimizer, but it is none$/,
    );
    assert.equal(loads(new Map([...two, ['model', state]])).report.entry, 'model');
    const { report, notices } = loads(new Map<string, unknown>([...state, ['epoch', 7]]));
    assert.deepEqual(
      [report.leftOut, notices],
      [['epoch'], ['the state dict: left out, as they are no tensors: epoch']],
    );
    loads(Object.fromEntries(state));
  });

  it('takes numpy arrays', () => {
    const layer = new Linear(2, 1);
    const report = loadWeights(layer, {
      weight: new NdArray('float32', [1, 2], Float32Array.of(3, 4)),
      bias: new NdArray('float32', [1], Float32Array.of(5)),
    });
    assert.deepEqual(report.missingKeys, []);
    assert.deepEqual([layer.weight.toArray(), layer.bias!.toArray()], [[[3, 4]], [5]]);
    const norm = new BatchNorm2d(1);
    const one = (): NdArray => new NdArray('float32', [1], Float32Array.of(2));
    loadWeights(norm, {
      weight: one(),
      bias: one(),
      running_mean: one(),
      running_var: one(),
      num_batches_tracked: new NdArray('int64', [], BigInt64Array.of(9n)),
    });
    assert.equal(norm.num_batches_tracked!.item(), 9);
  });

  it("fails in PyTorch's words, and says whose weights these are", () => {
    const fails = (source: WeightsSource, pattern: RegExp, hint: string): void => {
      assert.throws(
        () => loads(source),
        (error) => {
          assert.ok(error instanceof WeightsError, String(error));
          assert.match(error.message, /^Error\(s\) in loading state_dict for DenseNet:\n\t/);
          assert.match(error.message, pattern);
          assert.equal(error.hint, hint);
          assert.ok(error.message.endsWith(`\n${hint}`));
          return true;
        },
      );
    };
    const own = 'a DenseNet-BC with blocks of 2, 2 layers, growth rate 4 and 8 first channels, 3 classes';
    const wider = new DenseNet({ ...small, growthRate: 5 });
    fails(
      wider.stateDict(),
      /size mismatch for features\.denseblock1\.denselayer1\.norm2\.weight: copying a param with shape torch\.Size\(\[20\]\) from checkpoint, the shape in current model is torch\.Size\(\[16\]\)\./,
      `the state dict holds the weights of ${own.replace('rate 4', 'rate 5')}; the model is ${own}`,
    );
    const classes = new DenseNet({ ...small, numClasses: 4 });
    fails(
      classes.stateDict(),
      /size mismatch for classifier\.weight/,
      `the state dict holds the weights of ${own.replace('3 classes', '4 classes')}; the model is ${own}`,
    );
    fails(
      cifarDenseNet({ depth: 100 }).stateDict(),
      /Missing key\(s\) in state_dict: .*\n\tUnexpected key\(s\) in state_dict: /,
      `the state dict holds the weights of densenet-bc-100-12, 10 classes; the model is ${own}`,
    );
    fails(
      { 'layer1.0.conv1.weight': ones([1]), 'fc.bias': ones([2]) },
      /Missing/,
      `the state dict holds the weights of a ResNet; the model is ${own}`,
    );
    fails(
      { a: ones([1]), b: zeros([1]), c: zeros([1]), d: zeros([1]), e: zeros([1]) },
      /Unexpected/,
      `the state dict holds no weights of ${own}: its names are a, b, c, d and 1 more`,
    );
    const partly = renamed(other, (key) => (key === 'features.conv0.weight' ? null : key));
    fails(
      partly,
      /Missing key\(s\) in state_dict: "features\.conv0\.weight"\. /,
      `the state dict holds only a part of the weights of ${own}`,
    );
    const lenient = loads(partly, { strict: false });
    assert.deepEqual(lenient.report.missingKeys, ['features.conv0.weight']);
    assert.throws(
      () => loads([1] as unknown as Record<string, unknown>),
      /expected a state dict or a checkpoint with one, but it holds a list$/,
    );
    assert.throws(() => loads({}), /but it holds an empty dict$/);
    assert.throws(() => loads({ epoch: 1, lr: 0.1 }), /but it holds epoch, lr$/);
  });

  it('keeps to one line, and takes no time for every dot, with names that were made to annoy', () => {
    const dots = 'a.'.repeat(200_000);
    const state = new Map([...other.stateDict()]);
    state.set(`${dots}weight`, state.get('classifier.bias')!);
    state.set('two\nlines\u202e', state.get('classifier.bias')!);
    assert.throws(
      () => loads(state),
      (error) => error instanceof WeightsError && !error.hint.includes('\n'),
    );
    const { report } = loads(state, { strict: false });
    assert.equal(report.unexpectedKeys.length, 2);
    assert.throws(
      () => loads({ [`${dots}x`]: ones([1]), 'b\nc': ones([1]) }),
      (error) => {
        assert.ok(error instanceof WeightsError);
        assert.match(error.hint, /^the state dict holds no weights of .*: its names are (a\.){50}…, b c$/);
        return true;
      },
    );
  });

  it('takes safetensors', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-weights-'));
    try {
      const file = path.join(folder, 'a.bin');
      scope(() =>
        saveSafetensors(new Map([...other.stateDict()].map(([key, value]) => [`model.${key}`, value])), file),
      );
      assert.equal(loads(file).report.prefix, 'model.');
      same();
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });

  it('leaves no tensor of a file behind', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-weights-'));
    const file = path.join(folder, 'a.pth');
    try {
      scope(() => save(new Map([['model', renamed(other, (key) => `module.${key}`)]]), file));
      const { tensors, bytes } = memory();
      const { notices } = loads(file);
      assert.deepEqual(notices, [`${file}: the prefix module. was taken off the names`]);
      assert.deepEqual([memory().tensors, memory().bytes], [tensors, bytes]);
      assert.throws(() => loads(file, { entry: 'none' }), {
        message: `${file}: expected a state dict under none, but it holds model`,
      });
      assert.throws(() => densenet121({ weights: file }), WeightsError);
      assert.deepEqual([memory().tensors, memory().bytes], [tensors, bytes]);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
});

describe('densenet121 with weights', function () {
  this.timeout(300_000);
  it('keeps the trunk for another number of classes, and says what it left out', () => {
    manualSeed(1);
    const source = densenet121({ numClasses: 7 });
    const weights = source.stateDict();
    // The classes of the file, where none are asked for.
    assert.equal(densenet121({ weights }).config.numClasses, 7);
    const notices: string[] = [];
    manualSeed(2);
    const model = densenet121({ weights, numClasses: 10, onNotice: (line) => notices.push(line) });
    assert.deepEqual(notices, [
      'the state dict has 7 classes, the model 10: classifier.weight, classifier.bias were left out, that of the model stays as it was',
    ]);
    const next = rand([1]).item();
    scope(() => {
      const state = model.stateDict();
      for (const [key, value] of weights)
        if (!key.startsWith('classifier')) assert.ok(value.equal(state.get(key)!), key);
    });
    manualSeed(2);
    const fresh = densenet121({ numClasses: 10 });
    assert.ok(fresh.classifier.weight.equal(model.classifier.weight), 'as it was initialised');
    assert.equal(rand([1]).item(), next, 'with the same draws');
    // A trunk alone, and the classifier of another program.
    const made = [source, model, fresh];
    const load = (state: WeightsSource, numClasses?: number): DenseNet => {
      const next = densenet121({
        weights: state,
        ...(numClasses === undefined ? {} : { numClasses }),
        onNotice: (line) => notices.push(line),
      });
      made.push(next);
      return next;
    };
    const trunk = renamed(source, (key) => (key.startsWith('classifier') ? null : key));
    load(trunk, 3);
    assert.equal(notices.pop(), 'the state dict has no classifier: that of the model stays as it was');
    assert.throws(
      () => load(trunk),
      (error: Error) =>
        /"classifier\.weight", "classifier\.bias"\. \n.* only a part of the weights of densenet121, 1000 classes$/.test(
          error.message,
        ),
    );
    const sequential = renamed(source, (key) => `module.densenet121.${key.replace('classifier.', 'classifier.0.')}`);
    const chest = load(sequential);
    assert.equal(notices.pop(), 'the state dict: the prefix module.densenet121. was taken off the names');
    assert.ok(chest.classifier.weight.equal(source.classifier.weight));
    const deep = renamed(source, (key) => key.replace('classifier.weight', 'classifier.0.other'));
    assert.equal(load(deep, 7).config.numClasses, 7);
    assert.equal(
      notices.pop(),
      'the state dict has another classifier than the model: classifier.0.other, classifier.bias were left out, that of the model stays as it was',
    );
    for (const each of made) for (const part of [...each.parameters(), ...each.buffers()]) part.dispose();
  });
});
