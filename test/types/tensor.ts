/** Compiled, never run: what the types of tensors allow, and what they refuse. */
import {
  arange,
  type CreationOptions,
  type DType,
  eye,
  fromBytes,
  full,
  grad,
  inferenceMode,
  keep,
  linspace,
  manualSeed,
  memory,
  noGrad,
  ones,
  randint,
  randn,
  scope,
  setNumThreads,
  Tensor,
  tensor,
  TorchError,
  type TorchErrorCode,
  zeros,
  zerosLike,
} from '../../lib/index.js';

const a: Tensor = tensor([[1, 2]]);

export function right(): unknown[] {
  const nested: Tensor = tensor([[1, 2n], [true]], { dtype: 'int64' });
  const typed: Tensor = tensor(new Float32Array(6), { shape: [2, 3], requiresGrad: true });
  const numbers: Tensor[] = [tensor(1), tensor(1n), tensor(false), full([2], 1), full([2], 1n), full([], true)];
  const made: Tensor[] = [zeros([2]), ones(new Int32Array([2])), eye(2), arange(3), arange(0n, 3n), linspace(0, 1, 3)];
  const options: CreationOptions = { dtype: 'bfloat16', device: 'cpu', requiresGrad: false };
  const like: Tensor = zerosLike(a, options);
  const ints: Tensor = randint(0, 10n, [2, 2], { generator: null });
  const bytes: Tensor = fromBytes(new Uint8Array(8), [2], 'float32');
  const shape: number[] = a.shape;
  const sizes: number[] = a.size();
  const size: number = a.size(-1);
  const dtype: DType = a.dtype;
  const item: number = a.sum().item();
  const big: bigint = a.sum().itemBigInt();
  const contiguous: boolean = a.isContiguous('channels_last');
  const moved: Tensor[] = [a.to('cpu'), a.to('float64'), a.to(a), a.to({ dtype: 'int8', copy: true })];
  const gradient: Tensor | null = a.grad;
  const name: string | undefined = a.gradFn?.name;
  const leaf: Tensor = a.requiresGrad_().detach();
  const grads: (Tensor | null)[] = grad([a.sum()], [a], { createGraph: true });
  const pair: [Tensor, number] = scope(() => [a.add(1), 2]);
  const kept: Tensor = keep(a.add(1));
  const plain: number = noGrad(() => a.sum().item());
  const inferred: Tensor = inferenceMode(() => a.add(1));
  const tensors: number = memory().tensors;
  const code: TorchErrorCode = new TorchError('shape', 'text').code;
  a.backward({ gradient: a, retainGraph: true, inputs: [a] });
  a.grad = null;
  a.requiresGrad = true;
  a.dispose();
  manualSeed(1n);
  setNumThreads(1);
  return [
    ...[nested, typed, numbers, made, like, ints, bytes, shape, sizes, size, dtype, item, big, contiguous, moved],
    ...[gradient, name, leaf, grads, pair, kept, plain, inferred, tensors, code],
  ];
}

export function wrong(): void {
  // @ts-expect-error texts are no elements
  tensor(['1']);
  // @ts-expect-error null is no element
  tensor([null]);
  // @ts-expect-error no dtype of PyTorch
  zeros([2], { dtype: 'float31' });
  // @ts-expect-error options have names
  zeros([2], { typo: 'float32' });
  // @ts-expect-error shapes are lists
  zeros('2');
  // @ts-expect-error a device is a text
  zeros([2], { device: 0 });
  // @ts-expect-error requiresGrad is a boolean
  zeros([2], { requiresGrad: 'yes' });
  // @ts-expect-error sizes are numbers
  ones(['2']);
  // @ts-expect-error full needs a value
  full([2]);
  // @ts-expect-error a text is no value
  full([2], '1');
  // @ts-expect-error bytes come with a shape and a dtype
  fromBytes(new Uint8Array(8));
  // @ts-expect-error three numbers, and a shape
  randint(0, [2]);
  // @ts-expect-error a step is a number
  arange(0, 3, '1');
  // @ts-expect-error linspace needs how many
  linspace(0, 1);
  // @ts-expect-error shape is read only
  a.shape = [2];
  // @ts-expect-error dtype is read only
  a.dtype = 'float64';
  // @ts-expect-error item is a number
  const text: string = a.item();
  // @ts-expect-error one dimension or none
  a.size('0');
  // @ts-expect-error no such memory format
  a.isContiguous('nhwc');
  // @ts-expect-error dtypes and devices are texts
  a.to(3);
  // @ts-expect-error an option that to does not have
  a.to({ type: 'float64' });
  // @ts-expect-error gradients are tensors
  a.grad = 1;
  // @ts-expect-error options are named
  a.backward(a);
  // @ts-expect-error retainGraph is a boolean
  a.backward({ retainGraph: 1 });
  // @ts-expect-error only tensors have gradients
  grad([1], [a]);
  // @ts-expect-error scope takes a function
  scope(a);
  // @ts-expect-error noGrad takes a function
  noGrad(1);
  // @ts-expect-error seeds are numbers
  manualSeed('1');
  // @ts-expect-error a count of threads
  setNumThreads('2');
  // @ts-expect-error a kind of failure that there is not
  new TorchError('oops', 'text');
  // @ts-expect-error tensors come from operators
  new Tensor([1, 2]);
  randn([text.length]);
}
