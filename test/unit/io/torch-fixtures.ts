/** Files of torch.save, byte by byte. Pickles are latin-1 text, without PROTO and STOP. */
import { Header } from 'tar';
import { writePickle } from '../../../lib/io/index.js';
import { writeZip } from '../../../lib/io/zip-writer.js';

export function pickled(protocol: number, body: string): Buffer {
  return Buffer.concat([Buffer.of(0x80, protocol), Buffer.from(`${body}.`, 'latin1')]);
}

function short(text: string): string {
  return `X${String.fromCharCode(text.length)}\0\0\0${text}`;
}

function int(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return `J${bytes.toString('latin1')}`;
}

/** A persistent id; with `view` (a pickle) that of the legacy form. */
export function storageId(key: string, count: number, view?: string, type = 'FloatStorage', location = 'cpu'): string {
  return `(${short('storage')}ctorch\n${type}\n${short(key)}${short(location)}${int(count)}${view ?? ''}tQ`;
}

/** The zip form. */
export function zipFile(value: string, storages: Readonly<Record<string, Buffer>>, alignment = 64): Uint8Array {
  const data = Object.entries(storages).map(([key, bytes]) => ({ name: `a/data/${key}`, data: bytes }));
  return Buffer.concat(
    [...writeZip([{ name: 'a/data.pkl', data: pickled(2, value) }, ...data], { alignment })].map((each) =>
      Buffer.from(each),
    ),
  );
}

export interface LegacyParts {
  readonly value: string;
  readonly keys: readonly string[];
  readonly storages: readonly { readonly count: number; readonly bytes: Buffer }[];
  readonly protocol?: number;
  readonly version?: number;
}

/** The legacy form. */
export function legacyFile({ value, keys, storages, protocol = 2, version = 1001 }: LegacyParts): Buffer {
  const magic = '\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19';
  const bodies = [
    magic,
    `M${String.fromCharCode(version & 255, version >> 8)}`,
    '}',
    value,
    `](${keys.map(short).join('')}e`,
  ];
  const data = storages.flatMap(({ count, bytes }) => [int64(count), bytes]);
  return Buffer.concat([...bodies.map((body) => pickled(protocol, body)), ...data]);
}

export function int64(...values: number[]): Buffer {
  return Buffer.from(BigInt64Array.from(values, BigInt).buffer);
}

/** The tar form: `{ weight: [1, 2] }`. */
export function tarFile(): Buffer {
  const floats = Buffer.from(Float32Array.of(1, 2).buffer);
  const one = writePickle(1);
  const members: [string, Buffer][] = [
    ['sys_info', pickled(2, '}')],
    ['pickle', pickled(2, `}${short('weight')}K\x07Qs`)],
    [
      'storages',
      Buffer.concat([
        one,
        pickled(2, `(K\x08${short('cpu')}ctorch\nFloatStorage\nt`),
        int64(2),
        floats,
        pickled(2, ']'),
      ]),
    ],
    [
      'tensors',
      Buffer.concat([one, pickled(2, '(K\x07K\x08ctorch\nFloatTensor\nt'), int64(1), int64(2), int64(1), int64(0)]),
    ],
  ];
  const parts = members.flatMap(([path, content]) => {
    const block = Buffer.alloc(512);
    new Header({ path, size: content.byteLength, mode: 0o644, type: 'File' }).encode(block);
    return [block, content, Buffer.alloc((512 - (content.byteLength % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}
