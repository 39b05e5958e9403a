import fs from 'node:fs';
import { noGrad, OrderedDict, scope, Tensor } from '../tensor/index.js';
import { STATE_ENTRIES } from './checkpoint-entries.js';
import { IoError } from './errors.js';
import { inspect, isSafetensors } from './inspect.js';
import { load } from './load.js';
import { loadSafetensors, saveSafetensors, sharedNames } from './safetensors.js';
import { SAFETENSORS_CODES } from './safetensors-header.js';
import { save } from './save.js';
import { quote } from './strict-json.js';

/** The forms that {@link convert} writes. */
export type WrittenForm = 'zip' | 'safetensors';

/** How {@link convert} goes about it. */
export interface ConvertOptions {
  /** The form to write; default by the name: safetensors for `.safetensors`, else the zip form of torch.save. */
  readonly to?: WrittenForm | undefined;
  /** Taken off the names that begin with it (`'module.'`); default: names are kept. */
  readonly stripPrefix?: string | undefined;
  /** Whether a file that is there already is written over. */
  readonly force?: boolean | undefined;
}

/** What {@link convert} did. */
export interface Conversion {
  readonly from: 'torch.save' | 'safetensors';
  readonly to: WrittenForm;
  readonly tensors: number;
  /** What was left out or changed, a line each. */
  readonly notices: readonly string[];
}

/**
 * Writes what a file holds in another form: torch.save's zip form or safetensors, from either of them or torch.save's older
 * forms. Safetensors hold named tensors alone: of a checkpoint its state dict is taken, the rest is left out and told.
 * @throws IoError as {@link load}; `kind` where `output` exists. TypeError for tensors that the form does not have.
 */
export function convert(input: string, output: string, options: ConvertOptions = {}): Conversion {
  const to = options.to ?? (/\.safetensors$/i.test(output) ? 'safetensors' : 'zip');
  if (options.force !== true && fs.existsSync(output))
    throw new IoError('kind', `cannot write ${output}: it exists; --force writes over it`, output);
  return scope(() => {
    const notices: string[] = [];
    const isSafe = isSafetensors(input);
    const value: unknown = isSafe ? loadSafetensors(input) : load(input);
    const from = isSafe ? 'safetensors' : 'torch.save';
    if (to === 'safetensors') {
      const { tensors, metadata } = namedTensors(input, value, options, notices);
      saveSafetensors(tensors, output, { metadata });
      return { from, to, tensors: tensors.size, notices };
    }
    save(zipValue(value, options.stripPrefix, notices), output);
    return { from, to, tensors: inspect(output).tensors.length, notices };
  });
}

function zipValue(value: unknown, prefix: string | undefined, notices: string[]): unknown {
  if (!(value instanceof Map)) return value;
  const map = value as Map<unknown, unknown>;
  if ('metadata' in map && map.metadata instanceof Map && !(map instanceof OrderedDict)) {
    const texts = [...(map.metadata as Map<string, string>)].filter(([key]) => key !== 'format');
    if (texts.length > 0) notices.push(`left out: the metadata ${names(texts.map(([key]) => key))}`);
    return stripped(new OrderedDict(map as Map<string, Tensor>), prefix, notices);
  }
  if (prefix === undefined) return value;
  const inner = stateDictOf(map);
  if (inner === undefined) throw noState(prefix);
  const dict = stripped(inner.dict, prefix, notices);
  return inner.key === undefined
    ? dict
    : new Map([...map].map(([key, each]) => [key, key === inner.key ? dict : each]));
}

function noState(prefix: string): TypeError {
  return new TypeError(`Expected a state dict whose names begin with ${quote(prefix)}, but the file holds none`);
}

function namedTensors(
  input: string,
  value: unknown,
  { stripPrefix }: ConvertOptions,
  notices: string[],
): { tensors: Map<string, Tensor>; metadata: Map<string, string> } {
  const given = value instanceof Map ? (value as Map<unknown, unknown>) : undefined;
  const found = given && stateDictOf(given);
  if (given === undefined || found === undefined) {
    throw new TypeError(
      `${input}: safetensors hold named tensors, and the file has no dict of them; write the zip form instead (--to zip)`,
    );
  }
  if (found.key !== undefined) {
    notices.push(`taken: the state dict ${quote(found.key)}`);
    const others = [...given.keys()].filter((key) => key !== found.key);
    if (others.length > 0) notices.push(`left out: ${names(others)}, which safetensors cannot hold`);
  }
  const dict = stripped(found.dict, stripPrefix, notices);
  for (const [name, tensor] of dict) checkCarried(input, name, tensor);
  const shared = sharedNames(dict);
  for (const group of shared) notices.push(`written each on its own: ${names(group)}, which share memory`);
  const own = new Set(shared.flat());
  const plain = [...dict].map(([name, tensor]): [string, Tensor] => [
    name,
    noGrad(() => (own.has(name) ? tensor.detach().clone().contiguous() : tensor.detach().contiguous())),
  ]);
  // what PyTorch's own libraries write, and look for
  const kept =
    'metadata' in given && !(given instanceof OrderedDict)
      ? (given.metadata as Map<string, string>)
      : new Map<string, string>();
  return { tensors: new Map(plain), metadata: new Map([...kept, ['format', 'pt']]) };
}

function checkCarried(input: string, name: string, tensor: Tensor): void {
  if (tensor.layout !== 'strided')
    throw new TypeError(`${input}: tensor ${quote(name)} is ${tensor.layout}, which safetensors cannot hold`);
  if (!SAFETENSORS_CODES.has(tensor.dtype))
    throw new TypeError(`${input}: tensor ${quote(name)} is ${tensor.dtype}, which safetensors cannot hold`);
}

/** The dict of tensors of a file: the whole, or the one in it. */
function stateDictOf(map: Map<unknown, unknown>): { key: string | undefined; dict: Map<string, Tensor> } | undefined {
  if (isStateDict(map)) return { key: undefined, dict: map };
  for (const key of STATE_ENTRIES) {
    const inner = map.get(key);
    if (isStateDict(inner)) return { key, dict: inner };
  }
  return undefined;
}

function isStateDict(value: unknown): value is Map<string, Tensor> {
  return (
    value instanceof Map &&
    [...(value as Map<unknown, unknown>)].every(([key, each]) => typeof key === 'string' && each instanceof Tensor)
  );
}

function stripped(dict: Map<string, Tensor>, prefix: string | undefined, notices: string[]): Map<string, Tensor> {
  if (prefix === undefined) return dict;
  const keys = [...dict.keys()].filter((key) => key.startsWith(prefix));
  if (keys.length === 0) throw noState(prefix);
  const renamed = new OrderedDict<Tensor>();
  for (const [key, tensor] of dict) {
    const name = key.startsWith(prefix) ? key.slice(prefix.length) : key;
    if (renamed.has(name))
      throw new TypeError(`Cannot take ${quote(prefix)} off ${quote(key)}: there is a ${quote(name)} already`);
    renamed.set(name, tensor);
  }
  if (dict instanceof OrderedDict && dict.metadata !== undefined)
    renamed.metadata = new Map(
      [...dict.metadata].map(([key, each]) => [key.startsWith(prefix) ? key.slice(prefix.length) : key, each]),
    );
  notices.push(`renamed: ${keys.length} of ${dict.size} names, without ${quote(prefix)}`);
  return renamed;
}

function names(keys: readonly unknown[]): string {
  const shown = keys.slice(0, 5).map((key) => quote(String(key)));
  return `${shown.join(', ')}${keys.length > 5 ? ` and ${keys.length - 5} more` : ''}`;
}
