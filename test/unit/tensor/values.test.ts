import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import {
  arange,
  Complex,
  getPrintOptions,
  ones,
  ops,
  printOptions,
  setPrintOptions,
  tensor,
  zeros,
} from '../../../lib/tensor/index.js';
import { formatExponential, formatFixed } from '../../../lib/tensor/number-format.js';
import { Parameter } from '../../../lib/nn/parameter.js';

describe('elements', () => {
  it('are read of half, bfloat16 and float8 as numbers', () => {
    for (const dtype of ['float16', 'bfloat16', 'float8_e5m2'] as const) {
      const x = tensor([1.5, -2, 0.25], { dtype });
      assert.deepEqual(x.toArray(), [1.5, -2, 0.25]);
      assert.deepEqual(x.toTypedArray(), new Float32Array([1.5, -2, 0.25]));
      assert.equal(x.get(0).item(), 1.5);
    }
  });

  it('are converted by the short names of their dtypes', () => {
    const x = tensor([[1.5, -2.25]]);
    const names = {
      bfloat16: 'bfloat16',
      bool: 'bool',
      byte: 'uint8',
      cdouble: 'complex128',
      cfloat: 'complex64',
      char: 'int8',
      double: 'float64',
      float: 'float32',
      half: 'float16',
      int: 'int32',
      long: 'int64',
      short: 'int16',
    } as const;
    for (const [name, dtype] of Object.entries(names)) assert.equal(x.abs()[name as keyof typeof names]().dtype, dtype);
    assert.deepEqual(x.int().tolist(), [[1, -2]]);
    assert.deepEqual(x.long().tolist(), [[1n, -2n]]);
    assert.deepEqual(x.double().add(1).tolist(), [[2.5, -1.25]]);
    const pictures = zeros([1, 2, 2, 2]).half({ memoryFormat: 'channels_last' });
    assert.deepEqual([pictures.dtype, pictures.isContiguous('channels_last')], ['float16', true]);
    assert.equal(x.cpu().device, 'cpu');
    assert.deepEqual([x.nelement(), x.ndimension(), x.elementSize()], [2, 2, 4]);
  });

  it('take no booleans as sizes, as in Python', () => {
    const yes = tensor(true);
    assert.throws(() => zeros([2]).view(yes as never, 2), { code: 'type' });
    assert.throws(() => ops.narrowCopy(zeros([2]), 0, 0, yes as never), { code: 'type' });
    assert.deepEqual(zeros([2]).view(tensor(1n) as never, 2).shape, [1, 2]);
    assert.deepEqual(zeros([2, 3]).sum(yes as never).shape, [2]);
  });

  it('are complex', () => {
    const x = tensor([[new Complex(1, 2)], [3]]);
    assert.deepEqual([x.dtype, x.shape], ['complex64', [2, 1]]);
    assert.deepEqual(x.toArray(), [[new Complex(1, 2)], [new Complex(3, 0)]]);
    assert.deepEqual(x.toTypedArray(), new Float32Array([1, 2, 3, 0]));
    assert.deepEqual(x.get(0, 0).itemComplex(), new Complex(1, 2));
    assert.deepEqual(tensor(4).itemComplex(), new Complex(4, 0));
    assert.deepEqual(tensor([new Complex(1, 2)], { dtype: 'complex128' }).toTypedArray(), new Float64Array([1, 2]));
    assert.throws(() => x.get(0, 0).item(), { code: 'type', message: /itemComplex\(\)/ });
    assert.throws(() => x.itemComplex(), { message: 'a Tensor with 2 elements cannot be converted to Scalar' });
    assert.throws(() => tensor([new Complex(1, 2)], { dtype: 'float32' }), { code: 'type' });
  });

  it('have real and imaginary parts that are views', () => {
    const x = tensor([new Complex(1, 2), new Complex(3, 4)]);
    assert.equal(x.real.storageId(), x.storageId());
    x.imag.fill_(7);
    x.real = tensor([5, 6]);
    assert.deepEqual(x.toArray(), [new Complex(5, 7), new Complex(6, 7)]);
    x.imag = -1;
    assert.deepEqual(x.conj().imag.toArray(), [1, 1]);
    const real = ones([2]);
    assert.ok(real.real.isSame(real));
    assert.throws(() => real.imag, /imag is not implemented for tensors with non-complex dtypes/);
  });

  it('are iterated along the first dimension', () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    assert.equal(x.length, 2);
    assert.deepEqual(
      [...x].map((row) => row.toArray()),
      [
        [1, 2],
        [3, 4],
      ],
    );
    const [first] = x;
    assert.equal(first?.storageId(), x.storageId());
    const leaf = ones([2], { requiresGrad: true });
    for (const each of leaf) assert.equal(each.gradFn?.name, 'UnbindBackward0');
    assert.deepEqual([...zeros([0, 2])], []);
    assert.throws(() => [...tensor(1)], { code: 'type', message: 'iteration over a 0-d tensor' });
    assert.throws(() => tensor(1).length, { code: 'type', message: 'len() of a 0-d tensor' });
  });

  it('count as numbers where there is one', () => {
    const loss = tensor(0.5);
    assert.equal(Number(loss), 0.5);
    assert.ok((loss as unknown as number) < 1);
    assert.equal(+tensor([2n ** 40n]), 2 ** 40);
    assert.equal(`loss ${String(loss)}`, 'loss tensor(0.5000)');
    assert.equal(loss[Symbol.toPrimitive]('string'), 'tensor(0.5000)');
    assert.equal('loss ' + (loss as unknown as string), 'loss 0.5');
    assert.throws(() => +ones([3]), { message: 'a Tensor with 3 elements cannot be converted to Scalar' });
  });

  it('go to JSON', () => {
    assert.equal(
      JSON.stringify({ a: tensor([[1n], [2n]]), b: tensor([true]), c: tensor(1.5) }),
      '{"a":[[1],[2]],"b":[true],"c":1.5}',
    );
    assert.throws(() => JSON.stringify(tensor([2n ** 60n])), { code: 'value' });
    assert.throws(() => JSON.stringify(tensor([new Complex(0, 1)])), { code: 'type' });
  });

  it('name both shapes when they cannot be broadcast', () => {
    const both =
      /The size of tensor a \(3\) must match the size of tensor b \(2\) at non-singleton dimension 1\n {2}in add\(Tensor float32\[4, 3\], Tensor float32\[2\]\)/;
    assert.throws(() => ones([4, 3]).add(ones([2])), { code: 'shape', message: both });
    assert.equal(ones([2]).equal(ones([2])), true);
    assert.equal(ones([2]).equal(ones([3])), false);
  });
});

describe('printing', () => {
  it('is what console.log, String and template texts show', () => {
    const x = tensor([
      [1, 2.5],
      [-3, 4],
    ]);
    const text = 'tensor([[ 1.0000,  2.5000],\n        [-3.0000,  4.0000]])';
    assert.equal(String(x), text);
    assert.equal(inspect(x), text);
    assert.equal(inspect({ x }), `{\n  x: ${text.replace('\n', '\n  ')}\n}`);
    assert.equal(inspect(new Parameter(ones([1]))), 'Parameter containing:\ntensor([1.], requires_grad=True)');
    x.dispose();
    assert.equal(inspect(x), 'Tensor (released)');
  });

  it('takes options, for a while or for good', () => {
    const x = tensor([1.23456]);
    assert.equal(
      printOptions({ precision: 2 }, () => String(x)),
      'tensor([1.23])',
    );
    assert.equal(String(x), 'tensor([1.2346])');
    setPrintOptions({ sciMode: true, precision: 1 });
    assert.equal(String(x), 'tensor([1.2e+00])');
    setPrintOptions({ profile: 'default' });
    assert.deepEqual(getPrintOptions(), { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80, sciMode: null });
    assert.throws(() => setPrintOptions({ precision: -1 }), { code: 'value' });
    assert.throws(() => setPrintOptions({ profile: 'long' as never }), { code: 'value' });
    assert.throws(() => setPrintOptions({ sci_mode: true } as never), { message: /did you mean sciMode/ });
    assert.throws(() => printOptions({ precision: 1 }, () => assert.fail('out')), { message: 'out' });
    assert.equal(getPrintOptions().precision, 4);
  });

  it('reads no more of a large tensor than it shows, and frees all', () => {
    const x = arange(1e6).reshape([1000, 1000]);
    assert.match(String(x), /^tensor\(\[\[0\.0000e\+00, 1\.0000e\+00, 2\.0000e\+00, {2}\.\.\., 9\.9700e\+02,/);
    assert.equal(String(x.get([0], [0])), 'tensor([0.])');
    assert.equal(String(ops.zerosLike(x.to('meta'))), "tensor(..., device='meta', size=(1000, 1000))");
  });

  it('rounds as C does', () => {
    const cases: [string, string][] = [
      [formatFixed(0.90625, 4), '0.9062'],
      [formatFixed(-0, 0), '-0'],
      [formatFixed(2.5, 0), '2'],
      [formatFixed(1e22, 1), '10000000000000000000000.0'],
      [formatExponential(0, 2), '0.00e+00'],
      [formatExponential(9.9999, 3), '1.000e+01'],
      [formatExponential(0.00012345, 4), '1.2345e-04'],
      [formatExponential(5e-324, 4), '4.9407e-324'],
      [formatExponential(1.7976931348623157e308, 2), '1.80e+308'],
      [formatExponential(2.5, 0), '2e+00'],
      [formatExponential(-Infinity, 4), '-inf'],
    ];
    for (const [ours, expected] of cases) assert.equal(ours, expected);
  });
});
