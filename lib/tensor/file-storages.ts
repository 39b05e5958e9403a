import { native } from '../native/load.js';
import type { DType } from './dtype.js';
import { writePlace } from './tape.js';
import { type Tensor, tensorAt } from './tensor.js';

/** A tensor over a storage: sizes, strides and offset in elements. */
export interface StorageView {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly offset: number;
}

/** Why no tensor was made of a file: it ended early, its checksum differs, or the number of the system's error. */
export type FileFailure = 'short' | 'damaged' | { readonly errno: number };

function made(handle: number): Tensor | FileFailure {
  if (handle >= 0) return tensorAt(handle);
  return handle === -1 ? 'short' : handle === -2 ? 'damaged' : { errno: -100 - handle };
}

/**
 * Reads a part of a file straight into the memory of a new storage.
 * @param fd an open file, whose position stays as it is.
 * @param crc CRC-32 that the bytes must have; not checked without one.
 * @param view the tensor that is wanted of them, default `[nbytes]`, uint8.
 * @returns owned by the current scope.
 * @throws TorchError `shape` where the view reaches beyond the bytes.
 */
export function readFilePart(
  fd: number,
  offset: number,
  nbytes: number,
  crc?: number,
  view?: StorageView,
): Tensor | FileFailure {
  if (view !== undefined) writePlace(view.shape, view.stride);
  return made(native.readFile(fd, offset, nbytes, crc ?? -1, view?.dtype ?? '', view?.offset ?? 0));
}

/** Reads `length` bytes at each of many places of a file. @returns them one after the other; undefined where some are missing. */
export function readEach(fd: number, offsets: Float64Array, length: number): Uint8Array | undefined {
  const target = new Uint8Array(offsets.length * length);
  return native.readEach(fd, offsets, target) ? target : undefined;
}

/**
 * Maps a file into memory: its pages are read when they are first used, and what is written to them stays in this process.
 * The mapping lives while a tensor uses it; the file may be closed and removed meanwhile, but must not become shorter:
 * whoever touches a page that is gone is ended by the system (SIGBUS), in Python too.
 * @returns `[nbytes]`, uint8, owned by the current scope.
 */
export function mapFile(fd: number, nbytes: number): Tensor | FileFailure {
  return made(native.mapFile(fd, nbytes));
}

/**
 * A storage of its own inside the memory of another one, which it keeps.
 * @param view the tensor that is wanted of it, default `[nbytes]`, uint8.
 * @returns owned by the current scope.
 * @throws TorchError `shape` where the part lies outside, or the view reaches beyond it.
 */
export function sliceStorage(tensor: Tensor, offset: number, nbytes: number, view?: StorageView): Tensor {
  if (view !== undefined) writePlace(view.shape, view.stride);
  return tensorAt(native.sliceStorage(tensor.handle, offset, nbytes, view?.dtype ?? '', view?.offset ?? 0));
}

/** The value of a file of torch.save, as steps that make it of texts and tensors; native/plain_steps.h tells their form. */
export interface PlainFile {
  readonly texts: readonly string[];
  readonly steps: Float64Array;
  readonly tensors: readonly Tensor[];
}

const NO_BYTES = new Uint8Array(0);

/**
 * Reads a file of torch.save that holds nothing but plain data, in one call.
 * @param file an open file, whose position stays as it is, or the bytes of one.
 * @param mapped whether the file's pages are mapped; only of an open file.
 * @returns its tensors are owned by the current scope; undefined where anything in the file is unusual, or wrong.
 */
export function readPlainFile(file: number | Uint8Array, size: number, mapped: boolean): PlainFile | undefined {
  const isOpen = typeof file === 'number';
  const found = native.readPlainFile(isOpen ? file : -1, isOpen ? NO_BYTES : file, size, mapped);
  if (found === undefined) return undefined;
  const [texts, steps, handles] = found;
  const tensors: Tensor[] = [];
  for (let i = 0; i < handles.length; i++) tensors.push(tensorAt(handles[i]!));
  return { texts, steps, tensors };
}

/** CRC-32 of the whole storage of a tensor on the CPU, as zip files have it. */
export function storageCrc(tensor: Tensor): number {
  return native.storageCrc(tensor.handle);
}

/** Copies a part of a tensor's storage, from byte `offset` on, over the whole of `target`. */
export function storagePiece(tensor: Tensor, offset: number, target: Uint8Array): void {
  native.storagePiece(tensor.handle, offset, target);
}
