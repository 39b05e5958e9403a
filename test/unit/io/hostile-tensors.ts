/** Tensors that nobody means well with: what is wrong stands in their names. */
import { PyName, Tuple } from '../../../lib/io/index.js';
import { float, OrderedDict } from '../../../lib/tensor/index.js';
import { call, persistent } from './hostile-pickles.js';
import type { FormStorage } from './form-writers.js';

/** Four floats. */
export const STORAGE: FormStorage = {
  key: '0',
  type: 'FloatStorage',
  numel: 4,
  bytes: Buffer.from(Float32Array.of(1, 2, 3, 4).buffer),
};

/** One storage of four floats, and what is said about it. */
export function* hostileTensors(form: 'zip' | 'legacy'): Generator<[string, unknown]> {
  const rest = form === 'legacy' ? [null] : [];
  const FLOAT = new PyName('torch', 'FloatStorage');
  const storage = (numel: unknown = 4, key: unknown = '0', type: unknown = FLOAT, kind: unknown = 'storage'): object =>
    persistent(kind, type, key, 'cpu', numel, ...rest);
  const rebuild = (...args: unknown[]): object => call('torch._utils', '_rebuild_tensor_v2', ...args);
  const made = (offset: unknown, size: unknown, stride: unknown, from: unknown = storage()): object =>
    rebuild(from, offset, size, stride, false, new OrderedDict());
  const t = (...items: unknown[]): Tuple => Tuple.make(items);

  yield ['as it should be', made(0, t(2, 2), t(2, 1))];
  yield ['overlapping elements', made(0, t(3, 3), t(0, 1))];
  yield ['tensors that overlap', [made(0, t(3), t(1)), made(1, t(3), t(1)), made(0, t(2, 2), t(1, 2))]];
  for (const stride of [-1, -4, 2n ** 62n, -(2n ** 63n), 2n ** 64n, 1.5, NaN, null, 'a', true])
    yield [`stride ${String(stride)}`, made(0, t(4), t(stride))];
  for (const offset of [-1, 4, 5, 2 ** 31, 2n ** 61n, 2n ** 63n, -(2n ** 63n), 0.5, NaN, Infinity, null, '0', false])
    yield [`offset ${String(offset)}`, made(offset, t(1), t(1))];
  for (const size of [-1, 5, 2 ** 32, 2n ** 62n, 2n ** 63n, 2n ** 64n, 1.5, NaN, null, 'a', true])
    yield [`size ${String(size)}`, made(0, t(size), t(1))];
  yield ['sizes whose product is beyond 2^64', made(0, t(2 ** 32, 2 ** 32, 2), t(0, 0, 0))];
  yield ['2^62 elements in one place', made(0, t(2 ** 31, 2 ** 31), t(0, 0))];
  yield ['a reach beyond 2^64', made(0, t(2, 2), t(2n ** 62n, 2n ** 62n))];
  yield ['no elements, far away', made(2 ** 40, t(0), t(1))];
  yield ['no elements, with long strides', made(0, t(0, 2 ** 40), t(2 ** 40, 1))];
  yield ['no elements, with negative strides', made(0, t(0, 2), t(-1, 1))];
  yield ['more sizes than strides', made(0, t(2, 2), t(1))];
  yield ['more strides than sizes', made(0, t(2), t(1, 1))];
  yield ['a list of sizes', made(0, [2, 2], [2, 1])];
  yield ['a number as sizes', made(0, 4, 1)];
  yield [
    'a thousand dimensions',
    made(0, Tuple.make(Array<number>(1000).fill(1)), Tuple.make(Array<number>(1000).fill(1))),
  ];
  yield [
    '100,000 dimensions',
    made(0, Tuple.make(Array<number>(100_000).fill(1)), Tuple.make(Array<number>(100_000).fill(1))),
  ];
  for (const numel of [0, 3, 5, 2 ** 40, 2n ** 62n, 2n ** 63n, -1, -4, 1.5, NaN, Infinity, null, '4', true])
    yield [`a storage of ${String(numel)} elements`, made(0, t(2), t(1), storage(numel))];
  for (const key of [
    '1',
    '',
    '.',
    '..',
    '../data.pkl',
    '../../../../etc/passwd',
    '/etc/passwd',
    '0\0',
    '__proto__',
    0,
    null,
    t('0'),
  ])
    yield [`storage ${String(key)}`, made(0, t(2), t(1), storage(4, key))];
  for (const [module, name] of [
    ['torch', 'DoubleStorage'],
    ['torch', 'ByteStorage'],
    ['torch', 'float32'],
    ['torch', 'NoStorage'],
    ['os', 'system'],
  ] as const)
    yield [`a storage of class ${module}.${name}`, made(0, t(2), t(1), storage(4, '0', new PyName(module, name)))];
  yield ['a storage of another kind', made(0, t(2), t(1), storage(4, '0', FLOAT, 'module'))];
  yield ['one storage of two lengths', [made(0, t(2), t(1)), made(0, t(2), t(1), storage(8))]];
  yield [
    'one storage of two dtypes',
    [made(0, t(2), t(1)), made(0, t(2), t(1), storage(2, '0', new PyName('torch', 'DoubleStorage')))],
  ];
  yield ['a persistent id of nothing', persistent()];
  yield ['a persistent id of a storage and no more', persistent('storage')];
  yield ['a persistent id with much more', persistent('storage', FLOAT, '0', 'cpu', 4, null, null, 1)];
  yield ['a tensor over a number', made(0, t(1), t(1), 5)];
  yield ['a tensor over a tensor', made(0, t(1), t(1), made(0, t(2), t(1)))];
  yield ['a tensor of nothing', rebuild()];
  yield [
    'a tensor of too much',
    rebuild(storage(), 0, t(1), t(1), false, new OrderedDict(), new OrderedDict(), 1, 2, 3),
  ];
  yield [
    'gradients of integers',
    rebuild(storage(2, '0', new PyName('torch', 'LongStorage')), 0, t(2), t(1), true, new OrderedDict()),
  ];
  yield ['gradients that are text', rebuild(storage(), 0, t(2), t(1), 'yes', new OrderedDict())];
  yield ['hooks', rebuild(storage(), 0, t(2), t(1), false, new OrderedDict([['a', new PyName('os', 'system')]]))];
  yield [
    'a conj bit on real numbers',
    rebuild(storage(), 0, t(2), t(1), false, new OrderedDict(), new Map([['conj', true]])),
  ];
  yield [
    'a bit that there is not',
    rebuild(storage(), 0, t(2), t(1), false, new OrderedDict(), new Map([['evil', true]])),
  ];
  const v3 = (dtype: unknown): object =>
    call('torch._utils', '_rebuild_tensor_v3', storage(), 0, t(2), t(1), false, new OrderedDict(), dtype);
  for (const dtype of [
    new PyName('torch', 'float64'),
    new PyName('torch', 'complex128'),
    new PyName('torch', 'quint8'),
    'float32',
    null,
  ])
    yield [`as ${dtype instanceof PyName ? dtype.name : String(dtype)}`, v3(dtype)];
  yield ['a parameter of nothing', call('torch._utils', '_rebuild_parameter', null, true, new OrderedDict())];
  yield ['a parameter of itself', call('torch._utils', '_rebuild_parameter', made(0, t(2), t(1)), float(1), 1)];
  const from = (...args: unknown[]): object => call('torch._tensor', '_rebuild_from_type_v2', ...args);
  yield [
    'a tensor made by OrderedDict',
    from(new PyName('collections', 'OrderedDict'), new PyName('torch', 'Tensor'), t(), null),
  ];
  yield [
    'a tensor made by itself',
    from(new PyName('torch._tensor', '_rebuild_from_type_v2'), new PyName('torch', 'Tensor'), t(), null),
  ];
  const sparse = (layout: unknown, data: unknown): object =>
    call('torch._utils', '_rebuild_sparse_tensor', layout, data);
  const COO = call('torch.serialization', '_get_layout', 'torch.sparse_coo');
  const long = (...args: unknown[]): object =>
    made(...(args as [unknown, unknown, unknown]), storage(2, '0', new PyName('torch', 'LongStorage')));
  yield ['sparse indices out of range', sparse(COO, t(long(0, t(1, 2), t(2, 1)), made(0, t(2), t(1)), t(3), false))];
  yield ['sparse without values', sparse(COO, t(long(0, t(1, 2), t(2, 1)), null, t(3)))];
  yield ['sparse of floats as indices', sparse(COO, t(made(0, t(1, 2), t(2, 1)), made(0, t(2), t(1)), t(3)))];
  yield ['a layout that there is not', sparse(call('torch.serialization', '_get_layout', 'torch.round'), t())];
  yield ['a storage by itself', storage()];
}
