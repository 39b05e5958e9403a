import { float, type PyFloat } from '../tensor/index.js';
import type { RunConfig } from './config-schema.js';
import type { EpochMetersState, MeterState } from './average-meter.js';
import type { PassPlace } from './pass.js';
import type { Phase } from './reporter.js';

/** Where a run has got to, in plain numbers. */
export interface RunPlace {
  /** Epochs that are trained and validated. */
  epoch: number;
  /** The pass that is running or comes next. */
  phase: Phase | 'done';
  /** How far the pass has got; null when it has not begun. */
  pass: PassPlace | null;
  /** The training pass of this epoch, once it has ended. */
  trained: { loss: number; error: number; lr: number } | null;
  /** Of the epochs validated so far; 1 before the first. */
  bestError: number;
  /** Epochs validated since the best one; counted for an early stop. */
  sinceBest: number;
  /** Whether `model.pth` holds a model of this run. */
  modelSaved: boolean;
  /** Of the final test, when phase is `done`. */
  testError: number | null;
}

/** The place of a run that has not begun. */
export function firstPlace(): RunPlace {
  return {
    epoch: 0,
    phase: 'train',
    pass: null,
    trained: null,
    bestError: 1,
    sinceBest: 0,
    modelSaved: false,
    testError: null,
  };
}

/** A Python dict as a checkpoint holds it. */
export type Dict = Map<string, unknown>;

/** A place as a dict that Python's `torch.load` opens. */
export function placeToDict(place: RunPlace): Dict {
  const { pass, trained } = place;
  return new Map<string, unknown>([
    ['epoch', place.epoch],
    ['phase', place.phase],
    [
      'pass',
      pass === null
        ? null
        : new Map<string, unknown>([
            ['loader', pass.loader],
            ['meters', metersToDict(pass.meters)],
            ...(pass.lr === undefined ? [] : [['lr', float(pass.lr)] as const]),
          ]),
    ],
    ['trained', trained === null ? null : floats({ ...trained })],
    ['best_error', float(place.bestError)],
    ['since_best', place.sinceBest],
    ['model_saved', place.modelSaved],
    ['test_error', place.testError === null ? null : float(place.testError)],
  ]);
}

/**
 * Reads what {@link placeToDict} made.
 * @param run its epochs, and whether it may end before them.
 * @throws Error in one line for what no run can have come to.
 */
export function placeFromDict(
  value: unknown,
  { nEpochs, earlyStop }: Pick<RunConfig, 'nEpochs' | 'earlyStop'>,
): RunPlace {
  const dict = dictOf(value, 'place');
  const pass = dict.get('pass');
  const trained = dict.get('trained');
  const phase = phaseOf(dict.get('phase'));
  const epoch = countOf(dict, 'epoch');
  const inEpochs = phase === 'train' || phase === 'valid';
  const ended = epoch === nEpochs || (earlyStop !== null && epoch <= nEpochs);
  if (inEpochs ? epoch >= nEpochs : !ended) {
    throw new Error(`epoch ${epoch} of ${nEpochs} does not go with the phase ${phase}`);
  }
  if (phase === 'valid' && trained == null) throw new Error('the validation pass has no training pass before it');
  return {
    epoch,
    phase,
    pass: pass == null ? null : passFromDict(dictOf(pass, 'pass')),
    trained: trained == null ? null : trainedFromDict(dictOf(trained, 'trained')),
    bestError: numberOf(dict, 'best_error'),
    // Younger than the form of the file.
    sinceBest: dict.has('since_best') ? countOf(dict, 'since_best') : 0,
    modelSaved: dict.get('model_saved') === true,
    testError: phase !== 'done' && dict.get('test_error') == null ? null : numberOf(dict, 'test_error'),
  };
}

function phaseOf(value: unknown): RunPlace['phase'] {
  const phases = ['train', 'valid', 'test', 'done'] as const;
  const phase = phases.find((each) => each === value);
  if (phase === undefined) throw new Error(`its phase is ${String(value)}, not one of ${phases.join(', ')}`);
  return phase;
}

function trainedFromDict(dict: Dict): NonNullable<RunPlace['trained']> {
  return { loss: numberOf(dict, 'loss'), error: numberOf(dict, 'error'), lr: numberOf(dict, 'lr') };
}

function passFromDict(dict: Dict): PassPlace {
  const loader = Object.fromEntries(dictOf(dict.get('loader'), 'loader'));
  const meters = dictOf(dict.get('meters'), 'meters');
  const meter = (name: string): MeterState => {
    const state = dictOf(meters.get(name), name);
    return {
      val: numberOf(state, 'val'),
      avg: numberOf(state, 'avg'),
      sum: numberOf(state, 'sum'),
      count: numberOf(state, 'count'),
    };
  };
  return {
    // Its fields are the loader's own to check.
    loader: loader as unknown as PassPlace['loader'],
    meters: { time: meter('time'), loss: meter('loss'), error: meter('error') },
    ...(dict.has('lr') ? { lr: numberOf(dict, 'lr') } : {}),
  };
}

function metersToDict(meters: EpochMetersState): Map<string, Map<string, PyFloat>> {
  return new Map(Object.entries(meters).map(([name, state]) => [name, floats({ ...(state as MeterState) })]));
}

/** Numbers as Python floats: an integral one would come back as the same number, but Python would see an int. */
function floats(values: Record<string, number>): Map<string, PyFloat> {
  return new Map(Object.entries(values).map(([name, value]) => [name, float(value)]));
}

/** @throws Error for what is no dict. */
export function dictOf(value: unknown, name: string): Dict {
  if (!(value instanceof Map)) throw new Error(`its ${name} is not a dict`);
  return value as Dict;
}

/** A whole number from 0. @throws Error for anything else. */
export function countOf(dict: Dict, name: string): number {
  const value = numberOf(dict, name);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`its ${name} is ${value}`);
  return value;
}

function numberOf(dict: Dict, name: string): number {
  const value = dict.get(name);
  if (typeof value !== 'number') throw new Error(`its ${name} is not a number`);
  return value;
}
