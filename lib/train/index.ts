export { train, type TrainSettings } from './train.js';
export { trainFolds, type FoldsResult, type Spread } from './k-fold.js';
export type { BatchResult } from './pass.js';
export { Ranks, type Told } from './ranks.js';
export type { Gpus } from './gpus.js';
export { type TrainResult } from './trainer.js';
export { evaluate, type EvaluateOptions, type Evaluation } from './evaluate.js';
export type { RunConfig, RunOptions } from './config.js';
export { DeviceError, EvaluationInterrupted, RankZeroFailed, RunInterrupted, UsageError } from './errors.js';
export type { AverageMeter, EpochMeters, MeterState } from './average-meter.js';
export type { EpochReport, IterationReport, Phase, Reporter, StartReport } from './reporter.js';
export { predict, type PredictedClass, type Prediction, type PredictOptions } from './predict.js';
export { evaluateFolder, type EvaluateFolderOptions, type FolderEvaluation } from './evaluate-folder.js';
export { type PictureNetworkOptions } from './picture-network.js';
export { heatmapFigure } from './heatmap-figure.js';
export { graphFigure } from './graph-figure.js';
export {
  memoryByDepth,
  memoryReport,
  type DepthMemory,
  type MemoryByDepthOptions,
  type MemoryReport,
  type MemoryReportOptions,
  type ModeMemory,
} from './memory-report.js';
export { depthFigure, type DepthFigureOptions } from './depth-figure.js';
