/** predict and the evaluation on a folder, against torchvision: the same classes, probabilities and errors, bit for bit. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ImageClassification, readPicture } from '../../lib/data/index.js';
import { getModel } from '../../lib/models/index.js';
import { getNumThreads, memory, noGrad, scope, setNumThreads } from '../../lib/tensor/index.js';
import { evaluateFolder, predict, type PredictedClass } from '../../lib/train/index.js';
import { settle } from '../settle.js';
import { digest, doubleBits } from './digest.js';
import { parityDescribe, runPython } from './python.js';

type Batch = [logits: string, indices: number[][], probabilities: string[][]];

interface Theirs {
  readonly paths: string[];
  readonly 'small.pth': Batch[];
  readonly 'densenet121.pth': Batch[];
  readonly categories: string[];
  readonly center: [loss: string, wrong: number, wrong5: number];
  readonly ten: [loss: string, wrong: number, wrong5: number];
}

parityDescribe('predict and eval on pictures, against torchvision', function () {
  this.timeout(180_000);
  let folder = '';
  let theirs: Theirs;
  let tensors = 0;
  const threads = getNumThreads();
  const at = (...parts: string[]): string => path.join(folder, ...parts);

  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-predict-'));
    theirs = runPython(path.join(import.meta.dirname, 'predict.py'), [folder]).json() as Theirs;
    await settle();
  });
  beforeEach(() => {
    tensors = memory().tensors;
  });
  afterEach(() => {
    setNumThreads(threads);
    assert.equal(memory().tensors, tensors, 'every tensor is freed');
  });
  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  async function top(
    weights: string,
    images: string[],
    batchSize: number,
  ): Promise<readonly (readonly PredictedClass[])[]> {
    const found: (readonly PredictedClass[])[] = [];
    for await (const prediction of predict({ weights: at(weights), images, batchSize, threads: 1 })) {
      assert.ok(prediction.error === null, prediction.path);
      found.push(prediction.top);
    }
    return found;
  }

  it('names the same classes with the same probabilities', async () => {
    const found = await top('small.pth', [at('val')], 4);
    const expected = theirs['small.pth'];
    assert.deepEqual(
      found.map((each) => each.map(({ index }) => index)),
      expected.flatMap(([, indices]) => indices),
    );
    assert.deepEqual(
      found.map((each) => each.map(({ probability }) => doubleBits(probability))),
      expected.flatMap(([, , probabilities]) => probabilities),
    );
    assert.ok(new Set(found.map((each) => each.map(({ index }) => index).join())).size > 1, 'not the same for all');
    assert.ok(found.flat().every(({ name }) => name === null));
  });

  it('does so with densenet121 and the names of ImageNet', async () => {
    const found = await top('densenet121.pth', theirs.paths.slice(0, 2), 2);
    const [[logits, indices, probabilities] = ['', [], []]] = theirs['densenet121.pth'];
    assert.deepEqual(
      found.map((each) => each.map(({ index }) => index)),
      indices,
    );
    assert.deepEqual(
      found.map((each) => each.map(({ probability }) => doubleBits(probability))),
      probabilities,
    );
    assert.deepEqual(
      found.map((each) => each.map(({ name }) => name)),
      indices.map((row) => row.map((i) => theirs.categories[i])),
    );
    // The same in the parts of which predict is made.
    const pictures = await Promise.all(theirs.paths.slice(0, 2).map((file) => readPicture(file)));
    setNumThreads(1);
    scope(() =>
      noGrad(() => {
        const model = getModel('densenet121', { weights: at('densenet121.pth') }).eval();
        const batch = new ImageClassification({ cropSize: 224 }).batch(pictures);
        assert.equal(digest(model.call(batch)), logits);
        for (const tensor of [...model.parameters(), ...model.buffers()]) tensor.dispose();
      }),
    );
  });

  for (const [name, tenCrop, batchSize] of [
    ['center', false, 4],
    ['ten', true, 2],
  ] as const) {
    it(`measures the same errors and loss with ${tenCrop ? 'ten crops' : 'one crop'}`, async () => {
      const options = { weights: at('three.pth'), data: at('val'), tenCrop, batchSize, threads: 1 };
      const { loss, error, error5, pictures, crops } = await evaluateFolder(options);
      const [theirLoss, wrong, wrong5] = theirs[name];
      assert.equal(doubleBits(loss), theirLoss);
      // A mean of means: the shares of the batches, weighted, in Python's float64.
      assert.equal(Math.round(error * pictures * 1e6) / 1e6, wrong);
      assert.equal(Math.round(error5 * pictures * 1e6) / 1e6, wrong5);
      assert.deepEqual([pictures, crops], [9, tenCrop ? 10 : 1]);
      assert.ok(wrong > 0 && wrong < 9, String(wrong));
    });
  }
});
