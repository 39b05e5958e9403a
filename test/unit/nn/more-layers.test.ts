import assert from 'node:assert/strict';
import {
  Bilinear,
  Conv1d,
  Conv3d,
  ConvTranspose2d,
  Dropout1d,
  Dropout3d,
  Embedding,
  functional as F,
  GELU,
  HuberLoss,
  InstanceNorm2d,
  KLDivLoss,
  LayerNorm,
  LPPool2d,
  MaxPool3d,
  Module,
  ReLU6,
  SELU,
  SmoothL1Loss,
  Unflatten,
  Upsample,
  UpsamplingNearest2d,
  ZeroPad2d,
  AdaptiveAvgPool1d,
  AdaptiveMaxPool3d,
} from '../../../lib/nn/index.js';
import {
  manualSeed,
  memory,
  ones,
  OrderedDict,
  rand,
  randn,
  tensor,
  type Tensor,
  zeros,
} from '../../../lib/tensor/index.js';
import { recordWarnings } from '../../warnings.js';

const image = (): Tensor => randn([2, 4, 6, 6]);

describe('more layers', () => {
  it('refuse in one line what callers without types get wrong', () => {
    type Loose = new (...given: unknown[]) => Module;
    const cases: [layer: unknown, given: unknown[], message: string | RegExp][] = [
      [Conv1d, [3, 2, { kernelSize: [3, 3] }], 'expected a number or [length], but got 2 values'],
      [Conv3d, [3, 2, { kernelSize: [3, 3] }], 'expected a number or [depth, height, width], but got 2 values'],
      [ConvTranspose2d, [3, 2], 'ConvTranspose2d needs the option kernelSize'],
      [ConvTranspose2d, [3, 2, 3], /^ConvTranspose2d takes its options in an object/],
      [
        ConvTranspose2d,
        [3, 2, { kernelSize: 2, padding: 'same' }],
        "Expected numbers for padding but received <class 'str'>",
      ],
      [LayerNorm, [3, { elementwise_affine: false }], /did you mean elementwiseAffine/],
      [GELU, ['tanh'], 'GELU takes its options in an object ({ approximate, ... }), but got string'],
      [ReLU6, [{ maxVal: 3 }], 'ReLU6 has no option maxVal; it knows inplace'],
      [SELU, [true], 'SELU takes its options in an object ({ inplace, ... }), but got boolean'],
      [MaxPool3d, [{ kernelSize: 2, returnIndices: true }], /^MaxPool3d has no option returnIndices/],
      [LPPool2d, [{ kernelSize: 2 }], 'LPPool2d needs the option normType'],
      [AdaptiveAvgPool1d, [null], 'expected an output size, a number or [length], but got null'],
      [AdaptiveMaxPool3d, [[2, 3]], 'expected an output size, a number or [depth, height, width], but got 2 values'],
      [ZeroPad2d, [[1, 2]], 'expected a number or [left, right, top, bottom], but got 2 values'],
      [Unflatten, [1, 4], 'unflattened_size must be a tuple of ints, but found type int'],
      [Unflatten, [1, [2, 'x']], /must be tuple of ints, but found element of type str at pos 1/],
      [UpsamplingNearest2d, [{ mode: 'area' }], 'UpsamplingNearest2d has no option mode; it knows size, scaleFactor'],
      [Bilinear, [{ in1Features: 2, in2Features: 2 }], 'Bilinear needs the option outFeatures'],
      [HuberLoss, [{ delta: '1' }], "delta must be a float or int, got: <class 'str'>"],
    ];
    for (const [layer, given, message] of cases)
      assert.throws(() => new (layer as Loose)(...given), { name: 'TorchError', code: 'type', message });
  });

  it('functions of several steps leave one tensor', () => {
    const [x, y] = [image(), rand([2, 4, 6, 6])];
    const cases: Record<string, () => Tensor> = {
      localResponseNorm: () => F.localResponseNorm(x, 3),
      softsign: () => F.softsign(x),
      lpPool2d: () => F.lpPool2d(x, { normType: 2, kernelSize: 2 }),
      adaptiveMaxPool2d: () => F.adaptiveMaxPool2d(x, 2),
      dropout1d: () => F.dropout1d(x.select(0, 0).select(0, 0)),
      interpolate: () => F.interpolate(x, { scaleFactor: 2, mode: 'bicubic', antialias: true }),
      binaryCrossEntropy: () => F.binaryCrossEntropy(y, y, { weight: tensor([2]) }),
      huberLoss: () => F.huberLoss(x, y, { weight: y }),
      smoothL1Loss: () => F.smoothL1Loss(x, y),
      klDiv: () => F.klDiv(x, y, { reduction: 'batchmean' }),
      gaussianNllLoss: () => F.gaussianNllLoss(x, y, 0.5, { full: true }),
    };
    // What the calls themselves make beside: two views, a weight.
    const beside: Record<string, number> = { dropout1d: 2, binaryCrossEntropy: 1 };
    for (const [name, run] of Object.entries(cases)) {
      const before = memory().tensors;
      run().dispose();
      assert.equal(memory().tensors, before + (beside[name] ?? 0), name);
    }
  });

  it('an embedding shares the table that it is made of, and scales its rows down there', () => {
    const table = tensor([
      [3, 4],
      [0.3, 0.4],
    ]);
    const layer = Embedding.fromPretrained(table, { maxNorm: 1 });
    assert.equal(layer.weight.requiresGrad, false);
    layer.call(tensor([0n]));
    assert.ok(Math.abs(table.select(0, 0).norm().item() - 1) < 1e-5);
    assert.ok(Math.abs(table.select(0, 1).norm().item() - 0.5) < 1e-6);
  });

  it('the row of paddingIdx starts as 0 and has no gradient', () => {
    const layer = new Embedding(4, 2, { paddingIdx: 1 });
    assert.deepEqual(layer.weight.select(0, 1).toArray(), [0, 0]);
    layer
      .call(tensor([0n, 1n, 1n]))
      .sum()
      .backward();
    assert.deepEqual(layer.weight.grad?.toArray(), [
      [1, 1],
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
  });

  it('a copy of a layer computes the same and shares nothing', () => {
    manualSeed(0);
    const layer = new ConvTranspose2d(4, 3, { kernelSize: 2, stride: 2 });
    const copy = layer.copy();
    const x = image();
    assert.deepEqual(copy.call(x).toArray(), layer.call(x).toArray());
    assert.equal(String(copy), String(layer));
    assert.notEqual(copy.weight.storageId(), layer.weight.storageId());
  });

  it('instance normalisation refuses running statistics from before versions, and takes them where it keeps some', () => {
    const state = new OrderedDict<Tensor>([
      ['running_mean', zeros([3])],
      ['running_var', ones([3])],
    ]);
    assert.throws(() => new InstanceNorm2d(3).loadStateDict(state), {
      code: 'runtime',
      message:
        /Unexpected running stats buffer\(s\) "running_mean" and "running_var" for InstanceNorm2d with track_running_stats=False/,
    });
    const { missingKeys } = new InstanceNorm2d(3, { trackRunningStats: true }).loadStateDict(state);
    assert.deepEqual(missingKeys, []);
  });

  it('warn in the words of PyTorch, once', () => {
    const { warnings } = recordWarnings(() => {
      for (let i = 0; i < 2; i++) {
        new KLDivLoss().call(zeros([2, 3]), ones([2, 3]));
        new SmoothL1Loss().call(zeros([2, 3]), ones([3]));
        new InstanceNorm2d(7).call(image());
        F.dropout3d(zeros([2, 3]));
      }
    });
    assert.equal(warnings.length, 4);
    assert.match(
      warnings[0]!,
      /^reduction: 'mean' divides the total loss by both the batch size and the support size\.'batch/,
    );
    assert.match(warnings[1]!, /^Using a target size \(torch\.Size\(\[3\]\)\) that is different to the input size/);
    assert.match(warnings[2]!, /^input's size at dim=1 does not match num_features\. You can silence this warning/);
    assert.match(warnings[3]!, /^dropout3d: Received a 2-D input to dropout3d, which is deprecated/);
  });

  it('return their input where there is nothing to do', () => {
    const x = zeros([2, 3, 4]);
    assert.equal(new Dropout1d().eval().call(x), x);
    assert.equal(new Dropout3d({ p: 0 }).call(zeros([1, 2, 2, 2, 2])).numel(), 16);
    assert.equal(F.alphaDropout(x), x);
    const empty = zeros([0, 3, 4]);
    assert.equal(F.localResponseNorm(empty, 2), empty);
    const changed = tensor([-1, 2, 8]);
    assert.equal(new ReLU6({ inplace: true }).call(changed), changed);
    assert.deepEqual(changed.toArray(), [0, 2, 6]);
  });

  it('print factors as the floats that they are', () => {
    assert.equal(String(new Upsample({ scaleFactor: [2, 1.5] })), "Upsample(scale_factor=(2.0, 1.5), mode='nearest')");
    assert.equal(String(new Upsample({ size: 4, mode: 'bicubic' })), "Upsample(size=4, mode='bicubic')");
  });
});
