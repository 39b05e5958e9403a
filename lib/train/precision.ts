import { GradScaler, type Optimizer } from '../optim/index.js';
import type { Module } from '../nn/index.js';
import { autocast, type DType, type Tensor } from '../tensor/index.js';
import type { AmpName } from './precision-names.js';

/** How a network computes: what is narrow, and how pictures lie in memory. */
export interface PrecisionOptions {
  readonly device: string;
  /** Automatic mixed precision; `none`, the default, computes in the dtype of the weights. */
  readonly amp?: AmpName | undefined;
  /** Whether pictures and the weights of convolutions lie with their channels last. */
  readonly channelsLast?: boolean | undefined;
}

const DTYPES: Readonly<Record<Exclude<AmpName, 'none'>, DType>> = { bf16: 'bfloat16', fp16: 'float16' };

/** What `--amp` and `--channels-last` mean for the passes of a network. */
export class Precision {
  readonly #options: PrecisionOptions;

  constructor(options: PrecisionOptions = { device: 'cpu' }) {
    this.#options = options;
  }

  get device(): string {
    return this.#options.device;
  }

  /** Lays the weights out; to be called once they are on the device. */
  prepare(model: Module): void {
    if (this.#options.channelsLast === true) model.to({ memoryFormat: 'channels_last' });
  }

  /** A batch `[N, C, H, W]` on the device, laid out as the network wants it. */
  input(batch: Tensor): Tensor {
    const { device, channelsLast } = this.#options;
    const memoryFormat = channelsLast === true && batch.dim() === 4 ? ('channels_last' as const) : undefined;
    return batch.to({ device, memoryFormat });
  }

  /** Runs the forward pass, and the loss: under autocast where that is wanted. */
  forward<T>(fn: () => T): T {
    const { amp = 'none', device } = this.#options;
    return amp === 'none' ? fn() : autocast(device, { dtype: DTYPES[amp] }, fn);
  }

  /** The scaler of a training run; float16 alone needs one. */
  scaler(): GradScaler | null {
    const { amp, device } = this.#options;
    return amp === 'fp16' ? new GradScaler(device.split(':')[0]) : null;
  }
}

/** Backward of a loss, scaled where there is a scaler. */
export function backward(loss: Tensor, scaler: GradScaler | null): void {
  (scaler === null ? loss : scaler.scale(loss)).backward();
}

/**
 * The optimizer's step, by the scaler where there is one.
 * @param clip works on the gradients before it.
 */
export function stepWith(optimizer: Optimizer, scaler: GradScaler | null, clip: (() => void) | null): void {
  if (clip !== null) {
    scaler?.unscale_(optimizer);
    clip();
  }
  if (scaler === null) {
    optimizer.step();
    return;
  }
  scaler.step(optimizer);
  scaler.update();
  // Of a step that was left out the scheduler would warn that it comes first.
  optimizer.stepped = true;
}
