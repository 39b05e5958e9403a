import { noGrad, ops, scope, Tensor, tensor, TorchError } from '../tensor/index.js';
import { checkOptionNames, type OptionNames } from '../tensor/option-bag.js';

/** Options of {@link clipGradNorm}. */
export interface ClipGradNormOptions {
  /** The order of the norm, `Infinity` for the greatest element; default 2. */
  readonly normType?: number;
  /** Whether a norm that is infinite or no number is an error; default false. */
  readonly errorIfNonfinite?: boolean;
  /** One operator for all tensors of a device and dtype (the default) or one for each. */
  readonly foreach?: boolean | null;
}

const NORM_OPTIONS: OptionNames<ClipGradNormOptions> = { normType: false, errorIfNonfinite: false, foreach: false };

/**
 * The norm of all elements of `tensors` together.
 * @param tensors of any shapes, floating point.
 * @returns new scalar on the first tensor's device; owned by the current scope.
 * @throws TorchError `runtime` with `errorIfNonfinite` for a norm that is infinite or no number.
 * @see torch.nn.utils.get_total_norm
 */
export function getTotalNorm(tensors: Tensor | Iterable<Tensor>, options: ClipGradNormOptions = {}): Tensor {
  checkOptionNames('getTotalNorm', options, NORM_OPTIONS);
  const { normType = 2, errorIfNonfinite = false, foreach = null } = options;
  const list = listOf(tensors);
  const [first] = list;
  if (first === undefined) return tensor(0);
  const total = noGrad(() =>
    scope(() => {
      const { device } = first;
      const norms = groupsOf(list).flatMap((group) =>
        foreach === false
          ? group.map((each) => ops.aten<Tensor>('linalg_vector_norm', each, normType))
          : ops.aten<Tensor[]>('_foreach_norm.Scalar', group, normType),
      );
      const stacked = ops.aten<Tensor>(
        'stack',
        norms.map((norm) => norm.to(device)),
      );
      return ops.aten<Tensor>('linalg_vector_norm', stacked, normType);
    }),
  );
  if (errorIfNonfinite && !Number.isFinite(total.item())) {
    total.dispose();
    const order = Number.isInteger(normType) ? `${normType}.0` : normType === Infinity ? 'inf' : String(normType);
    throw new TorchError(
      'runtime',
      `The total norm of order ${order} for gradients from \`parameters\` is non-finite, so it cannot be clipped. To ` +
        'disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`',
    );
  }
  return total;
}

/**
 * Scales the gradients of `parameters` in place so that the norm of all of them together is at most `maxNorm`.
 * @param parameters those without a gradient count nothing.
 * @returns the norm before; a new scalar, owned by the current scope.
 * @throws TorchError `runtime` with `errorIfNonfinite` for a norm that is infinite or no number.
 * @see torch.nn.utils.clip_grad_norm_
 */
export function clipGradNorm(
  parameters: Tensor | Iterable<Tensor>,
  maxNorm: number,
  options: ClipGradNormOptions = {},
): Tensor {
  checkOptionNames('clipGradNorm', options, NORM_OPTIONS);
  return scope(() => {
    const grads = gradsOf(parameters);
    const total = getTotalNorm(grads, options);
    noGrad(() => {
      // maxNorm / (total + 1e-6), as Python's division of a number by a tensor.
      const coefficient = total.add(1e-6).reciprocal().mul(maxNorm).clamp({ max: 1 });
      for (const group of groupsOf(grads)) {
        const factor = coefficient.to(group[0]!.device);
        if (options.foreach === false) for (const grad of group) grad.mul_(factor);
        else ops.aten('_foreach_mul_.Tensor', group, factor);
      }
    });
    return total;
  });
}

/**
 * Clamps the gradients of `parameters` in place to `±clipValue`.
 * @param parameters those without a gradient are left alone.
 * @param options.foreach one operator for all tensors of a device and dtype (the default) or one for each.
 * @see torch.nn.utils.clip_grad_value_
 */
export function clipGradValue(
  parameters: Tensor | Iterable<Tensor>,
  clipValue: number,
  options: Pick<ClipGradNormOptions, 'foreach'> = {},
): void {
  checkOptionNames('clipGradValue', options, VALUE_OPTIONS);
  scope(() =>
    noGrad(() => {
      for (const group of groupsOf(gradsOf(parameters))) {
        if (options.foreach === false) {
          for (const grad of group) grad.clamp_(-clipValue, clipValue);
        } else {
          ops.aten('_foreach_clamp_min_.Scalar', group, -clipValue);
          ops.aten('_foreach_clamp_max_.Scalar', group, clipValue);
        }
      }
    }),
  );
}

const VALUE_OPTIONS: OptionNames<Pick<ClipGradNormOptions, 'foreach'>> = { foreach: false };

function listOf(tensors: Tensor | Iterable<Tensor>): Tensor[] {
  return tensors instanceof Tensor ? [tensors] : [...tensors];
}

function gradsOf(parameters: Tensor | Iterable<Tensor>): Tensor[] {
  return listOf(parameters)
    .map((parameter) => parameter.grad)
    .filter((grad) => grad !== null);
}

/** The tensors of each device and dtype, the last kind first: the order in which PyTorch's table gives two kinds. */
function groupsOf(tensors: readonly Tensor[]): Tensor[][] {
  const groups = new Map<string, Tensor[]>();
  for (const each of tensors) {
    const kind = `${each.device} ${each.dtype}`;
    const known = groups.get(kind);
    if (known) known.push(each);
    else groups.set(kind, [each]);
  }
  return [...groups.values()].reverse();
}
