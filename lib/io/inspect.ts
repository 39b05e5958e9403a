import { OrderedDict } from '../tensor/index.js';
import { fileSource } from './byte-source.js';
import { outline, type TorchOutline } from './outline.js';
import { TensorOutline } from './outline-maker.js';
import { NdArray, Tuple, UnknownObject } from './pickle-values.js';
import { beginsLikeSafetensors, readSafetensorsHeader } from './safetensors-header.js';
import { ELEMENT_BYTES } from './torch-storages.js';

/** A tensor of a file that was looked into. */
export interface InspectedTensor {
  /** Where it stands: names and numbers, from the outermost container on. */
  readonly path: readonly string[];
  readonly dtype: string;
  readonly shape: readonly number[];
  /** What its elements take; of a sparse tensor its indices and values. */
  readonly bytes: number;
  readonly layout: string;
  readonly requiresGrad: boolean;
  /** The storage in the file, the same for tensors that share memory. */
  readonly storage: string | null;
}

/** What {@link inspect} finds. */
export interface Inspection {
  readonly file: string;
  /** How it is written: one of the three forms of torch.save, or safetensors. */
  readonly form: 'zip' | 'legacy' | 'tar' | 'safetensors';
  readonly fileBytes: number;
  /** A state dict has tensors and nothing else, a checkpoint has them deeper inside too, or other values beside them. */
  readonly kind: 'state dict' | 'checkpoint' | 'tensor' | 'data';
  readonly tensors: readonly InspectedTensor[];
  /** Values that are no tensors, in short; the first 1,000. */
  readonly values: readonly { readonly path: readonly string[]; readonly value: string }[];
  /** All of them. */
  readonly valueCount: number;
  readonly elements: number;
  /** What the storages take, each once. */
  readonly storageBytes: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Classes and functions that the file names and that are not read: `load` refuses it. */
  readonly unsafe: readonly string[];
}

const MAX_VALUES = 1000;

/**
 * Says what a file of torch.save (zip, legacy, tar) or of safetensors holds, without building a tensor or reading one. Nothing
 * in the file is executed.
 * @throws IoError `missing` | `access` | `kind` | `format` | `unsupported`, one line that names the file.
 */
export function inspect(file: string): Inspection {
  const source = fileSource(file);
  try {
    const head = source.read(0, Math.min(source.size, 16));
    if (beginsLikeSafetensors(head)) return { file, fileBytes: source.size, ...inspectSafetensors(source) };
    return { file, fileBytes: source.size, ...inspectTorch(outline(file)) };
  } finally {
    source.close();
  }
}

/** Whether a file begins as safetensors do. @throws IoError where it cannot be read. */
export function isSafetensors(file: string): boolean {
  const source = fileSource(file);
  try {
    return beginsLikeSafetensors(source.read(0, Math.min(source.size, 16)));
  } finally {
    source.close();
  }
}

type Findings = Omit<Inspection, 'file' | 'fileBytes'>;

function inspectSafetensors(source: Parameters<typeof readSafetensorsHeader>[0]): Findings {
  const { entries, metadata } = readSafetensorsHeader(source);
  const tensors = entries.map(({ name, code, dtype, shape, nbytes }): InspectedTensor => ({
    path: [name],
    dtype: dtype ?? code,
    shape,
    bytes: nbytes,
    layout: 'strided',
    requiresGrad: false,
    storage: name,
  }));
  return {
    form: 'safetensors',
    kind: 'state dict',
    tensors,
    values: [],
    valueCount: 0,
    elements: tensors.reduce((sum, { shape }) => sum + numel(shape), 0),
    storageBytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    metadata: Object.fromEntries(metadata),
    unsafe: [],
  };
}

function inspectTorch({ form, value, storages, unknown }: TorchOutline): Findings {
  const tensors: InspectedTensor[] = [];
  const values: { path: readonly string[]; value: string }[] = [];
  let valueCount = 0;
  walk(value, (path, each) => {
    if (each instanceof TensorOutline) tensors.push(inspectedTensor(path, each));
    else if (++valueCount <= MAX_VALUES) values.push({ path, value: inShort(each) });
  });
  const flat =
    value instanceof Map &&
    [...(value as Map<unknown, unknown>).values()].every((each) => each instanceof TensorOutline);
  const kind =
    value instanceof TensorOutline ? 'tensor' : flat ? 'state dict' : tensors.length > 0 ? 'checkpoint' : 'data';
  return {
    form,
    kind,
    tensors,
    values,
    valueCount,
    elements: tensors.reduce((sum, { shape }) => sum + numel(shape), 0),
    storageBytes: storages.reduce((sum, { nbytes }) => sum + nbytes, 0),
    metadata: {},
    unsafe: unknown,
  };
}

function numel(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function inspectedTensor(path: readonly string[], tensor: TensorOutline): InspectedTensor {
  const { dtype, shape, layout, requiresGrad, storage, parts } = tensor;
  const own = (each: TensorOutline): number => numel(each.shape) * (ELEMENT_BYTES.get(each.dtype)?.size ?? 0);
  const bytes = tensor.isMeta ? 0 : parts.length > 0 ? parts.reduce((sum, part) => sum + own(part), 0) : own(tensor);
  return { path, dtype, shape, bytes, layout, requiresGrad, storage: storage ?? null };
}

interface Place {
  readonly path: readonly string[];
  readonly value: unknown;
}

/** Visits what is inside containers in the order of the file; a container that stands in several places only at the first. */
function walk(root: unknown, visit: (path: readonly string[], value: unknown) => void): void {
  const seen = new Set<object>();
  const open: Place[] = [{ path: [], value: root }];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const { path, value } = place;
    const inner = itemsOf(value);
    if (inner === undefined) {
      visit(path, value);
      continue;
    }
    if (seen.has(value as object)) {
      visit(path, AS_ABOVE);
      continue;
    }
    seen.add(value as object);
    const isWhole = inner.length === 0 || path.length >= MAX_DEPTH;
    if (isWhole || value instanceof UnknownObject) visit(path, value);
    if (!isWhole) for (const [step, item] of inner.reverse()) open.push({ path: [...path, nameOf(step)], value: item });
  }
}

/** Stands for a container that was shown already. */
const AS_ABOVE = Symbol('as above');

/** Paths grow with the depth; nobody reads one of so many steps. */
const MAX_DEPTH = 20;

function itemsOf(given: unknown): [unknown, unknown][] | undefined {
  // of what is not read, its attributes
  const value = given instanceof UnknownObject ? given.state : given;
  if (value instanceof Map) return [...(value as Map<unknown, unknown>)];
  // lists of plain values are one line
  if (Array.isArray(value) && value.some((each) => typeof each === 'object' && each !== null))
    return (value as unknown[]).map((each, i) => [i, each]);
  return undefined;
}

function nameOf(key: unknown): string {
  return typeof key === 'string' || typeof key === 'number' || typeof key === 'bigint' ? String(key) : inShort(key);
}

const MAX_TEXT = 60;

/** One line for a value that is no tensor. */
function inShort(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}...` : value);
  if (value === null) return 'None';
  if (value === AS_ABOVE) return 'as above';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'bigint') return value > -(2n ** 256n) && value < 2n ** 256n ? String(value) : 'a large int';
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'object') return typeof value;
  if (value instanceof UnknownObject) return `a ${value.className}, which is not read`;
  if (value instanceof NdArray) return `numpy array, ${value.dtype} [${value.shape.join(', ')}]`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof OrderedDict || value instanceof Map) return value.size === 0 ? '{}' : `a dict of ${value.size}`;
  if (value instanceof Set) return `a set of ${value.size}`;
  if (!Array.isArray(value)) return `a ${value.constructor.name}`;
  const [open, close] = value instanceof Tuple ? '()' : '[]';
  const plain = (value as unknown[])
    .slice(0, 8)
    .map((each) => (typeof each === 'object' && each !== null ? '...' : inShort(each)));
  return `${open!}${plain.join(', ')}${value.length > 8 ? `, ... ${value.length} in all` : ''}${close!}`;
}
