import type { IncompatibleKeys, Module } from '../nn/index.js';
import { scope, TorchError, type StateDict } from '../tensor/index.js';
import { DenseNet } from './densenet.js';
import { nameOfForm } from './densenet-form.js';
import { identifyWeights } from './identify-weights.js';
import { findWeights, type FoundWeights, type WeightsSource } from './weight-files.js';
import { fitNames } from './weight-names.js';

/** Options of {@link loadWeights}. */
export interface LoadWeightsOptions {
  /** Whether missing and unexpected names are an error; default true. */
  readonly strict?: boolean | undefined;
  /** The entry of a checkpoint that holds the weights; default the one whose name says so, or the only state dict. */
  readonly entry?: string | undefined;
  /** Leaves `classifier` out where the file has another number of classes, instead of failing; default false. */
  readonly otherClasses?: boolean | undefined;
  /** Told what was done to the names and what was left out, a line each; default `process.emitWarning`. */
  readonly onNotice?: ((line: string) => void) | undefined;
}

/** What {@link loadWeights} did. With `strict: false` the missing and unexpected names are here. */
export interface WeightsReport extends IncompatibleKeys {
  /** The entry of the checkpoint that held the weights, null where the file holds nothing else. */
  readonly entry: string | null;
  /** Taken off in front of every name, as `module.`; empty for nothing. */
  readonly prefix: string;
  /** Old names, without the prefix, and the new ones. */
  readonly renamed: ReadonlyMap<string, string>;
  /** Entries that were not asked for: what is no tensor, what is beside the prefix, a classifier of other classes. */
  readonly leftOut: readonly string[];
}

/** Weights that do not fit: PyTorch's report, and what they look like. */
export class WeightsError extends TorchError {
  constructor(
    message: string,
    /** In one line whose weights these are, and whose they should be. */
    readonly hint: string,
  ) {
    super('runtime', message);
  }
}

/**
 * Puts weights into a model, under whatever names people's files have them: a checkpoint's `state_dict`, `model` or
 * `model_state_dict`; behind `module.`, `_orig_mod.` and the like; torchvision's old `denselayer1.norm.1`; names with spaces.
 * numpy arrays are taken as tensors. Batch normalisation of files without `num_batches_tracked` is completed as PyTorch does.
 * @throws WeightsError with PyTorch's report and what the weights look like; IoError for the file.
 */
export function loadWeights(model: Module, source: WeightsSource, options: LoadWeightsOptions = {}): WeightsReport {
  return scope(() => putWeights(model, findWeights(source, options.entry), options));
}

/** @see loadWeights */
export function putWeights(model: Module, found: FoundWeights, options: LoadWeightsOptions): WeightsReport {
  const { strict = true, onNotice = (line: string) => process.emitWarning(line) } = options;
  const { entry, name } = found;
  const own = scope(() => new Map([...model.stateDict()].map(([key, tensor]) => [key, tensor.shape])));
  const { state, prefix, renamed, leftOut } = fitNames(found.state, (key) => own.has(key));
  const classifier = options.otherClasses === true ? otherClassifier(state, own) : [];
  for (const key of classifier) state.set(key, model.stateDict().get(key)!);
  const incompatible = tryLoading(model, state, strict, name);
  if (prefix !== '') onNotice(`${name}: the prefix ${prefix} was taken off the names`);
  if (found.others.length > 0) onNotice(`${name}: left out, as they are no tensors: ${listOf(found.others)}`);
  if (leftOut.length > 0) onNotice(`${name}: left out, as they are beside ${prefix}: ${listOf(leftOut)}`);
  if (classifier.length > 0) {
    const classes = found.state.get(`${prefix}classifier.weight`)?.shape[0] ?? 0;
    const wanted = own.get('classifier.weight')?.[0] ?? 0;
    onNotice(
      `${name} has ${classes} classes, the model ${wanted}: ${listOf(classifier)} were left out and stay as they were`,
    );
  }
  return { entry, prefix, renamed, leftOut: [...found.others, ...leftOut, ...classifier], ...incompatible };
}

function tryLoading(model: Module, state: StateDict, strict: boolean, name: string): IncompatibleKeys {
  try {
    return model.loadStateDict(state, { strict });
  } catch (error) {
    if (!(error instanceof TorchError)) throw error;
    const hint = hintOf(model, state, name);
    throw new WeightsError(`${error.message}\n${hint}`, hint);
  }
}

/** The classifier's entries, where they are of other classes over the same channels. */
function otherClassifier(state: StateDict, own: ReadonlyMap<string, readonly number[]>): string[] {
  const [classes, channels] = state.get('classifier.weight')?.shape ?? [];
  const [wanted, wantedChannels] = own.get('classifier.weight') ?? [];
  if (channels !== wantedChannels || classes === wanted) return [];
  return ['classifier.weight', 'classifier.bias'].filter((key) => own.has(key));
}

function hintOf(model: Module, state: StateDict, name: string): string {
  const wanted =
    model instanceof DenseNet
      ? `${nameOfForm(model.config)}, ${model.config.numClasses} classes`
      : `a ${model.className()}`;
  const given = identifyWeights(state);
  if (given === undefined) {
    const own = [...model.stateDict().keys()];
    if (own.filter((key) => state.has(key)).length * 2 > own.length)
      return `${name} holds only a part of the weights of ${wanted}`;
    return `${name} holds no weights of ${wanted}: its names are ${listOf([...state.keys()])}`;
  }
  if (given === wanted) return `${name} holds the weights of ${given}, but not all as the model has them`;
  return `${name} holds the weights of ${given}; the model is ${wanted}`;
}

function listOf(names: readonly string[]): string {
  if (names.length <= 4) return names.join(', ');
  return `${names.slice(0, 4).join(', ')} and ${names.length - 4} more`;
}
