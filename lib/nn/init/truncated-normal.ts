import { emptyLike, noGrad, ops, scope, tensor, TorchError, type Generator, type Tensor } from '../../tensor/index.js';
import { checkOptionNames, type OptionNames } from '../../tensor/option-bag.js';
import { pyErf, pyPow } from '../../tensor/python-float.js';
import type { DrawOptions } from './fill.js';

/** What {@link truncNormal_} takes. */
export interface TruncNormalOptions extends DrawOptions {
  /** Default 0. */
  readonly mean?: number;
  /** Default 1. */
  readonly std?: number;
  /** The least value, not in units of `std`; default −2. */
  readonly a?: number;
  /** The greatest value; default 2. */
  readonly b?: number;
}

const OPTIONS: OptionNames<TruncNormalOptions> = { mean: false, std: false, a: false, b: false, generator: false };

/**
 * Fills `target` in place from a normal distribution of which only `a` to `b` is left. Values outside are drawn again:
 * from the normal distribution itself where it has enough to give, else from a uniform one by rejection.
 * @param target any shape, floating point.
 * @returns `target`.
 * @see torch.nn.init.trunc_normal_
 */
export function truncNormal_<T extends Tensor>(target: T, options: TruncNormalOptions = {}): T {
  checkOptionNames('truncNormal_', options, OPTIONS);
  const { mean = 0, std = 1, a = -2, b = 2, generator = null } = options;
  if (mean < a - 2 * std || mean > b + 2 * std) {
    process.emitWarning(
      'mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect.',
    );
  }
  if (std === 0) throw new TorchError('value', 'float division by zero');
  const share = normalCdf((b - mean) / std) - normalCdf((a - mean) / std);
  const normal = { mean, std, a, b, generator };
  noGrad(() => scope(() => (share > 0.3 ? redraw(target, normal) : reject(target, normal))));
  return target;
}

interface Normal {
  readonly mean: number;
  readonly std: number;
  readonly a: number;
  readonly b: number;
  readonly generator: Generator | null;
}

function normalCdf(x: number): number {
  return (1 + pyErf(x / Math.sqrt(2))) / 2;
}

function redraw(target: Tensor, { mean, std, a, b, generator }: Normal): void {
  // Rounded to the dtype, so that the mask agrees with the values that the tensor can hold.
  const { dtype } = target;
  const [low, high] = [tensor(a, { dtype }).item(), tensor(b, { dtype }).item()];
  let result: Tensor = target.normal_(mean, std, { generator });
  for (;;) {
    const outside = result.lt(low).logicalOr(result.gt(high));
    if (outside.any().item() === 0) break;
    result = ops.where(outside, emptyLike(result).normal_(mean, std, { generator }), result);
  }
  if (result !== target) target.copy_(result);
}

function reject(target: Tensor, { mean, std, a, b, generator }: Normal): void {
  const mode = Math.max(a, Math.min(mean, b));
  const logPeak = -0.5 * pyPow((mode - mean) / std, 2);
  const candidates = emptyLike(target);
  const draws = emptyLike(target);
  const refused = (): Tensor => {
    candidates.sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(logPeak);
    return draws.uniform_(0, 1, { generator }).log_().gt(candidates);
  };
  target.uniform_(a, b, { generator });
  candidates.copy_(target);
  let pending = refused();
  let result: Tensor = target;
  while (pending.any().item() !== 0) {
    candidates.uniform_(a, b, { generator });
    result = ops.where(pending, candidates, result);
    pending = ops.where(pending, refused(), pending);
  }
  if (result !== target) target.copy_(result);
}
