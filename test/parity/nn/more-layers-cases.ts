/** The layers and functions that more-layers.test.ts compares, by PyTorch's names, with options in camelCase. */

export type DTypeName = 'float32' | 'float64' | 'bfloat16';

/** One layer, as both programs make it. */
export interface LayerCase {
  readonly name: string;
  /** Its positional arguments. */
  readonly given: readonly unknown[];
  readonly options: Readonly<Record<string, unknown>>;
  /** Of the inputs. */
  readonly shapes: readonly number[][];
  /** Whether it takes a dtype. */
  readonly typed: boolean;
  readonly dtypes: readonly DTypeName[];
  /** Further arguments of forward. */
  readonly more?: readonly unknown[];
  /** Inputs are indices below this. */
  readonly below?: number;
  readonly format?: 'channels_last' | 'channels_last_3d';
  /** The shape of a table that an embedding is made of. */
  readonly pretrained?: number[];
}

const ALL: readonly DTypeName[] = ['float32', 'float64', 'bfloat16'];
const SEQUENCE = [3, 6, 9];
const IMAGE = [2, 6, 7, 8];
const VOLUME = [2, 6, 4, 5, 6];
const TYPED = /^(Conv|BatchNorm|InstanceNorm|LayerNorm|RMSNorm|GroupNorm|PReLU|Bilinear|Embedding)/;

export const layers: LayerCase[] = [];

function add(
  name: string,
  given: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
  shapes: readonly number[][],
  more: Partial<LayerCase> = {},
): void {
  layers.push({ name, given, options, shapes, typed: TYPED.test(name), dtypes: ALL, ...more });
}

const inputs: Readonly<Record<number, number[]>> = { 1: SEQUENCE, 2: IMAGE, 3: VOLUME };
const once = { dtypes: ['float32'] } as const;

for (const d of [1, 2, 3]) {
  const input = inputs[d]!;
  const [, ...single] = input;
  const each = (...values: number[]): number[] => values.slice(0, d);
  const conv = `Conv${d}d`;
  add(conv, [6, 4], { kernelSize: 3 }, [input]);
  add(conv, [6, 4], { kernelSize: each(3, 2, 1), stride: each(2, 1, 2), padding: each(1, 2, 0), bias: false }, [input]);
  add(conv, [6, 9], { kernelSize: 2, groups: 3, dilation: each(2, 1, 2) }, [input], once);
  add(conv, [6, 4], { kernelSize: each(4, 3, 2), padding: 'same', dilation: each(1, 2, 1) }, [input], once);
  add(conv, [6, 4], { kernelSize: each(4, 3, 2), padding: 'same', paddingMode: 'replicate' }, [single], once);
  for (const paddingMode of ['reflect', 'circular'])
    add(conv, [6, 4], { kernelSize: 3, padding: each(1, 2, 3), paddingMode }, [input], once);
  add(conv, [6, 4], { kernelSize: 3, padding: 'valid', paddingMode: 'reflect' }, [input], once);
  add(conv, [6, 4], { kernelSize: 3, groups: 0 }, [input], once);
  add(conv, [6, 4], { kernelSize: 3, groups: 4 }, [input], once);
  add(conv, [6, 4], { kernelSize: 3, groups: 3 }, [input], once);
  add(conv, [6, 4], { kernelSize: 3, padding: 'same', stride: 2 }, [input], once);
  add(conv, [6, 4], { kernelSize: 3 }, [[6]], once);

  const transpose = `ConvTranspose${d}d`;
  add(transpose, [6, 4], { kernelSize: 3 }, [input]);
  add(
    transpose,
    [6, 4],
    { kernelSize: 3, stride: 2, padding: each(1, 0, 1), outputPadding: each(1, 0, 1), bias: false },
    [input],
  );
  add(transpose, [6, 9], { kernelSize: 2, groups: 3, dilation: 2 }, [single], once);
  const doubled = single.slice(1).map((size) => 2 * size);
  const strided = { kernelSize: 3, stride: 2, padding: 1 };
  add(transpose, [6, 4], strided, [input], { ...once, more: [doubled] });
  add(transpose, [6, 4], strided, [single], { ...once, more: [[4, ...doubled]] });
  add(transpose, [6, 4], strided, [input], { ...once, more: [doubled.map((size) => size + 1)] });
  add(transpose, [6, 4], strided, [input], { ...once, more: [[...doubled, 3, 4, 5]] });
  add(transpose, [6, 4], { kernelSize: 3, paddingMode: 'reflect' }, [input], once);
  add(transpose, [6, 4], { kernelSize: 3, groups: 4 }, [input], once);

  const instance = `InstanceNorm${d}d`;
  add(instance, [6], {}, [input]);
  add(instance, [6], { affine: true, trackRunningStats: true, momentum: 0.3 }, [input]);
  add(instance, [6], { affine: true, bias: false, trackRunningStats: true, momentum: null, eps: 1e-3 }, [single], once);
  add(instance, [5], { affine: true }, [input], once);
  add(instance, [5], {}, [input], once);
  add(instance, [6], {}, [[6]], once);
  add(instance, [6], {}, [[6, 1, 1, 1].slice(0, d + 1)], once);

  add(`Dropout${d}d`, [], { p: 0.4 }, [input]);
  add(`Dropout${d}d`, [], { p: 0.4, inplace: true }, [input], once);
  add(`Dropout${d}d`, [], { p: 1.5 }, [input], once);
  if (d !== 2) {
    add(`Dropout${d}d`, [], { p: 0.4 }, [single], once);
    add(`Dropout${d}d`, [], { p: 0.4, inplace: true }, [single], once);
    add(`Dropout${d}d`, [], {}, [[4, 3, 2, 2, 2, 2].slice(0, d === 1 ? 4 : 6)], once);
  }

  add(`MaxPool${d}d`, [], { kernelSize: 2 }, [input]);
  const window = { kernelSize: each(3, 2, 3), stride: each(2, 1, 2), padding: each(1, 1, 1) };
  add(`MaxPool${d}d`, [], { ...window, dilation: each(1, 2, 1), ceilMode: true }, [single], once);
  add(`AvgPool${d}d`, [], { kernelSize: 2 }, [input]);
  add(`AvgPool${d}d`, [], { ...window, ceilMode: true, countIncludePad: false }, [single], once);
  if (d > 1) add(`AvgPool${d}d`, [], { kernelSize: 3, stride: 2, divisorOverride: 5 }, [input], once);
  for (const normType of [1, 2, 1.5, 'Infinity', '-Infinity'])
    add(`LPPool${d}d`, [], { normType, kernelSize: 2, ceilMode: true }, [input], normType === 2 ? {} : once);
  add(`LPPool${d}d`, [], { normType: 2, kernelSize: d === 1 ? 3 : each(3, 2, 2), stride: 2 }, [input], once);
  for (const kind of ['Avg', 'Max']) {
    const adaptive = `Adaptive${kind}Pool${d}d`;
    add(adaptive, [3], {}, [input]);
    if (d === 1) continue;
    add(adaptive, [each(3, 2, 2)], {}, [single], once);
    add(adaptive, [[null, 4, 2].slice(0, d)], {}, [input], once);
    add(adaptive, [[null, 4, 2].slice(0, d)], {}, [input.slice(2)], once);
  }

  for (const kind of ['Zero', 'Reflection', 'Replication', 'Circular']) {
    add(`${kind}Pad${d}d`, [1], {}, [input], kind === 'Zero' ? {} : once);
    add(`${kind}Pad${d}d`, [[1, 2, 3, 0, 2, 1].slice(0, 2 * d)], {}, [single]);
    add(`${kind}Pad${d}d`, [1], {}, [[3]], once);
  }
  add(`ConstantPad${d}d`, [[1, 2, 3, 0, 2, 1].slice(0, 2 * d), 3.5], {}, [input]);
  add(`ConstantPad${d}d`, [2, -1], {}, [input], once);
}
for (const format of ['channels_last', 'channels_last_3d'] as const) {
  const [d, input] = format === 'channels_last' ? ([2, IMAGE] as const) : ([3, VOLUME] as const);
  for (const name of [`Conv${d}d`, `ConvTranspose${d}d`])
    add(name, [6, 4], { kernelSize: 3 }, [input], { ...once, format });
  for (const name of [`BatchNorm${d}d`, `InstanceNorm${d}d`]) add(name, [6], {}, [input], { ...once, format });
  for (const name of [`MaxPool${d}d`, `AvgPool${d}d`]) add(name, [], { kernelSize: 2 }, [input], { ...once, format });
  add('Upsample', [], { scaleFactor: 2, mode: d === 2 ? 'bilinear' : 'trilinear' }, [input], { ...once, format });
  add('GroupNorm', [3, 6], {}, [input], { ...once, format });
}

add('BatchNorm3d', [6], {}, [VOLUME]);
add('BatchNorm3d', [6], { momentum: null, bias: false, eps: 1e-3 }, [VOLUME], once);
add('BatchNorm3d', [6], {}, [IMAGE], once);
add('LayerNorm', [8], {}, [IMAGE]);
add('LayerNorm', [[7, 8]], { eps: 1e-3, bias: false }, [IMAGE]);
add('LayerNorm', [[6, 7, 8]], { elementwiseAffine: false }, [IMAGE], once);
add('LayerNorm', [7], {}, [IMAGE], once);
add('RMSNorm', [8], {}, [IMAGE]);
add('RMSNorm', [[7, 8]], { eps: 1e-3, elementwiseAffine: false }, [IMAGE], once);
add('GroupNorm', [3, 6], {}, [IMAGE]);
add('GroupNorm', [6, 6], { affine: false }, [SEQUENCE], once);
add('GroupNorm', [1, 6], { bias: false, eps: 1e-3 }, [[4, 6]], once);
add('GroupNorm', [4, 6], {}, [IMAGE], once);
add('GroupNorm', [6, 6], {}, [[1, 6]], once);
add('GroupNorm', [6, 6], {}, [[6]], once);
for (const shape of [SEQUENCE, IMAGE, VOLUME]) add('LocalResponseNorm', [3], {}, [shape]);
add('LocalResponseNorm', [4], { alpha: 2e-4, beta: 0.5, k: 2 }, [IMAGE], once);
add('LocalResponseNorm', [2], {}, [[3, 4]], once);
add('LocalResponseNorm', [2], {}, [[0, 4, 3]], once);

for (const name of ['AlphaDropout', 'FeatureAlphaDropout']) {
  add(name, [], { p: 0.3 }, [IMAGE]);
  add(name, [], { p: 1, inplace: true }, [IMAGE], once);
  add(name, [], { p: -0.5 }, [IMAGE], once);
}

for (const name of ['Sigmoid', 'Tanh', 'LogSigmoid', 'Softsign']) add(name, [], {}, [IMAGE]);
for (const name of [
  'SiLU',
  'Mish',
  'SELU',
  'Hardsigmoid',
  'Hardswish',
  'ReLU6',
  'Hardtanh',
  'ELU',
  'CELU',
  'LeakyReLU',
]) {
  add(name, [], {}, [IMAGE]);
  add(name, [], { inplace: true }, [SEQUENCE], once);
}
add('Hardtanh', [], { minVal: -2, maxVal: 0.5 }, [IMAGE], once);
add('Hardtanh', [], { minVal: 2, maxVal: 2 }, [IMAGE], once);
for (const name of ['ELU', 'CELU']) add(name, [], { alpha: 2, inplace: true }, [IMAGE], once);
add('LeakyReLU', [], { negativeSlope: 0.3 }, [IMAGE], once);
add('GELU', [], {}, [IMAGE]);
add('GELU', [], { approximate: 'tanh' }, [IMAGE]);
add('GELU', [], { approximate: 'sinh' }, [IMAGE], once);
add('Softplus', [], {}, [IMAGE]);
add('Softplus', [], { beta: 3, threshold: 1.5 }, [IMAGE], once);
add('PReLU', [], {}, [IMAGE]);
add('PReLU', [], { numParameters: 6, init: 0.1 }, [IMAGE]);
add('PReLU', [], { numParameters: 5 }, [IMAGE], once);

const table = { below: 7, shapes: [[4, 5]] };
add('Embedding', [7, 3], {}, [[4, 5]], table);
add('Embedding', [7, 3], { paddingIdx: 2, scaleGradByFreq: true }, [[4, 5]], table);
add('Embedding', [7, 3], { paddingIdx: -1, maxNorm: 1 }, [[4, 5]], table);
add('Embedding', [7, 3], { maxNorm: 0.5, normType: 1 }, [[6]], { ...table, ...once });
add('Embedding', [7, 3], { sparse: true, paddingIdx: 1 }, [[4, 5]], table);
add('Embedding', [7, 3], { paddingIdx: 7 }, [[6]], { ...table, ...once });
add('Embedding', [7, 3], { paddingIdx: -8 }, [[6]], { ...table, ...once });
add('Embedding', [3, 3], {}, [[40]], { ...table, ...once });
add('Embedding', [], { paddingIdx: -2 }, [[6]], { ...table, typed: false, pretrained: [7, 4] });
add('Embedding', [], { freeze: false, maxNorm: 1 }, [[6]], { ...table, ...once, typed: false, pretrained: [7, 4] });
add('Embedding', [], {}, [[6]], { ...table, ...once, typed: false, pretrained: [7] });

const upsamples: [mode: string, input: number[]][] = [
  ['nearest', SEQUENCE],
  ['nearest', IMAGE],
  ['nearest', VOLUME],
  ['nearest-exact', SEQUENCE],
  ['nearest-exact', IMAGE],
  ['nearest-exact', VOLUME],
  ['linear', SEQUENCE],
  ['bilinear', IMAGE],
  ['bicubic', IMAGE],
  ['trilinear', VOLUME],
  ['area', SEQUENCE],
  ['area', IMAGE],
  ['area', VOLUME],
];
for (const [mode, input] of upsamples) {
  const factors = [1.5, 2.3, 0.7].slice(0, input.length - 2);
  add('Upsample', [], { scaleFactor: 2, mode }, [input]);
  add('Upsample', [], { scaleFactor: factors, mode }, [input], once);
  add('Upsample', [], { scaleFactor: factors, mode, recomputeScaleFactor: true }, [input], once);
  add('Upsample', [], { size: 11, mode }, [input], once);
  add('Upsample', [], { size: [5, 12, 3].slice(0, input.length - 2), mode, alignCorners: true }, [input], once);
}
add('UpsamplingNearest2d', [], { scaleFactor: [2, 3] }, [IMAGE], once);
add('UpsamplingBilinear2d', [], { size: [9, 5] }, [IMAGE], once);
add('UpsamplingBilinear2d', [], { scaleFactor: 2 }, [IMAGE], once);

add('PixelShuffle', [2], {}, [[2, 8, 3, 4]]);
add('PixelShuffle', [2], {}, [IMAGE], once);
add('PixelUnshuffle', [2], {}, [[2, 3, 4, 6]], once);
add('ChannelShuffle', [3], {}, [IMAGE]);
add('ChannelShuffle', [4], {}, [IMAGE], once);
add('Unflatten', [1, [2, 3]], {}, [IMAGE], once);
add('Unflatten', [-1, [-1, 4]], {}, [IMAGE], once);
add('Unflatten', [1, [4, 2]], {}, [IMAGE], once);
add('Unflatten', [1, [2, 'x']], {}, [IMAGE], once);
add('Bilinear', [], { in1Features: 5, in2Features: 4, outFeatures: 3 }, [
  [2, 5],
  [2, 4],
]);
add('Bilinear', [], { in1Features: 5, in2Features: 4, outFeatures: 3, bias: false }, [
  [2, 3, 5],
  [2, 3, 4],
]);
add('Bilinear', [], { in1Features: 0, in2Features: 4, outFeatures: 3 }, [[2], [2]], once);

/** One function of `torch.nn.functional`, of one input. */
export interface FunctionCase {
  readonly name: string;
  readonly given: readonly unknown[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly shapes: readonly number[][];
  readonly dtypes: readonly DTypeName[];
}

export const functions: FunctionCase[] = [];

function call(
  name: string,
  shape: number[],
  options: Readonly<Record<string, unknown>>,
  given: readonly unknown[] = [],
  dtypes: readonly DTypeName[] = ['float32'],
): void {
  functions.push({ name, given, options, shapes: [shape], dtypes });
}

for (const mode of ['bilinear', 'bicubic', 'lanczos']) {
  for (const alignCorners of [false, true]) {
    call('interpolate', IMAGE, { mode, size: [3, 11], antialias: true, alignCorners }, [], ALL);
    call('interpolate', IMAGE, { mode, scaleFactor: [0.4, 1.7], antialias: true, alignCorners });
  }
  call('interpolate', IMAGE, { mode, scaleFactor: 0.45, antialias: true, recomputeScaleFactor: true });
  call('interpolate', IMAGE, { mode, size: 3 });
  call('interpolate', SEQUENCE, { mode, size: 3, antialias: true });
}
// Refused.
call('interpolate', IMAGE, {});
call('interpolate', IMAGE, { size: 3, scaleFactor: 2 });
call('interpolate', IMAGE, { size: [3, 4, 5] });
call('interpolate', IMAGE, { size: [3.5, 4] });
call('interpolate', IMAGE, { scaleFactor: [3.5, 4, 1] });
call('interpolate', IMAGE, { size: 3, recomputeScaleFactor: true });
call('interpolate', IMAGE, { size: 3, mode: 'nearest', antialias: true });
call('interpolate', IMAGE, { size: 3, mode: 'cubic' });
call('interpolate', [3, 4], { size: 3, mode: 'nearest' });
call('interpolate', IMAGE, { scaleFactor: 0.01 });
for (const mode of ['linear', 'bilinear', 'trilinear', 'bicubic'])
  for (const shape of [SEQUENCE, IMAGE, VOLUME]) call('interpolate', shape, { size: 3, mode });

for (const d of [1, 2, 3]) {
  const input = inputs[d]!;
  call(`maxPool${d}dWithIndices`, input, { kernelSize: 2, stride: 1 });
  call(`adaptiveMaxPool${d}dWithIndices`, input, {}, [3]);
  for (const training of [true, false])
    for (const inplace of [true, false]) call(`dropout${d}d`, input, { p: 0.3, training, inplace });
}
for (const name of ['dropout', 'alphaDropout', 'featureAlphaDropout'])
  for (const options of [{}, { training: true }, { training: true, inplace: true, p: 0.2 }]) call(name, IMAGE, options);
call('hardtanh', IMAGE, { minVal: 2, maxVal: 1 });
call('hardtanh', IMAGE, { minVal: 1, maxVal: 1 });
for (const name of ['relu', 'relu6', 'silu', 'sigmoid', 'tanh', 'gelu', 'logsigmoid', 'softplus'])
  call(name, IMAGE, {});
call('layerNorm', IMAGE, {}, [[8]]);
call('rmsNorm', IMAGE, {}, [[8]]);
call('groupNorm', IMAGE, {}, [2]);
call('instanceNorm', IMAGE, {});
call('localResponseNorm', IMAGE, {}, [2]);
call('pixelShuffle', [2, 8, 3, 4], {}, [2]);
call('channelShuffle', IMAGE, {}, [2]);

/** One loss, as a module or as a function. */
export interface LossCase {
  readonly name: string;
  readonly module: boolean;
  readonly options: Readonly<Record<string, unknown>>;
  /** Options that are tensors. */
  readonly weights: Readonly<Record<string, number[]>>;
  /** Of the input and of the targets. */
  readonly shapes: readonly number[][];
  readonly dtypes: readonly DTypeName[];
  readonly more?: readonly number[];
}

export const losses: LossCase[] = [];

const LOSSES = {
  BCELoss: 'binaryCrossEntropy',
  BCEWithLogitsLoss: 'binaryCrossEntropyWithLogits',
  SmoothL1Loss: 'smoothL1Loss',
  HuberLoss: 'huberLoss',
  KLDivLoss: 'klDiv',
  GaussianNLLLoss: 'gaussianNllLoss',
} as const;

function lose(
  name: keyof typeof LOSSES,
  options: Readonly<Record<string, unknown>>,
  weights: Readonly<Record<string, number[]>> = {},
  more: Partial<LossCase> = {},
): void {
  const shape = [4, 5];
  const shapes = name === 'GaussianNLLLoss' ? [shape, shape, shape] : [shape, shape];
  losses.push({ name, module: true, options, weights, shapes, dtypes: ALL, ...more });
}

for (const reduction of ['mean', 'sum', 'none']) {
  lose('BCELoss', { reduction });
  lose('BCELoss', { reduction }, { weight: [5] }, once);
  lose('BCEWithLogitsLoss', { reduction });
  lose('BCEWithLogitsLoss', { reduction }, { weight: [4, 1], posWeight: [5] }, once);
  lose('SmoothL1Loss', { reduction });
  lose('SmoothL1Loss', { reduction, beta: 0.25 }, {}, once);
  lose('SmoothL1Loss', { reduction, beta: 0 }, {}, once);
  lose('HuberLoss', { reduction });
  lose('HuberLoss', { reduction, delta: 0.25 }, {}, once);
  lose('KLDivLoss', { reduction });
  lose('KLDivLoss', { reduction, logTarget: true }, {}, once);
  lose('GaussianNLLLoss', { reduction });
  lose('GaussianNLLLoss', { reduction, full: true, eps: 0.2 }, {}, once);
}
for (const logTarget of [true, false]) lose('KLDivLoss', { reduction: 'batchmean', logTarget });
lose('KLDivLoss', { reduction: 'batchmean' }, {}, { ...once, shapes: [[], []] });
const pair = [
  [4, 5],
  [4, 5],
];
lose('GaussianNLLLoss', {}, {}, { ...once, shapes: [...pair, [4]] });
lose('GaussianNLLLoss', {}, {}, { ...once, shapes: [...pair, [4, 1]] });
lose('GaussianNLLLoss', {}, {}, { ...once, shapes: [...pair, [5]] });
lose('GaussianNLLLoss', {}, {}, { ...once, shapes: pair, more: [0.5] });
lose('GaussianNLLLoss', {}, {}, { ...once, shapes: pair, more: [-0.5] });
for (const [name, fn] of Object.entries(LOSSES) as [keyof typeof LOSSES, string][]) {
  lose(name, { reduction: 'median' }, {}, once);
  const asFunction = { module: false, name: fn, dtypes: ['float64'] as const };
  lose(name, {}, {}, asFunction);
  if (name !== 'GaussianNLLLoss')
    lose(
      name,
      {},
      {},
      {
        ...asFunction,
        shapes: [
          [4, 5],
          [4, 1],
        ],
      },
    );
}
lose('BCELoss', {}, { weight: [4] }, once);
for (const reduction of ['mean', 'sum', 'none', 'median'])
  lose('HuberLoss', { reduction }, { weight: [4, 5] }, { module: false, name: 'huberLoss' });
lose('HuberLoss', {}, { weight: [5] }, { ...once, module: false, name: 'huberLoss' });
