import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ImageNet, type ImageNetSplit } from '../../../lib/data/index.js';
import { IoError } from '../../../lib/io/index.js';
import { parityDescribe, runPython } from '../python.js';

parityDescribe("ImageNet from its authors' archives as torchvision unpacks them", function () {
  this.timeout(120_000);
  let folder: string;
  let root: string;
  let theirs: Record<string, unknown>;
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-imagenet-'));
    root = path.join(folder, 'ours');
    theirs = runPython(path.join(import.meta.dirname, 'imagenet.py'), [folder]).json() as typeof theirs;
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  for (const split of ['train', 'val'] satisfies ImageNetSplit[]) {
    it(`${split}: files, classes and their words`, () => {
      let told = 0;
      const onProgress = (pictures: number): void => void (told = pictures);
      // A process that is gone has left half of it.
      fs.mkdirSync(path.join(root, `.${split}-${os.hostname()}-999999-0123abcd`));
      // What is unpacked is on the disk before it gets its name.
      let synced = 0;
      const { fsyncSync } = fs;
      const { PATH } = process.env;
      fs.fsyncSync = (fd) => {
        if (!fs.existsSync(path.join(root, split)) && fs.fstatSync(fd).isFile()) synced++;
        fsyncSync(fd);
      };
      // Without the system's sync, each by itself.
      process.env['PATH'] = '';
      let data: ImageNet;
      try {
        data = new ImageNet(root, { split, verify: false, onProgress });
      } finally {
        fs.fsyncSync = fsyncSync;
        process.env['PATH'] = PATH;
      }
      assert.equal(synced, data.length);
      const samples = data.samples.map(({ path: file, target }) => [
        path.relative(root, file),
        target,
        [...fs.readFileSync(file)],
      ]);
      assert.deepEqual(samples, theirs[split]);
      assert.deepEqual([data.wnids, data.words], theirs[`${split} classes`]);
      assert.equal(told, samples.length);
      assert.deepEqual(
        fs.readdirSync(root).filter((name) => name.startsWith('.')),
        [],
      );
      // What is there is not unpacked again.
      const again = (): never => {
        throw new Error('unpacked again');
      };
      assert.equal(new ImageNet(root, { split, verify: false, onProgress: again }).length, samples.length);
    });
  }

  it('unpacks all or nothing, and nowhere else', () => {
    const archive = path.join(root, 'ILSVRC2012_img_val.tar');
    const whole = fs.readFileSync(archive);
    fs.rmSync(path.join(root, 'val'), { recursive: true, force: true });
    const before = fs.readdirSync(root).sort();
    const refused = (bytes: Uint8Array, message: RegExp, code = 'format', options = {}): void => {
      fs.writeFileSync(archive, bytes);
      assert.throws(
        () => new ImageNet(root, { split: 'val', verify: false, ...options }),
        (error) => {
          assert(error instanceof IoError && error.code === code, String(error));
          assert.match(error.message, message);
          return !error.message.includes('\n');
        },
      );
      assert.deepEqual(fs.readdirSync(root).sort(), before);
    };
    refused(whole.subarray(0, 700), /is truncated/);
    refused(whole.subarray(0, 1024 * 3), /is truncated/);
    refused(Buffer.alloc(1024), /holds no pictures$/);
    refused(Buffer.alloc(1024, 7), /no tar archive, or damaged: a header has a wrong checksum/);
    const renamed = (name: string, kind?: string): Buffer => {
      const bytes = Buffer.from(whole);
      bytes.fill(0, 0, 100);
      bytes.write(name, 0);
      if (kind !== undefined) bytes.write(kind, 156);
      bytes.fill(' ', 148, 156);
      const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
      bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
      return bytes;
    };
    refused(renamed('../../ILSVRC2012_val_00000001.JPEG'), /holds "\.\.\/\.\.\/ILSVRC.*no name of a picture/);
    refused(renamed('/tmp/x.JPEG'), /no name of a picture/);
    refused(renamed('ILSVRC2012_val_00000099.JPEG'), /no class is known of ILSVRC2012_val_00000099\.JPEG/);
    refused(renamed('link.JPEG', '2'), /no regular file but of the type SymbolicLink/);
    refused(whole, /ILSVRC2012_devkit_t12\.tar\.gz is not the published file: its MD5/, 'integrity', { verify: true });
    // A disk that is nearly full takes less than it is given.
    const { writeSync } = fs;
    const short = (fd: number, bytes: Uint8Array, offset: number, length: number): number =>
      writeSync(fd, bytes, offset, Math.min(length, 5));
    fs.writeSync = short as typeof writeSync;
    try {
      assert.equal(new ImageNet(root, { split: 'val', verify: false }).length, 5);
    } finally {
      fs.writeSync = writeSync;
    }
    const bytes = new ImageNet(root, { split: 'val', verify: false }).samples.map(({ path: each }) => [
      ...fs.readFileSync(each),
    ]);
    assert.deepEqual(
      bytes,
      (theirs['val'] as [string, number, number[]][]).map(([, , content]) => content),
    );
    assert.throws(
      () => new ImageNet(folder, { verify: false }),
      /holds no ILSVRC2012_devkit_t12\.tar\.gz; get it from/,
    );
    assert.throws(() => new ImageNet(path.join(folder, 'no')), /there is no folder .*no$/);
    assert.throws(() => new ImageNet(root, { split: 'test' as 'val' }), /Expected train or val for split/);
  });
});
