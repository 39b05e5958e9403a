import { noGrad, ops, randperm, scope, TorchError, type Tensor } from '../../tensor/index.js';
import { checkOptionBag, checkOptionNames, type OptionNames } from '../../tensor/option-bag.js';
import type { DrawOptions } from './fill.js';

/** What {@link orthogonal_} takes. */
export interface OrthogonalOptions extends DrawOptions {
  /** A factor, default 1. */
  readonly gain?: number;
}

/** What {@link sparse_} takes. */
export interface SparseOptions extends DrawOptions {
  /** The share of each column that becomes zero. */
  readonly sparsity: number;
  /** Standard deviation of the others; default 0.01. */
  readonly std?: number;
}

const DIRAC_OPTIONS: OptionNames<{ readonly groups?: number }> = { groups: false };
const ORTHOGONAL_OPTIONS: OptionNames<OrthogonalOptions> = { gain: false, generator: false };
const SPARSE_OPTIONS: OptionNames<SparseOptions> = { sparsity: true, std: false, generator: false };

/**
 * Fills `matrix` in place with the identity: inputs of a linear layer pass unchanged as far as they fit.
 * @param matrix `[rows, columns]`.
 * @returns `matrix`.
 * @throws TorchError `value` for another number of dimensions.
 * @see torch.nn.init.eye_
 */
export function eye_<T extends Tensor>(matrix: T): T {
  requireMatrix(matrix);
  const [rows, columns] = matrix.shape as [number, number];
  noGrad(() => scope(() => ops.aten('eye.m_out', rows, columns, { out: matrix })));
  return matrix;
}

/**
 * Fills a convolution's weight in place so that input channels pass unchanged as far as they fit.
 * @param weight `[out, in, ...kernel]` of 3 to 5 dimensions.
 * @param options.groups groups of output channels that each begin with the first input channel; default 1.
 * @returns `weight`.
 * @throws TorchError `value` for another number of dimensions, or channels that do not fall into the groups.
 * @see torch.nn.init.dirac_
 */
export function dirac_<T extends Tensor>(weight: T, options: { readonly groups?: number } = {}): T {
  checkOptionNames('dirac_', options, DIRAC_OPTIONS);
  const { groups = 1 } = options;
  if (weight.ndim < 3 || weight.ndim > 5) {
    throw new TorchError('value', 'Only tensors with 3, 4, or 5 dimensions are supported');
  }
  const [outputs, inputs, ...kernel] = weight.shape as [number, number, ...number[]];
  if (outputs % groups !== 0) throw new TorchError('value', 'dim 0 must be divisible by groups');
  const perGroup = outputs / groups;
  noGrad(() =>
    scope(() => {
      weight.zero_();
      let centre: Tensor = weight;
      for (const size of kernel) centre = centre.select(2, Math.floor(size / 2));
      for (let group = 0; group < groups; group++) {
        for (let channel = 0; channel < Math.min(perGroup, inputs); channel++) {
          centre
            .select(0, group * perGroup + channel)
            .select(0, channel)
            .fill_(1);
        }
      }
    }),
  );
  return weight;
}

/**
 * Fills `weight` in place with a matrix whose rows, or whose columns if there are fewer, are orthonormal.
 * @param weight `[rows, ...]`; what follows the first dimension counts as one.
 * @returns `weight`.
 * @throws TorchError `value` below two dimensions.
 * @see torch.nn.init.orthogonal_
 */
export function orthogonal_<T extends Tensor>(weight: T, options: OrthogonalOptions = {}): T {
  checkOptionNames('orthogonal_', options, ORTHOGONAL_OPTIONS);
  if (weight.ndim < 2) throw new TorchError('value', 'Only tensors with 2 or more dimensions are supported');
  const elements = weight.numel();
  if (elements === 0) return weight;
  const { gain = 1, generator = null } = options;
  const rows = weight.size(0);
  const columns = elements / rows;
  noGrad(() =>
    scope(() => {
      const draws = weight.newEmpty([rows, columns]).normal_(0, 1, { generator });
      if (rows < columns) draws.t_();
      const [q, r] = ops.aten<[Tensor, Tensor]>('linalg_qr', draws);
      q.mul_(r.diagonal().sign());
      if (rows < columns) q.t_();
      weight.view([rows, columns]).copy_(q);
      weight.mul_(gain);
    }),
  );
  return weight;
}

/**
 * Fills `matrix` in place from a normal distribution and sets a share of each column to zero. As in PyTorch the rows to
 * clear are drawn from the process-wide generator, whatever `generator` says.
 * @param matrix `[rows, columns]`.
 * @returns `matrix`.
 * @throws TorchError `value` for another number of dimensions.
 * @see torch.nn.init.sparse_
 */
export function sparse_<T extends Tensor>(matrix: T, options: SparseOptions): T {
  checkOptionBag('sparse_', options, SPARSE_OPTIONS);
  requireMatrix(matrix);
  const { sparsity, std = 0.01, generator = null } = options;
  const [rows, columns] = matrix.shape as [number, number];
  const zeros = Math.ceil(sparsity * rows);
  noGrad(() => {
    matrix.normal_(0, std, { generator });
    for (let column = 0; column < columns; column++) {
      scope(() => {
        const cleared = ops.aten<Tensor>('slice.Tensor', randperm(rows), 0, 0, zeros);
        matrix.select(1, column).indexFill_(0, cleared, 0);
      });
    }
  });
  return matrix;
}

function requireMatrix(matrix: Tensor): void {
  if (matrix.ndim !== 2) throw new TorchError('value', 'Only tensors with 2 dimensions are supported');
}
