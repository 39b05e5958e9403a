/** Pictures as Pillow reads them and torchvision makes them ready: every byte and every bit of the tensors. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  CenterCrop,
  FiveCrop,
  ImageClassification,
  readPicture,
  Resize,
  TenCrop,
  type CropSize,
  type ImageClassificationOptions,
  type Interpolation,
  type Picture,
} from '../../../lib/data/index.js';
import { IoError } from '../../../lib/io/index.js';
import { memory, scope } from '../../../lib/tensor/index.js';
import { settle } from '../../settle.js';
import { digest } from '../digest.js';
import { parityDescribe, runPython } from '../python.js';

interface Theirs {
  readonly forms: Record<string, string>;
  readonly damaged: Record<string, string>;
  readonly resized: { name: string; size: CropSize; mode: Interpolation; maxSize?: number; digest: string }[];
  readonly crops: { name: string; size: CropSize; center: string; five: string[] | string; ten: string[] | string }[];
  readonly presets: { path: string; options: ImageClassificationOptions; digest: string; ten: string }[];
}

function sha({ channels, height, width, data }: Picture): string {
  const hash = createHash('sha256').update(`[${channels}, ${height}, ${width}] `);
  return hash.update(data).digest('hex').slice(0, 24);
}

parityDescribe('pictures, against Pillow and torchvision', function () {
  this.timeout(120_000);
  let folder = '';
  let theirs: Theirs;
  const at = (...parts: string[]): string => path.join(folder, ...parts);

  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-pictures-'));
    theirs = runPython(path.join(import.meta.dirname, 'pictures.py'), [folder]).json() as Theirs;
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  it('reads every form with the same bytes', async () => {
    const ours: Record<string, string> = {};
    for (const name of Object.keys(theirs.forms)) ours[name] = sha(await readPicture(at('forms', name)));
    assert.deepEqual(ours, theirs.forms);
    assert.ok(Object.keys(ours).length > 70);
    const bytes = fs.readFileSync(at('forms', 'rgb.png'));
    assert.equal(sha(await readPicture(bytes)), theirs.forms['rgb.png']);
  });

  it('refuses damaged files that Pillow refuses, and names them', async () => {
    for (const [name, expected] of Object.entries(theirs.damaged)) {
      const file = at('damaged', name);
      let ours: string;
      try {
        ours = sha(await readPicture(file));
      } catch (error) {
        assert.ok(error instanceof IoError && error.code === 'format' && error.path === file, String(error));
        assert.ok(error.message.startsWith(`${file}: not a`) && !error.message.includes('\n'), error.message);
        ours = 'refused';
      }
      assert.equal(ours, expected, name);
    }
    assert.ok(Object.values(theirs.damaged).filter((each) => each === 'refused').length >= 9);
  });

  it('resizes to the same bytes', async () => {
    const sources = new Map<string, Picture>();
    for (const name of fs.readdirSync(at('sizes'))) sources.set(name, await readPicture(at('sizes', name)));
    for (const { name, size, mode, maxSize, digest: expected } of theirs.resized) {
      const resize = new Resize(size, { interpolation: mode, ...(maxSize !== undefined && { maxSize }) });
      assert.equal(
        sha(resize.picture(sources.get(name)!)),
        expected,
        `${name} to ${String(size)}, ${mode}, ${maxSize ?? ''}`,
      );
    }
    assert.ok(theirs.resized.length > 200);
  });

  it('cuts out the same parts', async () => {
    for (const { name, size, center, five, ten } of theirs.crops) {
      const picture = await readPicture(at('sizes', name));
      assert.equal(sha(new CenterCrop(size).picture(picture)), center, `${name}, ${String(size)}`);
      for (const [crop, expected] of [
        [new FiveCrop(size), five],
        [new TenCrop(size), ten],
      ] as const) {
        if (typeof expected === 'string') assert.throws(() => crop.pictures(picture), { message: expected });
        else assert.deepEqual(crop.pictures(picture).map(sha), expected, `${name}, ${String(size)}`);
      }
    }
    assert.ok(theirs.crops.some(({ ten }) => typeof ten === 'string'));
    assert.ok(theirs.crops.some(({ ten }) => Array.isArray(ten)));
  });

  it('makes the same tensors of them', async () => {
    await settle();
    const before = memory().tensors;
    for (const { path: file, options, digest: expected, ten } of theirs.presets) {
      const picture = await readPicture(at(file));
      const preset = new ImageClassification(options);
      scope(() => {
        assert.equal(digest(preset.batch([picture])), expected, `${file}, ${JSON.stringify(options)}`);
        assert.equal(digest(preset.tenCropBatch([picture])), ten, `${file}, ${JSON.stringify(options)}`);
      });
    }
    assert.equal(memory().tensors, before);
  });
});
