/** What reading pictures says when it cannot be, and how its threads begin and end. The pixels: test/parity/data. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import {
  CenterCrop,
  FiveCrop,
  ImageClassification,
  ImageFolder,
  PictureLoader,
  readPicture,
  readPictures,
  Resize,
  type PictureSteps,
} from '../../../lib/data/index.js';
import { IoError } from '../../../lib/io/index.js';
import { randomNumbers } from '../../cli/small-cifar.js';

const STEPS: PictureSteps = { resizeSize: 16, cropSize: 12, interpolation: 'bilinear', tenCrop: false };

describe('pictures from files', () => {
  let folder = '';
  const at = (...parts: string[]): string => path.join(folder, ...parts);
  const write = (name: string, content: string | Uint8Array): string => {
    fs.mkdirSync(path.dirname(at(name)), { recursive: true });
    fs.writeFileSync(at(name), content);
    return at(name);
  };
  const refused = async (file: string, code: string, text: RegExp): Promise<void> => {
    await assert.rejects(readPicture(file), (error) => {
      assert.ok(error instanceof IoError);
      assert.equal(error.code, code, error.message);
      assert.equal(error.path, file);
      assert.match(error.message, text);
      assert.ok(error.message.includes(file) && !error.message.includes('\n'), error.message);
      return true;
    });
  };

  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-pictures-'));
    for (let i = 0; i < 12; i++) {
      const create = { width: 20 + i, height: 30, channels: 3, background: { r: 20 * i, g: 7, b: 9 } } as const;
      write(`many/${String(i).padStart(2, '0')}.png`, await sharp({ create }).png().toBuffer());
    }
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  it('says what a file is instead', async () => {
    await refused(at('none.png'), 'missing', /^cannot read .*none\.png: no such file or folder$/);
    await refused(at('many'), 'kind', /it is a folder$/);
    await refused(
      write('empty.png', ''),
      'format',
      /empty\.png: not a picture: the file is empty; JPEG, PNG, .* are read$/,
    );
    await refused(write('a.jpg', 'words and\nlines'), 'format', /not a picture but text;/);
    await refused(write('b.jpg', '<!DOCTYPE html><p>'), 'format', /but a web page;/);
    await refused(write('c.png', 'PK\x03\x04'), 'format', /but a file like those of torch\.save;/);
    await refused(write('d.png', Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex')), 'format', /of torch\.save;/);
    await refused(write('e.svg', '<?xml version="1.0"?><svg width="9"/>'), 'format', /but an SVG drawing;/);
    await refused(write('f.jpg', '\0\0\0\x18ftypheic\0\0'), 'format', /of a form that is read \(HEIC\);/);
    await refused(write('g.png', '%PDF-1.4'), 'format', /a PDF document;/);
    await refused(write('h.png', Buffer.from([1, 2, 255, 3])), 'format', /not a picture; JPEG/);
    await refused(write('i.png', '\x7fELF'), 'format', /not a picture; JPEG/);
  });

  it('refuses what claims to be too large, before there is memory for it', async () => {
    await refused(write('large.ppm', 'P6 100000 100000 255\n'), 'unsupported', /100000x100000 pixels are more than/);
    await refused(write('less.ppm', 'P6 10000 10000 255\n'), 'format', /it is truncated$/);
    await refused(write('none.ppm', 'P6 0 9 255\n'), 'format', /0x9 pixels/);
    const bomb = await sharp({ create: { width: 9, height: 9, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    bomb.writeUInt32BE(60_000, 16);
    bomb.writeUInt32BE(60_000, 20);
    await refused(write('bomb.png', bomb), 'format', /bomb\.png: not a whole PNG picture/);
  });

  it('refuses damaged BMP and Netpbm files in one line', async () => {
    await refused(write('a.ppm', 'P6 2 2 255\nxy'), 'format', /truncated: 10 of its 12 bytes are missing$/);
    await refused(write('a.pgm', 'P5 3 3 255\n12345678'), 'format', /truncated: 1 of its 9 bytes are missing$/);
    await refused(write('b.ppm', 'P6 2 x'), 'format', /its height is not a decimal number$/);
    await refused(write('c.pgm', 'P2 2 1 9 3'), 'format', /it ends where a value should be$/);
    await refused(write('d.pgm', 'P2 2 1 9 3 10'), 'format', /a value of 10 where 9 is the maximum$/);
    await refused(write('e.pgm', 'P5 2 1 70000 3'), 'format', /its maximum is 70000/);
    await refused(write('f.pbm', 'P1 2 1 2 1'), 'format', /a bit that is neither 0 nor 1$/);
    await refused(write('g.pgm', 'P5 99999999999 1 9 3'), 'format', /too long a number$/);
    const bmp = Buffer.alloc(58);
    bmp.write('BM');
    bmp.writeUInt32LE(54, 10);
    bmp.writeUInt32LE(40, 14);
    bmp.writeInt32LE(1, 18);
    bmp.writeInt32LE(1, 22);
    bmp.writeUInt16LE(24, 28);
    assert.deepEqual([...(await readPicture(bmp)).data], [0, 0, 0]);
    for (let length = 27; length < 54; length++) {
      await refused(write('cut.bmp', bmp.subarray(0, length)), 'format', /truncated|header/);
    }
    const changed = (offset: number, value: number): Buffer => {
      const copy = Buffer.from(bmp);
      copy.writeUInt16LE(value, offset);
      return copy;
    };
    await refused(write('a.bmp', changed(14, 41)), 'unsupported', /a header of 41 bytes is not known$/);
    await refused(write('b.bmp', changed(28, 5)), 'unsupported', /5 bits a pixel are not read$/);
    await refused(write('c.bmp', changed(30, 1)), 'unsupported', /its compression 1 is not read$/);
    await refused(write('d.bmp', changed(18, 9)), 'format', /it is truncated$/);
  });

  it('reads or refuses whatever becomes of a file', async () => {
    const files = [await sharp(at('many', '03.png')).jpeg().toBuffer(), fs.readFileSync(at('many', '04.png'))];
    for (const form of ['webp', 'gif', 'tiff'] as const) {
      files.push(await sharp(at('many', '05.png')).toFormat(form).toBuffer());
    }
    files.push(Buffer.from(`P6 4 4 255\n${'x'.repeat(48)}`), Buffer.from('P2 3 2 15 1 2 3 4 5 6'));
    const random = randomNumbers(4);
    const below = (count: number): number => Math.floor(count * random());
    const outcomes = { read: 0, refused: 0 };
    for (let i = 0; i < 700; i++) {
      const bytes = Buffer.from(files[i % files.length]!);
      for (let changes = 1 + below(3); changes > 0; changes--) {
        bytes[below(random() < 0.5 ? bytes.length : Math.min(60, bytes.length))] = below(256);
      }
      try {
        const { height, width, data } = await readPicture(
          random() < 0.2 ? bytes.subarray(0, below(bytes.length)) : bytes,
        );
        assert.equal(data.length, 3 * height * width);
        outcomes.read++;
      } catch (error) {
        assert.ok(error instanceof IoError && !error.message.includes('\n'), String(error));
        outcomes.refused++;
      }
    }
    assert.ok(outcomes.read > 50 && outcomes.refused > 50, JSON.stringify(outcomes));
  });

  it('keeps the order in threads, names what cannot be read, and goes on', async () => {
    const paths = fs.readdirSync(at('many')).map((name) => at('many', name));
    paths.splice(2, 0, at('nowhere.png'));
    paths.splice(9, 0, write('broken.png', 'no picture'));
    const expected: string[] = [];
    for (const workers of [0, 2]) {
      const found: string[] = [];
      for await (const { path: file, pictures, error } of readPictures(paths, { steps: STEPS, workers, ahead: 3 })) {
        assert.equal(file, paths[found.length]);
        found.push(
          error === null ? `${pictures.length} ${pictures[0]!.data.join()}` : `${error.code} ${error.message}`,
        );
      }
      assert.equal(found.length, paths.length);
      if (workers === 0) expected.push(...found);
      assert.deepEqual(found, expected);
    }
    assert.equal(expected.filter((each) => each.includes(folder)).length, 2);
  });

  it('ends its threads when the loop is left', async () => {
    const paths = Array.from({ length: 200 }, () => at('many', '00.png'));
    let count = 0;
    for await (const _ of readPictures(paths, { steps: STEPS, workers: 2, ahead: 150 })) if (++count === 3) break;
    assert.equal(process.getActiveResourcesInfo().includes('MessagePort'), false);
  });

  it('ends a pass at the first broken picture, or goes on without it', async () => {
    fs.cpSync(at('many'), at('classes', 'a'), { recursive: true });
    write('classes/b/1.png', 'no picture');
    write('classes/a/05.png', '');
    const data = new ImageFolder(at('classes'));
    const transform = new ImageClassification({ cropSize: 12, resizeSize: 16 });
    const batches = async (options: { onBroken?: (error: IoError) => void; tenCrop?: boolean }): Promise<number[]> => {
      const lengths: number[] = [];
      const loader = new PictureLoader(data, { transform, batchSize: 4, workers: 0, ...options });
      for await (const batch of loader) lengths.push(batch.length);
      return lengths;
    };
    await assert.rejects(batches({}), { name: 'IoError', message: /a\/05\.png: not a picture: the file is empty/ });
    const broken: string[] = [];
    assert.deepEqual(
      await batches({ onBroken: ({ path: file }) => broken.push(path.basename(file ?? '')) }),
      [4, 3, 4],
    );
    assert.deepEqual(broken, ['05.png', '1.png']);
    const small = new ImageClassification({ cropSize: 20, resizeSize: 16 });
    const ten = new PictureLoader(data, { transform: small, tenCrop: true, workers: 0 });
    await assert.rejects(ten[Symbol.asyncIterator]().next(), {
      message: /00\.png: Requested crop size \(20, 20\) is bigger than input size \(24, 16\)$/,
    });
  });

  it('names folders that cannot be listed', () => {
    const fails = (root: string, code: string, message: RegExp): void => {
      assert.throws(
        () => new ImageFolder(root),
        (error) => error instanceof IoError && error.code === code && message.test(error.message),
      );
    };
    fails(at('nothing'), 'missing', /^cannot read .*nothing: no such file or folder$/);
    fails(at('many', '00.png'), 'kind', /it is a file, not a folder$/);
    fails(at('many'), 'missing', /^Couldn't find any class folder in /);
    fs.mkdirSync(at('loop', 'a', 'b'), { recursive: true });
    fs.symlinkSync(at('loop', 'a'), at('loop', 'a', 'b', 'again'));
    fails(at('loop'), 'kind', /again: the link leads back to a folder that it lies in$/);
  });

  it('refuses options that cannot be', () => {
    assert.throws(() => new Resize(0), /Expected an integer of at least 1 for Resize size but received 0/);
    assert.throws(() => new Resize([3, 2.5]), /received 2\.5/);
    assert.throws(
      () => new Resize(3, { interpolation: 'lanczos' as 'bilinear' }),
      /nearest, nearest-exact, bilinear or bicubic .* received lanczos/,
    );
    assert.throws(() => new Resize(3, { maxSize: 3 }), /max_size = 3 must be strictly greater/);
    assert.throws(() => new Resize([3, 3], { maxSize: 5 }), /max_size should only be passed/);
    assert.throws(() => new CenterCrop(-1), /CenterCrop size but received -1/);
    assert.throws(() => new FiveCrop([1, 0]), /FiveCrop size but received 0/);
    assert.throws(() => new ImageClassification({ cropSize: 0 }), /CenterCrop size/);
    assert.throws(() => new ImageClassification({ cropSize: 9, std: [1, 0, 1] }), /division by zero/);
    const strip = { channels: 3, height: 1, width: 100, data: new Uint8Array(300) };
    assert.throws(() => new Resize(4, { maxSize: 5 }).picture(strip), /height and width must be > 0/);
    const transform = new ImageClassification({ cropSize: 12 });
    assert.throws(() => new PictureLoader({ samples: [], length: 0 }, { transform, batchSize: 0 }), /batchSize/);
    assert.throws(() => new PictureLoader({ samples: [], length: 0 }, { transform, workers: -1 }), /workers/);
  });
});
