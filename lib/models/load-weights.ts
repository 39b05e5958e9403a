import type { IncompatibleKeys, Module } from '../nn/index.js';
import { OrderedDict, scope, TorchError, type StateDict } from '../tensor/index.js';
import { DenseNet } from './densenet.js';
import { nameOfForm } from './densenet-form.js';
import { headsOf } from './heads.js';
import { identifyWeights } from './identify-weights.js';
import { listNames } from './list-names.js';
import { findWeights, type FoundWeights, type WeightsSource } from './weight-files.js';
import { fitNames } from './weight-names.js';

/** Options of {@link loadWeights}. */
export interface LoadWeightsOptions {
  /** Whether missing and unexpected names are an error; default true. */
  readonly strict?: boolean | undefined;
  /** The entry of a checkpoint that holds the weights; default the one whose name says so, or the only state dict. */
  readonly entry?: string | undefined;
  /** Leaves the file's classifier (`classifier`, `fc`) out where it is not one for the model's classes, instead of failing; default false. */
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
export function putWeights(
  model: Module,
  found: FoundWeights,
  options: LoadWeightsOptions & { readonly heads?: readonly string[] },
): WeightsReport {
  const { strict = true, onNotice = (line: string) => process.emitWarning(line) } = options;
  const { entry, name, others } = found;
  const own = scope(() => new Map([...model.stateDict()].map(([key, tensor]) => [key, tensor.shape])));
  const { state, prefix, renamed, leftOut } = fitNames(found.state, (key) => own.has(key));
  const other = options.otherClasses === true ? otherClassifier(state, own, options.heads) : undefined;
  const incompatible = scope(() => {
    const present = model.stateDict();
    const wanted = new OrderedDict([...state].filter(([key]) => other?.theirs.includes(key) !== true));
    if (state.metadata !== undefined) wanted.metadata = state.metadata;
    for (const key of other?.ours ?? []) wanted.set(key, present.get(key)!);
    return tryLoading(model, wanted, strict, () => hintOf(model, state, name));
  });
  if (prefix !== '') onNotice(`${name}: the prefix ${listNames([prefix])} was taken off the names`);
  if (others.length > 0) onNotice(`${name}: left out, as they are no tensors: ${listNames(others)}`);
  if (leftOut.length > 0)
    onNotice(`${name}: left out, as they are beside ${listNames([prefix])}: ${listNames(leftOut)}`);
  if (other !== undefined) onNotice(`${name} ${other.notice}`);
  return { entry, prefix, renamed, leftOut: [...others, ...leftOut, ...(other?.theirs ?? [])], ...incompatible };
}

function tryLoading(model: Module, state: StateDict, strict: boolean, hint: () => string): IncompatibleKeys {
  try {
    return model.loadStateDict(state, { strict });
  } catch (error) {
    if (!(error instanceof TorchError)) throw error;
    const line = hint();
    throw new WeightsError(`${error.message}\n${line}`, line);
  }
}

/** A classifier that is not the model's. */
interface OtherClassifier {
  /** The file's entries, which go. */
  readonly theirs: readonly string[];
  /** The model's, which stay. */
  readonly ours: readonly string[];
  readonly notice: string;
}

/**
 * Undefined where the file's classifier is one for the model's classes.
 * @param heads the layers that make classes; default those of the networks that are known.
 */
function otherClassifier(
  state: StateDict,
  own: ReadonlyMap<string, readonly number[]>,
  heads: readonly string[] = headsOf(own),
): OtherClassifier | undefined {
  const ofHead = (key: string): boolean => heads.some((head) => key.startsWith(`${head}.`));
  const theirs = [...state.keys()].filter(ofHead);
  const ours = [...own.keys()].filter(ofHead);
  const fits = ours.every((key) => state.get(key)?.shape.join() === own.get(key)?.join());
  if (fits && theirs.length === ours.length) return undefined;
  const weight = `${heads[0] ?? ''}.weight`;
  const classes = state.get(weight)?.shape[0];
  const wanted = own.get(weight)?.[0] ?? 0;
  if (theirs.length === 0) return { theirs, ours, notice: 'has no classifier: that of the model stays as it was' };
  const kind = classes === undefined ? 'another classifier than the model' : `${classes} classes, the model ${wanted}`;
  return { theirs, ours, notice: `has ${kind}: ${listNames(theirs)} were left out, that of the model stays as it was` };
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
    return `${name} holds no weights of ${wanted}: its names are ${listNames(state.keys())}`;
  }
  if (given === wanted) return `${name} holds the weights of ${given}, but not all as the model has them`;
  return `${name} holds the weights of ${given}; the model is ${wanted}`;
}
