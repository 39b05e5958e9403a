import { noGrad, type Generator, type Tensor } from '../../tensor/index.js';
import { checkOptionNames, type OptionNames } from '../../tensor/option-bag.js';

/** Where random numbers come from. */
export interface DrawOptions {
  /** Default the process-wide generator. */
  readonly generator?: Generator | null;
}

const DRAW_OPTIONS: OptionNames<DrawOptions> = { generator: false };

/**
 * Fills `target` in place from the uniform distribution over `[a, b)`; no autograd.
 * @returns `target`.
 * @see torch.nn.init.uniform_
 */
export function uniform_<T extends Tensor>(target: T, a = 0, b = 1, options: DrawOptions = {}): T {
  checkOptionNames('uniform_', options, DRAW_OPTIONS);
  noGrad(() => target.uniform_(a, b, { generator: options.generator ?? null }));
  return target;
}

/**
 * Fills `target` in place from the normal distribution; no autograd.
 * @returns `target`.
 * @see torch.nn.init.normal_
 */
export function normal_<T extends Tensor>(target: T, mean = 0, std = 1, options: DrawOptions = {}): T {
  checkOptionNames('normal_', options, DRAW_OPTIONS);
  noGrad(() => target.normal_(mean, std, { generator: options.generator ?? null }));
  return target;
}

/** Sets every element of `target` to `value`; no autograd. Returns `target`. @see torch.nn.init.constant_ */
export function constant_<T extends Tensor>(target: T, value: number): T {
  noGrad(() => target.fill_(value));
  return target;
}

/** Sets every element of `target` to 1; no autograd. Returns `target`. @see torch.nn.init.ones_ */
export function ones_<T extends Tensor>(target: T): T {
  return constant_(target, 1);
}

/** Sets every element of `target` to 0; no autograd. Returns `target`. @see torch.nn.init.zeros_ */
export function zeros_<T extends Tensor>(target: T): T {
  noGrad(() => target.zero_());
  return target;
}
