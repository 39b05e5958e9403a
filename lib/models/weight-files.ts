import path from 'node:path';
import { fileSource } from '../io/byte-source.js';
import { IoError, load, loadSafetensors, NdArray } from '../io/index.js';
import { STATE_ENTRIES } from '../io/checkpoint-entries.js';
import { beginsLikeSafetensors } from '../io/safetensors-header.js';
import { fromBytes, OrderedDict, Tensor, type StateDict } from '../tensor/index.js';
import { cachedWeights } from './hub.js';
import { listNames } from './list-names.js';
import { Weights } from './weights.js';

/**
 * Where weights come from: a file, published weights in the cache, or what a file held (a state dict, or a checkpoint with
 * one in it).
 */
export type WeightsSource = string | Weights | ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>;

/** A state dict, and where it was. */
export interface FoundWeights {
  /** Owned by the current scope where it was read from a file; numpy arrays have become tensors. */
  readonly state: StateDict;
  /** Names of what stands among the tensors and is none. */
  readonly others: readonly string[];
  /** The entry of the checkpoint that it was, null where the file holds nothing else. */
  readonly entry: string | null;
  /** Names the source in messages. */
  readonly name: string;
}

/**
 * The state dict in a file of `torch.save` or safetensors, in a checkpoint, or of published weights.
 * @param entry which of a checkpoint's entries; default the one whose name says so, or the only one that is a state dict.
 * @throws IoError `format` when there is none, naming what there is; as {@link load} for the file.
 */
export function findWeights(source: WeightsSource, entry?: string): FoundWeights {
  const isFile = typeof source === 'string' || source instanceof Weights;
  const file = source instanceof Weights ? cachedWeights(source) : source;
  const name = typeof file === 'string' ? (source instanceof Weights ? path.basename(file) : file) : 'the state dict';
  const value: unknown = typeof file === 'string' ? readFile(file) : file;
  const refuse = (message: string): never => {
    throw new IoError('format', `${name}: ${message}`, isFile ? name : undefined);
  };
  const held = asMap(value);
  if (held === undefined)
    return refuse(`expected a state dict or a checkpoint with one, but it holds ${kindOf(value)}`);
  if (entry !== undefined) {
    const part = asStateDict(held.get(entry));
    if (part !== undefined) return { ...part, entry, name };
    return refuse(
      `expected a state dict under ${entry}, but ${held.has(entry) ? 'it is none' : `it holds ${namesOf(held)}`}`,
    );
  }
  const whole = asStateDict(held);
  if (whole !== undefined) return { ...whole, entry: null, name };
  const parts = [...held].flatMap(([key, value]): [string, Tensors][] => {
    const part = asStateDict(value);
    return part === undefined ? [] : [[key, part]];
  });
  const chosen = parts.find(([key]) => key === STATE_ENTRIES.find((each) => parts.some(([other]) => other === each)));
  const [first, ...others] = parts;
  if (chosen === undefined && others.length > 0) {
    return refuse(`it holds several state dicts (${listNames(parts.map(([key]) => key))}): name one as entry`);
  }
  const found = chosen ?? first;
  if (found === undefined)
    return refuse(`expected a state dict or a checkpoint with one, but it holds ${namesOf(held)}`);
  return { ...found[1], entry: found[0], name };
}

/** A file of torch.save, or of safetensors. */
function readFile(file: string): unknown {
  const source = fileSource(file);
  let head: Uint8Array;
  try {
    head = source.read(0, Math.min(source.size, 16));
  } finally {
    source.close();
  }
  return beginsLikeSafetensors(head) ? loadSafetensors(file) : load(file);
}

function asMap(value: unknown): Map<string, unknown> | undefined {
  if (value instanceof Map) return value as Map<string, unknown>;
  const isPlain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  return isPlain ? new Map(Object.entries(value)) : undefined;
}

/** What {@link asStateDict} finds: tensors, and the names of what else stands among them. */
interface Tensors {
  readonly state: StateDict;
  readonly others: readonly string[];
}

/** Mostly tensors or numpy arrays, which become tensors; beside them plain values at most, as the number of an epoch. */
function asStateDict(value: unknown): Tensors | undefined {
  const held = asMap(value);
  if (held === undefined) return undefined;
  const state: StateDict = new OrderedDict<Tensor>();
  const others: string[] = [];
  for (const [key, each] of held as Map<unknown, unknown>) {
    if (typeof key !== 'string') return undefined;
    if (each instanceof Tensor) state.set(key, each);
    else if (each instanceof NdArray) state.set(key, fromBytes(each.data, each.shape, each.dtype));
    else if (typeof each === 'object' && each !== null) return undefined;
    else others.push(key);
  }
  if (held instanceof OrderedDict && held.metadata !== undefined) state.metadata = held.metadata;
  return state.size > others.length ? { state, others } : undefined;
}

function namesOf(held: ReadonlyMap<unknown, unknown>): string {
  return held.size === 0 ? 'an empty dict' : listNames(held.keys(), 6);
}

function kindOf(value: unknown): string {
  if (value instanceof Tensor) return 'a tensor';
  if (Array.isArray(value)) return 'a list';
  return value === null ? 'None' : `a ${typeof value}`;
}
