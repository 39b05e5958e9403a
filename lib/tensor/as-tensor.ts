import { type CreationOptions, type NestedData, tensor } from './creation.js';
import { dtypeOf, type TypedArray } from './dtype.js';
import { TorchError } from './errors.js';
import { isGradEnabled, setGradEnabled } from './grad-mode.js';
import { takeOver, tensorOver } from './shared-arrays.js';
import { Tensor, tensorAt } from './tensor.js';

/** How {@link asTensor} comes to its elements. */
export interface AsTensorOptions extends CreationOptions {
  /** Another shape than the array's length. */
  shape?: readonly number[] | undefined;
  /** true: always a copy; false: never one (an error where memory cannot be shared); null, the default: only where it must be. */
  copy?: boolean | null | undefined;
  /** Takes the array's memory: no copy, and the array (with every other one over its buffer) is empty afterwards. */
  move?: boolean | undefined;
}

/**
 * A tensor over the memory of a TypedArray where that is safe, else a copy. Safe is memory that cannot be taken away: a
 * SharedArrayBuffer, and what `asTypedArray()` of a tensor gave; both sides then see each other's writes. Any other ArrayBuffer may be
 * detached (`postMessage`, `transfer()`) while the tensor lives, so it is copied, or taken over with `move: true`. The memory
 * is JavaScript's: `memory().bytes` does not count it.
 *
 * A tensor is returned as itself where nothing changes (a new object), nested arrays are read as by {@link tensor}.
 * @throws TorchError `value` with `copy: false` where a copy would be needed.
 * @see torch.asarray, torch.as_tensor
 */
export function asTensor(data: Tensor | NestedData, options: AsTensorOptions = {}): Tensor {
  if (data instanceof Tensor) return fromTensor(data, options);
  if (!ArrayBuffer.isView(data)) {
    refuseCopy(options, 'nested arrays');
    return tensor(data, options);
  }
  if ((data as unknown) instanceof DataView) {
    throw new TorchError('type', 'Expected a TypedArray but received a DataView: take a Uint8Array over its buffer');
  }
  const shape = options.shape ?? [data.length];
  checkCount(data, shape);
  const slot = slotOf(data, shape, options);
  if (slot < 0) {
    refuseCopy(options, 'an array over an ArrayBuffer, which may be detached (use move: true, or a SharedArrayBuffer)');
    return tensor(data, options);
  }
  return converted(tensorAt(slot), options);
}

function slotOf(data: TypedArray, shape: readonly number[], options: AsTensorOptions): number {
  const sameDtype = (options.dtype ?? dtypeOf(data)) === dtypeOf(data);
  if (options.copy === false && !sameDtype) refuseCopy(options, `${dtypeOf(data)} for ${String(options.dtype)}`);
  if (options.move === true) {
    if (options.copy === true) throw new TorchError('value', 'Expected either copy or move but received both');
    return takeOver(data, shape);
  }
  return options.copy === true ? -1 : tensorOver(data, shape);
}

function refuseCopy(options: AsTensorOptions, received: string): void {
  if (options.copy !== false) return;
  throw new TorchError('value', `Expected memory that can be shared for copy: false but received ${received}`);
}

function checkCount(data: TypedArray, shape: readonly number[]): void {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count === data.length && shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return;
  throw new TorchError(
    'shape',
    `Expected ${String(data.length)} elements but the shape [${shape.join(', ')}] has ${String(count)}`,
  );
}

/** In another dtype or on another device, where the options ask for it. */
function converted(made: Tensor, options: AsTensorOptions): Tensor {
  let out = made;
  const { dtype, device, requiresGrad } = options;
  if ((dtype !== undefined && dtype !== made.dtype) || (device !== undefined && device !== made.device)) {
    const recording = isGradEnabled();
    setGradEnabled(false);
    try {
      out = made.to({ dtype, device });
    } finally {
      setGradEnabled(recording);
      made.dispose();
    }
  }
  if (requiresGrad === true) out.requiresGrad = true;
  return out;
}

function fromTensor(data: Tensor, options: AsTensorOptions): Tensor {
  const { dtype, device, copy, shape } = options;
  if (options.move === true) throw new TorchError('value', 'Expected an array to move but received a Tensor');
  const changes = (dtype !== undefined && dtype !== data.dtype) || (device !== undefined && device !== data.device);
  if (changes) refuseCopy(options, `a tensor of ${data.dtype} on ${data.device}`);
  const out = data.to({ dtype, device, copy: copy === true });
  const shaped = shape === undefined ? out : out.view(shape);
  if (shaped !== out) out.dispose();
  if (options.requiresGrad === true) shaped.requiresGrad = true;
  return shaped;
}
