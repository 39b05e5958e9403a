import { setImmediate as turn } from 'node:timers/promises';
import { Prefetcher, type BatchCopies, type LoaderState } from '../data/index.js';
import { IoError } from '../io/index.js';
import { scope, type Tensor } from '../tensor/index.js';
import { epochMeters, epochMetersState, type EpochMeters, type EpochMetersState } from './average-meter.js';
import type { Precision } from './precision.js';
import type { Ranks } from './ranks.js';
import type { Phase, Reporter } from './reporter.js';
import type { PassLoader } from './run-data.js';

/** Loss and top-1 error (0 to 1) of one batch, read back as numbers. */
export interface BatchResult {
  readonly loss: number;
  readonly error: number;
}

/** What one batch came to, which the device may still be working on. */
export interface BatchOutcome {
  /** Of no dimensions. */
  readonly loss: Tensor;
  /** `[N, classes]`. */
  readonly logits: Tensor;
  /** `[N]` int64. */
  readonly target: Tensor;
}

/** Waits for the device. */
function readOutcome(outcome: BatchResult | BatchOutcome): BatchResult {
  if (!('logits' in outcome)) return outcome;
  const { loss, logits, target } = outcome;
  return { error: top1Error(logits, target), loss: loss.item() };
}

function readAndFree(outcome: BatchResult | BatchOutcome): BatchResult {
  const result = scope(() => readOutcome(outcome));
  if ('logits' in outcome) for (const each of [outcome.loss, outcome.logits, outcome.target]) each.dispose();
  return result;
}

/** Where an interrupted pass over a loader has got to, as plain data for a checkpoint. */
export interface PassPlace {
  readonly loader: LoaderState;
  readonly meters: EpochMetersState;
  /** The learning rate with which a training pass began, once it has been put off. */
  readonly lr?: number;
}

/**
 * How a pass ended: through the whole loader, or before it, where `place` is null if not one batch was drawn, and `error` says which
 * picture could not be read.
 */
export type PassOutcome =
  | { readonly finished: true; readonly meters: EpochMeters }
  | { readonly finished: false; readonly place: PassPlace | null; readonly error?: IoError };

/** What every pass needs to know of its run. */
export interface PassOptions {
  readonly phase: Phase;
  readonly epoch: number;
  readonly nEpochs: number;
  /** Whether this is the test of the kept model. */
  readonly final?: boolean;
  readonly loader: PassLoader;
  /** How the network computes, and where. */
  readonly precision: Precision;
  /** Goes on from here instead of beginning; the RNG state must be that of the moment the place was taken. */
  readonly place?: PassPlace | null;
  readonly signal?: AbortSignal | undefined;
  readonly reporter?: Reporter | undefined;
  /** How batches come to the device; default what its kind needs. */
  readonly copies?: BatchCopies | undefined;
  /** The processes that go through it together: a number is their mean, and all stop where one of them does. */
  readonly ranks?: Ranks | undefined;
  /** With `ranks`, where each has batches of its own in `loader` and all learn what came out: batches of all of them. */
  readonly dealt?: number | undefined;
}

/**
 * Goes once through a loader, one `scope` for each iteration, and lets the event loop have its turn between them.
 *
 * The signal is looked at between iterations only: an iteration is whole or has not begun, which is what makes a
 * resumed run equal to one that was never stopped.
 * @param step works on a batch: input `[N, C, H, W]` float32, target `[N]` int64, both on the device.
 * @param logged called with every iteration's numbers, before the reporter.
 */
export async function runPass(
  options: PassOptions,
  step: (input: Tensor, target: Tensor) => BatchResult | BatchOutcome,
  logged?: (iteration: number, result: BatchResult) => void,
): Promise<PassOutcome> {
  const { loader } = options;
  const place = options.place ?? null;
  if (await isToStop(options)) return { finished: false, place };
  // Making the iterator draws a random number; so it is made after the last moment at which the pass can be put off.
  const drawn = place === null ? loader[Symbol.iterator]() : loader.resume(place.loader);
  const { copies, precision } = options;
  const batches = new Prefetcher(drawn, { device: precision.device, ...(copies !== undefined && { copies }) });
  try {
    return await runBatches(options, batches, step, logged);
  } finally {
    await batches.close();
  }
}

async function runBatches(
  options: PassOptions,
  batches: Prefetcher,
  step: (input: Tensor, target: Tensor) => BatchResult | BatchOutcome,
  logged?: (iteration: number, result: BatchResult) => void,
): Promise<PassOutcome> {
  const { loader, phase, epoch, nEpochs, signal, reporter, precision, ranks } = options;
  const place = options.place ?? null;
  let stop = false; // as all have agreed
  const meters = epochMeters(place?.meters);
  const placeNow = (): PassPlace => ({ loader: batches.state(), meters: epochMetersState(meters) });
  const iterations = options.dealt ?? loader.length;
  let end = performance.now();
  let iteration = place === null ? 0 : batches.state().batches * (options.dealt === undefined ? 1 : (ranks?.size ?? 1));
  for (;;) {
    if (ranks === undefined ? isAborted(signal) : stop) return { finished: false, place: placeNow() };
    const error = await brokenPicture(batches, options);
    if (error !== null) return { finished: false, place: placeNow(), error };
    const done = scope(() => {
      const next = batches.next();
      if (next.done === true) return null;
      const [input, target] = next.value;
      const pictures = target.shape[0] ?? 0;
      const outcome = step(precision.input(input), target.to(precision.device));
      return { pictures, outcome: batches.passesOn ? readOutcome(outcome) : outcome };
    });
    // While the device works on this batch.
    if (done !== null) await batches.prefetch();
    const own = done === null ? null : { pictures: done.pictures, result: readAndFree(done.outcome) };
    const agreed = await together(own, options);
    if (agreed.done.length === 0) return { finished: true, meters };
    stop = agreed.stop;
    for (const { pictures, result } of agreed.done) {
      meters.error.update(result.error, pictures);
      meters.loss.update(result.loss, pictures);
      const now = performance.now();
      meters.time.update((now - end) / 1000);
      end = now;
      logged?.(iteration, result);
      const final = options.final === true;
      reporter?.iteration?.({ phase, final, epoch, nEpochs, iteration, iterations, pictures, meters });
      iteration += 1;
    }
    await turn();
  }
}

/** What came out of an iteration. */
interface Done {
  readonly pictures: number;
  readonly result: BatchResult;
}

/** What came out of an iteration on all processes, and whether one of them is to stop; nothing behind the last batch. */
async function together(done: Done | null, options: PassOptions): Promise<{ done: readonly Done[]; stop: boolean }> {
  const { ranks, dealt, signal } = options;
  if (ranks !== undefined && dealt !== undefined) {
    const numbers = done === null ? null : [done.pictures, done.result.loss, done.result.error];
    const { results, stop } = await ranks.share(numbers, 3, isAborted(signal));
    return {
      done: results.map(([pictures = 0, loss = 0, error = 0]) => ({ pictures, result: { loss, error } })),
      stop,
    };
  }
  if (done === null || ranks === undefined) return { done: done === null ? [] : [done], stop: false };
  const agreed = await ranks.agree(done.result, isAborted(signal));
  return { done: [{ ...done, result: agreed.result ?? done.result }], stop: agreed.stop };
}

/** Waits for the pictures of the next batch. @returns what is wrong with one of them, also of another process. */
async function brokenPicture(batches: Prefetcher, { ranks, reporter }: PassOptions): Promise<IoError | null> {
  const failure = await brokenHere(batches);
  if (ranks === undefined || !batches.waits) return failure;
  const all = await ranks.ready(failure);
  for (const note of all.notes) reporter?.notice?.(note);
  return all.failure;
}

async function brokenHere(batches: Prefetcher): Promise<IoError | null> {
  try {
    await batches.ready();
    return null;
  } catch (error) {
    if (error instanceof IoError) return error;
    throw error;
  }
}

async function isToStop({ signal, ranks }: PassOptions): Promise<boolean> {
  if (ranks === undefined) return isAborted(signal);
  return (await ranks.agree(null, isAborted(signal))).stop;
}

/** A call, because the compiler takes a flag it has seen once for a constant. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

/**
 * The share of wrong first choices in a batch, in the arithmetic of the efficient_densenet_pytorch script: counted in
 * float32, divided in float64.
 * @param output `[N, classes]`.
 * @param target `[N]` int64, on any device.
 */
export function top1Error(output: Tensor, target: Tensor): number {
  const [, pred] = output.data.to('cpu').topk(1, { dim: 1 });
  const wrong = pred.squeeze().ne(target.to('cpu')).to('float32').sum().item();
  return wrong / (target.shape[0] ?? 1);
}
