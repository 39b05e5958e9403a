import os from 'node:os';
import { densenetByName, EFFICIENT_MODES, type DenseNet, type EfficientMode } from '../models/index.js';
import { functional } from '../nn/index.js';
import { SGD } from '../optim/index.js';
import { getNumThreads, manualSeed, memory, randint, randn, resetPeakMemory, scope, Tensor } from '../tensor/index.js';
import type { DType } from '../tensor/index.js';

/** What to measure. */
export interface MemoryReportOptions {
  /** `densenet121` and the others for ImageNet, or the paper's names for CIFAR such as `densenet-bc-100-12`. */
  readonly model: string;
  /** Pictures of a step; default 8. */
  readonly batchSize?: number | undefined;
  /** Height and width of the pictures in pixels; default 224, or 32 for a network of the CIFAR form. */
  readonly imageSize?: number | undefined;
  /** Default: all. */
  readonly modes?: readonly EfficientMode[] | undefined;
  /** Default float32. */
  readonly dtype?: DType | undefined;
  /** Bytes that tensors may take, for the largest batch; default: the memory of the machine, or of its container. */
  readonly limit?: number | undefined;
  /** Steps of which the time is the median; default 3. */
  readonly steps?: number | undefined;
  /** Called after every step. */
  readonly onStep?: ((done: number, total: number, mode: EfficientMode) => void) | undefined;
}

/** What a training step takes in one mode. */
export interface ModeMemory {
  readonly mode: EfficientMode;
  /** Bytes that the forward pass leaves for backward, beyond what was there before it. */
  readonly held: number;
  /** The most bytes at once in a step: the network, its gradients and the optimizer's momentum included. */
  readonly peak: number;
  /** Of a whole step: forward, loss, backward, SGD with momentum. */
  readonly seconds: number;
  /** Pictures of the largest step that stays within the limit. */
  readonly largestBatch: number;
}

/** What {@link memoryReport} found. */
export interface MemoryReport {
  readonly model: string;
  readonly batchSize: number;
  readonly imageSize: number;
  readonly dtype: DType;
  readonly threads: number;
  /** Bytes of parameters and buffers. */
  readonly modelBytes: number;
  readonly limit: number;
  readonly modes: readonly ModeMemory[];
}

/**
 * Fewest pictures of the steps that tell how memory grows: with fewer the optimizer's step, which does not depend on them, may be what
 * takes most.
 */
const LEAST_PROBE = 8;

/** A network with its optimizer. */
interface Subject {
  /** A training step with so many pictures. */
  readonly step: (batchSize: number) => StepUse;
  readonly dispose: () => void;
}

interface StepUse {
  readonly held: number;
  readonly peak: number;
  readonly seconds: number;
}

/**
 * Measures training steps of a network in each mode of {@link EFFICIENT_MODES}, with random pictures. Bytes are exact; the modes take
 * turns, so that a busy machine slows all.
 * @throws TorchError `value` for a name that is none, `memory` where a step needs more than there is.
 */
export function memoryReport(options: MemoryReportOptions): MemoryReport {
  const { model, batchSize = 8, modes = EFFICIENT_MODES, dtype = 'float32', steps = 3, onStep } = options;
  const limit = options.limit ?? machineMemory();
  return scope(() => {
    manualSeed(0);
    const networks = modes.map((mode) => densenetByName(model, { efficient: mode }).to(dtype));
    const modelBytes = bytesOf(networks[0]!);
    const imageSize = options.imageSize ?? (networks[0]!.config.smallInputs ? 32 : 224);
    const subjects = networks.map((network) => makeSubject(network, imageSize, dtype));
    const probes = [Math.max(batchSize, LEAST_PROBE), 2 * Math.max(batchSize, LEAST_PROBE)] as const;
    const total = modes.length * (steps + probes.length);
    let done = 0;
    const run = (size: number): StepUse[] =>
      subjects.map((subject, index) => {
        const use = subject.step(size);
        onStep?.(++done, total, modes[index]!);
        return use;
      });
    const rounds = Array.from({ length: steps }, () => run(batchSize));
    const [some, twice] = [run(probes[0]), run(probes[1])];
    const found = modes.map((mode, index): ModeMemory => {
      const { held, peak } = rounds[0]![index]!;
      const seconds = median(rounds.map((round) => round[index]!.seconds));
      const each = (twice[index]!.peak - some[index]!.peak) / probes[0];
      const largestBatch = Math.max(0, probes[1] + Math.floor((limit - twice[index]!.peak) / each));
      return { mode, held, peak, seconds, largestBatch };
    });
    for (const subject of subjects) subject.dispose();
    return { model, batchSize, imageSize, dtype, threads: getNumThreads(), modelBytes, limit, modes: found };
  });
}

/** What the paper's figure shows: a step of a DenseNet-BC of a depth, in one mode. */
export interface DepthMemory {
  readonly depth: number;
  readonly mode: EfficientMode;
  /** As in {@link ModeMemory}, for the batch that was asked for. */
  readonly held: number;
  readonly peak: number;
}

/** What {@link memoryByDepth} measures. */
export interface MemoryByDepthOptions {
  /** Default 40, 70, … 250. */
  readonly depths?: readonly number[] | undefined;
  /** Default 12. */
  readonly growthRate?: number | undefined;
  /** Default 64. */
  readonly batchSize?: number | undefined;
  readonly modes?: readonly EfficientMode[] | undefined;
  readonly onStep?: ((done: number, total: number, depth: number) => void) | undefined;
}

/** Depths of the figure in the paper on memory-efficient DenseNets, as far as a DenseNet-BC has them. */
export const FIGURE_DEPTHS = [40, 70, 100, 130, 160, 190, 220, 250] as const;

/**
 * Bytes of a training step of DenseNet-BC on 32×32 pictures, depth by depth. Bytes grow linearly with the batch, so that steps with
 * four and with eight pictures tell those of any.
 */
export function memoryByDepth(options: MemoryByDepthOptions = {}): DepthMemory[] {
  const { depths = FIGURE_DEPTHS, growthRate = 12, batchSize = 64, modes = EFFICIENT_MODES, onStep } = options;
  const cases = depths.flatMap((depth) => modes.map((mode) => ({ depth, mode })));
  return cases.map(({ depth, mode }, index) =>
    scope(() => {
      const network = densenetByName(`densenet-bc-${depth}-${growthRate}`, { efficient: mode });
      const subject = makeSubject(network, 32, 'float32');
      const [four, eight] = [subject.step(4), subject.step(8)];
      const at = (what: 'held' | 'peak'): number => four[what] + ((eight[what] - four[what]) / 4) * (batchSize - 4);
      subject.dispose();
      onStep?.(index + 1, cases.length, depth);
      return { depth, mode, held: at('held'), peak: at('peak') };
    }),
  );
}

function makeSubject(network: DenseNet, imageSize: number, dtype: DType): Subject {
  const optimizer = new SGD(network.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 });
  const classes = network.config.numClasses;
  const step = (batchSize: number): StepUse =>
    scope(() => {
      resetPeakMemory();
      const outside = memory().bytes;
      const input = randn([batchSize, 3, imageSize, imageSize], { dtype });
      const target = randint(0, classes, [batchSize]);
      const before = memory().bytes;
      const start = performance.now();
      const loss = functional.crossEntropy(network.call(input), target);
      const held = memory().bytes - before;
      loss.backward();
      optimizer.step();
      const seconds = (performance.now() - start) / 1000;
      const peak = memory().peakBytes - outside;
      optimizer.zeroGrad();
      return { held, peak, seconds };
    });
  // The first step makes the momentum, and libtorch its caches.
  const before = memory().bytes;
  step(2);
  const own = bytesOf(network) + memory().bytes - before;
  return {
    step: (batchSize) => {
      const use = step(batchSize);
      return { ...use, peak: own + use.peak };
    },
    dispose: () => {
      const momentum = [...optimizer.state.values()].flatMap((state) => Object.values(state));
      for (const each of [...network.parameters(), ...network.buffers(), ...momentum])
        if (each instanceof Tensor) each.dispose();
    },
  };
}

function bytesOf(network: DenseNet): number {
  return [...network.parameters(), ...network.buffers()].reduce((sum, t) => sum + t.nbytes, 0);
}

function machineMemory(): number {
  const container = process.constrainedMemory();
  return container > 0 ? Math.min(container, os.totalmem()) : os.totalmem();
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}
