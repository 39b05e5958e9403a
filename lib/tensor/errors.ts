import { native } from '../native/load.js';

/** What kind of failure a {@link TorchError} is. */
export type TorchErrorCode =
  | 'disposed'
  | 'type'
  | 'value'
  | 'index'
  | 'shape'
  | 'dtype'
  | 'device'
  | 'memory'
  | 'linalg'
  | 'notImplemented'
  | 'distributed'
  | 'internal'
  | 'runtime';

/**
 * A failure of libtorch or of the bridge: libtorch's message without its C++ backtrace, then the operator and what it
 * was given; the stack is the caller's.
 */
export class TorchError extends Error {
  override readonly name = 'TorchError';
  /** @param operands the arguments in short, such as `Tensor float32[2, 3], 4` */
  constructor(
    readonly code: TorchErrorCode,
    message: string,
    readonly operator?: string,
    readonly operands?: string,
  ) {
    super(message);
  }
}

/**
 * A checkpointed function that saved other tensors when it was computed again.
 * @see torch.utils.checkpoint.CheckpointError
 */
export class CheckpointError extends TorchError {}

/** More memory was asked for than there is, or than the limit allows. The process goes on. @see torch.OutOfMemoryError */
export class OutOfMemoryError extends TorchError {
  /** Where: `cpu`, `cuda:0`. */
  readonly device: string;
  /** Bytes that were asked for, as exact as libtorch tells; null where it does not. */
  readonly requested: number | null;
  /** Bytes that tensors held there at that moment; null where that is not known. */
  readonly held: number | null;

  constructor(message: string, operator?: string, operands?: string) {
    super('memory', message, operator, operands);
    const gpu = /\bGPU (\d+) has\b/.exec(message)?.[1];
    this.device = gpu === undefined ? 'cpu' : `cuda:${gpu}`;
    this.requested = bytesIn(message);
    this.held = gpu === undefined ? numberIn(message, /\b(\d+) are held/) : heldOn(this.device);
  }
}

const UNITS: Readonly<Record<string, number>> = { bytes: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** What an allocator says was asked for. */
function bytesIn(message: string): number | null {
  const device = /Tried to allocate ([\d.]+) (bytes|[KMGT]iB)/.exec(message);
  if (device !== null) return Math.round(Number(device[1]) * (UNITS[device[2] ?? ''] ?? 1));
  return numberIn(message, /\b(\d+) (?:more|bytes) were asked for/);
}

function numberIn(message: string, pattern: RegExp): number | null {
  const found = pattern.exec(message)?.[1];
  return found === undefined ? null : Number(found);
}

function heldOn(device: string): number {
  const stats = JSON.parse(native.memoryStats(device)) as Record<string, number>;
  return stats['allocated_bytes.all.current'] ?? 0;
}

// libtorch has one C++ class for most failures; its wording tells shapes, dtypes and devices apart.
const finer: readonly (readonly [RegExp, TorchErrorCode])[] = [
  [/not enough memory|can't allocate memory|out of memory/i, 'memory'],
  [/same device|on a different device|device type|Expected all tensors to be on/i, 'device'],
  [/same dtype|scalar type|dtype|result type/i, 'dtype'],
  [/shape|size|dimension|broadcast|expanded/i, 'shape'],
];

function refine(code: string, message: string): TorchErrorCode {
  if (code !== 'runtime') return code as TorchErrorCode;
  return finer.find(([pattern]) => pattern.test(message))?.[1] ?? 'runtime';
}

const typeNames = /(?:Variable\[)?\b(Sparse)?(CPU|CUDA)(Byte|Char|Double|Float|Int|Long|Short|Half)Type\b\]?/g;

/** C++'s names of tensor types as Python's bindings show them: `CPULongType` is `torch.LongTensor`. */
function pythonTypes(message: string): string {
  return message.replace(typeNames, (whole, sparse: string | undefined, device: string, type: string) => {
    const bracket = whole.endsWith(']') && !whole.startsWith('Variable[') ? ']' : '';
    return `torch.${device === 'CUDA' ? 'cuda.' : ''}${sparse === undefined ? '' : 'sparse.'}${type}Tensor${bracket}`;
  });
}

native.setErrorFactory((code, message, operator, operands) => {
  const text = pythonTypes(message.trimEnd());
  if (code === 'checkpoint') return new CheckpointError('runtime', text);
  const kind = refine(code, text);
  const memory = kind === 'memory';
  if (operator === '') return memory ? new OutOfMemoryError(text) : new TorchError(kind, text);
  const place = code === 'type' && text.startsWith('Expected arguments as in') ? '' : `\n  in ${operator}(${operands})`;
  const whole = `${operator}: ${text}${place}`;
  return memory ? new OutOfMemoryError(whole, operator, operands) : new TorchError(kind, whole, operator, operands);
});
