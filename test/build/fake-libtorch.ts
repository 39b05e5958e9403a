/** A tiny wheel that the resolver takes for a libtorch, and a server that offers it, well or badly. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { crc32 } from 'node:zlib';

/** A zip file with stored entries. */
export function zip(entries: Record<string, string | Buffer>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(entries)) {
    const data = typeof content === 'string' ? Buffer.from(content) : content;
    // What the local header and the directory say alike: version, flags, method, time, date, crc, sizes, length of the name.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), data]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 0]), common, tail, Buffer.from(name)]));
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, central, end]);
}

/** What the resolver looks at before it believes that a folder is a libtorch. */
export const files = (version: string): Record<string, string> => ({
  'lib/libtorch.so': 'x',
  'lib/libtorch_cpu.so': 'y'.repeat(200_000),
  'lib/libc10.so': 'z',
  'include/ATen/core/Tensor.h': '#pragma once\n',
  'version.py': `__version__ = '${version}+cpu'\n`,
});

export function writeFolder(folder: string, version: string): string {
  for (const [name, text] of Object.entries(files(version))) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

const METADATA = 'torch-2.13.0+cpu.dist-info';
export const WHEEL_NAME = 'torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl';

/** A wheel that pip accepts too. */
export function wheel(): Buffer {
  const inside = Object.entries(files('2.13.0')).map(([name, text]) => [`torch/${name}`, text] as const);
  return zip({
    ...Object.fromEntries(inside),
    'torch/lib/libtorch_python.so': 'only Python needs it',
    'torch/nn/__init__.py': '',
    [`${METADATA}/METADATA`]: 'Metadata-Version: 2.1\nName: torch\nVersion: 2.13.0+cpu\n',
    [`${METADATA}/WHEEL`]: 'Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-manylinux_2_28_x86_64\n',
    [`${METADATA}/RECORD`]: '',
  });
}

/** As the entry of native-config.cjs, with short pauses. */
export function artifactOf(bytes: Buffer, url: string) {
  return {
    version: '2.13.0',
    requirement: 'torch==2.13.0+cpu',
    pythonTag: { version: '3.11', implementation: 'cp', abi: 'cp311', platform: 'manylinux_2_28_x86_64' },
    file: WHEEL_NAME,
    url,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
    unpackedBytes: 1e6,
    download: { attempts: 3, pauseMs: 5, idleMs: 60_000 },
  };
}

export interface Server {
  url: string;
  /** The Range header of every request, '' when it had none. */
  ranges: string[];
  close(): Promise<void>;
}

export interface ServerOptions {
  /** How many requests are cut off half-way. */
  cutOff?: number;
  /** False: answers 200 with the whole file whatever was asked for. */
  ranges?: boolean;
  /** How many redirects stand before the file. */
  redirects?: number;
  status?: number;
  /** What the body waits for. */
  until?: Promise<unknown>;
}

/** Serves `bytes` on the loopback. */
export async function serve(bytes: Buffer, options: ServerOptions = {}): Promise<Server> {
  const ranges: string[] = [];
  let cutOff = options.cutOff ?? 0;
  const server = http.createServer((request, response) => {
    const hop = Number(/hop=(\d+)/.exec(request.url ?? '')?.[1] ?? 0);
    if (hop < (options.redirects ?? 0)) {
      response.writeHead(302, { location: `/wheel?hop=${hop + 1}` }).end();
      return;
    }
    ranges.push(request.headers.range ?? '');
    if (options.status !== undefined) {
      response.writeHead(options.status).end();
      return;
    }
    const from = options.ranges === false ? 0 : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const body = bytes.subarray(from);
    const headers = { 'content-length': body.length };
    if (from > 0)
      response.writeHead(206, { ...headers, 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` });
    else response.writeHead(200, headers);
    if (cutOff > 0) {
      cutOff--;
      response.write(body.subarray(0, body.length >> 1), () => setTimeout(() => response.destroy(), 20));
      return;
    }
    void Promise.resolve(options.until).then(() => response.end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/wheel`,
    ranges,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}
