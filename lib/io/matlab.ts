import fs from 'node:fs';
import { ByteStream, DEFLATE_RATIO, filePieces, inflated } from './byte-stream.js';
import { openRegularFile } from './byte-source.js';
import { IoError } from './errors.js';
import { MatReader } from './mat-reader.js';
import { COMPRESSED, MATRIX, type MatValue } from './mat-values.js';

const HEADER = 128;

/**
 * Reads a MATLAB file of version 5 (`save -v6` and `-v7`, which compresses): numbers, texts, cells and structs.
 * @param file path, or the bytes of a file.
 * @param options.name names the file in errors; default its path.
 * @param options.variables only these are kept; default all.
 * @returns the variables by name.
 * @throws IoError `missing` | `access` | `kind` | `format` | `unsupported` (complex and sparse arrays, objects, version 7.3), one line
 * that names the file.
 * @see scipy.io.loadmat
 */
export function readMat(
  file: string | Uint8Array,
  options: { readonly variables?: readonly string[]; readonly name?: string } = {},
): Map<string, MatValue> {
  const path = options.name ?? (typeof file === 'string' ? file : 'bytes');
  const size = typeof file === 'string' ? sizeOf(file) : file.byteLength;
  const stream = new ByteStream(typeof file === 'string' ? filePieces(file) : [file], path);
  try {
    const little = checkHeader(stream, path, size);
    const wanted = options.variables;
    const values = new Map<string, MatValue>();
    while (!stream.ended() && (wanted === undefined || wanted.some((name) => !values.has(name)))) {
      const found = readVariable(stream, path, size, little, wanted);
      if (found !== undefined) values.set(...found);
    }
    return values;
  } finally {
    stream.close();
  }
}

function sizeOf(path: string): number {
  const { fd, size } = openRegularFile(path);
  fs.closeSync(fd);
  return size;
}

function checkHeader(stream: ByteStream, path: string, size: number): boolean {
  if (size < HEADER) throw new IoError('format', `${path} is no MATLAB file: it has ${size} bytes`, path);
  const header = stream.take(HEADER);
  const order = Buffer.from(header.subarray(126)).toString('latin1');
  const little = order === 'IM';
  const version = new DataView(header.buffer).getUint16(124, little);
  if ((!little && order !== 'MI') || (version !== 0x100 && version !== 0x200)) {
    throw new IoError('format', `${path} is no MATLAB file of version 5`, path);
  }
  if (version === 0x200) {
    throw new IoError('unsupported', `${path} is a MATLAB file of version 7.3 (HDF5): save it with -v7`, path);
  }
  return little;
}

function readVariable(
  stream: ByteStream,
  path: string,
  size: number,
  little: boolean,
  wanted: readonly string[] | undefined,
): [string, MatValue] | undefined {
  const tag = new DataView(stream.take(8).buffer);
  const type = tag.getUint32(0, little);
  const length = tag.getUint32(4, little);
  const left = size - stream.position;
  if (length > left)
    throw new IoError('format', `${path} is truncated: ${length} bytes should follow, ${left} do`, path);
  const keep = (name: string): boolean => wanted === undefined || wanted.includes(name);
  if (type !== COMPRESSED) {
    if (type !== MATRIX) {
      stream.skip(length);
      return undefined;
    }
    const end = stream.position + length;
    const found = new MatReader(stream, little, end).variable(length, keep);
    stream.skip(end - stream.position);
    return found;
  }
  const end = stream.position + length;
  const inner = new ByteStream(inflated(stream.pieces(length), 'zlib', path), path);
  try {
    const head = new DataView(inner.take(8).buffer);
    const held = head.getUint32(4, little);
    if (head.getUint32(0, little) !== MATRIX || held > length * DEFLATE_RATIO) {
      throw new IoError('format', `${path} is damaged: a compressed part holds no array`, path);
    }
    return new MatReader(inner, little, 8 + held).variable(held, keep);
  } finally {
    inner.close();
    stream.skip(Math.max(0, end - stream.position));
  }
}
