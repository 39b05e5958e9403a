import zlib from 'node:zlib';
import { ByteCursor } from './byte-cursor.js';
import type { ByteSource } from './byte-source.js';
import { IoError } from './errors.js';
import * as zip from './zip-format.js';

/** One record of a zip file, as its central directory tells. */
export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly flags: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly headerOffset: number;
}

/** A record among its neighbours. */
interface Placed extends ZipEntry {
  index: number;
  /** Where the next record begins, or the directory. */
  end: number;
  /** Where the contents begin, {@link UNREAD} until the header in front of them was read. */
  start: number;
}

const UNREAD = -1;

/** So many headers are read at once. */
const HEADERS = 1024;

// deflate cannot expand further than this; a larger claim is a lie that would only cost memory
const MAX_DEFLATE_RATIO = 1032;

/** Weights hardly pack at all: what unpacks to more, and to so many times the file, is there to fill the memory. */
const BOMB_BYTES = 16 << 20;
const BOMB_RATIO = 30;

/** torch.save leaves the checksums out where `torch.serialization.set_crc32_options(False)` was called. */
const NO_CRC = 0;

/**
 * The records of a zip file: stored or deflated, zip64 too, read synchronously and one by one. Everything the file
 * claims is checked against its size, and every record against its checksum.
 */
export class ZipReader {
  readonly #entries: ReadonlyMap<string, Placed>;
  /** The records in the order in which they lie in the file. */
  readonly #inOrder: readonly Placed[];

  /** @throws IoError `format`, for what is no whole zip file. */
  constructor(readonly source: ByteSource) {
    const { count, size, offset } = this.#findDirectory();
    this.#entries = this.#readDirectory(count, offset, size);
    this.#inOrder = this.#placed(offset);
  }

  /** Records in the order of the directory. */
  get entries(): ReadonlyMap<string, ZipEntry> {
    return this.#entries;
  }

  #error(message: string): IoError {
    return new IoError('format', `${this.source.name}: ${message}`, this.source.name);
  }

  #cursor(offset: number, length: number, what: string): ByteCursor {
    if (offset < 0 || offset + length > this.source.size)
      throw this.#error(`damaged zip file: its ${what} lies outside the file`);
    return new ByteCursor(this.source.read(offset, length), `${this.source.name}: zip ${what}`);
  }

  #findDirectory(): { count: number; size: number; offset: number } {
    // The end record is last, followed only by a comment of at most 64 KiB.
    const tailSize = Math.min(this.source.size, zip.END_SIZE + 0xffff);
    const tailOffset = this.source.size - tailSize;
    const tail = this.source.read(tailOffset, tailSize);
    const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
    let at = tailSize - zip.END_SIZE;
    while (
      at >= 0 &&
      !(view.getUint32(at, true) === zip.END && at + zip.END_SIZE + view.getUint16(at + 20, true) === tailSize)
    )
      at--;
    if (at < 0) throw this.#error('no end of a zip file: it is truncated, or no zip file');
    const end = new ByteCursor(tail.subarray(at + 4), `${this.source.name}: zip end record`);
    const [disk, directoryDisk, onDisk, count] = [end.u16(), end.u16(), end.u16(), end.u16()];
    const [size, offset] = [end.u32(), end.u32()];
    const endOffset = tailOffset + at;
    if (count === zip.NONE16 || size === zip.NONE32 || offset === zip.NONE32) return this.#findDirectory64(endOffset);
    if (disk !== 0 || directoryDisk !== 0 || onDisk !== count)
      throw this.#error('zip files in several parts are not read');
    return this.#checkedDirectory(count, size, offset, endOffset);
  }

  #findDirectory64(endOffset: number): { count: number; size: number; offset: number } {
    const locator = this.#cursor(endOffset - zip.END64_LOCATOR_SIZE, zip.END64_LOCATOR_SIZE, 'zip64 locator');
    if (locator.u32() !== zip.END64_LOCATOR) throw this.#error('damaged zip file: its zip64 locator is missing');
    locator.u32();
    const end64Offset = locator.u64();
    const end = this.#cursor(end64Offset, zip.END64_SIZE, 'zip64 end record');
    if (end.u32() !== zip.END64) throw this.#error('damaged zip file: its zip64 end record is missing');
    end.slice(8 + 4); // size of this record, versions
    const [disk, directoryDisk, onDisk, count] = [end.u32(), end.u32(), end.u64(), end.u64()];
    if (disk !== 0 || directoryDisk !== 0 || onDisk !== count)
      throw this.#error('zip files in several parts are not read');
    return this.#checkedDirectory(count, end.u64(), end.u64(), end64Offset);
  }

  #checkedDirectory(
    count: number,
    size: number,
    offset: number,
    end: number,
  ): { count: number; size: number; offset: number } {
    if (offset + size > end) throw this.#error('damaged zip file: its directory lies outside the file');
    return { count, size, offset };
  }

  #readDirectory(count: number, offset: number, size: number): Map<string, Placed> {
    const cursor = this.#cursor(offset, size, 'directory');
    const entries = new Map<string, Placed>();
    for (let i = 0; i < count; i++) {
      const entry = this.#readEntry(cursor);
      if (entries.has(entry.name))
        throw this.#error(`damaged zip file: two records are called ${JSON.stringify(entry.name)}`);
      if (entry.headerOffset + zip.LOCAL_SIZE + entry.compressedSize > offset) {
        throw this.#error(`damaged zip file: record ${JSON.stringify(entry.name)} lies outside the file`);
      }
      entries.set(entry.name, entry);
    }
    return entries;
  }

  /** Records that lie over one another are no accident: few bytes would be unpacked many times. */
  #placed(directoryOffset: number): Placed[] {
    const inOrder = [...this.#entries.values()];
    if (inOrder.some((entry, i) => i > 0 && entry.headerOffset < inOrder[i - 1]!.headerOffset))
      inOrder.sort((a, b) => a.headerOffset - b.headerOffset);
    for (let i = 0; i < inOrder.length; i++) {
      const entry = inOrder[i]!;
      entry.index = i;
      entry.end = inOrder[i + 1]?.headerOffset ?? directoryOffset;
      if (entry.headerOffset + zip.LOCAL_SIZE + entry.compressedSize > entry.end)
        throw this.#error(`damaged zip file: record ${JSON.stringify(entry.name)} overlaps the next`);
    }
    return inOrder;
  }

  /** One entry of the directory, of which the fixed part and what follows it have been checked to be there. */
  #readEntry(cursor: ByteCursor): Placed {
    const { view } = cursor;
    const at = cursor.skip(zip.CENTRAL_SIZE);
    if (view.getUint32(at, true) !== zip.CENTRAL_HEADER)
      throw this.#error('damaged zip file: its directory is garbled');
    const flags = view.getUint16(at + 8, true);
    const name = cursor.text(view.getUint16(at + 28, true), flags & zip.FLAG_UTF8 ? 'utf8' : 'latin1');
    const extra = cursor.skip(view.getUint16(at + 30, true));
    const comment = cursor.skip(view.getUint16(at + 32, true));
    const entry: Placed = {
      name,
      method: view.getUint16(at + 10, true),
      flags,
      crc: view.getUint32(at + 16, true),
      compressedSize: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      headerOffset: view.getUint32(at + 42, true),
      index: 0,
      end: 0,
      start: UNREAD,
    };
    const { size, compressedSize, headerOffset } = entry;
    const isLarge = size === zip.NONE32 || compressedSize === zip.NONE32 || headerOffset === zip.NONE32;
    return isLarge ? { ...entry, ...this.#zip64(entry, cursor.bytes.subarray(extra, comment)) } : entry;
  }

  /** The 64-bit values of those fields that the 32-bit ones leave out, in their fixed order. */
  #zip64(entry: ZipEntry, extra: Uint8Array): Partial<ZipEntry> {
    const fields = (['size', 'compressedSize', 'headerOffset'] as const).filter((field) => entry[field] === zip.NONE32);
    if (fields.length === 0) return {};
    const cursor = new ByteCursor(extra, `${this.source.name}: zip extra field`);
    while (cursor.remaining >= 4) {
      const [id, length] = [cursor.u16(), cursor.u16()];
      const content = new ByteCursor(cursor.slice(length), `${this.source.name}: zip64 extra field`);
      if (id === zip.EXTRA_ZIP64) return Object.fromEntries(fields.map((field) => [field, content.u64()]));
    }
    return {};
  }

  /**
   * The contents of a record, decompressed and checked.
   * @throws IoError `format` (damage, with the record's name) | `missing` (no such record) | `unsupported`.
   */
  read(name: string): Uint8Array {
    const entry = this.#find(name);
    const bytes = this.#unpacked(entry, this.source.read(entry.start, entry.compressedSize));
    if (entry.crc !== NO_CRC && zlib.crc32(bytes) !== entry.crc)
      throw this.#error(`damaged: the checksum of record ${label(name)} differs`);
    return bytes;
  }

  /**
   * Where the contents of a record are, without reading them: `offset` is undefined where they are packed, `crc` where the
   * file tells none.
   * @throws IoError as {@link read}.
   */
  locate(name: string): { offset: number | undefined; crc: number | undefined } {
    const entry = this.#find(name);
    const crc = entry.crc === NO_CRC ? undefined : entry.crc;
    if (entry.method !== zip.STORED) return { offset: undefined, crc };
    this.#checkStored(entry);
    return { offset: entry.start, crc };
  }

  /** A record, and where its contents begin, as the header in front of them tells: those of the next ones are read with it. */
  #find(name: string): Placed {
    const entry = this.#entries.get(name);
    if (entry === undefined)
      throw new IoError('missing', `${this.source.name}: holds no record ${label(name)}`, this.source.name);
    if (entry.flags & zip.FLAG_ENCRYPTED)
      throw new IoError('unsupported', `${this.source.name}: record ${label(name)} is encrypted`, this.source.name);
    if (entry.start === UNREAD) this.#readHeaders(entry.index, Math.min(entry.index + HEADERS, this.#inOrder.length));
    if (entry.start === UNREAD) throw this.#error(`damaged zip file: record ${label(name)} has no header`);
    if (entry.start + entry.compressedSize > entry.end)
      throw this.#error(`damaged zip file: record ${label(name)} overlaps what follows it`);
    return entry;
  }

  /** Reads the headers of the records from `first` to before `end`. */
  #readHeaders(first: number, end: number): void {
    const offsets = new Float64Array(end - first);
    for (let i = first; i < end; i++) offsets[i - first] = this.#inOrder[i]!.headerOffset;
    const headers = this.source.readEach(offsets, zip.LOCAL_SIZE);
    if (headers === undefined) return;
    const view = new DataView(headers.buffer, headers.byteOffset, headers.byteLength);
    for (let i = first, at = 0; i < end; i++, at += zip.LOCAL_SIZE) {
      const entry = this.#inOrder[i]!;
      if (view.getUint32(at, true) !== zip.LOCAL_HEADER) continue;
      const length = zip.LOCAL_SIZE + view.getUint16(at + 26, true) + view.getUint16(at + 28, true);
      entry.start = entry.headerOffset + length;
    }
  }

  #checkStored(entry: ZipEntry): void {
    if (entry.size !== entry.compressedSize)
      throw this.#error(`damaged zip file: record ${label(entry.name)} is stored, but with two sizes`);
  }

  #deflatedSize(): number {
    let total = 0;
    for (const { method, size } of this.entries.values()) if (method === zip.DEFLATED) total += size;
    return total;
  }

  #unpacked(entry: ZipEntry, packed: Uint8Array): Uint8Array {
    if (entry.method === zip.STORED) {
      this.#checkStored(entry);
      return packed;
    }
    if (entry.method !== zip.DEFLATED) {
      throw new IoError(
        'unsupported',
        `${this.source.name}: record ${label(entry.name)} uses compression method ${entry.method}, which is not read`,
      );
    }
    if (entry.size > entry.compressedSize * MAX_DEFLATE_RATIO + 1024) {
      throw this.#error(
        `damaged zip file: record ${label(entry.name)} claims an impossible size of ${entry.size} bytes`,
      );
    }
    const unpacked = this.#deflatedSize();
    if (unpacked > BOMB_BYTES && unpacked > BOMB_RATIO * this.source.size) {
      const sizes = `${this.source.size} bytes, which unpack to ${unpacked}`;
      throw new IoError(
        'unsupported',
        `${this.source.name}: a zip file of ${sizes}; if you trust it, unzip it and zip it again with -0`,
        this.source.name,
      );
    }
    let bytes: Uint8Array;
    try {
      bytes = zlib.inflateRawSync(packed, { maxOutputLength: Math.max(entry.size, 1) });
    } catch {
      throw this.#error(`damaged: record ${label(entry.name)} cannot be decompressed`);
    }
    if (bytes.byteLength !== entry.size)
      throw this.#error(`damaged: record ${label(entry.name)} is ${bytes.byteLength} bytes, not ${entry.size}`);
    return bytes;
  }
}

/** The name of a record in errors. */
function label(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}
