import type { DType } from '../tensor/index.js';
import type { ByteSource } from './byte-source.js';
import { IoError } from './errors.js';
import { parseStrictJson, quote, type StrictJson } from './strict-json.js';

/** A tensor as the header of a safetensors file tells of it. */
export interface SafetensorsEntry {
  readonly name: string;
  /** The format's own name: `'F32'`. */
  readonly code: string;
  /** undefined where PyTorch has no such dtype (4 and 6 bits). */
  readonly dtype: DType | undefined;
  readonly shape: readonly number[];
  /** Place of the elements, in bytes from the beginning of the file. */
  readonly offset: number;
  readonly nbytes: number;
}

/** What the header of a safetensors file says. */
export interface SafetensorsHeader {
  /** In the order in which they lie in the file. */
  readonly entries: readonly SafetensorsEntry[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** Bits an element, in the reference's own order, which is the order of tensors in a file, from the last to the first. */
const BITS: ReadonlyMap<string, number> = new Map([
  ['BOOL', 8],
  ['F4', 4],
  ['F6_E2M3', 6],
  ['F6_E3M2', 6],
  ['U8', 8],
  ['I8', 8],
  ['F8_E5M2', 8],
  ['F8_E4M3', 8],
  ['F8_E8M0', 8],
  ['F8_E4M3FNUZ', 8],
  ['F8_E5M2FNUZ', 8],
  ['I16', 16],
  ['U16', 16],
  ['F16', 16],
  ['BF16', 16],
  ['I32', 32],
  ['U32', 32],
  ['F32', 32],
  ['C64', 64],
  ['F64', 64],
  ['I64', 64],
  ['U64', 64],
]);

const DTYPES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ['BOOL', 'bool'],
  ['U8', 'uint8'],
  ['I8', 'int8'],
  ['F8_E5M2', 'float8_e5m2'],
  ['F8_E4M3', 'float8_e4m3fn'],
  ['F8_E4M3FNUZ', 'float8_e4m3fnuz'],
  ['F8_E5M2FNUZ', 'float8_e5m2fnuz'],
  ['I16', 'int16'],
  ['U16', 'uint16'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I32', 'int32'],
  ['U32', 'uint32'],
  ['F32', 'float32'],
  ['C64', 'complex64'],
  ['F64', 'float64'],
  ['I64', 'int64'],
  ['U64', 'uint64'],
]);

/** The format's name of a dtype; complex128, complex32 and quantized ones have none. */
export const SAFETENSORS_CODES: ReadonlyMap<DType, string> = new Map([...DTYPES].map(([code, dtype]) => [dtype, code]));

const RANK = new Map([...BITS.keys()].map((code, i) => [code, i]));

/** As in the reference: neither more is read nor written. */
const MAX_HEADER = 100_000_000;
const LENGTH_SIZE = 8;
const METADATA = '__metadata__';

/** Whether these first bytes of a file may be those of a safetensors file: a length, and the beginning of an object. */
export function beginsLikeSafetensors(head: Uint8Array): boolean {
  if (head.byteLength <= LENGTH_SIZE) return false;
  const length = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true);
  return length >= 2n && length <= MAX_HEADER && head[LENGTH_SIZE] === 0x7b;
}

/**
 * Reads and checks the header: every tensor's size is what dtype and shape say, and the tensors cover the file one after
 * the other, without holes or overlap, to its end.
 * @throws IoError `format`, one line that names the source.
 */
export function readSafetensorsHeader(source: ByteSource): SafetensorsHeader {
  const fail = (message: string): never => {
    throw new IoError('format', `${source.name}: not a safetensors file: ${message}`, source.name);
  };
  if (source.size < LENGTH_SIZE) fail(`${source.size} bytes are too few for the length of its header`);
  const lengthBytes = source.read(0, LENGTH_SIZE);
  const length = Number(new DataView(lengthBytes.buffer, lengthBytes.byteOffset).getBigUint64(0, true));
  if (length > MAX_HEADER) fail(`its first 8 bytes say that the header takes ${length} bytes, more than 100 MB`);
  if (LENGTH_SIZE + length > source.size)
    fail(`its header should take ${length} bytes, of which ${source.size - LENGTH_SIZE} are there (truncated?)`);
  const begin = LENGTH_SIZE + length;
  const header = parseHeader(source.read(LENGTH_SIZE, length), begin, fail);
  const end = checkPlaces(header.entries, begin, fail);
  if (end < source.size) fail(`it is ${source.size - end} bytes longer than its header says`);
  if (end > source.size) fail(`it is truncated: its header counts ${end} bytes, the file has ${source.size}`);
  return header;
}

type Fail = (message: string) => never;

function parseHeader(bytes: Uint8Array, begin: number, fail: Fail): SafetensorsHeader {
  let json: StrictJson;
  try {
    json = parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    return fail(`its header is no valid JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!(json instanceof Map)) return fail('its header is no JSON object');
  const metadata = parseMetadata(json.get(METADATA) ?? null, fail);
  const entries: SafetensorsEntry[] = [];
  for (const [name, value] of json) {
    if (name !== METADATA) entries.push(parseEntry(name, value, begin, fail));
  }
  entries.sort((a, b) => a.offset - b.offset || a.nbytes - b.nbytes);
  return { entries, metadata };
}

function parseMetadata(json: StrictJson, fail: Fail): Map<string, string> {
  if (json === null) return new Map();
  if (!(json instanceof Map)) return fail('its metadata is no JSON object');
  const metadata = new Map<string, string>();
  for (const [key, value] of json) {
    if (typeof value !== 'string') return fail(`its metadata ${quote(key)} is no text`);
    metadata.set(key, value);
  }
  return metadata;
}

function parseEntry(name: string, json: StrictJson, begin: number, fail: Fail): SafetensorsEntry {
  const label = `tensor ${quote(name)}`;
  if (!(json instanceof Map)) return fail(`${label} is no JSON object`);
  const code = json.get('dtype');
  const bits = typeof code === 'string' ? BITS.get(code) : undefined;
  if (typeof code !== 'string' || bits === undefined) return fail(`${label} has no dtype of the format`);
  const shape = naturals(json.get('shape'), `the shape of ${label}`, fail);
  const offsets = naturals(json.get('data_offsets'), `the place of ${label}`, fail);
  const [from, to] = offsets;
  if (offsets.length !== 2 || from === undefined || to === undefined || to < from)
    return fail(`the place of ${label} is no pair of growing numbers`);
  const nbytes = bytesOf(shape, bits, label, fail);
  if (to - from !== nbytes)
    return fail(`${label}, ${code} of shape [${shape.join(', ')}], takes ${nbytes} bytes, its place ${to - from}`);
  return { name, code, dtype: DTYPES.get(code), shape, offset: begin + from, nbytes };
}

// libtorch takes time that grows with every dimension of every tensor; a file needs none of this.
const MAX_DIMENSIONS = 1024;

function naturals(json: StrictJson | undefined, what: string, fail: Fail): number[] {
  const list: StrictJson[] = Array.isArray(json) ? json : fail(`${what} is no list`);
  if (list.length > MAX_DIMENSIONS) fail(`${what} has more than ${MAX_DIMENSIONS} numbers`);
  return list.map((n) =>
    typeof n === 'number' && n >= 0 ? n : fail(`${what} holds something else than integers from 0 to 2^53`),
  );
}

/** Every product on the way is checked, as in the reference: a zero at the end does not make up for an overflow. */
function bytesOf(shape: readonly number[], bits: number, label: string, fail: Fail): number {
  let count = 1;
  for (const size of shape) {
    count *= size;
    if (!Number.isSafeInteger(count)) fail(`${label} has too many elements`);
  }
  const total = count * bits;
  if (!Number.isSafeInteger(total)) fail(`${label} has too many elements`);
  if (total % 8 !== 0) fail(`${label} does not end at a whole byte`);
  return total / 8;
}

function checkPlaces(entries: readonly SafetensorsEntry[], begin: number, fail: Fail): number {
  let end = begin;
  for (const { name, offset, nbytes } of entries) {
    if (offset > end) fail(`there is a hole of ${offset - end} bytes before tensor ${quote(name)}`);
    if (offset < end) fail(`tensor ${quote(name)} overlaps the one before it`);
    end = offset + nbytes;
  }
  return end;
}

/** A tensor that is about to be written. */
export interface SafetensorsPlan<T> {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly nbytes: number;
  readonly tensor: T;
}

/**
 * The header for tensors, and the order in which their bytes follow it: large elements first, then by name, as the
 * reference does it, so that every tensor lies aligned.
 * @throws TypeError for a dtype that the format does not have, and for names and metadata that are no Unicode.
 */
export function writeSafetensorsHeader<T>(
  tensors: readonly SafetensorsPlan<T>[],
  metadata: ReadonlyMap<string, string> | undefined,
): { header: Uint8Array; ordered: readonly SafetensorsPlan<T>[] } {
  const coded = tensors.map((plan) => ({ plan, code: codeOf(plan), bytes: unicode(plan.name) }));
  coded.sort((a, b) => (RANK.get(b.code) ?? 0) - (RANK.get(a.code) ?? 0) || Buffer.compare(a.bytes, b.bytes));
  const parts: string[] = [];
  if (metadata !== undefined) {
    // sorted: the reference writes them as its hash table has them, differently each time
    const pairs = [...metadata].map(([key, value]) => ({ key: unicode(key), text: pair(key, text(key, value)) }));
    pairs.sort((a, b) => Buffer.compare(a.key, b.key));
    parts.push(`"${METADATA}":{${pairs.map((each) => each.text).join(',')}}`);
  }
  let end = 0;
  for (const { plan, code } of coded) {
    const begin = end;
    end += plan.nbytes;
    const info = `{"dtype":"${code}","shape":[${plan.shape.join(',')}],"data_offsets":[${begin},${end}]}`;
    parts.push(`${JSON.stringify(plan.name)}:${info}`);
  }
  const json = Buffer.from(`{${parts.join(',')}}`);
  const length = Math.ceil(json.byteLength / 8) * 8;
  if (length > MAX_HEADER) throw new TypeError('Cannot save: the names and shapes take more than 100 MB');
  const header = Buffer.alloc(LENGTH_SIZE + length, ' ');
  header.writeBigUInt64LE(BigInt(length), 0);
  json.copy(header, LENGTH_SIZE);
  return { header, ordered: coded.map(({ plan }) => plan) };
}

function codeOf({ name, dtype }: SafetensorsPlan<unknown>): string {
  if (name === METADATA)
    throw new TypeError(`Cannot save a tensor called ${METADATA}: safetensors keeps its metadata there`);
  const code = SAFETENSORS_CODES.get(dtype);
  if (code === undefined) throw new TypeError(`Cannot save tensor ${quote(name)}: safetensors has no ${dtype}`);
  return code;
}

function unicode(name: string): Buffer {
  if (/\p{Surrogate}/u.test(name)) throw new TypeError(`Cannot save ${quote(name)}: the name is no Unicode`);
  return Buffer.from(name);
}

function text(key: string, value: unknown): string {
  if (typeof value === 'string' && !/\p{Surrogate}/u.test(value)) return value;
  const given = typeof value === 'string' ? 'text that is no Unicode' : `a ${value === null ? 'null' : typeof value}`;
  throw new TypeError(`Expected text for metadata ${quote(key)} but received ${given}`);
}

function pair(key: string, value: string): string {
  return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
}
