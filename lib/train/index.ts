export { train, type TrainSettings } from './train.js';
export { type TrainResult } from './trainer.js';
export { evaluate, type EvaluateOptions, type Evaluation } from './evaluate.js';
export type { RunConfig, RunOptions } from './config.js';
export { DeviceError, EvaluationInterrupted, RunInterrupted, UsageError } from './errors.js';
export type { AverageMeter, EpochMeters, MeterState } from './average-meter.js';
export type { EpochReport, IterationReport, Phase, Reporter, StartReport } from './reporter.js';
