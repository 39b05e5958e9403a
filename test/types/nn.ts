/** Compiled, never run: what the types of modules, models and optimizers allow, and what they refuse. */
import { models, nn, optim, Tensor, zeros } from '../../lib/index.js';

const x: Tensor = zeros([1, 3, 8, 8]);

class Scaled extends nn.Module {
  scale = new nn.Parameter(zeros([1]));
  forward(input: Tensor, times = 1): Tensor {
    return input.mul(this.scale).mul(times);
  }
}

export function right(): unknown[] {
  const conv = new nn.Conv2d(3, 8, { kernelSize: 3, stride: [2, 2], padding: 'same', bias: false });
  const norm = new nn.BatchNorm2d(8, { momentum: null, affine: true });
  const linear = new nn.Linear(8, 2, { bias: false });
  const layers = new nn.Sequential(conv, norm, new nn.ReLU({ inplace: true }), new nn.Flatten());
  const pools: nn.Module[] = [
    new nn.MaxPool2d({ kernelSize: 2, stride: null }),
    new nn.AvgPool2d({ kernelSize: [2, 2], countIncludePad: false }),
    new nn.AdaptiveAvgPool2d([1, null]),
  ];
  const more: nn.Module[] = [
    new nn.Conv1d(3, 4, { kernelSize: [3], padding: 'same' }),
    new nn.Conv3d(3, 4, { kernelSize: [1, 2, 3], paddingMode: 'replicate' }),
    new nn.ConvTranspose2d(4, 2, { kernelSize: 2, stride: 2, outputPadding: [1, 0] }),
    new nn.InstanceNorm2d(4, { affine: true, momentum: null }),
    new nn.LayerNorm([4, 5], { elementwiseAffine: false }),
    new nn.GroupNorm(2, 4, { bias: false }),
    new nn.GELU({ approximate: 'tanh' }),
    new nn.Embedding(10, 3, { paddingIdx: -1, maxNorm: 1 }),
    nn.Embedding.fromPretrained(x, { freeze: false }),
    new nn.Upsample({ scaleFactor: [2, 3], mode: 'nearest-exact' }),
    new nn.ReflectionPad1d([1, 2]),
    new nn.ConstantPad3d(1, 0.5),
    new nn.AdaptiveMaxPool3d([null, 2, 3]),
    new nn.BCEWithLogitsLoss({ posWeight: x, reduction: 'none' }),
    new nn.KLDivLoss({ reduction: 'batchmean', logTarget: true }),
  ];
  const sizes: [number] = new nn.Conv1d(1, 1, { kernelSize: 2 }).kernelSize;
  const reached: Tensor = new nn.ConvTranspose1d(1, 1, { kernelSize: 2 }).call(x, [7]);
  const [largest, where]: Tensor[] = nn.functional.maxPool2dWithIndices(x, { kernelSize: 2 });
  const resized: Tensor = nn.functional.interpolate(x, { size: [4, 4], mode: 'bicubic', antialias: true });
  const output: Tensor = layers.call(x);
  const scaled: Tensor = new Scaled().call(x, 2);
  const listed: nn.Module[] = [...new nn.ModuleList([linear, new nn.Identity()]).children()];
  const parameters: nn.Parameter[] = layers.parameters();
  const names: string[] = layers.namedParameters().map(([name]) => name);
  const state = layers.stateDict();
  const missing: readonly string[] = layers.loadStateDict(state, { strict: false }).missingKeys;
  const same: Scaled = new Scaled().train().eval().to('float64');
  const loss: Tensor = nn.functional.crossEntropy(output, x, { labelSmoothing: 0.1, reduction: 'sum' });
  const dropped: Tensor = nn.functional.dropout(x, { p: 0.1, training: true });
  const weight: nn.Parameter = nn.init.kaimingNormal_(linear.weight, { mode: 'fan_out', nonlinearity: 'relu' });
  const gain: number = nn.init.calculateGain('leaky_relu', 0.1);
  const densenet: models.DenseNet = models.densenet121({ numClasses: 10 });
  const small = new models.DenseNet({
    growthRate: 12,
    blockConfig: [2, 2],
    numInitFeatures: 8,
    bnSize: 2,
    numClasses: 4,
  });
  const sgd = new optim.SGD(layers.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true });
  const named = new optim.SGD(layers.namedParameters(), { lr: zeros([]) });
  const grouped = new optim.SGD([
    { params: layers.parameters(), lr: 0.01 },
    { params: weight, weightDecay: 1e-4 },
  ]);
  const stepped: Tensor | null = sgd.step(() => loss);
  const rate: number | Tensor | undefined = sgd.paramGroups[0]?.lr;
  const multi = new optim.MultiStepLR(sgd, { milestones: [150, 225], gamma: 0.1 });
  const rates: (number | Tensor)[] = new optim.StepLR(sgd, { stepSize: 30 }).getLastLr();
  sgd.zeroGrad({ setToNull: false });
  sgd.addParamGroup({ params: [weight], momentum: 0.5 });
  multi.step();
  layers.registerBuffer('steps', zeros([1]), { persistent: false });
  layers.zeroGrad();
  return [
    ...[pools, scaled, listed, parameters, names, missing, same, dropped, gain, densenet, small, named, grouped],
    ...[stepped, rate, rates, more, sizes, reached, largest, where, resized],
  ];
}

export function wrong(): void {
  const layers = new nn.Sequential(new nn.Linear(2, 3));
  const weight = new nn.Parameter(x);
  // @ts-expect-error layers need their sizes
  new nn.Linear(2);
  // @ts-expect-error sizes are numbers
  new nn.Linear('2', 3);
  // @ts-expect-error no such option
  new nn.Linear(2, 3, { biass: false });
  // @ts-expect-error options are one bag of named fields, never a third number
  new nn.Conv2d(1, 2, 3);
  // @ts-expect-error a convolution needs its kernel's size
  new nn.Conv2d(1, 2, { stride: 2 });
  // @ts-expect-error two sizes, not three
  new nn.Conv2d(1, 2, { kernelSize: [3, 3, 3] });
  // @ts-expect-error no such padding
  new nn.Conv2d(1, 2, { kernelSize: 3, padding: 'full' });
  // @ts-expect-error one size, not two
  new nn.Conv1d(1, 2, { kernelSize: [3, 3] });
  // @ts-expect-error a transposed convolution has borders of zeros only
  new nn.ConvTranspose2d(1, 2, { kernelSize: 3, paddingMode: 'reflect' });
  // @ts-expect-error no padding by a word there
  new nn.ConvTranspose2d(1, 2, { kernelSize: 3, padding: 'same' });
  // @ts-expect-error no such approximation
  new nn.GELU({ approximate: 'sinh' });
  // @ts-expect-error four sides, not two
  new nn.ZeroPad2d([1, 1]);
  // @ts-expect-error a border of one value needs it
  new nn.ConstantPad2d(1);
  // @ts-expect-error no such mode
  new nn.Upsample({ scaleFactor: 2, mode: 'cubic' });
  // @ts-expect-error no such reduction
  new nn.BCELoss({ reduction: 'batchmean' });
  // @ts-expect-error one cell size has no dimension to leave alone
  new nn.AdaptiveAvgPool1d(null);
  // @ts-expect-error the power is needed
  new nn.LPPool2d({ kernelSize: 2 });
  // @ts-expect-error no such mode
  new nn.Conv2d(1, 2, { kernelSize: 3, paddingMode: 'mirror' });
  // @ts-expect-error batch norm needs how many features
  new nn.BatchNorm2d();
  // @ts-expect-error eps is a number
  new nn.BatchNorm2d(2, { eps: '1e-5' });
  // @ts-expect-error a kernel's size stands in the options
  new nn.MaxPool2d(2);
  // @ts-expect-error inplace is a flag
  new nn.ReLU({ inplace: 1 });
  // @ts-expect-error p is a number
  new nn.Dropout({ p: '0.5' });
  // @ts-expect-error a tensor is no module
  new nn.Sequential(x);
  // @ts-expect-error modules must have a forward
  class Empty extends nn.Module {}
  // @ts-expect-error a network takes tensors
  layers.call('x');
  // @ts-expect-error times is a number
  new Scaled().call(x, 'twice');
  // @ts-expect-error it returns one tensor
  const two: [Tensor, Tensor] = new Scaled().call(x);
  // @ts-expect-error buffers have names
  layers.registerBuffer(x);
  // @ts-expect-error numbers are no parameters
  layers.registerParameter('p', 3);
  // @ts-expect-error strict is a flag
  layers.loadStateDict(layers.stateDict(), { strict: 'no' });
  // @ts-expect-error a parameter is made of a tensor
  new nn.Parameter([1, 2]);
  // @ts-expect-error no such reduction
  nn.functional.crossEntropy(x, x, { reduction: 'max' });
  // @ts-expect-error a target is needed
  nn.functional.crossEntropy(x);
  // @ts-expect-error options are named
  nn.functional.dropout(x, 0.5);
  // @ts-expect-error a kernel's size is needed
  nn.functional.maxPool2d(x, { stride: 2 });
  // @ts-expect-error no such fan
  nn.init.kaimingNormal_(weight, { mode: 'fan_all' });
  // @ts-expect-error no such nonlinearity
  nn.init.calculateGain('gelus');
  // @ts-expect-error numbers cannot be filled
  nn.init.zeros_(3);
  // @ts-expect-error classes are counted
  models.densenet121({ numClasses: 'ten' });
  // @ts-expect-error no such option
  models.densenet121({ classes: 10 });
  // @ts-expect-error blocks are listed
  new models.DenseNet({ blockConfig: 3 });
  // @ts-expect-error lr is a number or a tensor
  new optim.SGD(layers.parameters(), { lr: '0.1' });
  // @ts-expect-error an option that SGD does not have
  new optim.SGD(layers.parameters(), { lr: 0.1, beta: 0.9 });
  // @ts-expect-error an optimizer needs tensors
  new optim.SGD([1, 2], { lr: 0.1 });
  // @ts-expect-error a module is not its parameters
  new optim.SGD(layers, { lr: 0.1 });
  // @ts-expect-error a closure returns the loss
  new optim.SGD(layers.parameters()).step(() => 1);
  // @ts-expect-error a group has tensors
  new optim.SGD(layers.parameters()).addParamGroup({ lr: 0.1 });
  // @ts-expect-error milestones are needed
  new optim.MultiStepLR(new optim.SGD(layers.parameters()), { gamma: 0.1 });
  // @ts-expect-error a scheduler needs an optimizer
  new optim.StepLR(layers, { stepSize: 3 });
  // @ts-expect-error the step's size is a number
  new optim.StepLR(new optim.SGD(layers.parameters()), { stepSize: '3' });
  [two, Empty];
}
