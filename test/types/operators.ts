/** Compiled, never run: what the types of operators allow, and what they refuse. */
import { Complex, type DType, fft, float, Generator, linalg, ops, special, Tensor, tensor } from '../../lib/index.js';

const a: Tensor = tensor([[1, 2]]);

export function right(): unknown[] {
  const sums: Tensor[] = [a.sum(), a.sum(0), a.sum([0, 1], true), a.sum(1, { keepdim: true, dtype: 'float64' })];
  const viewed: Tensor = a.view(2, 1);
  const listed: Tensor = a.view([2, -1]);
  const retyped: Tensor = a.view('int32');
  const permuted: Tensor = a.permute(1, 0).expand(4, 2, 1).flip(0).repeat(1n, 2, 2);
  const [values, indices] = a.topk(1, { dim: 0 });
  const both: [Tensor, Tensor] = a.max(0, true);
  const chosen: Tensor = a.where(a.gt(1), 0);
  const poly: Tensor = a.polygamma(2);
  const inPlace: Tensor = a.add_(1).mul_(a).clamp_({ min: 0 });
  const scalars: Tensor[] = [a.add(1), a.mul(2n), a.pow(0.5), a.sub(float(1)), a.mul(new Complex(0, 1)), a.eq(true)];
  const rounded: Tensor = a.div(2, { roundingMode: 'floor' });
  const joined: Tensor = ops.cat([a, a], 1);
  const named: Tensor = ops.softmax(a, 1, { dtype: 'float64' });
  const made: Tensor[] = [ops.zeros(2, 3), ops.zeros([2, 3], { dtype: 'int64' }), ops.full([2], 1), ops.arange(3)];
  const first: Tensor = ops.add(1, a);
  const drawn: Tensor = ops.randperm(10, { generator: new Generator() });
  const raw: Tensor = ops.aten<Tensor>('add.Tensor', a, a, { alpha: 2n });
  const unknown: unknown = ops.aten('my_ops::scale', a, [1, null, 'x'], { factor: 0.5 });
  const loaded: string[] = ops.loadLibrary('libmine.so');
  const same: boolean = ops.equal(a, a);
  const dtype: DType = ops.resultType(a, 1);
  const parts: Tensor[] = a.split([1], 0);
  const chunks: Tensor[] = a.chunk(2, { dim: 1 });
  const out: Tensor = ops.matmul(a, a.t(), { out: a });
  const sorted: [Tensor, Tensor] = a.sort({ dim: 0, descending: true });
  const [u, s, vh] = linalg.svd(a, { fullMatrices: false });
  const solved: Tensor = linalg.solve(a, a);
  const norms: Tensor[] = [linalg.norm(a), linalg.norm(a, 'fro'), linalg.norm(a, 2, [0, 1])];
  const signed: [Tensor, Tensor] = linalg.slogdet(a);
  const spectrum: Tensor = fft.rfft(a, { dim: -1, norm: 'ortho' });
  const back: Tensor = fft.irfft(spectrum, 2);
  const shifted: Tensor = fft.fftshift(a, [0]);
  const smooth: Tensor = special.erf(a).add(special.gammaln(a)).add(special.xlog1py(a, 2));
  const picked: Tensor = ops.einsum('ij,jk->ik', [a, a.t()]);
  const folded: Tensor = ops.conv2d(a, a, null, 1, [0, 0]);
  const padded: Tensor = ops.conv2d(a, a, { padding: 'same' });
  const bounded: Tensor[] = [a.clamp(0), a.clamp(null, 1), a.clamp({ max: a }), a.clamp(a, a)];
  const filled: Tensor = a.maskedFill(a.gt(1), -1).scatter(0, a, 1, { reduce: 'add' });
  const stats: [Tensor, Tensor] = ops.varMean(a, 0);
  return [
    ...[
      sums,
      viewed,
      listed,
      retyped,
      permuted,
      values,
      indices,
      both,
      chosen,
      poly,
      inPlace,
      scalars,
      rounded,
      joined,
    ],
    ...[named, made, first, drawn, raw, unknown, loaded, same, dtype, parts, chunks, out, sorted, u, s, vh, solved],
    ...[norms, signed, spectrum, back, shifted, smooth, picked, folded, padded, bounded, filled, stats],
  ];
}

export function wrong(): void {
  // @ts-expect-error a text is no tensor and no number
  a.add('x');
  // @ts-expect-error add takes no list
  a.add([1, 2]);
  // @ts-expect-error alpha is a number
  a.add(a, { alpha: 'x' });
  // @ts-expect-error topk needs k
  a.topk();
  // @ts-expect-error k is an int
  a.topk('1');
  // @ts-expect-error no such option
  a.topk(1, { largst: true });
  // @ts-expect-error a dimension, not a flag
  a.sum(true);
  // @ts-expect-error keepdim is a boolean
  a.sum(0, 1);
  // @ts-expect-error no dtype of PyTorch
  a.sum({ dtype: 'float31' });
  // @ts-expect-error sizes are numbers
  a.view('2', '3');
  // @ts-expect-error sizes are numbers
  a.view([2, '3']);
  // @ts-expect-error numbers or one list
  a.permute(0, [1]);
  // @ts-expect-error expand needs sizes
  a.expand(null);
  // @ts-expect-error both dimensions are needed
  a.transpose(0);
  // @ts-expect-error a number is no condition
  a.where(1, a);
  // @ts-expect-error methods have no out
  a.matmul(a, { out: a });
  // @ts-expect-error a list of tensors is expected
  ops.cat(a, 1);
  // @ts-expect-error a list of tensors is expected
  ops.cat([a, 1]);
  // @ts-expect-error no operator of that name
  export_(ops.catt);
  // @ts-expect-error an undefined dtype of the result
  ops.softmax(a, 1, { dtype: 3 });
  // @ts-expect-error softmax needs a dimension
  ops.softmax(a);
  // @ts-expect-error a tensor is expected
  ops.relu(1);
  // @ts-expect-error relu has nothing to choose
  ops.relu(a, 1);
  // @ts-expect-error equations are texts
  ops.einsum([a, a]);
  // @ts-expect-error the memory format has another name
  a.clone({ memoryFormat: 'nhwc' });
  // @ts-expect-error one result
  const two: [Tensor, Tensor] = a.max();
  // @ts-expect-error two results
  const one: Tensor = a.max(0);
  // @ts-expect-error there are three results
  const pair: [Tensor, Tensor] = linalg.svd(a);
  // @ts-expect-error equal returns a boolean
  const flag: Tensor = ops.equal(a, a);
  // @ts-expect-error linalg functions have no prefix
  export_(linalg.linalgSvd);
  // @ts-expect-error they stand in linalg
  export_(ops.linalgSvd);
  // @ts-expect-error a name of a norm
  fft.fft(a, { norm: 2 });
  // @ts-expect-error no fast Fourier transform of a number
  fft.fft(2);
  // @ts-expect-error erf takes a tensor
  special.erf('x');
  // @ts-expect-error the order is an int
  special.polygamma('2', a);
  // @ts-expect-error ord is a number or a text
  linalg.norm(a, { ord: a });
  // @ts-expect-error operators have names
  ops.aten(3, a);
  // @ts-expect-error functions are no arguments
  ops.aten('add', () => a);
  // @ts-expect-error libraries have paths
  ops.loadLibrary(3);
  // @ts-expect-error numbers stand between tensors, texts do not
  ops.where(a, 'x', a);
  // @ts-expect-error the size comes first
  ops.full(1, [2]);
  // @ts-expect-error a generator is no number
  ops.rand([2], { generator: 3 });
  // @ts-expect-error index takes a dimension first
  a.indexSelect(a);
  // @ts-expect-error repeats are numbers
  a.repeat('2');
  export_([two, one, pair, flag]);
}

function export_(_value: unknown): void {}
