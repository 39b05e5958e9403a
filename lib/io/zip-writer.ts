import zlib from 'node:zlib';
import { ByteBuilder } from './byte-builder.js';
import * as zip from './zip-format.js';

/** Bytes, or pieces that are made while they are written, each valid until the next. */
export type ZipData = Uint8Array | { readonly byteLength: number; pieces(): Iterable<Uint8Array> };

export interface ZipRecord {
  readonly name: string;
  readonly data: ZipData;
  /** CRC-32 of `data`, where the caller has it already, as it must where `data` is made in pieces. */
  readonly crc?: number;
}

export interface ZipWriteOptions {
  /** The data of every record begins at a multiple of this; default 64, as torch needs to map files into memory. */
  readonly alignment?: number;
  /** Writes the zip64 forms even where 32 bits are enough. */
  readonly zip64?: boolean;
}

interface Place extends ZipRecord {
  readonly offset: number;
  readonly crc: number;
}

/**
 * A zip file of stored records, piece by piece: headers, and the records' own bytes, never joined in memory. Times are
 * zero, so that the same records give the same bytes.
 */
export function* writeZip(
  records: Iterable<ZipRecord>,
  options: ZipWriteOptions = {},
): Generator<Uint8Array, void, void> {
  const { alignment = 64, zip64 = false } = options;
  const places: Place[] = [];
  let position = 0;
  for (const record of records) {
    const place: Place = { ...record, offset: position, crc: record.crc ?? crcOf(record) };
    const header = localHeader(place, alignment, zip64);
    yield header;
    if (record.data instanceof Uint8Array) yield record.data;
    else yield* record.data.pieces();
    position += header.byteLength + record.data.byteLength;
    places.push(place);
  }
  const directory = new ByteBuilder();
  for (const place of places) centralHeader(directory, place, zip64);
  yield directory.bytes;
  yield endRecords(places.length, directory.length, position, zip64);
}

function crcOf({ name, data }: ZipRecord): number {
  if (data instanceof Uint8Array) return zlib.crc32(data);
  throw new TypeError(`Expected a checksum for ${name}, which is written in pieces`);
}

function isLarge(value: number, forced: boolean): boolean {
  return forced || value >= zip.NONE32;
}

function localHeader({ name, data, crc, offset }: Place, alignment: number, forced: boolean): Uint8Array {
  const large = isLarge(data.byteLength, forced);
  const encoded = Buffer.from(name, 'utf8');
  const extra = new ByteBuilder(96);
  if (large) extra.u16(zip.EXTRA_ZIP64).u16(16).u64(data.byteLength).u64(data.byteLength);
  const unpadded = offset + zip.LOCAL_SIZE + encoded.byteLength + extra.length + 4;
  const padding = (alignment - (unpadded % alignment)) % alignment;
  extra.u16(zip.EXTRA_PADDING).u16(padding).ascii('Z'.repeat(padding));
  const size = large ? zip.NONE32 : data.byteLength;
  return new ByteBuilder(zip.LOCAL_SIZE + encoded.byteLength + extra.length)
    .u32(zip.LOCAL_HEADER)
    .u16(large ? 45 : 20)
    .u16(zip.FLAG_UTF8)
    .u16(zip.STORED)
    .u32(0) // time and date
    .u32(crc)
    .u32(size)
    .u32(size)
    .u16(encoded.byteLength)
    .u16(extra.length)
    .raw(encoded)
    .raw(extra.bytes).bytes;
}

function centralHeader(out: ByteBuilder, { name, data, crc, offset }: Place, forced: boolean): void {
  const large = isLarge(data.byteLength, forced);
  const far = isLarge(offset, forced);
  const encoded = Buffer.from(name, 'utf8');
  const extra = new ByteBuilder(32);
  if (large || far) {
    extra.u16(zip.EXTRA_ZIP64).u16((large ? 16 : 0) + (far ? 8 : 0));
    if (large) extra.u64(data.byteLength).u64(data.byteLength);
    if (far) extra.u64(offset);
  }
  const version = large || far ? 45 : 20;
  const size = large ? zip.NONE32 : data.byteLength;
  out
    .u32(zip.CENTRAL_HEADER)
    .u16(version)
    .u16(version)
    .u16(zip.FLAG_UTF8)
    .u16(zip.STORED)
    .u32(0)
    .u32(crc)
    .u32(size)
    .u32(size);
  out.u16(encoded.byteLength).u16(extra.length).u16(0); // no comment
  out.u16(0).u16(0).u32(0); // disk, attributes
  out
    .u32(far ? zip.NONE32 : offset)
    .raw(encoded)
    .raw(extra.bytes);
}

function endRecords(count: number, size: number, offset: number, forced: boolean): Uint8Array {
  const out = new ByteBuilder();
  const needed = forced || count >= zip.NONE16 || size >= zip.NONE32 || offset >= zip.NONE32;
  if (needed) {
    out
      .u32(zip.END64)
      .u64(zip.END64_SIZE - 12)
      .u16(45)
      .u16(45)
      .u32(0)
      .u32(0);
    out.u64(count).u64(count).u64(size).u64(offset);
    out
      .u32(zip.END64_LOCATOR)
      .u32(0)
      .u64(offset + size)
      .u32(1);
  }
  const small = needed ? zip.NONE16 : count;
  out.u32(zip.END).u16(0).u16(0).u16(small).u16(small);
  out
    .u32(needed ? zip.NONE32 : size)
    .u32(needed ? zip.NONE32 : offset)
    .u16(0);
  return out.bytes;
}
