/** Zip files: what is written is read back, foreign forms are read, damage is named. */
import assert from 'node:assert/strict';
import zlib from 'node:zlib';
import fc from 'fast-check';
import { bytesSource } from '../../../lib/io/byte-source.js';
import { IoError } from '../../../lib/io/errors.js';
import { ZipReader } from '../../../lib/io/zip-reader.js';
import { writeZip } from '../../../lib/io/zip-writer.js';

const RECORDS = [
  { name: 'a/data.pkl', data: Buffer.from('hello') },
  { name: 'a/empty', data: new Uint8Array(0) },
  { name: 'a/é', data: Uint8Array.from({ length: 1000 }, (_, i) => i & 255) },
];

const archive = (zip64 = false): Buffer => Buffer.concat([...writeZip(RECORDS, { zip64 })]);
const open = (bytes: Uint8Array): ZipReader => new ZipReader(bytesSource(bytes, 'x.zip'));

function refused(run: () => unknown, pattern: RegExp): void {
  assert.throws(
    run,
    (error) => error instanceof IoError && pattern.test(error.message) && error.message.startsWith('x.zip'),
  );
}

/** The archive with one record deflated, as other programs write it. */
function deflated(data: Uint8Array): { bytes: Buffer; method: number[] } {
  const packed = zlib.deflateRawSync(data);
  const bytes = Buffer.concat([...writeZip([{ name: 'x', data: packed, crc: zlib.crc32(data) }])]);
  const central = bytes.lastIndexOf('PK\x01\x02', undefined, 'latin1');
  bytes.writeUInt16LE(8, central + 10);
  bytes.writeUInt32LE(data.byteLength, central + 24);
  return { bytes, method: [central + 10] };
}

describe('zip files', () => {
  for (const zip64 of [false, true]) {
    it(`are read back as they were written${zip64 ? ', in the zip64 form' : ''}`, () => {
      const bytes = archive(zip64);
      const zip = open(bytes);
      assert.deepEqual(
        [...zip.entries.keys()],
        RECORDS.map(({ name }) => name),
      );
      for (const { name, data } of RECORDS) assert.deepEqual(new Uint8Array(zip.read(name)), new Uint8Array(data));
    });

    it(`align every record to 64 bytes${zip64 ? ', in the zip64 form' : ''}`, () => {
      const bytes = archive(zip64);
      for (const { name, headerOffset } of open(bytes).entries.values()) {
        const start = headerOffset + 30 + bytes.readUInt16LE(headerOffset + 26) + bytes.readUInt16LE(headerOffset + 28);
        assert.equal(start % 64, 0, name);
      }
    });
  }

  it('are the same for the same records', () => {
    assert.deepEqual(archive(), archive());
  });

  it('may have a comment behind them', () => {
    const bytes = archive();
    bytes.writeUInt16LE(5, bytes.length - 2);
    assert.equal(open(Buffer.concat([bytes, Buffer.from('hello')])).entries.size, 3);
  });

  it('may be deflated', () => {
    const data = Buffer.from('abc'.repeat(1000));
    assert.deepEqual(Buffer.from(open(deflated(data).bytes).read('x')), data);
  });

  it('are refused when they claim the impossible', () => {
    const { bytes } = deflated(Buffer.alloc(10_000));
    const central = bytes.lastIndexOf('PK\x01\x02', undefined, 'latin1');
    const claim = (size: number): Buffer => {
      const copy = Buffer.from(bytes);
      copy.writeUInt32LE(size, central + 24);
      return copy;
    };
    refused(() => open(claim(0xffff_fff0)).read('x'), /impossible size/);
    refused(() => open(claim(9_999)).read('x'), /cannot be decompressed/);
    refused(() => open(claim(10_001)).read('x'), /is 10000 bytes, not 10001/);
  });

  it('are refused when records lie over one another', () => {
    const bytes = archive();
    const entries = [...open(bytes).entries.values()];
    const centrals = entries.map(({ name }) => bytes.lastIndexOf(Buffer.from(name)) - 46);
    const same = Buffer.from(bytes);
    same.writeUInt32LE(entries[0]!.headerOffset, centrals[1]! + 42);
    refused(() => open(same), /record "a\/(data\.pkl|empty)" overlaps the next/);
    const longer = Buffer.from(bytes);
    longer.writeUInt32LE(500, centrals[0]! + 20);
    refused(() => open(longer), /record "a\/data\.pkl" overlaps the next/);
    // a directory that looks right, and a header that pushes the contents into the next record
    const pushed = Buffer.from(bytes);
    const extra = entries[0]!.headerOffset + 28;
    pushed.writeUInt16LE(pushed.readUInt16LE(extra) + 64, extra);
    refused(() => open(pushed).read('a/data.pkl'), /record "a\/data\.pkl" overlaps what follows it/);
  });

  it('are refused when a record is damaged, encrypted or packed in another way', () => {
    const bytes = archive();
    const data = bytes.indexOf('hello');
    const damaged = Buffer.from(bytes);
    damaged[data] = 0x48;
    refused(() => open(damaged).read('a/data.pkl'), /checksum of record "a\/data\.pkl" differs/);
    assert.deepEqual(new Uint8Array(open(damaged).read('a/empty')), new Uint8Array(0));
    const central = bytes.indexOf('PK\x01\x02', 0, 'latin1');
    const encrypted = Buffer.from(bytes);
    encrypted.writeUInt16LE(1, central + 8);
    refused(() => open(encrypted).read('a/data.pkl'), /encrypted/);
    const lzma = Buffer.from(bytes);
    lzma.writeUInt16LE(14, central + 10);
    refused(() => open(lzma).read('a/data.pkl'), /compression method 14/);
    refused(() => open(bytes).read('b'), /no record "b"/);
  });

  it('are refused when cut at any byte', () => {
    const bytes = archive();
    for (let length = 0; length < bytes.length; length++) refused(() => open(bytes.subarray(0, length)), /zip/);
  });

  it('never read outside of themselves, whatever their bytes', () => {
    const forms = [archive(), archive(true), deflated(Buffer.alloc(100)).bytes];
    const change = fc.record({
      which: fc.nat(2),
      edits: fc.array(fc.tuple(fc.nat(3000), fc.nat(255)), { minLength: 1, maxLength: 4 }),
    });
    fc.assert(
      fc.property(change, ({ which, edits }) => {
        const bytes = Buffer.from(forms[which]!);
        for (const [at, byte] of edits) bytes[at % bytes.length] = byte;
        try {
          const zip = open(bytes);
          for (const name of zip.entries.keys()) zip.read(name);
        } catch (error) {
          assert(error instanceof IoError, String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });
});
