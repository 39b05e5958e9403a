/** Folders of pictures as torchvision lists them, and their batches as PyTorch's loader gives them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import {
  ImageClassification,
  ImageFolder,
  ImageTraining,
  PictureLoader,
  type PictureLoaderState,
  type PicturePass,
} from '../../../lib/data/index.js';
import { getRngState, manualSeed, memory, scope } from '../../../lib/tensor/index.js';
import { settle } from '../../settle.js';
import { digest } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';

interface Listing {
  readonly classes: string[];
  readonly classToIdx: Record<string, number>;
  readonly samples: [string, number][];
}

/** How many a pass has, their digests and classes, and the state of the random numbers behind them. */
type Batches = [number, [string, number[]][], string];

interface Theirs {
  readonly listed: Record<string, Listing | string>;
  readonly batches: Record<string, Batches>;
  /** Of two passes with random parts and mirrors. */
  readonly trained: Record<string, Batches>;
}

const FOLDERS = ['pictures', 'names', 'empty-class', 'no-class', 'nothing'];

parityDescribe('a folder of pictures, against torchvision', function () {
  this.timeout(120_000);
  let root = '';
  let theirs: Theirs;

  before(async () => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-folder-'));
    await writePictures(path.join(root, 'pictures'));
    writeNames(path.join(root, 'names'));
    touch(root, 'empty-class/a/1.png', 'empty-class/b/notes.txt', 'empty-class/c/deep/er/2.JPG', 'no-class/1.png');
    fs.mkdirSync(path.join(root, 'empty-class', 'd'));
    fs.mkdirSync(path.join(root, 'nothing'));
    const script = path.join(import.meta.dirname, 'image_folder.py');
    theirs = runPython(script, [root, ...FOLDERS]).json() as Theirs;
  });
  after(() => fs.rmSync(root, { recursive: true, force: true }));

  it('is listed in the same order, with the same errors', () => {
    const ours: Theirs['listed'] = {};
    for (const folder of FOLDERS) {
      for (const allowEmpty of [false, true]) {
        const key = `${folder} ${allowEmpty ? 'True' : 'False'}`;
        try {
          const { classes, classToIdx, samples } = new ImageFolder(`${root}/${folder}`, { allowEmpty });
          ours[key] = {
            classes: [...classes],
            classToIdx: Object.fromEntries(classToIdx),
            samples: samples.map(({ path: file, target }) => [file, target]),
          };
        } catch (error) {
          ours[key] = (error as Error).message;
        }
      }
    }
    assert.deepEqual(ours, theirs.listed);
    assert.match(ours['empty-class False'] as string, /^Found no valid file for the classes b, d\. Supported/);
    assert.match(ours['no-class False'] as string, /^Couldn't find any class folder in /);
  });

  it('gives the same batches, drawing the same random numbers', async () => {
    const folder = new ImageFolder(path.join(root, 'pictures'));
    const transform = new ImageClassification({ cropSize: 28, resizeSize: 32 });
    await settle();
    const before = memory().tensors;
    for (const [key, expected] of Object.entries(theirs.batches)) {
      const [crops, shuffle, dropLast] = key.split(' ').map((word) => word === 'True' || word === 'ten');
      const loader = new PictureLoader(folder, {
        transform,
        batchSize: 4,
        tenCrop: crops!,
        shuffle: shuffle!,
        dropLast: dropLast!,
        workers: shuffle! || dropLast! ? 0 : 2,
      });
      manualSeed(3);
      const found: [string, number[]][] = [];
      for await (const batch of loader) {
        scope(() => {
          const [input, target] = batch.tensors();
          found.push([digest(input), Array.from(target.toTypedArray(), Number)]);
        });
      }
      const state = scope(() => digest(getRngState()));
      assert.deepEqual([loader.length, found, state], expected, key);
    }
    assert.equal(memory().tensors, before);
  });

  it('draws to train on what a worker of PyTorch draws, with any number of threads, also when stopped and resumed', async () => {
    const folder = new ImageFolder(path.join(root, 'pictures'));
    const transform = new ImageTraining({ cropSize: 28 });
    await settle();
    const before = memory().tensors;
    for (const [workers, dropLast, stops] of [
      [0, false, true],
      [0, true, false],
      [2, false, false],
    ] as const) {
      const loader = new PictureLoader(folder, { transform, batchSize: 4, shuffle: true, dropLast, workers });
      manualSeed(3);
      const found: [string, number[]][] = [];
      for (let pass = 0; pass < 2; pass++) {
        let batches = loader.begin();
        while (await take(batches, found)) {
          if (!stops) continue;
          const state = structuredClone<PictureLoaderState>(batches.state());
          await batches.close();
          batches = loader.resume(state);
        }
      }
      const state = scope(() => digest(getRngState()));
      const expected = theirs.trained[dropLast ? 'True' : 'False'];
      assert.deepEqual([loader.length, found, state], expected, `${workers} threads, dropLast ${dropLast}`);
    }
    assert.equal(memory().tensors, before);
  });
});

async function take(batches: PicturePass, found: [string, number[]][]): Promise<boolean> {
  const batch = await batches.next();
  if (batch === undefined) return false;
  scope(() => {
    const [input, target] = batch.tensors();
    found.push([digest(input), Array.from(target.toTypedArray(), Number)]);
  });
  return true;
}

function touch(root: string, ...files: string[]): void {
  for (const file of files) {
    fs.mkdirSync(path.join(root, path.dirname(file)), { recursive: true });
    fs.writeFileSync(path.join(root, file), '');
  }
}

/** Names that sort differently by code points, by UTF-16 and by locale; links; endings in capitals; hidden files. */
function writeNames(root: string): void {
  touch(root, 'b/1.png', 'B/1.png', 'ä/1.png', '\u{1F600}/1.png', '\uFF21/1.png', '.hidden/.also.png', 'a-b/x.png');
  touch(root, 'a/2.png', 'a/10.png', 'a/2.JPEG', 'a/-.webp', 'a/x/1.tif', 'a/x-y/1.tiff', 'a/x/y/1.bmp', 'a/1.gif');
  touch(root, 'a/noextension', 'a/.png', 'a/x.png.txt', 'file.png', 'elsewhere/pgm/1.pgm');
  fs.symlinkSync(path.join(root, 'elsewhere'), path.join(root, 'linked'));
  fs.symlinkSync(path.join(root, 'elsewhere', 'pgm'), path.join(root, 'a', 'linked.png'));
  fs.symlinkSync('nowhere', path.join(root, 'a', 'broken.png'));
  fs.symlinkSync('nowhere', path.join(root, 'broken'));
}

async function writePictures(root: string): Promise<void> {
  for (const [index, name] of ['cat', 'dog', 'owl'].entries()) {
    fs.mkdirSync(path.join(root, name), { recursive: true });
    for (let i = 0; i < 5; i++) {
      const [width, height] = [40 + 7 * i, 61 - 5 * index];
      const data = Uint8Array.from({ length: width * height * 3 }, (_, at) => (at * (i + 3) * (index + 1)) % 251);
      const picture = sharp(data, { raw: { width, height, channels: 3 } });
      await picture.toFile(path.join(root, name, `${i}.${i % 2 === 0 ? 'png' : 'jpg'}`));
    }
  }
}
