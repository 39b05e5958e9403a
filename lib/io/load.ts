import { type DType, fromBytes, Tensor } from '../tensor/index.js';
import { bytesSource, fileSource, type ByteSource } from './byte-source.js';
import { IoError } from './errors.js';
import { readPickle, type Py2Encoding } from './pickle-reader.js';
import { Tuple } from './pickle-values.js';
import { swap } from './python-globals.js';
import { buildTorch, StorageType, TORCH_GLOBALS, type StorageHandle } from './torch-globals.js';
import { ELEMENT_BYTES } from './torch-storages.js';
import { ZipReader } from './zip-reader.js';

export interface LoadOptions {
  /** How text of Python 2 is read, default `'utf8'`. */
  encoding?: Py2Encoding;
}

/**
 * Reads a file of `torch.save` (its zip form, the default since PyTorch 1.6) or of {@link save}. Nothing in the file is
 * executed; classes beyond those of `torch.load(weights_only=True)` are refused by name. Tensors come to the CPU wherever
 * they were, keep sharing storages, and belong to the current scope.
 * @param file path, or the bytes of a file.
 * @returns Python dict -> Map, OrderedDict -> OrderedDict with its metadata, list -> Array, tuple -> Tuple, tensor and
 *   Parameter -> Tensor, int -> number (bigint when unsafe), float -> number, None -> null, bytes -> Uint8Array,
 *   numpy array -> NdArray, dtype and device -> their names.
 * @throws IoError `missing` | `access` | `kind` | `format` | `unsupported`, one line that names the file.
 * @see torch.load
 */
export function load(file: string | Uint8Array, options: LoadOptions = {}): unknown {
  const source = typeof file === 'string' ? fileSource(file) : bytesSource(file);
  try {
    return loadFrom(source, options);
  } finally {
    source.close();
  }
}

function loadFrom(source: ByteSource, { encoding = 'utf8' }: LoadOptions): unknown {
  checkForm(source);
  const zip = new ZipReader(source);
  const pickles = [...zip.entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const [name] = pickles;
  if (name === undefined || pickles.length > 1) {
    throw new IoError(
      'format',
      `${source.name}: a zip file, but not one of torch.save: it holds ${pickles.length} data.pkl`,
      source.name,
    );
  }
  const prefix = name.slice(0, -'data.pkl'.length);
  if (zip.entries.has(`${prefix}constants.pkl`)) {
    throw new IoError(
      'unsupported',
      `${source.name}: a TorchScript archive; save its state_dict() to read the weights`,
      source.name,
    );
  }
  const storages = new StorageTable(zip, prefix);
  try {
    const { value } = readPickle(zip.read(name), {
      globals: TORCH_GLOBALS,
      build: buildTorch,
      persistentLoad: (id) => storages.get(id),
      encoding,
      what: `${source.name}: ${name}`,
    });
    storages.release(false);
    return value;
  } catch (error) {
    storages.release(true);
    throw error;
  }
}

const LEGACY_MAGIC = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');

/** Names the forms that are not read yet, so that nobody has to guess from a message about zip files. */
function checkForm(source: ByteSource): void {
  const head = Buffer.from(source.read(0, Math.min(source.size, 512)));
  const refuse = (code: 'format' | 'unsupported', message: string): never => {
    throw new IoError(code, `${source.name}: ${message}`, source.name);
  };
  if (head.length === 0) refuse('format', 'the file is empty');
  const again = 'torch.load it in Python and torch.save it again with PyTorch 1.6 or newer';
  if (head.subarray(0, LEGACY_MAGIC.length).equals(LEGACY_MAGIC)) {
    refuse(
      'unsupported',
      `the legacy form of torch.save (before PyTorch 1.6, not a zip file), which is not read; ${again}`,
    );
  }
  if (head.toString('latin1', 257, 262) === 'ustar') {
    refuse('unsupported', `a tar file, the form of torch.save before PyTorch 0.1.10, or an archive; ${again}`);
  }
  if (head.toString('latin1', 0, 24) === 'version https://git-lfs.') {
    refuse('format', 'a Git LFS pointer instead of the file itself; fetch it with git lfs pull');
  }
  if (head.toString('latin1', 0, 2) !== 'PK') refuse('format', 'not a file of torch.save: no zip file begins here');
}

/** The storages of a file, each read once, when the first tensor needs it. */
class StorageTable {
  readonly #bases = new Map<string, { dtype: DType | undefined; base: Tensor }>();
  readonly #made: Tensor[] = [];
  readonly #swapped: boolean;

  constructor(
    readonly zip: ZipReader,
    readonly prefix: string,
  ) {
    const order = `${prefix}byteorder`;
    const size = zip.entries.get(order)?.size;
    this.#swapped = size === 'big'.length && Buffer.from(zip.read(order)).toString('latin1') === 'big';
  }

  /** @param id `('storage', class, key, place, number of elements)`. */
  get(id: unknown): StorageHandle {
    if (!(id instanceof Tuple) || id.length !== 5) throw new Error('a persistent id that is no tuple of five');
    const [kind, type, key, , numel] = id as unknown[];
    if (kind !== 'storage' || typeof key !== 'string') throw new Error('a persistent id that names no storage');
    if (!(type instanceof StorageType)) throw new Error('a storage without a class');
    if (typeof numel !== 'number') throw new Error('a storage without a length');
    const { dtype } = type;
    const base = this.#base(key, dtype, numel);
    return {
      dtype,
      view: (as, shape, stride, offset) => {
        const tensor = base.viewStorage(as, shape, stride, offset);
        this.#made.push(tensor);
        return tensor;
      },
    };
  }

  #base(key: string, dtype: DType | undefined, numel: number): Tensor {
    const { size, unit } = dtype === undefined ? { size: 1, unit: 1 } : ELEMENT_BYTES.get(dtype)!;
    const name = `${this.prefix}data/${key}`;
    // Compared before anything is unpacked, which takes no more memory than the directory says.
    const held = this.zip.entries.get(name)?.size;
    if (held !== undefined && held !== numel * size)
      throw new Error(`storage ${key} holds ${held} bytes, the pickle counts ${numel * size}`);
    let known = this.#bases.get(key);
    if (known === undefined) {
      const bytes = this.zip.read(name);
      if (this.#swapped) swap(bytes, unit);
      known = { dtype, base: fromBytes(bytes, [bytes.byteLength], 'uint8') };
      this.#bases.set(key, known);
    }
    if (this.#swapped && known.dtype !== dtype)
      throw new Error(`storage ${key} is big-endian and used with two dtypes`);
    return known.base;
  }

  /** Frees the storages' own handles, and after a failure what was made of them. */
  release(failed: boolean): void {
    for (const { base } of this.#bases.values()) base.dispose();
    if (failed) for (const tensor of this.#made) tensor.dispose();
  }
}
