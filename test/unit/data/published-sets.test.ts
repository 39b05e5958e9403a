/** MNIST, Fashion-MNIST and SVHN: files that are not what they should be, and downloads. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { deflateSync, gzipSync } from 'node:zlib';
import { FashionMNIST, MNIST, SVHN } from '../../../lib/data/index.js';
import { fetchPublished } from '../../../lib/data/dataset-download.js';
import { IoError, readIdx, readMat } from '../../../lib/io/index.js';
import { serveFile } from '../../download-server.js';

function idx(shape: readonly number[], data: Uint8Array, type = 8): Buffer {
  const head = Buffer.alloc(4 + 4 * shape.length);
  head.set([0, 0, type, shape.length]);
  shape.forEach((size, i) => head.writeUInt32BE(size, 4 + 4 * i));
  return Buffer.concat([head, data]);
}

function element(type: number, data: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(data.byteLength, 4);
  return Buffer.concat([head, data, Buffer.alloc((8 - (data.byteLength % 8)) % 8)]);
}

function matrix(name: string, kind: number, shape: readonly number[], ...parts: Buffer[]): Buffer {
  const flags = Buffer.from(Uint32Array.of(kind, 0).buffer);
  const head = [
    element(6, flags),
    element(5, Buffer.from(Int32Array.from(shape).buffer)),
    element(1, Buffer.from(name)),
  ];
  return element(14, Buffer.concat([...head, ...parts]));
}

function mat(...variables: Buffer[]): Buffer {
  const head = Buffer.alloc(128, ' ');
  head.writeUInt16LE(0x100, 124);
  head.write('IM', 126);
  return Buffer.concat([head, ...variables]);
}

const squeezed = (variable: Buffer): Buffer => {
  const data = deflateSync(variable);
  return element(15, data).subarray(0, 8 + data.byteLength);
};

const X = matrix(
  'X',
  9,
  [32, 32, 3, 2],
  element(
    2,
    Uint8Array.from({ length: 6144 }, (_, i) => i),
  ),
);
const Y = matrix('y', 6, [2, 1], element(2, Uint8Array.of(10, 3)));

describe('published data sets', () => {
  let folder: string;
  const file = (name: string, bytes: Uint8Array): string => {
    const place = path.join(folder, name);
    fs.mkdirSync(path.dirname(place), { recursive: true });
    fs.writeFileSync(place, bytes);
    return place;
  };
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-published-'));
  });
  afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

  const refused = (run: () => unknown, code: string, message: RegExp): void => {
    assert.throws(run, (error) => {
      assert(error instanceof IoError, String(error));
      assert.deepEqual([error.code, error.message.includes('\n')], [code, false], error.message);
      assert.match(error.message, message);
      return true;
    });
  };

  it('MNIST says which file is wrong, and how', () => {
    const raw = path.join('MNIST', 'raw');
    const read = (options = {}): unknown => new MNIST(folder, { verify: false, ...options });
    refused(() => new MNIST(path.join(folder, 'no')), 'missing', /cannot read MNIST: there is no folder .*no$/);
    refused(read, 'missing', /holds no MNIST\/raw\/train-images-idx3-ubyte\.gz; let --download \(MNIST\.download\)/);
    // A file where the folder should be.
    refused(() => new MNIST(file('plain', new Uint8Array(1))), 'missing', /plain holds no MNIST\/raw\/train-images/);
    refused(() => new MNIST(path.join(folder, 'plain', 'in')), 'missing', /there is no folder .*plain\/in$/);
    const pictures = idx([2, 28, 28], new Uint8Array(2 * 784));
    file(path.join(raw, 'train-images-idx3-ubyte.gz'), gzipSync(pictures));
    refused(read, 'missing', /train-labels-idx1-ubyte\.gz/);
    file(path.join(raw, 'train-labels-idx1-ubyte'), idx([2], Uint8Array.of(1, 9)));
    assert.deepEqual([...new MNIST(folder, { verify: false }).set.labels], [1, 9]);
    refused(
      () => read({ verify: true }),
      'integrity',
      /gz is not the published file: its MD5 is [0-9a-f]{32}, expected f68b/,
    );
    const labels = path.join(raw, 'train-labels-idx1-ubyte');
    file(labels, idx([3], Uint8Array.of(1, 2, 3)));
    refused(read, 'format', /holds 3 labels for 2 pictures$/);
    file(labels, idx([2], Uint8Array.of(1, 10)));
    refused(read, 'format', /label 1 is 10, expected 0 to 9$/);
    file(labels, idx([2], new Uint8Array(8), 12));
    refused(read, 'format', /holds int32 \[2\], expected uint8 labels$/);
    file(path.join(raw, 'train-images-idx3-ubyte'), idx([2, 28, 28], new Uint8Array(2 * 784)));
    refused(() => read({ verify: true }), 'integrity', /holds \[2, 28, 28\], expected 60000/);
    assert.throws(() => new FashionMNIST(folder), /FashionMNIST\/raw/);
  });

  it('IDX: every type, and what is damaged', () => {
    const swapped = (bytes: Buffer, size: 2 | 4 | 8): Buffer =>
      size === 2 ? bytes.swap16() : size === 4 ? bytes.swap32() : bytes.swap64();
    const floats = swapped(Buffer.from(Float64Array.of(1.5, -2).buffer), 8);
    assert.deepEqual(readIdx(file('f', idx([2], floats, 14))).data, Float64Array.of(1.5, -2));
    const shorts = swapped(Buffer.from(Int16Array.of(1, -2).buffer), 2);
    assert.deepEqual(readIdx(file('s', gzipSync(idx([1, 2], shorts, 11)))).data, Int16Array.of(1, -2));
    const good = idx([3, 2], Uint8Array.of(1, 2, 3, 4, 5, 6));
    const wrong = (bytes: Uint8Array, message: RegExp): void =>
      refused(() => readIdx(file('x', bytes)), 'format', message);
    wrong(good.subarray(0, 17), /is truncated: it ends too early$/);
    wrong(idx([30, 2], new Uint8Array(9)), /claims 30x2 elements, more than it can hold$/);
    wrong(gzipSync(good).subarray(0, 20), /damaged or truncated|is truncated/);
    wrong(gzipSync(good.subarray(0, 16)), /is truncated: it ends too early$/);
    wrong(Buffer.concat([good, Buffer.of(0)]), /holds more than its 3x2 elements$/);
    wrong(Buffer.from('not a picture'), /is no IDX file: it begins with 6e6f7420$/);
    wrong(idx([2], new Uint8Array(2), 10), /is no IDX file/);
    wrong(Buffer.alloc(3), /is truncated/);
    wrong(idx([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], new Uint8Array(9)), /claims 4294967295x/);
    // Deflate cannot have held so much in so little.
    wrong(gzipSync(idx([60_000, 28, 28], new Uint8Array(9))), /more than it can hold$/);
    refused(() => readIdx(path.join(folder, 'none')), 'missing', /cannot read/);
  });

  it('SVHN says what is wrong with its file', () => {
    const read = (bytes: Uint8Array) => {
      file('test_32x32.mat', bytes);
      return new SVHN(folder, { split: 'test', verify: false });
    };
    for (const bytes of [mat(X, Y), mat(squeezed(X), squeezed(Y)), mat(Y, squeezed(X))]) {
      const { set } = read(bytes);
      assert.deepEqual([...set.labels], [0, 3]);
      // Row 1, column 2, green, second picture: MATLAB's columns have become rows.
      assert.equal(set.pictures[3072 + 1024 + 32 + 2], (3072 + 1024 + 64 + 1) % 256);
    }
    refused(() => new SVHN(folder, { split: 'train' }), 'missing', /holds no train_32x32\.mat; let --download/);
    refused(() => new SVHN(folder, { split: 'test' }), 'integrity', /expected eb5a983b/);
    assert.throws(() => new SVHN(folder, { split: 'none' as 'test' }), /Expected train, test or extra for split/);
    const wrong = (bytes: Uint8Array, message: RegExp, code = 'format'): void =>
      refused(() => read(bytes), code, message);
    wrong(mat(X), /expected an array y$/);
    wrong(mat(X, matrix('y', 6, [3, 1], element(2, Uint8Array.of(1, 2, 3)))), /holds 3 labels for 2 pictures$/);
    wrong(mat(X, matrix('y', 6, [2, 1], element(2, Uint8Array.of(1, 11)))), /label 1 is 11, expected 1 to 10$/);
    wrong(mat(matrix('X', 9, [2, 2], element(2, new Uint8Array(4))), Y), /expected X to be uint8 \[32, 32, 3, N\]/);
    wrong(mat(X, Y).subarray(0, 4000), /is truncated/);
    wrong(mat(squeezed(X), squeezed(Y)).subarray(0, 140), /is truncated/);
    wrong(Buffer.alloc(200), /no MATLAB file of version 5$/);
    wrong(Buffer.alloc(20), /no MATLAB file: it has 20 bytes$/);
    const newer = mat(X);
    newer.writeUInt16LE(0x200, 124);
    wrong(newer, /version 7\.3 \(HDF5\): save it with -v7$/, 'unsupported');
    wrong(mat(matrix('X', 9 | 0x800, [1, 1], element(2, Uint8Array.of(1))), Y), /complex numbers/, 'unsupported');
    wrong(mat(matrix('X', 5, [1, 1], element(2, Uint8Array.of(1))), Y), /class 5/, 'unsupported');
    wrong(
      mat(matrix('X', 9, [65536, 65536, 16], element(2, Uint8Array.of(1))), Y),
      /array of 68719476736 numbers has 1 bytes/,
    );
    wrong(mat(squeezed(matrix('X', 1, [1, 2 ** 30]))), /claims 1073741824 arrays where 0 bytes are left$/);
    const bomb = matrix('X', 1, [1, 2_000_000], element(2, new Uint8Array(0)), Buffer.alloc(16_000_000));
    wrong(mat(squeezed(bomb)), /more than 1000000 arrays/);
    const nested = Array.from({ length: 40 }).reduce<Buffer>((inner) => matrix('', 1, [1, 1], inner), Y);
    wrong(mat(matrix('X', 1, [1, 1], nested)), /more than 32 deep$/);
  });

  it('MATLAB files that are small and unpack to very much are read or refused at once', function () {
    this.timeout(60_000);
    const array = (kind: number, name: Uint8Array, shape: Buffer, ...parts: Buffer[]): Buffer => {
      const flags = element(6, Buffer.from(Uint32Array.of(kind, 0).buffer));
      return mat(squeezed(element(14, Buffer.concat([flags, shape, element(1, name), ...parts]))));
    };
    const shape = (...sizes: number[]): Buffer => element(5, Buffer.from(Int32Array.from(sizes).buffer));
    const [name, much] = [Buffer.from('a'), Buffer.alloc(2 ** 22, 65)];
    // A line for each character, in a file of 2,200 bytes.
    const lines = readMat(array(4, name, shape(2 ** 20, 1), element(17, much.subarray(0, 2 ** 21)))).get('a');
    assert(lines?.kind === 'text' && lines.lines.length === 2 ** 20 && lines.lines.at(-1) === '䅁');
    const width = element(5, Buffer.from(Int32Array.of(1).buffer));
    const half = element(9, Buffer.from(Float64Array.of(1.5, 2).buffer));
    const bad: [Buffer, RegExp][] = [
      [array(9, name, element(5, much)), /4194304 bytes stand where at most 512 are read/],
      [array(9, much, shape(1, 1), element(2, Buffer.alloc(1))), /4194304 bytes stand where at most 65536 are read/],
      [array(2, name, shape(0, 0), width, element(1, much)), /4194304 bytes stand where at most 1048576 are read/],
      [array(9, name, half, element(2, Buffer.alloc(3))), /an array has the shape 1.5x2/],
    ];
    for (const [bytes, message] of bad) refused(() => readMat(bytes), 'format', message);
  });

  it('MATLAB files with wrong bytes anywhere are values or one line, never anything else', function () {
    this.timeout(300_000);
    const small = matrix(
      's',
      2,
      [1, 1],
      element(5, Buffer.from(Int32Array.of(4).buffer)),
      element(1, Buffer.from('a\0\0\0b\0\0\0')),
      matrix('', 4, [1, 2], element(16, Buffer.from('hi'))),
      matrix('', 9, [1, 2], element(2, Uint8Array.of(1, 2))),
    );
    const whole = [mat(Y, small), mat(squeezed(Y), squeezed(small))];
    let state = 1;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    let failures = 0;
    for (let i = 0; i < 1500; i++) {
      const bytes = Buffer.from(whole[i % 2]!);
      for (let n = 1 + random(3); n > 0; n--) bytes[124 + random(bytes.byteLength - 124)] = random(256);
      try {
        readMat(file('x.mat', bytes.subarray(0, i % 5 === 0 ? random(bytes.byteLength) : undefined)));
      } catch (error) {
        assert(error instanceof IoError, String((error as Error).stack));
        failures++;
      }
    }
    assert(failures > 300, `${failures} of 1500 were refused`);
  });

  it('downloads go where torchvision puts them, from the next place where one fails', async () => {
    const body = gzipSync(idx([2, 28, 28], new Uint8Array(2 * 784)));
    const server = await serveFile({ body, ranges: true, cutAfter: Infinity });
    try {
      assert.equal(await MNIST.download(folder, { from: server.url, verify: false }), true);
      const raw = path.join(folder, 'MNIST', 'raw');
      assert.deepEqual(fs.readdirSync(raw).sort(), [
        't10k-images-idx3-ubyte.gz',
        't10k-labels-idx1-ubyte.gz',
        'train-images-idx3-ubyte.gz',
        'train-labels-idx1-ubyte.gz',
      ]);
      assert.equal(server.asked.length, 4);
      assert.equal(await MNIST.download(folder, { from: server.url }), false);
      fs.rmSync(path.join(raw, 't10k-labels-idx1-ubyte.gz'));
      const md5 = createHash('md5').update(body).digest('hex');
      await assert.rejects(MNIST.download(folder, { from: server.url }), (error) => {
        assert(error instanceof IoError);
        assert.deepEqual(
          [error.code, error.message],
          [
            'integrity',
            `${server.url}t10k-labels-idx1-ubyte.gz is not the published file: its MD5 is ${md5}, expected ` +
              `ec29112dd5afa0611ce80d1b7f02629c; it was not kept; put t10k-labels-idx1-ubyte.gz into ${raw} yourself, and it is read from there`,
          ],
        );
        return true;
      });
      assert.equal(await SVHN.download(folder, { from: server.url, verify: false, splits: ['extra'] }), true);
      assert(fs.existsSync(path.join(folder, 'extra_32x32.mat')));
      const addresses = { publishers: ['http://127.0.0.1:1/', server.url], variable: 'TORCHBRIDGE_NO_MIRROR' };
      await fetchPublished(folder, [{ name: 'second', md5 }], addresses, { attempts: 1 });
      assert(fs.existsSync(path.join(folder, 'second')));
      const offline = { from: 'http://127.0.0.1:1/', attempts: 1 };
      await assert.rejects(
        FashionMNIST.download(folder, offline),
        /cannot be reached; put train-images-idx3-ubyte\.gz into .*FashionMNIST\/raw yourself/,
      );
    } finally {
      await server.close();
    }
  });
});
