import { ops, TorchError, type Tensor } from '../tensor/index.js';
import { checkOptionNames, type OptionNames } from '../tensor/option-bag.js';
import { pySize } from './python-text.js';
import { warnOnce } from '../tensor/warn-once.js';

/** What becomes of the losses of a batch. */
export type Reduction = 'none' | 'mean' | 'sum';

/** Options of {@link nllLoss}. */
export interface NLLLossOptions {
  /** `[C]`, a factor for each class. */
  readonly weight?: Tensor | null;
  /** A class that counts nothing; default −100. */
  readonly ignoreIndex?: number;
  /** Default `mean`. */
  readonly reduction?: Reduction;
}

export const NLL_OPTIONS: OptionNames<NLLLossOptions> = { weight: false, ignoreIndex: false, reduction: false };

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions extends NLLLossOptions {
  /** 0 to 1: how much of the target is spread evenly over the classes; default 0. */
  readonly labelSmoothing?: number;
}

export const CROSS_ENTROPY_OPTIONS: OptionNames<CrossEntropyOptions> = { ...NLL_OPTIONS, labelSmoothing: false };

/**
 * Cross entropy of logits.
 * @param logits `[N, C]`, `[C]` or `[N, C, ...]`.
 * @param target `[N]` (or `[]`, `[N, ...]`) int64 classes, or probabilities of the shape of `logits`.
 * @returns new scalar, with reduction `none` a tensor of the targets' shape; owned by the current scope.
 * @see torch.nn.functional.cross_entropy
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkOptionNames('crossEntropy', options, CROSS_ENTROPY_OPTIONS);
  const { weight = null, ignoreIndex = -100, reduction = 'mean', labelSmoothing = 0 } = options;
  return ops.crossEntropyLoss(logits, target, weight, reductionCode(reduction), ignoreIndex, labelSmoothing);
}

/**
 * Negative log likelihood: minus the logarithm of the probability of the right class.
 * @param logProbabilities `[N, C]`, `[C]` or `[N, C, ...]`, as `logSoftmax` gives them.
 * @param target `[N]` (or `[]`, `[N, ...]`) int64 classes.
 * @returns new scalar, with reduction `none` a tensor of the targets' shape; owned by the current scope.
 * @see torch.nn.functional.nll_loss
 */
export function nllLoss(logProbabilities: Tensor, target: Tensor, options: NLLLossOptions = {}): Tensor {
  checkOptionNames('nllLoss', options, NLL_OPTIONS);
  const { weight = null, ignoreIndex = -100, reduction = 'mean' } = options;
  return ops.aten<Tensor>('nll_loss_nd', logProbabilities, target, weight, reductionCode(reduction), ignoreIndex);
}

/** Options of {@link mseLoss} and {@link l1Loss}. */
export interface ElementLossOptions {
  /** A factor for each element, of the input's shape. */
  readonly weight?: Tensor | null;
  /** Default `mean`; with a weight the sum is divided by the sum of the weights. */
  readonly reduction?: Reduction;
}

const ELEMENT_OPTIONS: OptionNames<ElementLossOptions> = { weight: false, reduction: false };

/**
 * The squared differences.
 * @param input any shape.
 * @param target the same shape; another that broadcasts gets PyTorch's warning.
 * @returns new scalar, with reduction `none` a tensor of the broadcast shape; owned by the current scope.
 * @throws TorchError `value` for a weight of another shape.
 * @see torch.nn.functional.mse_loss
 */
export function mseLoss(input: Tensor, target: Tensor, options: ElementLossOptions = {}): Tensor {
  checkOptionNames('mseLoss', options, ELEMENT_OPTIONS);
  return elementLoss(input, target, options, 'mse_loss', (difference) => difference.pow(2));
}

/**
 * The absolute differences; otherwise as {@link mseLoss}.
 * @see torch.nn.functional.l1_loss
 */
export function l1Loss(input: Tensor, target: Tensor, options: ElementLossOptions = {}): Tensor {
  checkOptionNames('l1Loss', options, ELEMENT_OPTIONS);
  return elementLoss(input, target, options, 'l1_loss', (difference) => difference.abs());
}

function elementLoss(
  input: Tensor,
  target: Tensor,
  { weight = null, reduction = 'mean' }: ElementLossOptions,
  operator: string,
  error: (difference: Tensor) => Tensor,
): Tensor {
  const [x, y] = broadcastTogether(input, target);
  if (weight === null) return ops.aten<Tensor>(operator, x, y, reductionCode(reduction));
  checkWeight(weight, input);
  const weighted = error(x.sub(y)).mul(weight);
  switch (reductionCode(reduction)) {
    case 0:
      return weighted;
    case 1:
      return weighted.sum().div(weight.sum());
    default:
      return weighted.sum();
  }
}

/** Views of a common shape; PyTorch's warning where the shapes differ. */
export function broadcastTogether(input: Tensor, target: Tensor): [Tensor, Tensor] {
  const [size, other] = [pySize(input.shape), pySize(target.shape)];
  if (size !== other) {
    warnOnce(
      `Using a target size (${other}) that is different to the input size (${size}). This will likely lead to ` +
        'incorrect results due to broadcasting. Please ensure they have the same size.',
    );
  }
  return ops.aten<[Tensor, Tensor]>('broadcast_tensors', [input, target]);
}

/** @throws TorchError `value` for a weight of another shape. */
export function checkWeight(weight: Tensor, input: Tensor): void {
  if (pySize(weight.shape) === pySize(input.shape)) return;
  throw new TorchError('value', 'Weights and input must have the same size.');
}

/** @throws TorchError `value` in PyTorch's words. */
export function reductionCode(reduction: Reduction): number {
  const code = ['none', 'mean', 'sum'].indexOf(reduction);
  if (code < 0) throw new TorchError('value', `${reduction} is not a valid value for reduction`);
  return code;
}
