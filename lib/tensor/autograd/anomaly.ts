import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { native } from '../../native/load.js';
import { refusePromise } from '../scope.js';
import { onStackWanted } from './callbacks.js';

/** @internal where frames are not the user's */
export const ownFolder = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const mostFrames = 50;

/** The JavaScript stack from the first frame outside lib/tensor on. */
export function stackOfCaller(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = mostFrames;
  const frames = (new Error().stack ?? '').split('\n').slice(1);
  Error.stackTraceLimit = limit;
  const first = frames.findIndex((frame) => !frame.includes(ownFolder));
  return frames.slice(Math.max(first, 0)).join('\n');
}

onStackWanted(stackOfCaller);

/** The forward call behind a failed backward: the `cause` of its error in anomaly mode. */
export class ForwardCall extends Error {
  override readonly name = 'ForwardCall';
  constructor(text: string) {
    const [message = '', ...frames] = text.split('\n');
    super(message);
    this.stack = `${message}\n${frames.join('\n')}`;
  }
}

/** In anomaly mode what the engine throws gets the stack of the forward call as its `cause`. */
export function addForwardCall(error: unknown): void {
  if (!native.isAnomaly()) return;
  const text = native.takeAnomaly();
  if (text !== '' && error instanceof Error && error.cause === undefined && Object.isExtensible(error)) {
    Object.defineProperty(error, 'cause', { value: new ForwardCall(text), writable: true, configurable: true });
  }
}

/** Runs the engine; see {@link addForwardCall}. */
export function runEngine<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    addForwardCall(error);
    throw error;
  }
}

export interface AnomalyOptions {
  /** Whether backward fails when a function gives NaN; default true. */
  checkNan?: boolean | undefined;
}

/** Whether anomaly mode is on. @see torch.is_anomaly_enabled */
export const isAnomalyEnabled = (): boolean => native.isAnomaly();
/** Whether it looks for NaN. @see torch.is_anomaly_check_nan_enabled */
export const isAnomalyCheckNanEnabled = (): boolean => native.isAnomalyCheckNan();

/**
 * Switches anomaly mode on or off, for the whole process: every recorded operator remembers the stack of its call, so that the error
 * of a failing backward names the forward call (as its `cause`), and a backward that gives NaN is an error. Slow: for debugging.
 * @see torch.autograd.set_detect_anomaly
 */
export function setDetectAnomaly(enabled: boolean, options: AnomalyOptions = {}): void {
  native.setAnomaly(enabled, options.checkNan ?? true);
}

/**
 * Runs a synchronous function in anomaly mode; forward and backward must both be inside.
 * ```ts
 * autograd.detectAnomaly(() => tensor([0], { requiresGrad: true }).sqrt().mul(0).sum().backward());
 * // TorchError: Function 'SqrtBackward0' returned nan values in its 0th output.
 * //   [cause]: Error detected in SqrtBackward0. Traceback of forward call that caused the error:
 * //     at train.ts:12:3
 * ```
 * @see torch.autograd.detect_anomaly
 */
export function detectAnomaly<T>(fn: () => T, options: AnomalyOptions = {}): T {
  const before = [native.isAnomaly(), native.isAnomalyCheckNan()] as const;
  native.setAnomaly(true, options.checkNan ?? true);
  try {
    const result = fn();
    refusePromise(result, 'detectAnomaly');
    return result;
  } finally {
    native.setAnomaly(...before);
  }
}
