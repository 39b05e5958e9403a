/**
 * What the user asked for cannot be: a wrong option value or options that exclude each other. The commands answer it
 * with one line and exit code 2, where every other failure gets 1.
 */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The device that was asked for is not there or cannot be used. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';
}

/** An evaluation was stopped by its AbortSignal. */
export class EvaluationInterrupted extends Error {
  override readonly name = 'AbortError';

  constructor() {
    super('the evaluation was interrupted');
  }
}

/** A run was stopped by its AbortSignal; its checkpoint is on disk and `resume` goes on from there. */
export class RunInterrupted extends Error {
  /** As Node's own abortable functions name it. */
  override readonly name = 'AbortError';

  /** @param checkpoint path of the file that was written. */
  constructor(readonly checkpoint: string) {
    super(`the run was interrupted; ${checkpoint} holds its place`);
  }
}

/** Another process than rank 0 ends, because one of them cannot go on; rank 0 says why. */
export class RankZeroFailed extends Error {
  override readonly name = 'RankZeroFailed';
  constructor() {
    super('rank 0 says why the processes end');
  }
}
