/** What is written by hand around the operators: its names, what each takes (words of lists.ts), and how it is called. */
import * as nn from '../../../lib/nn/index.js';
import {
  asTensor,
  autograd,
  backward,
  fromBytes,
  Generator,
  grad,
  ops,
  receive,
  share,
  type Tensor,
  tensor,
  unshare,
} from '../../../lib/tensor/index.js';
import { entry, type ApiEntry, step } from './api-entry.js';
import { graphApi } from './api-graph.js';
import { modelsApi } from './api-models.js';

const square = autograd.customFunction({
  name: 'Square',
  forward: (ctx, x: Tensor, n: number) => {
    ctx.saveForBackward(x);
    return step(n)(x);
  },
  backward: (ctx, gradient: Tensor) => [gradient.mul(ctx.savedTensors[0] ?? gradient), null],
});

const F = nn.functional;

export const api: Readonly<Record<string, ApiEntry>> = {
  ...graphApi,
  ...modelsApi,
  get: entry('tensor indices', (x: Tensor, at: never[]) => x.get(...at)),
  set: entry('tensor indices value', (x: Tensor, at: never[], value: never) => x.set(at, value)),
  setOne: entry('tensor index value', (x: Tensor, at: never, value: never) => x.set(at, value)),
  iterate: entry('tensor', (x: Tensor) => [...x]),
  item: entry('tensor', (x: Tensor) => x.item()),
  itemBigInt: entry('tensor', (x: Tensor) => x.itemBigInt()),
  itemComplex: entry('tensor', (x: Tensor) => x.itemComplex()),
  toArray: entry('tensor', (x: Tensor) => x.toArray()),
  toTypedArray: entry('tensor', (x: Tensor) => x.toTypedArray()),
  asTypedArray: entry('tensor', (x: Tensor) => x.asTypedArray()),
  bytes: entry('tensor', (x: Tensor) => x.bytes()),
  toString: entry('tensor', (x: Tensor) => x.toString()),
  toJSON: entry('tensor', (x: Tensor) => JSON.stringify(x)),
  storageBytes: entry('tensor', (x: Tensor) => [x.storageBytes(), x.storageNbytes(), x.storageId(), x.version]),
  viewStorage: entry('tensor dtype shape shape int', (x: Tensor, dtype, shape, stride, offset) =>
    x.viewStorage(dtype, shape, stride, offset),
  ),
  metadata: entry('tensor tensor', (x: Tensor, y: Tensor) => [
    ...[x.size(), x.stride(), x.storageOffset(), x.isContiguous(), x.isContiguous('channels_last'), x.nbytes],
    ...[x.isLeaf, x.gradFn?.name, x.outputNr, x.retainsGrad, x.isInference(), x.isSame(y), x.isComplexValued()],
  ]),
  real: entry('tensor', (x: Tensor) => x.real),
  imag: entry('tensor', (x: Tensor) => x.imag),
  data: entry('tensor', (x: Tensor) => x.data),
  setData: entry('tensor tensor', (x: Tensor, y: Tensor) => {
    x.data = y;
    return x;
  }),
  setGrad: entry('tensor tensor?', (x: Tensor, y: Tensor | null) => {
    x.grad = y;
    return [x.grad, x];
  }),
  requiresGrad: entry('tensor bool', (x: Tensor, wanted) => x.requiresGrad_(wanted)),
  retainGrad: entry('tensor', (x: Tensor) => {
    x.retainGrad();
    x.sum().backward();
    return x.grad;
  }),
  to: entry('tensor dtype=dtype? device=device? memoryFormat=format? copy=bool? nonBlocking=bool?', (x: Tensor, to) =>
    x.to(to),
  ),
  toLike: entry('tensor value', (x: Tensor, to) => x.to(to)),
  tensor: entry('nested dtype=dtype? device=device? requiresGrad=bool? shape=shape?', (data, options) =>
    tensor(data, options),
  ),
  asTensor: entry('array shape=shape? move=bool? dtype=dtype?', (data, options) => asTensor(data, options)),
  fromBytes: entry('array shape dtype', (bytes, shape, dtype) => fromBytes(bytes, shape, dtype)),
  share: entry('tensor receivers=int?', (x: Tensor, options) => {
    const message = share(x, options);
    const received = receive(message);
    unshare(message);
    return received;
  }),
  receive: entry('tensor shape shape int dtype', (x: Tensor, shape, stride, offset, dtype) => {
    const message = { ...share(x), shape, stride, offset, dtype };
    try {
      return receive(message);
    } finally {
      unshare(message);
    }
  }),
  setState: entry('tensor value', (x: Tensor, seed) => [
    new Generator().setState(x).getState(),
    new Generator().manualSeed(seed).getState(),
  ]),
  spoiltState: entry('int int', (at: number, value) => {
    const generator = new Generator();
    const state = generator.getState();
    state.set(at, value);
    return ops.rand([3, 700], { generator: generator.setState(state) });
  }),
  backward: entry('list:tensor list:tensor?', (outputs: Tensor[], gradients) => {
    backward(outputs, gradients);
    return outputs.map((each) => each.grad);
  }),
  grad: entry('int tensor list:tensor? retainGraph=bool? createGraph=bool? allowUnused=bool?', (n, x: Tensor, gradOutputs, options: object) =>
    grad([step(n)(x)], [x], { gradOutputs, ...options }),
  ),
  hook: entry('tensor value', (x: Tensor, result: never) => {
    x.registerHook(() => result);
    x.mul(2).sum().backward();
    return x.grad;
  }),
  customFunction: entry('tensor int', (x: Tensor, n: never) => {
    const y = square(x, n);
    (y).sum().backward();
    return [y, x.grad];
  }),
  jacobian: entry('int tensor createGraph=bool? strict=bool?', (n, x, options) =>
    autograd.functional.jacobian(step(n), x, options),
  ),
  hessian: entry('int tensor createGraph=bool?', (n, x, options) =>
    autograd.functional.hessian((y) => step(n)(y).sum(), x, options),
  ),
  vjp: entry('int tensor tensor', (n, x, v) => autograd.functional.vjp(step(n), x, v)),
  jvp: entry('int tensor tensor', (n, x, v) => autograd.functional.jvp(step(n), x, v)),
  hvp: entry('int tensor tensor', (n, x, v) => autograd.functional.hvp((y) => step(n)(y).sum(), x, v)),
  dual: entry('int tensor tensor', (n, x, tangent) =>
    autograd.forwardAd.dualLevel(() => {
      const { primal, tangent: out } = autograd.forwardAd.unpackDual(step(n)(autograd.forwardAd.makeDual(x, tangent)));
      return [primal.clone(), out?.clone()];
    }),
  ),
  conv2d: entry(
    'tensor tensor bias=tensor? stride=ints? padding=ints? dilation=ints? groups=int?',
    (x, weight, options) => F.conv2d(x, weight, options),
  ),
  pad: entry('tensor ints word float?', (x, amounts, mode, value) => F.pad(x, amounts, mode, value)),
  linear: entry('tensor tensor tensor?', (x, weight, bias) => F.linear(x, weight, bias)),
  dropout: entry('tensor p=float? training=bool? inplace=bool?', (x, options) => F.dropout(x, options)),
  dropout2d: entry('tensor p=float? training=bool? inplace=bool?', (x, options) => F.dropout2d(x, options)),
  batchNorm: entry(
    'tensor tensor? tensor? weight=tensor? bias=tensor? training=bool? momentum=float? eps=float?',
    (x, mean, variance, options) => F.batchNorm(x, mean, variance, options),
  ),
  softmax: entry('tensor int? dtype=dtype?', (x, dim, options) => [F.softmax(x, dim, options), F.logSoftmax(x, dim)]),
  crossEntropy: entry(
    'tensor target weight=tensor? ignoreIndex=int? reduction=word? labelSmoothing=float?',
    (x, target, options) => F.crossEntropy(x, target, options),
  ),
  nllLoss: entry('tensor target weight=tensor? ignoreIndex=int? reduction=word?', (x, target, options) =>
    F.nllLoss(x, target, options),
  ),
  mseLoss: entry('tensor tensor reduction=word? weight=tensor?', (x, y, options) => F.mseLoss(x, y, options)),
  l1Loss: entry('tensor tensor reduction=word? weight=tensor?', (x, y, options) => F.l1Loss(x, y, options)),
  maxPool2d: entry('tensor kernelSize=ints stride=ints? padding=ints? dilation=ints? ceilMode=bool?', (x, options) =>
    F.maxPool2d(x, options),
  ),
  avgPool2d: entry('tensor kernelSize=ints stride=ints? padding=ints? ceilMode=bool?', (x, options) =>
    F.avgPool2d(x, options),
  ),
  adaptiveAvgPool2d: entry('tensor ints', (x, size) => F.adaptiveAvgPool2d(x, size)),
  convolutions: entry(
    'tensor tensor stride=int? padding=int? dilation=int? groups=int?',
    (x, weight, options) => [F.conv1d(x, weight, options), F.conv3d(x, weight, options)],
  ),
  convTranspose2d: entry(
    'tensor tensor bias=tensor? stride=ints? padding=ints? outputPadding=ints? dilation=ints? groups=int?',
    (x, weight, options) => F.convTranspose2d(x, weight, options),
  ),
  embedding: entry(
    'tensor tensor paddingIdx=int? maxNorm=float? normType=float? scaleGradByFreq=bool? sparse=bool?',
    (indices, weight, options) => F.embedding(indices, weight, options),
  ),
  interpolate: entry(
    'tensor size=ints? scaleFactor=float? mode=word? alignCorners=bool? antialias=bool?',
    (x, options) => F.interpolate(x, options),
  ),
  nearest: entry('tensor ints', (x: Tensor, size: number[]) =>
    ['nearest', 'nearest-exact', 'area', 'bilinear', 'bicubic'].map((mode) =>
      F.interpolate(x, { size, mode: mode as 'nearest' }),
    ),
  ),
  antialiased: entry('tensor float', (x: Tensor, scaleFactor: number) =>
    ['bilinear', 'bicubic', 'lanczos'].map((mode) =>
      F.interpolate(x, { scaleFactor, mode: mode as 'lanczos', antialias: true }),
    ),
  ),
  groupNorm: entry('tensor int weight=tensor? bias=tensor? eps=float?', (x, n, options) => F.groupNorm(x, n, options)),
  layerNorm: entry('tensor ints weight=tensor? bias=tensor? eps=float?', (x, n, options) => F.layerNorm(x, n, options)),
  instanceNorm: entry(
    'tensor runningMean=tensor? runningVar=tensor? weight=tensor? bias=tensor? useInputStats=bool? eps=float?',
    (x, options) => F.instanceNorm(x, options),
  ),
  localResponseNorm: entry('tensor int alpha=float? beta=float? k=float?', (x, n, options) =>
    F.localResponseNorm(x, n, options),
  ),
  lpPool2d: entry('tensor normType=float kernelSize=ints stride=ints? ceilMode=bool?', (x, options) =>
    F.lpPool2d(x, options),
  ),
  maxPools: entry('tensor kernelSize=int stride=int? padding=int? dilation=int? ceilMode=bool?', (x, options) => [
    F.maxPool1dWithIndices(x, options),
    F.maxPool3dWithIndices(x, options),
  ]),
  adaptiveMaxPool2d: entry('tensor ints', (x, size) => F.adaptiveMaxPool2d(x, size)),
  dropouts: entry('tensor p=float? training=bool? inplace=bool?', (x, options) => [
    F.dropout1d(x, options),
    F.dropout3d(x, options),
    F.alphaDropout(x, options),
  ]),
  shuffles: entry('tensor int', (x, n) => [F.pixelShuffle(x, n), F.pixelUnshuffle(x, n), F.channelShuffle(x, n)]),
  elementLosses: entry('tensor tensor reduction=word? weight=tensor?', (x, y, options) => [
    F.huberLoss(x, y, options),
    F.binaryCrossEntropyWithLogits(x, y, options),
    F.binaryCrossEntropy(x, y, options),
  ]),
  klDiv: entry('tensor tensor reduction=word? logTarget=bool?', (x, y, options) => F.klDiv(x, y, options)),
  gaussianNllLoss: entry('tensor tensor tensor full=bool? eps=float?', (x, y, variance, options) =>
    F.gaussianNllLoss(x, y, variance, options),
  ),
  clipGradNorm: entry('list:tensor float normType=float?', (tensors: Tensor[], most, options) => {
    for (const each of tensors) each.grad = each.detach().clone();
    return nn.clipGradNorm(tensors, most, options);
  }),
  vectorToParameters: entry('tensor list:tensor', (vector, parameters) => {
    nn.vectorToParameters(vector, parameters);
    return parameters;
  }),
  modules: entry('tensor int int', (x: Tensor, n, m) => [
    new nn.Linear(n, m).call(x),
    new nn.BatchNorm2d(n).call(x),
    new nn.Conv2d(n, m, { kernelSize: 2 }).call(x),
  ]),
  init: entry('tensor float', (x: Tensor, a: number) => [
    nn.init.orthogonal_(x, { gain: a }),
    nn.init.dirac_(x),
    nn.init.sparse_(x, { sparsity: a }),
    nn.init.truncNormal_(x, { std: a }),
    nn.init.kaimingNormal_(x, { a }),
  ]),
};
