import type { Network } from '../models/index.js';
import { clipGradNorm } from '../nn/index.js';
import type { GradScaler, Optimizer } from '../optim/index.js';
import type { Tensor } from '../tensor/index.js';
import { recordStep, type GraphedStep } from '../tensor/cuda/graphed-step.js';
import type { Recorder } from '../tensor/cuda/recorder.js';
import { DeviceRates } from './device-rates.js';
import { lossOf, type Objective } from './objective.js';
import type { BatchOutcome } from './pass.js';
import { backward, stepWith, type Precision } from './precision.js';

/** What a recorded step is made of. */
export interface GraphedTrainingOptions {
  /** In training mode. */
  readonly model: Network;
  /** Fused. */
  readonly optimizer: Optimizer;
  /** Without accumulation: a batch is a step. */
  readonly objective: Objective;
  readonly scaler: GradScaler | null;
  readonly precision: Precision;
  /** Pictures of a whole batch: others are not recorded. */
  readonly batchSize: number;
  /** It is disposed of with the steps. */
  readonly recorder: Recorder;
}

/** Whole batches that are worked on before one is recorded: momentum buffers, workspaces and cuDNN's choices are made by then. */
const WARM_UP = 3;

/**
 * Steps of training that are recorded once and done again: forward, loss, backward and optimizer are given to the device in one call.
 * The first whole batches are worked on as they come, and every smaller one. The learning rate is read on the device, as float32.
 */
export class GraphedTraining {
  readonly #options: GraphedTrainingOptions;
  readonly #rates: DeviceRates;
  readonly #parameters: readonly Tensor[];
  #warm = 0;
  #recorded: GraphedStep | null = null;

  constructor(options: GraphedTrainingOptions) {
    this.#options = options;
    const { optimizer, precision } = options;
    this.#rates = new DeviceRates(optimizer, precision.device);
    this.#parameters = optimizer.paramGroups.flatMap(({ params }) => params);
  }

  /** Whether the step is recorded by now. */
  get isRecorded(): boolean {
    return this.#recorded !== null;
  }

  /**
   * One step on a batch, in a scope: input `[N, C, H, W]` and target `[N]` on the device.
   * @returns tensors of the scope, to be read before the next step.
   * @throws TorchError `runtime` in one line for what cannot be recorded.
   */
  step(input: Tensor, target: Tensor): BatchOutcome {
    const { batchSize, recorder, optimizer } = this.#options;
    this.#rates.sync();
    if (target.shape[0] !== batchSize) {
      const outcome = this.#outcome(this.#work(input, target), target);
      // The gradients of the recorded step are its own.
      if (this.#recorded !== null) optimizer.zeroGrad();
      return outcome;
    }
    if (this.#warm < WARM_UP) {
      this.#warm += 1;
      return this.#outcome(
        recorder.warmUp(() => this.#work(input, target)),
        target,
      );
    }
    this.#recorded ??= this.#record(input, target);
    return this.#outcome(this.#recorded(input, target), target);
  }

  /** Frees what was recorded. */
  dispose(): void {
    if (this.#recorded === null) this.#options.recorder.dispose();
    this.#recorded?.dispose();
    this.#rates.dispose();
  }

  #record(input: Tensor, target: Tensor): GraphedStep {
    // Those of the step before would be taken for the graph's.
    this.#options.optimizer.zeroGrad();
    return recordStep(this.#options.recorder, (x, y) => this.#work(x, y), [input, target]);
  }

  #work(input: Tensor, target: Tensor): readonly [loss: Tensor, logits: Tensor] {
    const { model, optimizer, objective, scaler, precision } = this.#options;
    const { clipGradNorm: maxNorm } = objective;
    optimizer.zeroGrad();
    const { loss, logits } = precision.forward(() => lossOf(model.call(input), target, objective));
    backward(loss, scaler);
    this.#rates.within(() => {
      stepWith(optimizer, scaler, maxNorm === null ? null : () => void clipGradNorm(this.#parameters, maxNorm));
    });
    return [loss.detach(), logits.detach()];
  }

  /** Handles of the scope: those of a recorded step stay. */
  #outcome([loss, logits]: readonly Tensor[], target: Tensor): BatchOutcome {
    return { loss: loss!.detach(), logits: logits!.detach(), target };
  }
}
