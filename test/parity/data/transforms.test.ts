/** Transforms on tensors beside torchvision: every bit of every result, over many seeds, and what is drawn. */
import assert from 'node:assert/strict';
import path from 'node:path';
import * as data from '../../../lib/data/index.js';
import { functional as F, type TensorTransform } from '../../../lib/data/index.js';
import { functional as nn } from '../../../lib/nn/index.js';
import {
  manualSeed,
  memory,
  ops,
  rand,
  randint,
  scope,
  setNumThreads,
  tensor,
  type Tensor,
} from '../../../lib/tensor/index.js';
import { digest } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';

const SEEDS = 8;

function pictures(): Record<string, Tensor> {
  manualSeed(123);
  const colour = randint(0, 256, [3, 37, 45], { dtype: 'uint8' });
  const grey = randint(0, 256, [1, 28, 28], { dtype: 'uint8' });
  const steps = colour.get(0).div(64, { roundingMode: 'floor' }).mul(64);
  const flat = ops.stack([steps, steps, ops.full([37, 45], 7, { dtype: 'uint8' })], 0);
  const batch = randint(0, 256, [4, 3, 32, 32], { dtype: 'uint8' });
  return {
    ...{ colour, grey, flat, batch, floats: colour.to('float32').div(255) },
    ...{ doubles: batch.to('float64').div(255), 'grey floats': grey.to('float32').div(255) },
  };
}

const CASES: Record<string, () => TensorTransform> = {
  resize: () => new data.Resize(24),
  'resize both': () => new data.Resize([50, 20]),
  'resize most': () => new data.Resize(30, { maxSize: 33 }),
  'resize bicubic': () => new data.Resize([60, 60], { interpolation: 'bicubic' }),
  'resize small bicubic': () => new data.Resize([11, 13], { interpolation: 'bicubic' }),
  'resize plain': () => new data.Resize([11, 13], { antialias: false }),
  'resize nearest': () => new data.Resize([51, 13], { interpolation: 'nearest' }),
  'resize exact': () => new data.Resize([51, 13], { interpolation: 'nearest-exact' }),
  center: () => new data.CenterCrop([21, 24]),
  'center large': () => new data.CenterCrop([43, 48]),
  'center mixed': () => new data.CenterCrop([20, 60]),
  pad: () => new data.Pad(3, { fill: 9 }),
  'pad sides': () => new data.Pad([1, 2, 3, 4]),
  'pad edge': () => new data.Pad([5, 3], { paddingMode: 'edge' }),
  'pad reflect': () => new data.Pad([5, 3], { paddingMode: 'reflect' }),
  'pad symmetric': () => new data.Pad([5, 3, 0, 2], { paddingMode: 'symmetric' }),
  gray: () => new data.Grayscale(),
  'gray 3': () => new data.Grayscale(3),
  'random gray': () => new data.RandomGrayscale(0.5),
  hflip: () => new data.RandomHorizontalFlip(),
  vflip: () => new data.RandomVerticalFlip(0.3),
  crop: () => new data.RandomCrop(20, { padding: 4 }),
  'crop reflect': () => new data.RandomCrop([30, 26], { padding: [3, 5], paddingMode: 'reflect' }),
  'crop needed': () => new data.RandomCrop([40, 50], { padIfNeeded: true, fill: 3 }),
  'resized crop': () => new data.RandomResizedCrop(24),
  'resized crop bicubic': () =>
    new data.RandomResizedCrop([30, 20], { scale: [0.3, 0.9], ratio: [0.5, 2], interpolation: 'bicubic' }),
  'resized crop never': () => new data.RandomResizedCrop(16, { scale: [2, 3], ratio: [0.2, 0.3] }),
  'resized crop wide': () => new data.RandomResizedCrop(16, { scale: [2, 3], ratio: [3, 5] }),
  jitter: () => new data.ColorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }),
  'jitter hue': () => new data.ColorJitter({ hue: 0.5 }),
  'jitter ranges': () =>
    new data.ColorJitter({ brightness: [0.5, 2], contrast: 1.5, saturation: [0, 0], hue: [-0.2, 0.4] }),
  'jitter none': () => new data.ColorJitter(),
  rotation: () => new data.RandomRotation(30),
  'rotation bilinear': () => new data.RandomRotation([10, 80], { interpolation: 'bilinear', fill: 100 }),
  'rotation expand': () => new data.RandomRotation(45, { interpolation: 'bilinear', expand: true, fill: 0.5 }),
  'rotation center': () => new data.RandomRotation(180, { center: [3, 7], expand: true }),
  erasing: () => new data.RandomErasing(),
  'erasing noise': () => new data.RandomErasing({ p: 0.9, value: 'random' }),
  'erasing value': () => new data.RandomErasing({ p: 1, scale: [0.1, 0.5], ratio: [0.5, 2], value: 0.25 }),
  'erasing never': () => new data.RandomErasing({ p: 1, scale: [1, 1], ratio: [0.01, 0.02] }),
  cifar10: () => new data.AutoAugment({ policy: 'cifar10' }),
  imagenet: () => new data.AutoAugment(),
  svhn: () => new data.AutoAugment({ policy: 'svhn', interpolation: 'bilinear', fill: 128 }),
  compose: () =>
    new data.Compose([
      new data.Resize(40),
      new data.RandomCrop(32, { padding: 2 }),
      new data.RandomHorizontalFlip(),
      new data.ColorJitter({ brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.1 }),
      new data.RandomErasing(),
    ]),
  lambda: () => new data.Lambda((x) => x.flip(-1).floorDivide(2)),
};

const PICTURE_CASES: Record<string, () => data.Transform[]> = {
  'resized crop': () => [
    new data.RandomResizedCrop(24, { interpolation: 'bicubic' }),
    new data.RandomHorizontalFlip(),
    new data.RandomVerticalFlip(),
  ],
  borders: () => [
    new data.Pad([2, 5], { paddingMode: 'reflect' }),
    new data.Pad([60, 1, 3, 60], { paddingMode: 'symmetric' }),
    new data.Pad(1, { fill: 77 }),
    new data.RandomCrop([60, 64], { padding: [3, 0, 1, 2], paddingMode: 'edge' }),
  ],
  needed: () => [new data.RandomCrop([50, 41], { padding: 1, padIfNeeded: true, fill: 200 })],
  gray: () => [new data.RandomGrayscale(0.5), new data.Grayscale(3), new data.CenterCrop(30)],
};

function attempt(run: () => Tensor): string {
  try {
    return digest(run());
  } catch {
    return 'error';
  }
}

function one(make: () => TensorTransform, picture: Tensor): unknown[] {
  return Array.from({ length: SEEDS }, (_, seed) =>
    scope(() => {
      manualSeed(seed);
      const made = attempt(() => make().tensor(picture));
      return [made, rand([1]).item()];
    }),
  ).flat();
}

function functions(x: Tensor): string[] {
  const calls: (() => Tensor)[] = [
    ...[0, 0.7, 1, 1.9].map((f) => () => F.adjustBrightness(x, f)),
    ...[0, 0.3, 1, 2.5].map((f) => () => F.adjustContrast(x, f)),
    ...[0, 0.3, 1, 2.5].map((f) => () => F.adjustSaturation(x, f)),
    ...[-0.5, -0.13, 0, 0.31, 0.5].map((f) => () => F.adjustHue(x, f)),
    ...[0, 0.5, 1, 1.8].map((f) => () => F.adjustSharpness(x, f)),
    ...[() => F.invert(x), () => F.autocontrast(x), () => F.equalize(x)],
    ...[() => F.solarize(x, 0.4), () => F.solarize(x, 128)],
    ...[0, 1, 4, 8].map((bits) => () => F.posterize(x, bits)),
    ...[() => F.crop(x, -3, 5, 20, 60), () => F.crop(x, 30, 40, 20, 20), () => F.rotate(x, 33.3)],
    ...[() => F.hflip(x), () => F.vflip(x)],
  ];
  return calls.map(attempt);
}

const TYPES = ['float16', 'bfloat16', 'float64', 'int16', 'int32', 'int64', 'bool'] as const;

function otherTypes(x: Tensor): unknown[] {
  return TYPES.flatMap((dtype) => {
    const isFloat = dtype.includes('float');
    const y = isFloat ? x.to('float64').div(255).to(dtype) : x.to(dtype);
    const calls = [
      () => new data.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]).tensor(y),
      ...[() => F.adjustHue(y, -0.2), () => F.invert(y), () => F.solarize(y, isFloat ? 0.5 : 128)],
      ...[() => F.autocontrast(y), () => F.adjustBrightness(y, 1.3), () => F.adjustContrast(y, 1.3)],
      ...[() => F.adjustSharpness(y, 1.7), () => new data.Resize([9, 11]).tensor(y)],
    ];
    return calls.map((call) => {
      let made: Tensor;
      try {
        made = call();
      } catch {
        return 'error';
      }
      return [made.dtype, digest(made.to('float64'))];
    });
  });
}

function crops(x: Tensor): string[][] {
  const kinds = [new data.FiveCrop([20, 22]), new data.TenCrop(24), new data.TenCrop([9, 12], true)];
  return kinds.map((kind) => kind.tensors(x).map(digest));
}

function mixes(x: Tensor): unknown[] {
  const labels = tensor(BigInt64Array.of(1n, 0n, 3n, 2n));
  const kinds = [
    ...[new data.MixUp({ numClasses: 5 }), new data.MixUp({ alpha: 0.2, numClasses: 4 })],
    ...[new data.CutMix({ numClasses: 5 }), new data.CutMix({ alpha: 0.4 }), new data.MixUp()],
  ];
  return kinds.flatMap((mix) => {
    const target = mix.numClasses === undefined ? ops.oneHot(labels, 6).to('float64') : labels;
    return Array.from({ length: 2 * SEEDS }, (_, seed) => {
      manualSeed(seed);
      return [...mix.call(x, target).map(digest), rand([1]).item()];
    });
  });
}

parityDescribe('transforms on tensors as torchvision has them, bit for bit', function () {
  this.timeout(300_000);
  let theirs: Record<string, Record<string, unknown>>;
  let ours: Record<string, Tensor>;
  before(() => {
    setNumThreads(1);
    const program = path.join(import.meta.dirname, 'transforms.py');
    theirs = runPython(program, [String(SEEDS)]).json() as typeof theirs;
    ours = pictures();
  });
  after(() => Object.values(ours).forEach((picture) => picture.dispose()));

  for (const picture of ['colour', 'grey', 'flat', 'batch', 'floats', 'doubles', 'grey floats']) {
    it(`${picture}: ${Object.keys(CASES).length} transforms with ${SEEDS} seeds, functions and crops`, () => {
      const x = ours[picture]!;
      const before = memory().tensors;
      const wrong: string[] = [];
      for (const [name, make] of Object.entries(CASES)) {
        const [expected, made] = [theirs[picture]![name] as unknown[], one(make, x)];
        const first = expected.findIndex((value, i) => value !== made[i]);
        if (first >= 0)
          wrong.push(`${name}, seed ${first >> 1}: ${String(made[first])} for ${String(expected[first])}`);
      }
      scope(() => {
        const [expected, made] = [theirs[picture]!['functional'] as unknown[], functions(x)];
        made.forEach((value, i) => {
          if (value !== expected[i]) wrong.push(`function ${i}: ${value} for ${String(expected[i])}`);
        });
        assert.deepEqual(crops(x), theirs[picture]!['crops']);
      });
      assert.deepEqual(wrong, []);
      assert.equal(memory().tensors, before);
    });
  }

  it(`pictures in ${TYPES.join(', ')}`, () => {
    scope(() => assert.deepEqual(otherTypes(ours['colour']!), theirs['types']));
  });

  it('pictures before ToTensor, as torchvision works on PIL pictures', () => {
    const { colour } = ours;
    const area = 37 * 45;
    const picture = { channels: 3, height: 37, width: 45, data: colour!.toTypedArray() as Uint8Array };
    const grey = { channels: 1, height: 45, width: 37, data: picture.data.slice(0, area) };
    for (const [name, make] of Object.entries(PICTURE_CASES)) {
      const made = Array.from({ length: 2 * SEEDS }, (_, seed) =>
        scope(() => {
          manualSeed(seed);
          const steps = new data.Compose([...make(), new data.ToTensor(), new data.Normalize([0.5], [0.25])]);
          const batches = [steps.batch([picture, picture]), steps.batch([grey])];
          return [...batches.map(digest), rand([1]).item()];
        }),
      );
      assert.deepEqual(made, theirs['pil']![name], name);
    }
  });

  it('MixUp and CutMix: shares, rectangles and targets', () => {
    scope(() => {
      const made = mixes(ours['batch']!.to('float32').div(255));
      assert.deepEqual(made, theirs['mixes']);
      const [x, y] = new data.MixUp({ numClasses: 5 }).call(
        rand([4, 3, 2, 2]),
        tensor(BigInt64Array.of(1n, 0n, 3n, 2n)),
      );
      assert(nn.crossEntropy(x.flatten(1).narrow(1, 0, 5), y).item() > 0);
    });
  });
});
