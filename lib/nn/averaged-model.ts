import { noGrad, ops, pyNumber, scope, Tensor, tensor, TorchError } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { BatchNorm } from './batch-norm.js';
import { Module } from './module.js';
import type { Layer } from './sequential.js';

const { aten } = ops;

/** The new average of one tensor, from the old one, the model's tensor, and how many models have been averaged before. */
export type AverageFn = (averaged: Tensor, current: Tensor, count: number) => Tensor;

/** Changes the averages of many tensors of one dtype and device in place; called without recording gradients. */
export type MultiAverageFn = (averaged: readonly Tensor[], current: readonly Tensor[], count: number) => void;

/** Options of {@link AveragedModel}. */
export interface AveragedModelOptions {
  /** Where the averages live; default where the model is. */
  readonly device?: string;
  /** How one tensor is averaged; default the mean of all. */
  readonly averageFn?: AverageFn;
  /** How all tensors of a dtype are averaged at once, instead of `averageFn`. */
  readonly multiAverageFn?: MultiAverageFn;
  /** Whether buffers are averaged as well, instead of copied; default false. */
  readonly useBuffers?: boolean;
}

const OPTIONS: OptionNames<AveragedModelOptions> = {
  device: false,
  averageFn: false,
  multiAverageFn: false,
  useBuffers: false,
};

function checkDecay(decay: number): void {
  if (decay >= 0 && decay <= 1) return;
  throw new TorchError(
    'value',
    `Invalid decay value ${pyNumber(decay)} provided. Please provide a value in [0,1] range.`,
  );
}

/** `_foreach_lerp_` takes no integers. */
const canLerp = (tensors: readonly Tensor[]): boolean => tensors[0]!.isFloatingPoint() || tensors[0]!.isComplex();

/**
 * An exponential moving average, one tensor at a time.
 * @param decay how much of the average stays.
 * @throws TorchError `value` in PyTorch's words outside of 0 to 1.
 * @see torch.optim.swa_utils.get_ema_avg_fn
 */
export function emaAverageFn(decay = 0.999): AverageFn {
  checkDecay(decay);
  return (averaged, current) => averaged.mul(decay).add(current.mul(1 - decay));
}

/**
 * An exponential moving average, all tensors in one operator.
 * @param decay how much of the average stays.
 * @throws TorchError `value` in PyTorch's words outside of 0 to 1.
 * @see torch.optim.swa_utils.get_ema_multi_avg_fn
 */
export function emaMultiAverageFn(decay = 0.999): MultiAverageFn {
  checkDecay(decay);
  return (averaged, current) => {
    if (canLerp(averaged)) aten('_foreach_lerp_.Scalar', averaged, current, 1 - decay);
    else
      averaged.forEach((each, index) => {
        each.copy_(each.mul(decay).add(current[index]!.mul(1 - decay)));
      });
  };
}

/** The mean of all models: by the steps that PyTorch takes on the CPU, and by those that it takes on a GPU. */
function meanOfAll(averaged: readonly Tensor[], current: readonly Tensor[], count: number): void {
  const { device } = averaged[0]!;
  if (device !== 'cpu' && canLerp(averaged)) {
    // PyTorch divides by a tensor, whose quotient is a float32
    aten('_foreach_lerp_.Scalar', averaged, current, Math.fround(1 / (count + 1)));
    return;
  }
  const next = tensor(BigInt(count + 1), { device });
  averaged.forEach((each, index) => void each.copy_(each.add(current[index]!.sub(each).div(next))));
}

/**
 * A copy of a model whose parameters are averages of the model's over training: the mean (stochastic weight averaging), or an
 * exponential moving average.
 * ```ts
 * const averaged = new nn.AveragedModel(model, { multiAverageFn: nn.emaMultiAverageFn(0.999), useBuffers: true });
 * // after each step of the optimizer
 * averaged.updateParameters(model);
 * ```
 * Its state dict has the model's keys after `module.`, and `n_averaged`.
 * @see torch.optim.swa_utils.AveragedModel
 */
export class AveragedModel<M extends Module = Module> extends Module {
  readonly module: M;
  /** How many models have been averaged: int64, without dimensions. */
  declare readonly n_averaged: Tensor;
  readonly averageFn: AverageFn | undefined;
  readonly multiAverageFn: MultiAverageFn | undefined;
  readonly useBuffers: boolean;

  /** @throws TorchError `value` where both functions are given, `runtime` where the model cannot be copied. */
  constructor(model: M, options: AveragedModelOptions = {}) {
    checkOptionBag('AveragedModel', options, OPTIONS);
    const { device, averageFn, multiAverageFn, useBuffers = false } = options;
    if (averageFn !== undefined && multiAverageFn !== undefined) {
      throw new TorchError('value', 'Only one of avg_fn and multi_avg_fn should be provided');
    }
    super();
    this.module = model.copy();
    if (device !== undefined) this.module.to(device);
    this.registerBuffer('n_averaged', tensor(0n, device === undefined ? {} : { device }));
    this.averageFn = averageFn;
    this.multiAverageFn = multiAverageFn;
    this.useBuffers = useBuffers;
  }

  /** What the averaged model gives for the same input. */
  forward(...input: Parameters<M['forward']>): ReturnType<M['forward']> {
    return this.module.call(...input);
  }

  /**
   * Takes the model's present parameters into the averages: the first time they are copied. Buffers are copied, or averaged with
   * `useBuffers`.
   * @throws TorchError `value` where the model has not the parameters that were copied.
   */
  updateParameters(model: Module): void {
    noGrad(() =>
      scope(() => {
        const averaged = averages(this.module, this.useBuffers);
        const given = averages(model, this.useBuffers);
        if (averaged.length !== given.length) {
          throw new TorchError(
            'value',
            `Expected a model with the ${averaged.length} tensors that were copied but received one with ${given.length}`,
          );
        }
        const current = given.map((each, index) => each.detach().to(averaged[index]!.device));
        const count = this.n_averaged.item();
        if (count === 0) averaged.forEach((each, index) => void each.copy_(current[index]!));
        else this.#average(averaged, current, count);
        if (!this.useBuffers) {
          const buffers = model.buffers();
          this.module.buffers().forEach((each, index) => void each.copy_(buffers[index]!.to(each.device)));
        }
        this.n_averaged.add_(1);
      }),
    );
  }

  #average(averaged: readonly Tensor[], current: readonly Tensor[], count: number): void {
    const { averageFn } = this;
    if (averageFn !== undefined) {
      averaged.forEach((each, index) => void each.copy_(averageFn(each, current[index]!, count)));
      return;
    }
    const average = this.multiAverageFn ?? meanOfAll;
    for (const [ours, theirs] of alike(averaged, current)) average(ours, theirs, count);
  }
}

/** What of a module is averaged, as views without a history. */
function averages(module: Module, useBuffers: boolean): Tensor[] {
  return [...module.parameters(), ...(useBuffers ? module.buffers() : [])].map((each) => each.detach());
}

/** The tensors of each dtype and device, with those that belong to them. */
function alike(averaged: readonly Tensor[], current: readonly Tensor[]): Iterable<[Tensor[], Tensor[]]> {
  const groups = new Map<string, [Tensor[], Tensor[]]>();
  averaged.forEach((each, index) => {
    const key = `${each.dtype} ${each.device}`;
    const group = groups.get(key) ?? [[], []];
    groups.set(key, group);
    group[0].push(each);
    group[1].push(current[index]!);
  });
  return groups.values();
}

/**
 * Measures the running statistics of all batch norms anew, as means over the batches: for a model whose parameters have become
 * averages. The model is in its old mode afterwards.
 * @param batches of inputs, or of arrays whose first item is one.
 * @param options.device where inputs are put; default where they are.
 * @throws TorchError `type` for a batch that holds no tensor.
 * @see torch.optim.swa_utils.update_bn
 */
export function updateBn(batches: Iterable<unknown>, model: Module, options: { readonly device?: string } = {}): void {
  const norms = model.modules().filter((each) => each instanceof BatchNorm);
  if (norms.length === 0) return;
  const momenta = norms.map(({ momentum }) => momentum);
  const { training } = model;
  try {
    for (const norm of norms) {
      norm.resetRunningStats();
      norm.momentum = null;
    }
    model.train();
    noGrad(() => {
      for (const batch of batches) scope(() => void (model as Layer).call(inputOf(batch, options.device)));
    });
  } finally {
    norms.forEach((norm, index) => {
      norm.momentum = momenta[index]!;
    });
    model.train(training);
  }
}

function inputOf(batch: unknown, device: string | undefined): Tensor {
  const input: unknown = Array.isArray(batch) ? batch[0] : batch;
  if (!(input instanceof Tensor)) {
    throw new TorchError(
      'type',
      `Expected a tensor, or an array that begins with one, for a batch but received ${typeof input}`,
    );
  }
  return device === undefined ? input : input.to(device);
}
