import type { DatasetProgress } from '../data/index.js';
import type { EpochMeters } from './average-meter.js';

/** Which of the three passes over data is running. */
export type Phase = 'train' | 'valid' | 'test';

/** One iteration that has just ended. */
export interface IterationReport {
  readonly phase: Phase;
  /** The test of the kept model, after all epochs. */
  readonly final: boolean;
  /** From 0. */
  readonly epoch: number;
  readonly nEpochs: number;
  /** From 0. */
  readonly iteration: number;
  /** Iterations of this pass. */
  readonly iterations: number;
  /** Pictures of this iteration. */
  readonly pictures: number;
  readonly meters: EpochMeters;
}

/** An epoch that has been trained and validated. */
export interface EpochReport {
  /** From 0. */
  readonly epoch: number;
  readonly nEpochs: number;
  readonly trainLoss: number;
  readonly trainError: number;
  readonly validLoss: number;
  readonly validError: number;
  /** Of the epoch that has ended. */
  readonly lr: number;
  /** Whether this epoch's model was written to `model.pth`. */
  readonly saved: boolean;
  /** What the second pass read. */
  readonly validatedOn: 'valid' | 'test';
}

/** A run that is about to begin or to go on. */
export interface StartReport {
  readonly nEpochs: number;
  /** Iterations of one epoch's training pass. */
  readonly trainIterations: number;
  /** Iterations of one epoch's validation pass. */
  readonly validIterations: number;
  /** Iterations of the test at the end. */
  readonly testIterations: number;
  /** Epochs that are done. */
  readonly epoch: number;
}

/**
 * Where a run tells what it does. Every method is optional and synchronous; what it throws ends the run.
 */
export interface Reporter {
  /** Something worth a line that is no result: an overwritten folder, a resumed run. */
  notice?(text: string): void;
  /** The model has been built. @param print what Python's `print(model)` shows. @param parameters their number. */
  model?(print: string, parameters: number): void;
  /** Bytes of a data set have come in. */
  download?(progress: DatasetProgress): void;
  start?(report: StartReport): void;
  iteration?(report: IterationReport): void;
  /** The model of this epoch is the best so far. */
  newBest?(error: number): void;
  epoch?(report: EpochReport): void;
  /** The best model's error on the test set. */
  finalTest?(error: number): void;
  done?(): void;
}
