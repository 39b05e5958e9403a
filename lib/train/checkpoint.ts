import type { LoaderState } from '../data/index.js';
import { load, save } from '../io/index.js';
import type { GradScaler, Optimizer, Scheduler } from '../optim/index.js';
import type { Module } from '../nn/index.js';
import { getRngState, keep, OrderedDict, scope, setRngState, Tensor, type StateDict } from '../tensor/index.js';
import type { DeviceRng } from './device-rng.js';
import { formatConfig, readConfig, type RunConfig } from './config.js';
import type { LogLengths } from './run-logs.js';
import { countOf, dictOf, placeFromDict, placeToDict, type RunPlace } from './run-place.js';

/** The form of the file; a file of another form is refused. */
const version = 1;

/** The parts of a run that have a state of their own. */
export interface RunParts {
  readonly model: Module;
  /** The moving average of the model, where the run keeps one. */
  readonly averaged?: Module | null;
  readonly optimizer: Optimizer;
  readonly scheduler: Scheduler;
  /** Of a run in float16. */
  readonly scaler?: GradScaler | null;
  /** Of a run on a device. */
  readonly deviceRng?: DeviceRng | null;
}

/** What the processes of a run do not have in common, in their order; nothing where there is one. */
export interface ProcessStates {
  /** The states of their random numbers. */
  readonly rngStates: readonly Tensor[];
  /** Those of their devices, where they compute on some. */
  readonly deviceRngStates: readonly Tensor[];
  /** Where the passes over their pictures have got to, within a pass. */
  readonly loaderStates: readonly LoaderState[];
}

const NO_STATES: ProcessStates = { rngStates: [], deviceRngStates: [], loaderStates: [] };

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
  { rngStates, deviceRngStates, loaderStates }: ProcessStates = NO_STATES,
): void {
  // A state dict is made of aliases, which would otherwise stay until they are collected.
  scope(() => {
    save(
      new Map<string, unknown>([
        ['torchbridge_checkpoint', version],
        ['config', formatConfig(config)],
        ['model', parts.model.stateDict()],
        ...(parts.averaged == null ? [] : [['averaged', parts.averaged.stateDict()] as const]),
        ['optimizer', parts.optimizer.stateDict()],
        ['scheduler', parts.scheduler.stateDict()],
        ...(parts.scaler == null ? [] : [['scaler', parts.scaler.stateDict()] as const]),
        // Between two steps of the optimizer they are a part of the sum.
        ...(config.accumulate > 1 ? [['gradients', gradientsOf(parts.model)] as const] : []),
        ['rng_state', getRngState()],
        // Dropout on a device draws from its generator; a file from a machine without one goes on there with the seed's.
        ...(parts.deviceRng == null || rngStates.length > 0
          ? []
          : [['cuda_rng_state', parts.deviceRng.getAll()] as const]),
        // Of every process, where there are several: each has a device of its own.
        ...(rngStates.length === 0 ? [] : [['rng_states', rngStates] as const]),
        ...(deviceRngStates.length === 0 ? [] : [['cuda_rng_states', deviceRngStates] as const]),
        ...(loaderStates.length === 0 ? [] : [['loader_states', loaderStates] as const]),
        ['place', placeToDict(place)],
        ['logs', new Map(Object.entries(logs))],
      ]),
      path,
    );
  });
}

/** What {@link readCheckpoint} read: the numbers at once, the tensors on demand. */
export interface Checkpoint extends ProcessStates {
  readonly config: RunConfig;
  readonly place: RunPlace;
  readonly logs: LogLengths;
  /** The caller disposes of them. */
  readonly rngStates: readonly Tensor[];
  /** Likewise. */
  readonly deviceRngStates: readonly Tensor[];
  /** Puts the tensors into the parts and sets torch's RNG state, that of process `rank`, then frees the file's tensors. */
  restore(parts: RunParts, rank?: number): void;
}

/** Reads `checkpoint.pth`. @throws Error in one line that names the file when it is no checkpoint or is damaged. */
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
  const config = readConfig(configText, path);
  const averaged: unknown = file.get('averaged');
  if (config.ema !== null && !(averaged instanceof OrderedDict))
    throw new Error(`${path} is not a whole checkpoint: averaged is missing`);
  return whole(path, () => {
    const place = placeFromDict(file.get('place'), config);
    const rngStates = tensorsOf(file.get('rng_states'));
    const deviceRngStates = tensorsOf(file.get('cuda_rng_states'));
    const optimizer = dictOf(file.get('optimizer'), 'optimizer');
    const scheduler = dictOf(file.get('scheduler'), 'scheduler');
    const scaler = config.amp === 'fp16' ? dictOf(file.get('scaler'), 'scaler') : new Map<string, unknown>();
    const gradients = config.accumulate > 1 ? dictOf(file.get('gradients'), 'gradients') : new Map<string, unknown>();
    return {
      config,
      place,
      logs: logsFromDict(file.get('logs')),
      rngStates,
      deviceRngStates,
      loaderStates: loaderStatesOf(file.get('loader_states')),
      restore: (parts, rank = 0) =>
        whole(path, () => {
          parts.model.loadStateDict(model as StateDict);
          if (averaged instanceof OrderedDict) parts.averaged?.loadStateDict(averaged as StateDict);
          parts.optimizer.loadStateDict(optimizer);
          parts.scheduler.loadStateDict(scheduler);
          parts.scaler?.loadStateDict(scaler);
          restoreGradients(parts.model, gradients);
          // The steps were taken by an earlier process; the scheduler would warn that it comes before them.
          parts.optimizer.stepped ||= place.epoch > 0 || place.phase !== 'train' || place.pass !== null;
          setRngState(rank === 0 ? rng : (rngStates[rank] ?? rng));
          rng.dispose();
          restoreDevices(file.get('cuda_rng_state'), parts.deviceRng ?? null);
          const ofDevice = deviceRngStates[rank];
          if (ofDevice !== undefined) parts.deviceRng?.set(ofDevice);
          for (const held of [model, averaged])
            for (const value of held instanceof OrderedDict ? held.values() : [])
              if (value instanceof Tensor) value.dispose();
        }),
    };
  });
}

/** Gives the devices that are here their generators' states. @throws Error for what are no states. */
function restoreDevices(states: unknown, rng: DeviceRng | null): void {
  if (states === undefined) return;
  if (!Array.isArray(states) || !states.every((each) => each instanceof Tensor))
    throw new Error('its cuda_rng_state is not a list of tensors');
  rng?.setAll(states);
  for (const state of states) state.dispose();
}

function tensorsOf(value: unknown): Tensor[] {
  const list: unknown[] = Array.isArray(value) ? value : [];
  return list.filter((each) => each instanceof Tensor);
}

function loaderStatesOf(value: unknown): LoaderState[] {
  const list: unknown[] = Array.isArray(value) ? value : [];
  // Their fields are the loaders' own to check.
  return list.map((each) => Object.fromEntries(dictOf(each, 'loader_states')) as unknown as LoaderState);
}

function gradientsOf(model: Module): Map<string, Tensor> {
  return new Map(
    [...model.namedParameters()].flatMap(([name, { grad }]) => (grad === null ? [] : [[name, grad] as const])),
  );
}

/** Gives the parameters the gradients of a file. @throws Error for one that does not fit. */
function restoreGradients(model: Module, gradients: ReadonlyMap<string, unknown>): void {
  const parameters = new Map(model.namedParameters());
  for (const [name, value] of gradients) {
    const parameter = parameters.get(name);
    if (parameter === undefined || !(value instanceof Tensor) || value.shape.join() !== parameter.shape.join())
      throw new Error(`its gradient of ${name} does not fit the network`);
    parameter.grad = keep(value.to({ device: parameter.device }));
  }
}

/** Runs a step of the reading. @throws Error in one line that names the file where it fails. */
export function whole<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const [first = '', ...more] = (error as Error).message.split('\n').map((line) => line.trim());
    throw new Error(`${path} is damaged: ${first}${more.length > 0 ? ` ${more[0] ?? ''}` : ''}`, { cause: error });
  }
}

function logsFromDict(value: unknown): LogLengths {
  const dict = dictOf(value, 'logs');
  return { results: countOf(dict, 'results'), losses: countOf(dict, 'losses') };
}
