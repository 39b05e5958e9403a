import { float, keep, noGrad, ops, OrderedDict, scope, Tensor } from '../tensor/index.js';
import { Tuple } from './pickle-values.js';
import { AsReduced, PyName, type Reduced } from './pickle-writer.js';
import { STORAGE_NAMES } from './torch-storages.js';

const { aten } = ops;

/** Stands for a storage inside the pickle. */
export class StorageRef {
  constructor(
    readonly key: string,
    readonly tensor: Tensor,
  ) {}

  /** `('storage', class, key, place, number of elements)`. */
  get persistentId(): Tuple {
    const { key, tensor } = this;
    const name = STORAGE_NAMES.get(tensor.dtype);
    const type = name === undefined ? new PyName('torch.storage', 'UntypedStorage') : new PyName('torch', name);
    const bytes = tensor.storageNbytes();
    const count = name === undefined ? bytes : Math.floor(bytes / tensor.itemsize);
    return Tuple.of<unknown>('storage', type, key, tensor.device, count);
  }
}

const torchUtil = (name: string): PyName => new PyName('torch._utils', name);
const REBUILD_V2 = torchUtil('_rebuild_tensor_v2');
const REBUILD_V3 = torchUtil('_rebuild_tensor_v3');
const REBUILD_SPARSE = torchUtil('_rebuild_sparse_tensor');
const REBUILD_QUANTIZED = torchUtil('_rebuild_qtensor');
const REBUILD_META = torchUtil('_rebuild_meta_tensor_no_storage');
const PARAMETER = torchUtil('_rebuild_parameter');
const GET_LAYOUT = new PyName('torch.serialization', '_get_layout');
const SIZE = new PyName('torch', 'Size');

/** c10::QScheme by number; PyTorch makes no tensors of the symmetric ones. */
const SCHEMES: readonly (string | undefined)[] = [
  'per_tensor_affine',
  'per_channel_affine',
  undefined,
  undefined,
  'per_channel_affine_float_qparams',
];

/** The tensors of one file in the terms of Python's `__reduce_ex__`, and their storages. */
export class TensorReducer {
  readonly storages = new Map<number, StorageRef>();
  // Kept to the end: the storages are read when everything else is written, and their numbers must stay theirs.
  readonly #made: Tensor[] = [];

  reduce(tensor: Tensor): Reduced {
    const { layout, requiresGrad } = tensor;
    if (tensor.device === 'meta') {
      const shape = [Tuple.make(tensor.shape), Tuple.make(tensor.stride())];
      return { callee: REBUILD_META, args: [new PyName('torch', tensor.dtype), ...shape, requiresGrad] };
    }
    if (layout !== 'strided') return this.#sparse(tensor);
    if (tensor.dtype.startsWith('q')) return this.#quantized(tensor);
    const resolved = this.#resolve(tensor);
    const args = [...this.#place(resolved), requiresGrad, new OrderedDict()];
    if (STORAGE_NAMES.has(tensor.dtype)) return { callee: REBUILD_V2, args };
    return { callee: REBUILD_V3, args: [...args, new PyName('torch', tensor.dtype)] };
  }

  /** Frees what was made while the file was written. */
  dispose(): void {
    for (const tensor of this.#made) tensor.dispose();
  }

  /** The tensor, or where its elements stand in memory unconjugated or with the other sign, a copy in which they do not. */
  #resolve(tensor: Tensor): Tensor {
    if (!tensor.isConj() && !tensor.isNeg()) return tensor;
    return this.#make(() => tensor.resolveConj().resolveNeg());
  }

  #make(make: () => Tensor): Tensor {
    const made = keep(noGrad(() => scope(make)));
    this.#made.push(made);
    return made;
  }

  #place(tensor: Tensor): unknown[] {
    return [this.#storageOf(tensor), tensor.storageOffset(), Tuple.make(tensor.shape), Tuple.make(tensor.stride())];
  }

  #storageOf(tensor: Tensor): StorageRef {
    const id = tensor.storageId();
    let ref = this.storages.get(id);
    if (ref === undefined) {
      ref = new StorageRef(String(this.storages.size), tensor);
      this.storages.set(id, ref);
    } else if (ref.tensor.dtype !== tensor.dtype && tensor.storageNbytes() > 0) {
      throw new TypeError('Cannot save multiple tensors or storages that view the same data as different types');
    }
    return ref;
  }

  #sparse(tensor: Tensor): Reduced {
    const { layout } = tensor;
    const part = (name: string): Tensor => this.#make(() => aten<Tensor>(name, tensor));
    const size = new AsReduced({ callee: SIZE, args: [Tuple.make(tensor.shape)] });
    const parts = ((): unknown[] => {
      switch (layout) {
        case 'sparse_coo':
          return [part('_indices'), part('_values'), size, aten<boolean>('is_coalesced', tensor)];
        case 'sparse_csr':
        case 'sparse_bsr':
          return [part('crow_indices'), part('col_indices'), part('values'), size];
        case 'sparse_csc':
        case 'sparse_bsc':
          return [part('ccol_indices'), part('row_indices'), part('values'), size];
        default:
          throw new TypeError(`Cannot save a ${layout} tensor: make it dense first`);
      }
    })();
    const named = new AsReduced({ callee: GET_LAYOUT, args: [`torch.${layout}`] });
    const rebuilt: Reduced = { callee: REBUILD_SPARSE, args: [named, Tuple.make(parts)] };
    // Python forgets requires_grad of a sparse tensor that is no parameter; as a parameter it keeps it.
    if (!tensor.requiresGrad) return rebuilt;
    return { callee: PARAMETER, args: [new AsReduced(rebuilt), true, new OrderedDict()] };
  }

  #quantized(tensor: Tensor): Reduced {
    const args = [...this.#place(tensor), this.#quantizer(tensor), tensor.requiresGrad, new OrderedDict()];
    return { callee: REBUILD_QUANTIZED, args };
  }

  #quantizer(tensor: Tensor): Tuple {
    const scheme = aten<number>('qscheme', tensor);
    const name = new PyName('torch', SCHEMES[scheme] ?? '');
    if (scheme === 0) {
      return Tuple.of<unknown>(name, float(aten<number>('q_scale', tensor)), aten<number>('q_zero_point', tensor));
    }
    const lists = ['q_per_channel_scales', 'q_per_channel_zero_points'].map((each) =>
      this.#make(() => aten<Tensor>(each, tensor)),
    );
    return Tuple.of<unknown>(name, ...lists, aten<number>('q_per_channel_axis', tensor));
  }
}
