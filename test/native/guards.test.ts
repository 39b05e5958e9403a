import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { native } from '../../lib/native/load.js';
import { ones, ops, scope, type Tensor, tensor, TorchError } from '../../lib/tensor/index.js';
import { type Call, describe as show, make, type Plan, type TensorPlan } from './fuzz/values.js';

interface Rule {
  readonly names: string;
  readonly reason: string;
}
const rules = JSON.parse(native.describeGuards()) as Rule[];

const t = (shape: readonly number[], more: Partial<TensorPlan> = {}): Plan => ({
  tensor: { shape, dtype: 'float32', fill: 'small', flavour: 'dense', ...more },
});
const ints = (shape: readonly number[], fill: TensorPlan['fill'] = 'index'): Plan => t(shape, { dtype: 'int64', fill });

/** Calls that end a Python process, or never end in it. */
const refused: readonly (readonly [string, readonly Plan[], Readonly<Record<string, Plan>>?])[] = [
  ['linalg_eigvals', [t([2, 2], { fill: 'nan' })]],
  ['histogram.bin_ct', [t([4]), { bigint: '9223372036854775807' }]],
  ['copy', [t([2, 2], { flavour: 'coo' }), t([2, 2])]],
  ['tensor_split.sections', [t([3, 3]), 2 ** 31, -1]],
  ['max_pool1d', [t([6, 3]), [2 ** 40]], { ceil_mode: true }],
  ['matrix_power', [t([3, 3]), { bigint: '-9223372036854775808' }]],
  ['special_laguerre_polynomial_l.n_scalar', [t([4]), 2 ** 40]],
  ['special_laguerre_polynomial_l', [t([1]), t([8], { fill: 'big', dtype: 'float64' })]],
  ['select.int', [t([16], { flavour: 'nested' }), -1, 3]],
  ['combinations', [t([1]), 6000]],
  ['binomial', [t([32], { fill: 'nan' }), t([32], { fill: 'unit' })]],
  ['repeat_interleave.self_Tensor', [t([6]), ints([6])], { output_size: 2 }],
  ['rrelu_with_noise', [t([4]), t([4], { flavour: 'expanded' }), 0.1, 0.3, true]],
  ['embedding_bag', [t([5, 2]), ints([5, 2]), ints([5])]],
  ['choose_qparams_optimized', [t([5, 8]), 2 ** 20, 200, 0.5, 8]],
  ['native_batch_norm', [t([2, 3, 4, 4]), null, null, null, null, false, 0.1, 1e-5]],
  ['native_batch_norm', [t([2, 3, 4, 4]), t([1]), null, null, null, true, 0.1, 1e-5]],
  [
    'max_pool2d_with_indices_backward',
    [t([1, 1, 2, 2]), t([1, 1, 4, 4]), [2, 2], [2, 2], [0, 0], [1, 1], false, ints([1, 1, 2, 2], 'big')],
  ],
  ['adaptive_max_pool2d_backward', [t([1, 2, 2]), t([1, 4, 4]), ints([1, 2, 2], 'big')]],
  ['_log_softmax_backward_data', [t([3, 6]), t([1]), 1, 'float32']],
  ['_stack', [[]]],
  ['_foreach_pow_.ScalarList', [[t([2]), t([2])], []]],
  ['_sobol_engine_initialize_state_', [ints([8, 1]), 10 ** 6]],
  ['mkldnn_rnn_layer', Array.from({ length: 7 }, () => t([2])).concat([false, [1], 2, 3, 1, true, true, true, false])],
  ['quantized_lstm_cell', [t([2, 2]), [], ...Array.from({ length: 8 }, () => t([2])), 1, 1, 0, 0]],
  ['_logcumsumexp', [t([3]), 0]],
  ['relu_', [t([2], { flavour: 'zeroTensor' })]],
  ['repeat_interleave.self_Tensor', [t([6]), ints([6], 'small')], { output_size: 2 }],
  ['view.dtype', [t([2, 4], { flavour: 'perTensor' }), 'uint8']],
  ['view_copy.dtype', [t([2, 4], { flavour: 'perTensor' }), 'float32']],
  ['_reshape_alias', [t([3]), [3, 3], [16, 2]]],
  ['_foreach_mul_.ScalarList', [[t([8, 3], { flavour: 'computed' }), t([3])], []]],
  [
    '_batch_norm_impl_index_backward',
    [0, t([4, 4]), t([4, 4]), t([4]), null, null, null, null, false, 1e-5, [true, true, true], t([0])],
  ],
  ['native_batch_norm_backward', [t([1]), t([4, 4]), null, null, null, t([4]), t([4]), true, 1e-5, [true, true, true]]],
  ['cummaxmin_backward', [t([1], { flavour: 'mkldnn' }), t([1]), ints([1]), 0]],
  ['quantized::embedding_bag_2bit_prepack', [t([2, 4]), true, -2, 0.1]],
  ['quantized::embedding_bag_4bit_unpack', [t([2, 4], { dtype: 'uint8' })]],
  ['onednn::qlinear_prepack', [t([2], { dtype: 'int8' }), null]],
  ['mkldnn::_reorder_convolution_weight', [t([2, 3, 1, 4])], { stride: [1, 0] }],
  ['_adaptive_avg_pool3d', [t([4, 4, 3, 2], { flavour: 'perTensor' }), [2]]],
  ['linear', [t([2, 2, 3], { flavour: 'mkldnn' }), t([2, 2, 2, 3])]],
  ['zero_', [t([5, 2], { flavour: 'mkldnn', dtype: 'bfloat16' })]],
  ['cat', [[t([4, 1], { flavour: 'nested' }), t([4, 1], { flavour: 'nested' })], 1]],
  ['hstack', [[t([2, 3], { flavour: 'nested' })]]],
  ['select.int', [t([1, 2, 2], { flavour: 'nested' }), -3, 0]],
  ['lu_unpack', [t([4, 8]), ints([8, 4], 'one')]],
  ['hsplit.int', [t([0]), 2 ** 31 - 1]],
  ['chunk', [t([0]), 2 ** 31 - 1]],
  ['cat.out', [[]], { out: t([], { flavour: 'perTensor' }) }],
  ['_neg_view', [t([2], { flavour: 'perTensor' })]],
  ['lstm.input', [t([3, 1, 2, 2]), [t([3, 1, 2, 1]), t([3, 1, 2, 2])], [t([]), t([3, 1, 1, 1])], false, 1, 1, false, false, true]],
  ['quantize_per_channel', [t([4]), t([4]), t([4], { fill: 'zero' }), 0, 'qint32']],
  ['_sparse_compressed_tensor_with_dims', [16, -2, [], [], 'int64'], { layout: 'sparse_csr' }],
  [
    'fused_moving_avg_obs_fake_quant',
    [t([3, 2]), t([1], { fill: 'one' }), t([1], { fill: 'one' }), t([]), t([3]), t([3]), t([3]), 0.5, 0, 255, 0, true, false],
  ],
  ['chunk', [t([], { flavour: 'nested' }), 1, -1]],
  ['embedding_backward', [t([1]), ints([1]), 16, 7, true, false]],
  ['adaptive_avg_pool3d_backward.grad_input', [t([1, 1, 1, 1, 1]), t([8, 5, 3, 1, 1])], { grad_input: t([]) }],
  ['_log_softmax.out', [t([4]), 0, false], { out: t([4], { flavour: 'expanded' }) }],
  ['log_sigmoid_forward.output', [t([4, 2])], { output: t([4, 2]), buffer: t([4, 2], { flavour: 'expanded' }) }],
  ['index.Tensor', [t([8, 3]), [t([4, 2], { dtype: 'int64', flavour: 'zeroTensor' })]]],
  ['quantized::embedding_bag_4bit_prepack', [t([8, 16, 0])]],
  ['quantized::embedding_bag_4bit_prepack_with_rowwise_min_max', [t([2, 2]), t([2, 2]), true, -5]],
  ['quantized::linear_dynamic_fp16_unpacked_weight', [t([]), t([4, 4]), null]],
  ['quantized::conv1d_prepack', [t([2, 3, 5], { flavour: 'perTensor' }), null, [2], [0], [1], 0]],
  ['quantized::make_quantized_cell_params', [t([3, 0]), t([3, 0]), t([3]), t([3])]],
  ['onednn::qconv_prepack', [t([4, 1], { dtype: 'int8' }), t([1]), 1.5, 5, [], [], [], 1]],
  ['inductor::_reinterpret_tensor', [t([2]), [4], [9]]],
];

describe('guards', () => {
  for (const [name, args, named = {}] of refused) {
    const call: Call = { via: 'raw', name, args, named };
    it(`refuse ${show(call)}`, () => {
      scope(() => {
        const given = [
          ...args.map(make),
          Object.fromEntries(Object.entries(named).map(([key, plan]) => [key, make(plan)])),
        ];
        assert.throws(() => ops.aten(name, ...(given as never[])), TorchError);
      });
    });
  }

  it('refuse sparse tensors whose indices were spoiled', () => {
    scope(() => {
      const coo = (make(t([3, 3], { fill: 'one' })) as Tensor).toSparse();
      assert.equal(coo.toDense().sum().item(), 9);
      ops.aten<Tensor>('_indices', coo).fill_(10 ** 12);
      assert.throws(() => coo.toDense(), TorchError);
      assert.throws(() => coo.mul(coo), TorchError);
      const csr = (make(t([3, 3], { fill: 'one' })) as Tensor).toSparseCsr();
      csr.colIndices().fill_(10 ** 9);
      assert.throws(() => csr.toDense(), TorchError);
      assert.throws(() => csr.matmul(make(t([3, 3])) as Tensor), TorchError);
    });
  });

  it('refuse zero tensors in indices, and assignments to them', () => {
    scope(() => {
      const index = make(t([4, 2], { dtype: 'int64', flavour: 'zeroTensor' })) as Tensor;
      const zeros = make(t([8, 3], { flavour: 'zeroTensor' })) as Tensor;
      assert.throws(() => ones([8, 3]).get(index), TorchError);
      assert.throws(() => ones([8, 3]).get(null, index), TorchError);
      assert.throws(() => {
        ones([8, 3]).set([index], 1);
      }, TorchError);
      assert.throws(() => {
        zeros.set(0, 1);
      }, TorchError);
      assert.deepEqual(zeros.get(0).toArray(), [0, 0, 0]);
    });
  });

  it('let no operator read qint32 whose zero points are floats', () => {
    scope(() => {
      const options = { scales: ones([4]), zero_points: ones([4]), axis: 0, dtype: 'qint32' } as const;
      const made = ops.aten<Tensor>('_empty_per_channel_affine_quantized', [4, 3], options);
      for (const read of [() => made.dequantize(), () => made.get(0), () => made.bytes(), () => made.clone()]) {
        assert.throws(read, TorchError);
      }
    });
  });

  it('give a tensor its sizes back when a call could not have the memory for new ones', () => {
    scope(() => {
      const x = tensor([1, 2, 3]);
      const [huge, absurd] = [2 ** 45, 2 ** 62];
      for (const size of [huge, absurd]) {
        assert.throws(() => x.resize_([size]), TorchError);
        assert.throws(() => x.resize_([size, 4]), TorchError);
        assert.throws(() => ops.aten('resize_as_', x, ones([1]).expand([size])), TorchError);
        assert.throws(() => ops.aten('ones.out', [size], { out: x }), TorchError);
        assert.throws(() => ops.aten('set_.source_Tensor_storage_offset', x, x, 0, [size], [1]), TorchError);
        assert.deepEqual([x.shape, x.stride(), x.toArray()], [[3], [1], [1, 2, 3]]);
      }
      assert.deepEqual(x.resize_([2]).toArray(), [1, 2]);
      assert.deepEqual(ops.aten<Tensor>('ones.out', [4], { out: x }).toArray(), [1, 1, 1, 1]);
    });
  });

  it('refuse divisions that the processor cannot do, and only these', () => {
    scope(() => {
      for (const [dtype, least] of [
        ['int32', -(2n ** 31n)],
        ['int64', -(2n ** 63n)],
      ] as const) {
        const x = ops.full([3], least, { dtype });
        const divisors = tensor([1, 2, -1], { dtype });
        assert.throws(() => x.div(divisors, { roundingMode: 'trunc' }), TorchError);
        assert.throws(() => x.div(-1, { roundingMode: 'trunc' }), TorchError);
        assert.throws(() => x.lcm(tensor([103], { dtype })), TorchError);
        assert.deepEqual(x.div(2, { roundingMode: 'trunc' }).select(0, 0).itemBigInt(), least / 2n);
        const turned = tensor([7, -7], { dtype }).div(-1, { roundingMode: 'trunc' });
        assert.deepEqual(turned.toArray(), tensor([-7, 7], { dtype }).toArray());
        assert.deepEqual(x.lcm(x).select(0, 0).itemBigInt(), least);
      }
    });
  });

  it('let right calls through', () => {
    scope(() => {
      const none = [ops.zeros([0, 4]), ...Array.from({ length: 6 }, () => ops.zeros([0]))];
      const observed = ops.aten<Tensor>('fused_moving_avg_obs_fake_quant', ...none, 0.01, 0, 255, -1, false, false);
      assert.deepEqual(observed.shape, [0, 4]);
      const x = make(t([2, 3, 4, 4])) as Tensor;
      const [y] = ops.aten<Tensor[]>('native_batch_norm', x, null, null, null, null, true, 0.1, 1e-5);
      assert.deepEqual(y?.shape, [2, 3, 4, 4]);
      const [pooled, indices] = ops.aten<[Tensor, Tensor]>('max_pool2d_with_indices', x, [2, 2]);
      const back = ops.aten<Tensor>(
        'max_pool2d_with_indices_backward',
        pooled,
        x,
        [2, 2],
        [2, 2],
        [0, 0],
        [1, 1],
        false,
        indices,
      );
      assert.deepEqual(back.shape, x.shape);
      const repeats = make(ints([4])) as Tensor;
      assert.deepEqual(ops.repeatInterleave(make(t([4])) as Tensor, repeats, { outputSize: 6 }).shape, [6]);
      assert.deepEqual(
        ops.embeddingBag(make(t([5, 2])) as Tensor, repeats, make(ints([2])) as Tensor)[0].shape,
        [2, 2],
      );
    });
  });

  it('let the overloads of resizing through that compute sizes from scales, or take sizes alone', () => {
    scope(() => {
      const x = ops.arange(48, { dtype: 'float32' }).view([1, 1, 6, 8]);
      for (const kind of ['lanczos', 'bilinear', 'bicubic']) {
        const resized = (...given: unknown[]): Tensor =>
          ops.aten<Tensor>(`_upsample_${kind}2d_aa.vec`, x, ...(given as never[]));
        const wanted = ops.aten<Tensor>(`_upsample_${kind}2d_aa`, x, [3, 12], false, 0.5, 1.5);
        assert.deepEqual(resized(null, false, [0.5, 1.5]).toArray(), wanted.toArray());
        const bySize = ops.aten<Tensor>(`_upsample_${kind}2d_aa`, x, [5, 3], false);
        assert.deepEqual(resized([5, 3], false, null).toArray(), bySize.toArray());
        for (const wrong of [
          [[5, 3], false, [0.5, 1.5]],
          [null, false, null],
          [null, false, [0.5]],
          [null, false, [0.01, 1]],
          [null, false, [NaN, 1]],
          [[5], false, null],
        ]) {
          assert.throws(() => resized(...wrong), TorchError);
        }
        // The others are given both.
        assert.throws(() => ops.aten(`_upsample_${kind}2d_aa`, x, [3, 12], false, 0.5, 4), /Expected scales that lead/);
      }
    });
  });

  it('give operators that misread an expanded tensor a copy of it', () => {
    scope(() => {
      const row = tensor([1, NaN, 3]);
      for (const name of ['median.dim', 'nanmedian.dim']) {
        for (const x of [row.expand([2, 3]), row.unsqueeze(1).expand([3, 4])]) {
          for (const dim of [0, 1]) {
            const [values] = ops.aten<[Tensor, Tensor]>(name, x, dim);
            const [wanted] = ops.aten<[Tensor, Tensor]>(name, x.contiguous(), dim);
            assert.deepEqual(values.toArray(), wanted.toArray());
          }
        }
      }
      const leaf = tensor([1, 2], { requiresGrad: true });
      leaf.expand([3, 2]).median(0)[0].sum().backward();
      assert.deepEqual(leaf.grad?.toArray(), [1, 1]);
      const [halves, wanted] = [row.expand([2, 3]), row.expand([2, 3]).contiguous()].map((x) =>
        ops.aten<Tensor>('quantization::_FloatToBfloat16Quantized', x).toArray(),
      );
      assert.deepEqual(halves, wanted);
      const zeros = make(t([2, 6], { flavour: 'zeroTensor' })) as Tensor;
      const read = ops.aten<Tensor>('quantization::_FloatToBfloat16Quantized', zeros);
      assert.deepEqual(read.toDense().toArray(), ops.zeros([2, 6]).toArray());
      ops.aten('c10d::check_for_nan', tensor([1, 2]).expand([500, 2]));
      const packed = ops.aten<Tensor>('quantized::embedding_bag_2bit_prepack', ones([5, 8]));
      assert.deepEqual(ops.aten<Tensor>('quantized::embedding_bag_2bit_unpack', packed).select(1, 0).toArray(), [1, 1, 1, 1, 1]);
    });
  });

  it('are all in the documentation, with their reasons, and name operators that there are', () => {
    const text = readFileSync(new URL('../../docs/safety.md', import.meta.url), 'utf8');
    for (const { names, reason } of rules) {
      assert.ok(text.includes(reason), `docs/safety.md lacks "${reason}"`);
      for (const name of names.split(' ')) assert.ok(text.includes(`\`${name}\``), `docs/safety.md lacks ${name}`);
    }
    const missing = rules.flatMap(({ names }) => names.split(' ')).filter((name) => native.findOperator(name) < 0);
    assert.deepEqual(missing, []);
  });
});
