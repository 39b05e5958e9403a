import { native } from '../native/load.js';
import { refusePromise } from './scope.js';

/** Whether operators record what backward needs. @see torch.is_grad_enabled */
export const isGradEnabled = (): boolean => native.isGradEnabled();

/** @internal for code that must restore the mode itself */
export function setGradEnabled(enabled: boolean): void {
  native.setGradEnabled(enabled);
}

function within<T>(enabled: boolean, fn: () => T, what: string): T {
  const before = native.isGradEnabled();
  native.setGradEnabled(enabled);
  try {
    const result = fn();
    refusePromise(result, what);
    return result;
  } finally {
    native.setGradEnabled(before);
  }
}

/**
 * Runs a synchronous function without recording gradients.
 * @throws TorchError `type` for a function that returns a Promise.
 * @see torch.no_grad
 */
export const noGrad = <T>(fn: () => T): T => within(false, fn, 'noGrad');

/** Runs a synchronous function with recording on, inside {@link noGrad}. @see torch.enable_grad */
export const enableGrad = <T>(fn: () => T): T => within(true, fn, 'enableGrad');

/**
 * Runs a synchronous function whose tensors can never take part in autograd; cheaper than {@link noGrad}.
 * @see torch.inference_mode
 */
export function inferenceMode<T>(fn: () => T, enabled = true): T {
  native.pushInferenceMode(enabled);
  try {
    const result = fn();
    refusePromise(result, 'inferenceMode');
    return result;
  } finally {
    native.popInferenceMode();
  }
}

export const isInferenceModeEnabled = (): boolean => native.isInferenceMode();
