import { float, full, keep, noGrad, ops, PyFloat, scope, Tensor, TorchError, buildInfo } from '../tensor/index.js';
import { checkOptionBag, type OptionNames } from '../tensor/option-bag.js';
import { warnOnce } from '../tensor/warn-once.js';
import type { Optimizer } from './optimizer.js';

/** Options of a {@link GradScaler}. */
export interface GradScalerOptions {
  /** The scale to begin with; default 65536. */
  initScale?: number;
  /** What the scale is multiplied by after `growthInterval` steps without an infinity; above 1, default 2. */
  growthFactor?: number;
  /** What the scale is multiplied by after an infinity or NaN; below 1, default 0.5. */
  backoffFactor?: number;
  /** Steps without an infinity until the scale grows; default 2000. */
  growthInterval?: number;
  /** False makes every method do nothing but {@link GradScaler.step}, which is the optimizer's; default true. */
  enabled?: boolean;
}

const OPTIONS: OptionNames<GradScalerOptions> = {
  initScale: false,
  growthFactor: false,
  backoffFactor: false,
  growthInterval: false,
  enabled: false,
};

/** Losses to scale: a tensor, or lists of them, which keep their form. */
export type Scalable = Tensor | readonly Scalable[];

/** What became of an optimizer's gradients since the last update. */
interface OptimizerState {
  stage: 'ready' | 'unscaled' | 'stepped';
  /** For each device a float32 of no dimension: 1 where a gradient was infinite or NaN. */
  foundInf: Map<string, Tensor>;
}

const FIX = 'This may indicate your script did not use scaler.scale(loss or outputs) earlier in the iteration.';
const NEW_SCALE =
  'new_scale should be a float or a 1-element torch.cuda.FloatTensor or torch.FloatTensor with requires_grad=False.';

/**
 * Keeps the gradients of float16 out of underflow: losses are multiplied by a scale, gradients divided by it before the step, steps with
 * infinite gradients left out, and the scale follows what it meets.
 * ```ts
 * const scaler = new optim.GradScaler('cpu');
 * const loss = autocast('cpu', { dtype: 'float16' }, () => crossEntropy(net.call(images), labels));
 * scaler.scale(loss).backward();
 * scaler.step(optimizer);
 * scaler.update();
 * ```
 * Its two tensors are made by the first {@link scale} and are its own; {@link dispose} frees them.
 * @see torch.amp.GradScaler
 */
export class GradScaler {
  readonly #device: string;
  readonly #enabled: boolean;
  #initScale: number;
  #initTracker = 0;
  #growthFactor: number;
  #backoffFactor: number;
  #growthInterval: number;
  #scale: Tensor | null = null;
  #tracker: Tensor | null = null;
  #states = new Map<Optimizer, OptimizerState>();

  /**
   * @param device type of the device, `'cuda'` (the default) or `'cpu'`; `'cuda'` without one is a disabled scaler, with a warning.
   * @throws TorchError `value` for factors that do not grow or shrink.
   */
  constructor(device = 'cuda', options: GradScalerOptions = {}) {
    checkOptionBag('GradScaler', options, OPTIONS);
    this.#device = device;
    let enabled = options.enabled ?? true;
    if (enabled && device === 'cuda' && buildInfo().accelerators === 0) {
      warnOnce('torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.');
      enabled = false;
    }
    this.#enabled = enabled;
    this.#initScale = options.initScale ?? 65536;
    this.#growthFactor = options.growthFactor ?? 2;
    this.#backoffFactor = options.backoffFactor ?? 0.5;
    this.#growthInterval = options.growthInterval ?? 2000;
    if (enabled && !(this.#growthFactor > 1)) throw new TorchError('value', 'The growth factor must be > 1.0.');
    if (enabled && !(this.#backoffFactor < 1)) throw new TorchError('value', 'The backoff factor must be < 1.0.');
  }

  /**
   * @param outputs losses, of any shape.
   * @returns new tensors: `outputs` times the scale, in the form they were given; `outputs` themselves when disabled.
   */
  scale<T extends Scalable>(outputs: T): T {
    if (!this.#enabled) return outputs;
    const scales = new Map<string, Tensor>();
    const apply = (value: unknown): unknown => {
      if (value instanceof Tensor) {
        const scale = this.#scale ?? this.#begin(value.device);
        return value.mul(replica(scales, scale, value.device));
      }
      if (Array.isArray(value)) return value.map(apply);
      throw new TorchError('value', 'outputs must be a Tensor or an iterable of Tensors');
    };
    return scope(() => apply(outputs)) as T;
  }

  /**
   * Divides the optimizer's gradients by the scale, so that they can be looked at or clipped; {@link step} does it where this was not called.
   * @throws TorchError `runtime` after an earlier call since the last {@link update}; `value` for float16 gradients.
   */
  unscale_(optimizer: Optimizer): void {
    if (!this.#enabled) return;
    const { scale } = this.#tensors('unscale_');
    const state = this.#stateOf(optimizer);
    if (state.stage === 'unscaled')
      throw new TorchError('runtime', 'unscale_() has already been called on this optimizer since the last update().');
    if (state.stage === 'stepped') throw new TorchError('runtime', 'unscale_() is being called after step().');
    // In float64, as the reciprocal in float32 may be rounded differently.
    scope(() => {
      this.#unscale(optimizer, state, scale.to('float64').reciprocal().to('float32'), false);
    });
    state.stage = 'unscaled';
  }

  /**
   * Unscales the gradients unless {@link unscale_} has, and takes the step unless one of them is infinite or NaN. A fused optimizer does
   * both in its kernel.
   * @returns what `optimizer.step()` returns, null where the step was left out.
   * @throws TorchError `runtime` when no loss was scaled, for a second step before {@link update}, and for a closure.
   */
  step(optimizer: Optimizer, closure?: () => Tensor): Tensor | null {
    if (!this.#enabled) return optimizer.step(closure);
    if (closure !== undefined)
      throw new TorchError('runtime', 'Closure use is not currently supported if GradScaler is enabled.');
    const { scale } = this.#tensors('step');
    const state = this.#stateOf(optimizer);
    if (state.stage === 'stepped')
      throw new TorchError('runtime', 'step() has already been called since the last update().');
    if (optimizer.stepSupportsAmpScaling) {
      this.#stepFused(optimizer, state, scale);
    } else {
      if (state.stage === 'ready') this.unscale_(optimizer);
      if (state.foundInf.size === 0) throw new TorchError('runtime', 'No inf checks were recorded for this optimizer.');
      const found = [...state.foundInf.values()].reduce((sum, each) => sum + each.item(), 0);
      if (found === 0) optimizer.step();
    }
    state.stage = 'stepped';
    return null;
  }

  #stepFused(optimizer: Optimizer, state: OptimizerState, scale: Tensor): void {
    scope(() => {
      if (state.stage === 'ready') this.#unscale(optimizer, state, full([], 1, onDevice(scale)), true);
      const found = [...state.foundInf.values()].map((each) => each.to({ device: scale.device, nonBlocking: true }));
      const before = optimizer.gradScale;
      optimizer.foundInf = found.reduce<Tensor>((sum, each) => sum.add(each), full([], 0, onDevice(scale)));
      if (state.stage === 'ready') optimizer.gradScale = before === null ? scale : scale.mul(before);
      try {
        optimizer.step();
      } finally {
        optimizer.gradScale = null;
        optimizer.foundInf = null;
      }
    });
  }

  /**
   * Ends the iteration: the scale shrinks after an infinity, and grows after `growthInterval` steps without one.
   * @param newScale sets the scale instead; a tensor of one element is copied.
   * @throws TorchError `runtime` when no step was taken.
   */
  update(newScale?: number | Tensor): void {
    if (!this.#enabled) return;
    const { scale, tracker } = this.#tensors('update');
    noGrad(() =>
      scope(() => {
        if (newScale instanceof Tensor) {
          if (newScale.numel() !== 1 || newScale.requiresGrad || newScale.device.split(':')[0] !== this.#device)
            throw new TorchError('value', NEW_SCALE);
          scale.copy_(newScale);
        } else if (newScale !== undefined) {
          scale.fill_(newScale);
        } else {
          const found = [...this.#states.values()].flatMap(({ foundInf }) => [...foundInf.values()]);
          const [first, ...others] = found.map((each) => each.to({ device: scale.device, nonBlocking: true }));
          if (first === undefined) throw new TorchError('runtime', 'No inf checks were recorded prior to update.');
          const combined = others.reduce((sum, each) => sum.add(each), first);
          const factors = [this.#growthFactor, this.#backoffFactor, this.#growthInterval] as const;
          ops.aten('_amp_update_scale_', scale, tracker, combined, ...factors);
        }
      }),
    );
    this.#forget();
  }

  /** The scale now; 1 when disabled. Waits for the device. */
  getScale(): number {
    if (!this.#enabled) return 1;
    return this.#scale === null ? this.#initScale : this.#scale.item();
  }

  getGrowthFactor(): number {
    return this.#growthFactor;
  }

  setGrowthFactor(factor: number): void {
    this.#growthFactor = factor;
  }

  getBackoffFactor(): number {
    return this.#backoffFactor;
  }

  setBackoffFactor(factor: number): void {
    this.#backoffFactor = factor;
  }

  getGrowthInterval(): number {
    return this.#growthInterval;
  }

  setGrowthInterval(interval: number): void {
    this.#growthInterval = interval;
  }

  /** Whether it scales at all. */
  isEnabled(): boolean {
    return this.#enabled;
  }

  /** Its numbers under PyTorch's names, the real ones as Python floats; empty when disabled. To be taken after {@link update}. */
  stateDict(): Map<string, number | PyFloat> {
    if (!this.#enabled) return new Map();
    return new Map<string, number | PyFloat>([
      ['scale', float(this.getScale())],
      ['growth_factor', float(this.#growthFactor)],
      ['backoff_factor', float(this.#backoffFactor)],
      ['growth_interval', this.#growthInterval],
      ['_growth_tracker', this.#tracker === null ? this.#initTracker : this.#tracker.item()],
    ]);
  }

  /**
   * Takes over the numbers of {@link stateDict}, or of Python's; nothing when disabled.
   * @throws TorchError `runtime` for an empty dict, `value` for one that lacks a number.
   */
  loadStateDict(state: ReadonlyMap<string, unknown>): void {
    if (!this.#enabled) return;
    if (state.size === 0)
      throw new TorchError(
        'runtime',
        'The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler.',
      );
    const read = (name: string): number => {
      const given = state.get(name);
      const value = given instanceof PyFloat ? given.value : given;
      if (typeof value !== 'number' || Number.isNaN(value))
        throw new TorchError('value', `Expected a number for ${name} in the state of a GradScaler`);
      return value;
    };
    const [scale, growth, backoff] = [read('scale'), read('growth_factor'), read('backoff_factor')];
    const [interval, tracker] = [read('growth_interval'), read('_growth_tracker')];
    [this.#initScale, this.#growthFactor, this.#backoffFactor] = [scale, growth, backoff];
    [this.#growthInterval, this.#initTracker] = [interval, tracker];
    scope(() => {
      this.#scale?.fill_(scale);
      this.#tracker?.fill_(tracker);
    });
  }

  /** Frees its tensors; it goes on from the same numbers when it is used again. */
  dispose(): void {
    if (this.#scale !== null && this.#tracker !== null) {
      [this.#initScale, this.#initTracker] = [this.#scale.item(), this.#tracker.item()];
      this.#scale.dispose();
      this.#tracker.dispose();
    }
    [this.#scale, this.#tracker] = [null, null];
    this.#forget();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #begin(device: string): Tensor {
    this.#tracker = keep(full([], this.#initTracker, { dtype: 'int32', device }));
    this.#scale = keep(full([], this.#initScale, { dtype: 'float32', device }));
    return this.#scale;
  }

  #tensors(method: string): { scale: Tensor; tracker: Tensor } {
    if (this.#scale === null || this.#tracker === null)
      throw new TorchError('runtime', `Attempted ${method} but _scale is None.  ${FIX}`);
    return { scale: this.#scale, tracker: this.#tracker };
  }

  #stateOf(optimizer: Optimizer): OptimizerState {
    let state = this.#states.get(optimizer);
    if (state === undefined) this.#states.set(optimizer, (state = { stage: 'ready', foundInf: new Map() }));
    return state;
  }

  /** Multiplies the gradients by `inverse`, and notes on each device whether one is infinite. Runs in a scope. */
  #unscale(optimizer: Optimizer, state: OptimizerState, inverse: Tensor, allowFloat16: boolean): void {
    const inverses = new Map<string, Tensor>();
    const kinds = new Map<string, Tensor[]>();
    noGrad(() => {
      for (const { params } of optimizer.paramGroups) {
        for (const param of params) {
          let { grad } = param;
          if (grad === null) continue;
          if (grad.dtype === 'float16' && !allowFloat16)
            throw new TorchError('value', 'Attempting to unscale FP16 gradients.');
          if (grad.layout === 'sparse_coo') {
            // Entries of the same index might overflow once they are summed.
            if (grad.dtype === 'float16') param.grad = grad = keep(grad.coalesce());
            grad = ops.aten<Tensor>('_values', grad);
          }
          const kind = `${grad.device} ${grad.dtype}`;
          const known = kinds.get(kind);
          if (known === undefined) kinds.set(kind, [grad]);
          else known.push(grad);
        }
      }
      for (const grads of kinds.values()) {
        const { device } = grads[0]!;
        let found = state.foundInf.get(device);
        if (found === undefined) state.foundInf.set(device, (found = keep(full([], 0, { dtype: 'float32', device }))));
        ops.aten('_amp_foreach_non_finite_check_and_unscale_', grads, found, replica(inverses, inverse, device));
      }
    });
  }

  #forget(): void {
    for (const { foundInf } of this.#states.values()) for (const found of foundInf.values()) found.dispose();
    this.#states.clear();
  }
}

const onDevice = ({ device }: Tensor): { dtype: 'float32'; device: string } => ({ dtype: 'float32', device });

/** A tensor on a device, copied there once. */
function replica(known: Map<string, Tensor>, master: Tensor, device: string): Tensor {
  if (master.device === device) return master;
  let copy = known.get(device);
  if (copy === undefined) known.set(device, (copy = master.to({ device, nonBlocking: true })));
  return copy;
}
