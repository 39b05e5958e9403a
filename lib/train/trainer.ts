import type { LoaderState } from '../data/index.js';
import { IoError, save } from '../io/index.js';
import { findWeights } from '../models/weight-files.js';
import type { Network } from '../models/index.js';
import { getRngState, scope, type Tensor } from '../tensor/index.js';
import { saveCheckpoint } from './checkpoint.js';
import { modelWithWeights } from './build-network.js';
import type { RunConfig } from './config-schema.js';
import { CurvePainter } from './curve-painter.js';
import { RankZeroFailed, RunInterrupted } from './errors.js';
import type { PassOptions, PassOutcome } from './pass.js';
import type { Reporter } from './reporter.js';
import type { RunPaths } from './run-files.js';
import type { Logs } from './run-logs.js';
import type { RunPlace } from './run-place.js';
import { partsOf, type Run } from './run.js';
import { testEpoch } from './test-epoch.js';
import { trainEpoch } from './train-epoch.js';

/** What a finished run came to. */
export interface TrainResult {
  /** The best validation error; of the last epoch where the test set is the validation set. */
  readonly validError: number;
  /** Error of the kept model on the test set. */
  readonly testError: number;
  readonly config: RunConfig;
}

/**
 * The loop of the efficient_densenet_pytorch script over a {@link Run}: train, step the scheduler, validate, keep the
 * best model, log; at the end test the kept model.
 *
 * Everything the loop knows of its progress is in `place`, so that a checkpoint written between any two iterations is
 * all that going on takes.
 */
export class Trainer {
  readonly #run: Run;
  readonly #paths: RunPaths;
  readonly #logs: Logs;
  readonly #place: RunPlace;
  readonly #reporter: Reporter | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #painter: CurvePainter;
  /** Of the processes of the run, where it has several, when the last checkpoint was written. */
  #rngStates: readonly Tensor[];
  #deviceRngStates: readonly Tensor[];
  #loaderStates: readonly LoaderState[] = [];

  /** @param place where to begin; changed as the run goes on. */
  constructor(
    run: Run,
    options: {
      paths: RunPaths;
      logs: Logs;
      rngStates?: readonly Tensor[];
      deviceRngStates?: readonly Tensor[];
      place: RunPlace;
      reporter?: Reporter | undefined;
      signal?: AbortSignal | undefined;
    },
  ) {
    this.#run = run;
    this.#paths = options.paths;
    this.#logs = options.logs;
    this.#place = options.place;
    this.#rngStates = options.rngStates ?? [];
    this.#deviceRngStates = options.deviceRngStates ?? [];
    this.#reporter = options.reporter;
    this.#signal = options.signal;
    this.#painter = new CurvePainter(options.paths, run.loaders.valid === null ? 'test' : 'validation');
  }

  /** @throws RunInterrupted when the signal is aborted, after the checkpoint has been written. */
  async train(): Promise<TrainResult> {
    const { config, loaders } = this.#run;
    const place = this.#place;
    this.#reporter?.start?.({
      nEpochs: config.nEpochs,
      trainIterations: (this.#run.parallel?.train ?? loaders.train).length,
      validIterations: (loaders.valid ?? loaders.test).length,
      testIterations: loaders.test.length,
      epoch: place.epoch,
    });
    while (place.phase === 'train' || place.phase === 'valid') {
      if (place.phase === 'train') await this.#trainPhase();
      await this.#validPhase();
      await this.#checkpoint();
      await this.#paint(() => this.#painter.paintSometimes());
    }
    if (!this.#writes) return { validError: place.bestError, testError: NaN, config };
    if (place.phase === 'test') await this.#testPhase();
    else if (place.testError !== null) this.#reporter?.finalTest?.(place.testError);
    await this.#paint(() => this.#painter.paint());
    const testError = place.testError ?? NaN;
    return { validError: place.bestError, testError, config };
  }

  /** The picture is for looking at: a run does not end for want of it. */
  async #paint(paint: () => Promise<void>): Promise<void> {
    if (!this.#writes) return;
    try {
      await paint();
    } catch (error) {
      const reason = (error as Error).message.split('\n')[0] ?? '';
      this.#reporter?.notice?.(`The curves could not be drawn: ${reason}`);
    }
  }

  async #trainPhase(): Promise<void> {
    const place = this.#place;
    const { model, averaged, optimizer, schedule, scaler, graphed, loaders, config } = this.#run;
    // A schedule may change it within the epoch, after an iteration.
    const rate = (): number => Number(optimizer.paramGroups[0]?.lr);
    const lr = place.pass?.lr ?? rate();
    let now = rate();
    const { parallel } = this.#run;
    parallel?.sampler.setEpoch(place.epoch);
    const outcome = await trainEpoch({
      ...this.#passOptions(),
      model: parallel?.model ?? model,
      loader: parallel?.train ?? loaders.train,
      optimizer,
      objective: config,
      scaler,
      graphed,
      stepped: () => {
        averaged?.updateParameters(model);
        schedule.afterStep();
      },
      logged: (iteration, { loss, error }) => {
        this.#logs.iteration(place.epoch, iteration, loss, error, now);
        now = rate();
      },
    });
    if (!outcome.finished) {
      const { place: reached } = outcome;
      return this.#interrupt({ ...outcome, place: reached === null ? null : { ...reached, lr } });
    }
    schedule.afterTraining();
    place.trained = { loss: outcome.meters.loss.avg, error: outcome.meters.error.avg, lr };
    place.phase = 'valid';
    place.pass = null;
  }

  async #validPhase(): Promise<void> {
    const place = this.#place;
    const { config, loaders, parallel } = this.#run;
    const validatedOn = loaders.valid === null ? 'test' : 'valid';
    const validated = loaders.valid ?? loaders.test;
    await parallel?.ranks.syncBuffers(this.#kept());
    const outcome = await testEpoch({
      ...this.#passOptions(),
      model: this.#kept(),
      loader: parallel?.valid ?? validated,
      dealt: parallel === undefined ? undefined : validated.length,
      phase: validatedOn,
    });
    if (!outcome.finished) return this.#interrupt(outcome);
    const { trained } = place;
    if (trained === null) throw new Error('the validation pass has no training pass before it');
    const loss = outcome.meters.loss.avg;
    const error = outcome.meters.error.avg;
    this.#run.schedule.afterValidation(loss);
    const best = error < place.bestError;
    place.sinceBest = best ? 0 : place.sinceBest + 1;
    if (loaders.valid === null) {
      place.bestError = error;
      this.#saveModel();
    } else if (best) {
      place.bestError = error;
      this.#reporter?.newBest?.(error);
      this.#saveModel();
    }
    this.#logs.epoch(place.epoch, trained.loss, trained.error, loss, error);
    this.#reporter?.epoch?.({
      epoch: place.epoch,
      nEpochs: config.nEpochs,
      trainLoss: trained.loss,
      trainError: trained.error,
      validLoss: loss,
      validError: error,
      lr: trained.lr,
      saved: best || loaders.valid === null,
      validatedOn,
    });
    place.epoch += 1;
    place.trained = null;
    place.pass = null;
    place.phase = place.epoch < config.nEpochs && !this.#isStuck() ? 'train' : 'test';
  }

  #isStuck(): boolean {
    const { earlyStop } = this.#run.config;
    const { sinceBest, epoch } = this.#place;
    if (earlyStop === null || sinceBest < earlyStop) return false;
    const epochs = `${sinceBest} ${sinceBest === 1 ? 'epoch' : 'epochs'}`;
    this.#reporter?.notice?.(`No better validation error for ${epochs}: training ends after epoch ${epoch}`);
    return true;
  }

  async #testPhase(): Promise<void> {
    const place = this.#place;
    const { config, loaders } = this.#run;
    if (!place.modelSaved) {
      // The script would fail here, for want of a file.
      this.#reporter?.notice?.('No epoch had a validation error below 1: the last model is kept');
      this.#saveModel();
    }
    // The kept model is tested in a network of its own: the checkpoint goes on holding the last one.
    const kept = scope(() => modelWithWeights(config, findWeights(this.#paths.model)));
    this.#run.precision.prepare(kept);
    const outcome = await testEpoch({
      ...this.#passOptions(),
      // The other processes have ended.
      ranks: undefined,
      model: kept,
      epoch: place.epoch - 1,
      loader: loaders.test,
      phase: 'test',
      final: true,
    });
    if (!outcome.finished) return this.#interrupt(outcome, { alone: true });
    place.testError = outcome.meters.error.avg;
    place.phase = 'done';
    place.pass = null;
    this.#logs.finalTest(place.testError);
    await this.#checkpoint({ alone: true });
    this.#reporter?.finalTest?.(place.testError);
  }

  #passOptions(): Omit<PassOptions, 'loader' | 'phase'> & { model: Network } {
    const { config, model, precision } = this.#run;
    return {
      model,
      precision,
      epoch: this.#place.epoch,
      nEpochs: config.nEpochs,
      place: this.#place.pass,
      signal: this.#signal,
      reporter: this.#reporter,
      ranks: this.#run.parallel?.ranks,
    };
  }

  /** The network that is validated and kept. */
  #kept(): Network {
    return this.#run.averaged?.module ?? this.#run.model;
  }

  /** Whether this process writes the files of the run. */
  get #writes(): boolean {
    return this.#run.parallel?.ranks.isFirst !== false;
  }

  #saveModel(): void {
    // A state dict is made of aliases, which would otherwise stay until they are collected.
    if (this.#writes) scope(() => save(this.#kept().stateDict(), this.#paths.model));
    this.#place.modelSaved = true;
  }

  async #checkpoint({ alone = false } = {}): Promise<void> {
    const { parallel, config, deviceRng } = this.#run;
    // At the test the others are gone; their numbers were drawn before.
    if (!alone && parallel !== undefined) {
      this.#dropRngStates();
      this.#rngStates = await parallel.ranks.gatheredStates(getRngState());
      if (deviceRng !== null) this.#deviceRngStates = await parallel.ranks.gatheredStates(deviceRng.get());
      const { pass } = this.#place;
      this.#loaderStates = pass === null ? [] : await parallel.ranks.gathered(pass.loader);
    }
    if (!this.#writes) return;
    const { checkpoint } = this.#paths;
    saveCheckpoint(checkpoint, config, partsOf(this.#run), this.#place, this.#logs.syncedLengths(), {
      rngStates: this.#rngStates,
      deviceRngStates: this.#deviceRngStates,
      loaderStates: alone ? [] : this.#loaderStates,
    });
  }

  /** Frees what the trainer holds. */
  dispose(): void {
    this.#dropRngStates();
    this.#run.graphed?.dispose();
  }

  #dropRngStates(): void {
    for (const state of [...this.#rngStates, ...this.#deviceRngStates]) state.dispose();
    this.#rngStates = [];
    this.#deviceRngStates = [];
  }

  async #interrupt({ place, error }: PassOutcome & { finished: false }, { alone = false } = {}): Promise<never> {
    const { checkpoint } = this.#paths;
    this.#place.pass = place;
    await this.#checkpoint({ alone });
    if (error === undefined) throw new RunInterrupted(checkpoint);
    if (!this.#writes) throw new RankZeroFailed();
    const way = 'mend the file, or leave out what cannot be read with --skip-broken, and go on with --resume';
    throw new IoError(error.code, `${error.message}; ${checkpoint} holds the run: ${way}`, error.path, {
      cause: error,
    });
  }
}
