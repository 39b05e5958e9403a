import { buildPython, IoError, NdArray, PYTHON_GLOBALS, readPickle } from '../io/index.js';
import type { CifarForm, LabelPlace } from './cifar-sources.js';

/** One batch of pictures. */
export interface CifarBatch {
  readonly count: number;
  /** `[count, 3, 32, 32]`. */
  readonly pictures: Uint8Array;
  readonly labels: readonly number[];
}

/** Bytes of one picture: 3 channels of 32 x 32. */
export const PICTURE_BYTES = 3 * 32 * 32;

/**
 * Reads a batch of any number of pictures.
 * @param file names the file in errors.
 * @param classes how many classes there are.
 * @throws IoError `format`.
 */
export function parseBatch(
  bytes: Uint8Array,
  file: string,
  form: CifarForm,
  place: LabelPlace,
  classes: number,
): CifarBatch {
  const batch =
    form.format === 'python'
      ? parsePickledBatch(bytes, file, place.key)
      : parseBinaryBatch(bytes, file, form.labelBytes, place.column);
  const bad = batch.labels.findIndex((label) => label < 0 || label >= classes);
  if (bad >= 0) throw wrong(file, `label ${bad} is ${batch.labels[bad]!}, expected 0 to ${classes - 1}`);
  return batch;
}

/** A dict with `data` (uint8 `[N, 3072]`) and N class numbers under `key`. */
function parsePickledBatch(bytes: Uint8Array, file: string, key: string): CifarBatch {
  const dict = readDict(bytes, file);
  const data = dict.get('data');
  if (!(data instanceof NdArray) || data.dtype !== 'uint8')
    throw wrong(file, 'expected data to be a numpy array of uint8');
  const [count, width] = data.shape;
  if (data.shape.length !== 2 || count === undefined || width !== PICTURE_BYTES) {
    throw wrong(file, `expected data of shape [N, ${PICTURE_BYTES}] but it is [${data.shape.join(', ')}]`);
  }
  const labels = integers(dict.get(key));
  if (labels === undefined) throw wrong(file, `expected ${key} to be a list of integers`);
  if (labels.length !== count) throw wrong(file, `holds ${count} pictures but ${labels.length} labels`);
  return { count, pictures: data.data as Uint8Array, labels };
}

/** Records of `labelBytes` class numbers and a picture. */
function parseBinaryBatch(bytes: Uint8Array, file: string, labelBytes: number, column: number): CifarBatch {
  const record = labelBytes + PICTURE_BYTES;
  const count = bytes.byteLength / record;
  if (!Number.isInteger(count)) {
    throw wrong(file, `expected records of ${record} bytes but it has ${bytes.byteLength} bytes`);
  }
  const pictures = new Uint8Array(count * PICTURE_BYTES);
  const labels: number[] = [];
  for (let i = 0; i < count; i++) {
    labels.push(bytes[i * record + column]!);
    pictures.set(bytes.subarray(i * record + labelBytes, (i + 1) * record), i * PICTURE_BYTES);
  }
  return { count, pictures, labels };
}

/** The names of the classes: a list in a pickled dict, or the lines of a text. @throws IoError `format`. */
export function parseNames(bytes: Uint8Array, file: string, form: CifarForm, place: LabelPlace): string[] {
  const [, key] = place.names;
  const names: unknown =
    form.format === 'python'
      ? readDict(bytes, file).get(key)
      : new TextDecoder()
          .decode(bytes)
          .trim()
          .split(/\s*\n\s*/);
  const what = form.format === 'python' ? key : 'the lines';
  if (!Array.isArray(names) || names.length === 0 || names.length > 256) {
    throw wrong(file, `expected ${what} to be a list of 1 to 256 names`);
  }
  return names.map((name: unknown) => {
    if (typeof name !== 'string') throw wrong(file, `expected ${what} to be text`);
    return name;
  });
}

function wrong(file: string, message: string): IoError {
  return new IoError('format', `${file}: ${message}`, file);
}

function readDict(bytes: Uint8Array, file: string): Map<unknown, unknown> {
  // The published files were written by Python 2, whose str is bytes and text in one: latin1 keeps both.
  const options = { globals: PYTHON_GLOBALS, build: buildPython, encoding: 'latin1', what: file } as const;
  const { value } = readPickle(bytes, options);
  if (!(value instanceof Map)) throw wrong(file, 'expected a pickled dict');
  return value;
}

/** A Python list or a one-dimensional numpy array of integers. */
function integers(value: unknown): number[] | undefined {
  let items: unknown[];
  if (Array.isArray(value)) items = value;
  else if (value instanceof NdArray && value.shape.length === 1 && /^u?int/.test(value.dtype))
    items = Array.from(value.data, Number);
  else return undefined;
  return items.every((item): item is number => Number.isInteger(item)) ? items : undefined;
}
