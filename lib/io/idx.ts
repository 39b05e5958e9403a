import fs from 'node:fs';
import { ByteStream, DEFLATE_RATIO, filePieces, inflated } from './byte-stream.js';
import { openRegularFile } from './byte-source.js';
import { explainSystemError, IoError } from './errors.js';
import { NdArray, type NdData, type NdType } from './pickle-values.js';

/** The element types by their number in the file. */
const TYPES: Readonly<Record<number, { dtype: NdType; size: 1 | 2 | 4 | 8; array: (b: ArrayBuffer) => NdData }>> = {
  0x08: { dtype: 'uint8', size: 1, array: (b) => new Uint8Array(b) },
  0x09: { dtype: 'int8', size: 1, array: (b) => new Int8Array(b) },
  0x0b: { dtype: 'int16', size: 2, array: (b) => new Int16Array(b) },
  0x0c: { dtype: 'int32', size: 4, array: (b) => new Int32Array(b) },
  0x0d: { dtype: 'float32', size: 4, array: (b) => new Float32Array(b) },
  0x0e: { dtype: 'float64', size: 8, array: (b) => new Float64Array(b) },
};

/** Larger arrays are refused. */
const MAX_BYTES = 2 ** 31;

/**
 * Reads an array in the IDX form of MNIST's authors; a file that is compressed with gzip is unpacked in passing.
 * @throws IoError `missing` | `access` | `kind` | `format`, one line that names the file.
 */
export function readIdx(path: string): NdArray {
  const { size, gzip } = look(path);
  const pieces = filePieces(path);
  const stream = new ByteStream(gzip ? inflated(pieces, 'gzip', path) : pieces, path);
  try {
    const array = parse(stream, path, gzip ? size * DEFLATE_RATIO : size);
    if (!stream.ended())
      throw new IoError('format', `${path} holds more than its ${shown(array.shape)} elements`, path);
    return array;
  } finally {
    stream.close();
  }
}

function look(path: string): { size: number; gzip: boolean } {
  const { fd, size } = openRegularFile(path);
  try {
    const head = new Uint8Array(2);
    fs.readSync(fd, head);
    return { size, gzip: head[0] === 0x1f && head[1] === 0x8b };
  } catch (error) {
    throw explainSystemError(error, 'read', path);
  } finally {
    fs.closeSync(fd);
  }
}

/** @param most bytes that can be there. */
function parse(stream: ByteStream, path: string, most: number): NdArray {
  const magic = stream.take(4);
  const type = TYPES[magic[2]!];
  const dimensions = magic[3]!;
  if (magic[0] !== 0 || magic[1] !== 0 || type === undefined || dimensions < 1 || dimensions > 8) {
    const found = Buffer.from(magic).toString('hex');
    throw new IoError('format', `${path} is no IDX file: it begins with ${found}`, path);
  }
  const head = stream.take(4 * dimensions);
  const sizes = new DataView(head.buffer);
  const shape = Array.from({ length: dimensions }, (_, i) => sizes.getUint32(4 * i));
  const bytes = type.size * shape.reduce((product, size) => product * size, 1);
  if (bytes > Math.min(most, MAX_BYTES)) {
    throw new IoError('format', `${path} claims ${shown(shape)} elements, more than it can hold`, path);
  }
  const data = new Uint8Array(bytes);
  stream.into(data);
  if (type.size > 1) {
    const swapped = Buffer.from(data.buffer);
    if (type.size === 2) swapped.swap16();
    else if (type.size === 4) swapped.swap32();
    else swapped.swap64();
  }
  return new NdArray(type.dtype, shape, type.array(data.buffer));
}

function shown(shape: readonly number[]): string {
  return shape.join('x');
}
