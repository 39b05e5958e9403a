/** Reading CIFAR-10's layout: folder, archive, data of one's own, and everything that can be wrong with it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { CIFAR10 } from '../../../lib/data/index.js';
import { IoError, NdArray, writePickle } from '../../../lib/io/index.js';
import { readTarGz } from '../../../lib/data/tar-archive.js';
import { scope } from '../../../lib/tensor/index.js';
import { batch, NAMES, pack, writeCifar } from './cifar-folder.js';

describe('CIFAR10', () => {
  let root: string;
  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-cifar-'));
  });
  afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

  const open = (train = true, at = root): CIFAR10 => new CIFAR10(at, { train, verify: false });

  function refuses(code: string, pattern: RegExp, run: () => unknown = () => open()): void {
    assert.throws(run, (error) => {
      assert(error instanceof IoError, String(error));
      assert.match(error.message, pattern);
      assert.equal(error.code, code);
      assert(!error.message.includes('\n'), 'one line');
      return true;
    });
  }

  function check(train: CIFAR10, test: CIFAR10): void {
    assert.deepEqual([train.length, test.length], [10, 2]);
    assert.deepEqual([...train.set.labels], [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]);
    assert.deepEqual(train.classes, Array.from('abcdefghij'));
    assert.equal(train.picture(3).data[3071], 11);
    assert.equal(test.picture(1).data[0], 51);
    scope(() => {
      const [x, y] = train.batch([9, 0]);
      assert.deepEqual([x.shape, x.dtype, y.dtype], [[2, 3, 32, 32], 'float32', 'int64']);
      assert.deepEqual(y.toArray(), [5n, 0n]);
      assert.equal(x.select(0, 0).max().item(), Math.fround(41 / 255));
    });
  }

  it('reads the folder, wherever it is named', () => {
    const folder = writeCifar(root);
    check(open(), open(false));
    check(open(true, folder), open(false, folder));
    const { train, test } = CIFAR10.load(root, { verify: false });
    assert.deepEqual([train.length, test.length], [10, 2]);
  });

  it('reads the archive without unpacking it', () => {
    writeCifar(root);
    const archive = pack(root);
    check(open(), open(false));
    assert.deepEqual(fs.readdirSync(root), [path.basename(archive)]);
  });

  it('takes data of any number of pictures and batches, without label names', () => {
    const folder = writeCifar(root);
    fs.writeFileSync(path.join(folder, 'data_batch_1'), batch(0, 7));
    for (const name of ['data_batch_3', 'data_batch_4', 'data_batch_5', 'batches.meta'])
      fs.rmSync(path.join(folder, name));
    assert.equal(open().length, 9);
    assert.deepEqual(open().classes, Array.from('0123456789'));
    pack(root);
    assert.equal(open().length, 9);
  });

  it("reads Python 2's strings, as the published files have them", () => {
    const folder = writeCifar(root);
    const pickle = Buffer.from(batch(0, 2));
    // The length of bytes (B) is written like that of a Python 2 str (T), so one becomes the other.
    const at = pickle.indexOf(Buffer.from([0x42, 0x00, 0x18, 0x00, 0x00]));
    assert(at > 0);
    pickle[at] = 'T'.charCodeAt(0);
    pickle.fill(0xe9, at + 5, at + 5 + 3072);
    fs.writeFileSync(path.join(folder, 'data_batch_1'), pickle);
    assert.deepEqual([...open().picture(0).data], new Array<number>(3072).fill(0xe9));
    assert.equal(open().picture(1).data[0], 1);
  });

  it('takes labels as a numpy array', () => {
    const folder = writeCifar(root);
    const labels = new NdArray('int64', [2], BigInt64Array.of(3n, 4n));
    fs.writeFileSync(path.join(folder, 'data_batch_1'), batch(0, 2, { labels }));
    assert.deepEqual([...open().set.labels.subarray(0, 2)], [3, 4]);
  });

  it('compares MD5 sums, and names file, sums and the way out', () => {
    const folder = writeCifar(root);
    const verify = (): unknown => new CIFAR10(root);
    const sums = 'its MD5 is [0-9a-f]{32}, expected c99cafc152244af753f735de768cd75f; --no-verify';
    refuses('integrity', new RegExp(`^${folder}/data_batch_1 is not the published file: ${sums}`), verify);
    const archive = pack(root);
    const size = fs.statSync(archive).size;
    const expected = `\\(it is truncated: ${size} of 170498071 bytes\\): its MD5 is [0-9a-f]{32}, expected c58f30108f718f92721af3b95e74349a`;
    refuses('integrity', new RegExp(`^${archive} is not the published file ${expected}`), verify);
  });

  it('says what is missing', () => {
    refuses(
      'missing',
      /holds neither cifar-10-python\.tar\.gz nor cifar-10-batches-py\/; get the Python version from https/,
    );
    refuses('missing', /there is no folder .*\/none$/, () => open(true, path.join(root, 'none')));
    const folder = writeCifar(root);
    fs.rmSync(path.join(folder, 'test_batch'));
    refuses('missing', /cannot read .*test_batch: no such file/, () => open(false));
    fs.rmSync(path.join(folder, 'data_batch_1'));
    refuses('missing', /cannot read .*data_batch_1: no such file/);
    fs.rmSync(path.join(folder, 'data_batch_2'));
    refuses('missing', /cannot read .*data_batch_1: no such file/, () => new CIFAR10(folder, { verify: false }));
    pack(root);
    refuses('missing', /cifar-10-python\.tar\.gz holds no cifar-10-batches-py\/data_batch_1/);
  });

  it('says when an archive is cut off or damaged', () => {
    writeCifar(root);
    const archive = pack(root);
    const bytes = fs.readFileSync(archive);
    for (const share of [0, 0.1, 0.5, 0.9]) {
      fs.writeFileSync(archive, bytes.subarray(0, Math.floor(bytes.length * share)));
      refuses('format', /cifar-10-python\.tar\.gz cannot be unpacked: it is damaged or truncated \(.+\)$/);
    }
    fs.writeFileSync(archive, 'this is no archive');
    refuses('format', /cannot be unpacked/);
  });

  it('refuses a pipe in the place of a file, and does not wait for it', () => {
    const folder = writeCifar(root);
    const file = path.join(folder, 'data_batch_1');
    fs.rmSync(file);
    assert.equal(spawnSync('mkfifo', [file]).status, 0);
    const program = `import { CIFAR10 } from './lib/data/index.js';
      try { new CIFAR10(process.argv[1], { verify: false }); } catch (error) { process.stdout.write(error.message); }`;
    // in a process of its own, which can be stopped should it wait
    const { stdout } = spawnSync(process.execPath, ['--import=tsx', '--input-type=module', '-e', program, root], {
      cwd: path.resolve(import.meta.dirname, '../../..'),
      encoding: 'utf8',
      timeout: 200_000,
    });
    assert.equal(stdout, `cannot read ${file}: it is no regular file`);
  });

  it('keeps no more of an archive than a limit', () => {
    writeCifar(root);
    const archive = pack(root);
    const name = (entry: string): string | undefined => /(data_batch|test_batch).*/.exec(entry)?.[0];
    const whole = readTarGz(archive, name);
    const total = [...whole.files.values()].reduce((sum, bytes) => sum + bytes.byteLength, 0);
    assert.deepEqual([whole.files.size, whole.damage], [6, undefined]);
    assert.equal(readTarGz(archive, name, total).damage, undefined);
    const cut = readTarGz(archive, name, total - 1);
    assert.equal(cut.damage, `its files are larger than ${total - 1} bytes`);
    assert.deepEqual([cut.files.size, cut.md5], [5, whole.md5]);
  });

  it('says what is wrong with a batch', () => {
    const folder = writeCifar(root);
    const becomes = (content: Uint8Array | string, pattern: RegExp): void => {
      fs.writeFileSync(path.join(folder, 'data_batch_2'), content);
      refuses('format', pattern);
      refuses('format', /data_batch_2/);
    };
    const data = (shape: number[]): Record<string, unknown> => ({
      data: new NdArray('uint8', shape, new Uint8Array(shape.reduce((a, b) => a * b))),
    });
    becomes('', /truncated/);
    becomes(batch(1, 2).subarray(0, 3000), /truncated/);
    becomes('cos\nsystem\n.', /os\.system/);
    becomes(writePickle([1]), /expected a pickled dict/);
    becomes(writePickle({ labels: [1] }), /expected data to be a numpy array of uint8/);
    becomes(batch(1, 2, data([2, 3071])), /expected data of shape \[N, 3072\] but it is \[2, 3071\]/);
    becomes(batch(1, 2, data([6144])), /but it is \[6144\]/);
    becomes(batch(1, 2, { labels: [1] }), /holds 2 pictures but 1 labels/);
    becomes(batch(1, 2, { labels: [1, 10] }), /label 1 is 10, expected 0 to 9/);
    becomes(batch(1, 2, { labels: [-1, 0] }), /label 0 is -1, expected 0 to 9/);
    becomes(batch(1, 2, { labels: [1, 0.5] }), /expected labels to be a list of integers/);
    becomes(batch(1, 2, { labels: 'ab' }), /expected labels to be a list of integers/);
    for (const name of NAMES) fs.writeFileSync(path.join(folder, name), batch(0, 0));
    refuses('format', /holds no training pictures/);
    fs.writeFileSync(path.join(folder, 'batches.meta'), writePickle({ label_names: [1] }));
    refuses('format', /batches\.meta: expected label_names to be text/);
  });

  it('refuses an index out of range', () => {
    writeCifar(root);
    assert.throws(() => open().picture(10), { message: 'Expected an index from 0 to 9 but received 10' });
    assert.throws(() => open().batch([]), /at least one picture/);
  });
});
