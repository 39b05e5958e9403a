import { emptyLike } from '../creation.js';
import { TorchError } from '../errors.js';
import { noGrad } from '../grad-mode.js';
import { keep, scope } from '../scope.js';
import { Tensor } from '../tensor.js';
import { synchronize } from './device.js';
import type { GraphOptions } from './graph.js';
import { CudaRecorder, type Recorder } from './recorder.js';

/** Options of {@link makeGraphedStep}. */
export interface GraphedStepOptions extends GraphOptions {
  /** Called before the step is recorded, outside of the graph: to drop gradients, so that the graph makes its own. */
  readonly beforeCapture?: (() => void) | undefined;
}

/** A recorded step. */
export interface GraphedStep {
  /**
   * Does the step again with other inputs of the same shapes.
   * @returns the tensors that the recorded function returned, with new values: they are overwritten by the next call.
   * @throws TorchError `shape` for inputs of other shapes or dtypes.
   */
  (...inputs: Tensor[]): readonly Tensor[];
  /** Frees the graph, its inputs and its outputs. */
  dispose(): void;
}

/**
 * Records a whole step, such as forward, loss, backward and optimizer, and does it again at one call a step. What the step makes once,
 * as the buffers of a momentum, must be there: take a real step before. A learning rate must be a tensor on the device.
 * ```ts
 * const step = cuda.makeGraphedStep((images, labels) => {
 *   const loss = crossEntropy(net.call(images), labels);
 *   loss.backward();
 *   optimizer.step();
 *   return [loss];
 * }, [images, labels], { beforeCapture: () => optimizer.zeroGrad() });
 * ```
 * @param step synchronous; takes the static inputs, returns the tensors to be read after each call.
 * @param inputs of the shapes, dtypes and device of all that follow; their values are not used.
 * @throws TorchError `device` without CUDA, `notImplemented` without the CUDA module, `runtime` for what cannot be recorded.
 * @see torch.cuda.make_graphed_callables
 */
export function makeGraphedStep(
  step: (...inputs: Tensor[]) => readonly Tensor[],
  inputs: readonly Tensor[],
  options: GraphedStepOptions = {},
): GraphedStep {
  const { beforeCapture, ...graphOptions } = options;
  const recorder = new CudaRecorder(inputs[0]?.device, graphOptions);
  try {
    if (beforeCapture !== undefined) recorder.warmUp(beforeCapture);
    const recorded = recordStep(recorder, step, inputs);
    synchronize(inputs[0]?.device);
    return recorded;
  } catch (error) {
    recorder.dispose();
    throw error;
  }
}

/** @internal {@link makeGraphedStep} with a recorder, which the step owns once it is recorded */
export function recordStep(
  recorder: Recorder,
  step: (...inputs: Tensor[]) => readonly Tensor[],
  inputs: readonly Tensor[],
): GraphedStep {
  const statics = noGrad(() => scope(() => inputs.map((each) => keep(emptyLike(each).copy_(each)))));
  let outputs: readonly Tensor[];
  try {
    outputs = recorder.record(() => scope(() => step(...statics).map((each) => keep(each))));
  } catch (error) {
    for (const each of statics) each.dispose();
    throw error;
  }
  const again = (...given: Tensor[]): readonly Tensor[] => {
    check(statics, given);
    noGrad(() => {
      scope(() => {
        statics.forEach((into, index) => into.copy_(given[index]!, { nonBlocking: true }));
      });
    });
    recorder.replay();
    return outputs;
  };
  const dispose = (): void => {
    recorder.dispose();
    for (const each of [...statics, ...outputs]) each.dispose();
  };
  return Object.assign(again, { dispose });
}

function check(statics: readonly Tensor[], given: readonly Tensor[]): void {
  const form = (list: readonly Tensor[]): string =>
    list.map((each) => (each instanceof Tensor ? `${each.dtype}[${each.shape.join(', ')}]` : typeof each)).join(', ');
  if (form(statics) === form(given)) return;
  throw new TorchError('shape', `Expected ${form(statics)} for a recorded step but received ${form(given)}`);
}
