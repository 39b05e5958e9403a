import { load, save } from '../io/index.js';
import type { MultiStepLR, SGD } from '../optim/index.js';
import type { Module } from '../nn/index.js';
import { float, getRngState, OrderedDict, setRngState, Tensor, type PyFloat, type StateDict } from '../tensor/index.js';
import type { EpochMetersState, MeterState } from './average-meter.js';
import { formatConfig, readConfig, type RunConfig } from './config.js';
import type { PassPlace } from './pass.js';
import type { Phase } from './reporter.js';
import type { LogLengths } from './run-logs.js';

/** The form of the file; a file of another form is refused. */
const version = 1;

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
  /** Whether `model.pth` holds a model of this run. */
  modelSaved: boolean;
  /** Of the final test, when phase is `done`. */
  testError: number | null;
}

/** The parts of a run that have a state of their own. */
export interface RunParts {
  readonly model: Module;
  readonly optimizer: SGD;
  readonly scheduler: MultiStepLR;
}

/**
 * Writes `checkpoint.pth`, whole or not at all: a dict that Python's `torch.load` opens, `model` and `optimizer` in
 * PyTorch's own layout.
 */
export function saveCheckpoint(
  path: string,
  config: RunConfig,
  parts: RunParts,
  place: RunPlace,
  logs: LogLengths,
): void {
  const rng = getRngState();
  try {
    save(
      new Map<string, unknown>([
        ['torchbridge_checkpoint', version],
        ['config', formatConfig(config)],
        ['model', parts.model.stateDict()],
        ['optimizer', parts.optimizer.stateDict()],
        ['scheduler', parts.scheduler.stateDict()],
        ['rng_state', rng],
        ['place', placeToDict(place)],
        ['logs', new Map(Object.entries(logs))],
      ]),
      path,
    );
  } finally {
    rng.dispose();
  }
}

/** What {@link readCheckpoint} read: the numbers at once, the tensors on demand. */
export interface Checkpoint {
  readonly config: RunConfig;
  readonly place: RunPlace;
  readonly logs: LogLengths;
  /** Puts the tensors into the parts and sets torch's RNG state, then frees the file's tensors. */
  restore(parts: RunParts): void;
}

/** Reads `checkpoint.pth`. @throws Error in one line when it is no checkpoint of this program. */
export function readCheckpoint(path: string): Checkpoint {
  const file = load(path);
  if (!(file instanceof Map) || file.get('torchbridge_checkpoint') !== version) {
    throw new Error(`${path} is not a checkpoint of this version of torchbridge`);
  }
  const rng: unknown = file.get('rng_state');
  const configText: unknown = file.get('config');
  const model: unknown = file.get('model');
  if (!(rng instanceof Tensor) || typeof configText !== 'string' || !(model instanceof OrderedDict)) {
    throw new Error(`${path} is not a whole checkpoint: rng_state, config or model is missing`);
  }
  return {
    config: readConfig(configText, path),
    place: placeFromDict(file.get('place')),
    logs: logsFromDict(file.get('logs')),
    restore(parts) {
      parts.model.loadStateDict(model as StateDict);
      parts.optimizer.loadStateDict(file.get('optimizer') as Parameters<SGD['loadStateDict']>[0]);
      parts.scheduler.loadStateDict(file.get('scheduler') as Parameters<MultiStepLR['loadStateDict']>[0]);
      setRngState(rng);
      rng.dispose();
      for (const value of model.values()) if (value instanceof Tensor) value.dispose();
    },
  };
}

type Dict = Map<string, unknown>;

function placeToDict(place: RunPlace): Dict {
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
          ]),
    ],
    ['trained', trained === null ? null : floats({ ...trained })],
    ['best_error', float(place.bestError)],
    ['model_saved', place.modelSaved],
    ['test_error', place.testError === null ? null : float(place.testError)],
  ]);
}

function placeFromDict(value: unknown): RunPlace {
  const dict = dictOf(value, 'place');
  const pass = dict.get('pass');
  const trained = dict.get('trained');
  return {
    epoch: numberOf(dict, 'epoch'),
    phase: dict.get('phase') as RunPlace['phase'],
    pass: pass == null ? null : passFromDict(dictOf(pass, 'pass')),
    trained: trained == null ? null : trainedFromDict(dictOf(trained, 'trained')),
    bestError: numberOf(dict, 'best_error'),
    modelSaved: dict.get('model_saved') === true,
    testError: dict.get('test_error') == null ? null : numberOf(dict, 'test_error'),
  };
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
    loader: loader as unknown as PassPlace['loader'],
    meters: { time: meter('time'), loss: meter('loss'), error: meter('error') },
  };
}

function metersToDict(meters: EpochMetersState): Map<string, Map<string, PyFloat>> {
  return new Map(Object.entries(meters).map(([name, state]) => [name, floats({ ...(state as MeterState) })]));
}

function logsFromDict(value: unknown): LogLengths {
  const dict = dictOf(value, 'logs');
  return { results: numberOf(dict, 'results'), losses: numberOf(dict, 'losses') };
}

/** Numbers as Python floats: an integral one would come back as the same number, but Python would see an int. */
function floats(values: Record<string, number>): Map<string, PyFloat> {
  return new Map(Object.entries(values).map(([name, value]) => [name, float(value)]));
}

function dictOf(value: unknown, name: string): Dict {
  if (!(value instanceof Map)) throw new Error(`the checkpoint's ${name} is not a dict`);
  return value as Dict;
}

function numberOf(dict: Dict, name: string): number {
  const value = dict.get(name);
  if (typeof value !== 'number') throw new Error(`the checkpoint's ${name} is not a number`);
  return value;
}
