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
  if (operator === '') return new TorchError(refine(code, text), text);
  const place = code === 'type' && text.startsWith('Expected arguments as in') ? '' : `\n  in ${operator}(${operands})`;
  return new TorchError(refine(code, text), `${operator}: ${text}${place}`, operator, operands);
});
