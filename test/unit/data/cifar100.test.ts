import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { CIFAR10, CIFAR100 } from '../../../lib/data/index.js';
import { IoError, NdArray, writePickle } from '../../../lib/io/index.js';
import { serveFile } from '../../download-server.js';

const FINE = Array.from({ length: 100 }, (_, i) => `fine ${i}`);
const COARSE = Array.from({ length: 20 }, (_, i) => `coarse ${i}`);

/** Picture i is filled with `first + i`; its labels are 3 i and i. */
function batch(first: number, count: number): Uint8Array {
  const data = Uint8Array.from({ length: count * 3072 }, (_, at) => first + Math.floor(at / 3072));
  const numbers = Array.from({ length: count }, (_, i) => i);
  return writePickle({
    filenames: numbers.map((i) => `${i}.png`),
    fine_labels: numbers.map((i) => 3 * i),
    coarse_labels: numbers,
    data: new NdArray('uint8', [count, 3072], data),
  });
}

function records(first: number, count: number, labels: (i: number) => number[]): Uint8Array {
  return Buffer.concat(
    Array.from({ length: count }, (_, i) => Buffer.from([...labels(i), ...new Array<number>(3072).fill(first + i)])),
  );
}

describe('CIFAR-100 and the binary versions', () => {
  let root: string;
  beforeEach(() => (root = fs.mkdtempSync(path.join(os.tmpdir(), 'cifar-'))));
  afterEach(() => fs.rmSync(root, { recursive: true }));

  function write(folder: string, files: Record<string, Uint8Array | string>): string {
    const to = path.join(root, folder);
    fs.mkdirSync(to);
    for (const [name, bytes] of Object.entries(files)) fs.writeFileSync(path.join(to, name), bytes);
    return to;
  }
  const python100 = (): string =>
    write('cifar-100-python', {
      train: batch(10, 7),
      test: batch(50, 3),
      meta: writePickle({ fine_label_names: FINE, coarse_label_names: COARSE }),
    });
  const binary100 = (): string =>
    write('cifar-100-binary', {
      'train.bin': records(10, 7, (i) => [i, 3 * i]),
      'test.bin': records(50, 3, (i) => [i, 3 * i]),
      'fine_label_names.txt': `${FINE.join('\n')}\n`,
      'coarse_label_names.txt': `${COARSE.join('\n')}\n`,
    });
  function pack(folder: string, archive: string): void {
    const { status, stderr } = spawnSync('tar', ['-czf', path.join(root, archive), '-C', root, folder], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    fs.rmSync(path.join(root, folder), { recursive: true });
  }
  function check100(at = root): void {
    const { train, test } = CIFAR100.load(at, { verify: false });
    assert.deepEqual(
      [[...train.set.labels], [...test.set.labels]],
      [
        [0, 3, 6, 9, 12, 15, 18],
        [0, 3, 6],
      ],
    );
    assert.deepEqual(train.classes, FINE);
    const coarse = new CIFAR100(at, { verify: false, labels: 'coarse', train: false });
    assert.deepEqual([[...coarse.set.labels], coarse.classes], [[0, 1, 2], COARSE]);
    assert.deepEqual([train.picture(6).data[0], coarse.picture(2).data[3071]], [16, 52]);
  }

  it('reads the Python version: folder, the folder itself, archive', () => {
    const folder = python100();
    check100();
    check100(folder);
    pack('cifar-100-python', 'cifar-100-python.tar.gz');
    check100();
  });

  it('reads the binary version: folder, the folder itself, archive', () => {
    const folder = binary100();
    check100();
    check100(folder);
    pack('cifar-100-binary', 'cifar-100-binary.tar.gz');
    check100();
  });

  it('reads the binary version of CIFAR-10', () => {
    const files: Record<string, Uint8Array | string> = {
      'batches.meta.txt': `${Array.from('abcdefghij').join('\n')}\n\n`,
    };
    for (let part = 1; part <= 5; part++) files[`data_batch_${part}.bin`] = records(part, 2, (i) => [part + i]);
    files['test_batch.bin'] = records(9, 1, () => [9]);
    const folder = write('cifar-10-batches-bin', files);
    const check = (at: string): void => {
      const { train, test } = CIFAR10.load(at, { verify: false });
      assert.deepEqual([[...train.set.labels], [...test.set.labels]], [[1, 2, 2, 3, 3, 4, 4, 5, 5, 6], [9]]);
      assert.deepEqual([train.classes, train.picture(9).data[5]], [Array.from('abcdefghij'), 6]);
    };
    check(root);
    check(folder);
    pack('cifar-10-batches-bin', 'cifar-10-binary.tar.gz');
    check(root);
  });

  function refuses(code: string, pattern: RegExp, run: () => unknown): void {
    assert.throws(run, (error) => error instanceof IoError && error.code === code && pattern.test(error.message));
  }

  it('knows the published files again, and says what is wrong with others', () => {
    const folder = python100();
    refuses('integrity', /train is not the published file: its MD5 is .* expected 16019d7e/, () => new CIFAR100(root));
    fs.writeFileSync(path.join(folder, 'train'), writePickle({ data: 1 }));
    refuses('format', /train: expected data to be a numpy array/, () => new CIFAR100(root, { verify: false }));
    fs.rmSync(folder, { recursive: true });
    const binary = binary100();
    const size = 7 * 3074;
    refuses(
      'integrity',
      new RegExp(`train.bin is not the published file: it has ${size} bytes, expected 153700000`),
      () => new CIFAR100(root),
    );
    fs.appendFileSync(path.join(binary, 'train.bin'), 'x');
    refuses(
      'format',
      /train.bin: expected records of 3074 bytes but it has 21519 bytes/,
      () => new CIFAR100(root, { verify: false }),
    );
    fs.writeFileSync(
      path.join(binary, 'train.bin'),
      records(0, 1, () => [3, 100]),
    );
    refuses('format', /label 0 is 100, expected 0 to 99/, () => new CIFAR100(root, { verify: false }));
    fs.rmSync(binary, { recursive: true });
    refuses(
      'missing',
      /CIFAR-100: .* holds neither cifar-100-python\.tar\.gz nor cifar-100-python\//,
      () => new CIFAR100(root),
    );
    python100();
    assert.throws(
      () => new CIFAR100(root, { verify: false, labels: 'middle' as 'fine' }),
      /Expected fine or coarse for labels/,
    );
  });

  it('is fetched into a folder that has none', async () => {
    python100();
    pack('cifar-100-python', 'cifar-100-python.tar.gz');
    const archive = path.join(root, 'cifar-100-python.tar.gz');
    const body = fs.readFileSync(archive);
    const server = await serveFile({ body, ranges: true, cutAfter: 2000 });
    try {
      const to = path.join(root, 'new', 'folder');
      const options = { verify: false, from: server.url, pauseMs: 1 };
      const files = new Set<string>();
      assert.ok(await CIFAR100.download(to, { ...options, onProgress: ({ file }) => files.add(file) }));
      check100(to);
      assert.deepEqual([...files], ['cifar-100-python.tar.gz']);
      assert.equal(await CIFAR100.download(to, options), false, 'it is there');
      const elsewhere = path.join(root, 'elsewhere');
      await assert.rejects(CIFAR100.download(elsewhere, { ...options, verify: true }), {
        name: 'IoError',
        message:
          /expected 169001437; put cifar-100-python.tar.gz into .*elsewhere yourself, and it is read from there$/,
      });
    } finally {
      await server.close();
    }
  });
});
