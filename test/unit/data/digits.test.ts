/** The embedded digits: the same everywhere, learnt by LeNet in a minute, and by nothing simpler. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Compose, DataLoader, digits, Normalize, ToTensor, type PictureDataset } from '../../../lib/data/index.js';
import { getModel } from '../../../lib/models/index.js';
import { Flatten, functional, Linear, Sequential, type Module } from '../../../lib/nn/index.js';
import { SGD } from '../../../lib/optim/index.js';
import { manualSeed, memory, noGrad, scope, setNumThreads, type Tensor } from '../../../lib/tensor/index.js';

const TRANSFORM = new Compose([new ToTensor(), new Normalize([0.1307], [0.3081])]);
const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');

/** Epochs of SGD, then the share of wrong answers on the test pictures. */
function errorAfter(model: Module & { forward(x: Tensor): Tensor }, epochs: number, lr: number): number {
  const { train, test } = SETS;
  const optimizer = new SGD(model.parameters(), { lr, momentum: 0.9 });
  const loader = new DataLoader(train.withTransform(TRANSFORM), { batchSize: 64, shuffle: true });
  const held: number[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const [input, target] of loader) {
      scope(() => {
        optimizer.zeroGrad();
        functional.crossEntropy(model.call(input), target).backward();
        optimizer.step();
      });
      input.dispose();
      target.dispose();
    }
    held.push(memory().tensors);
  }
  assert.equal(new Set(held.slice(1)).size, 1, `tensors after each epoch: ${held.join()}`);
  let wrong = 0;
  for (const [input, target] of new DataLoader(test.withTransform(TRANSFORM), { batchSize: 500 })) {
    wrong += scope(() => noGrad(() => model.call(input).argmax(1).ne(target).sum().item()));
    input.dispose();
    target.dispose();
  }
  return wrong / test.length;
}

let SETS: { train: PictureDataset; test: PictureDataset };

describe('digits', function () {
  this.timeout(300_000);
  before(() => {
    setNumThreads(1);
    SETS = digits();
  });

  it('are drawn the same on every machine, in the form of MNIST', () => {
    const { train, test } = SETS;
    const { channels, height, width, labels, pictures, classes } = train.set;
    assert.deepEqual([train.length, test.length, channels, height, width], [10_000, 2_000, 1, 28, 28]);
    assert.deepEqual([classes[0], classes[9], classes.length], ['0 - zero', '9 - nine', 10]);
    // Recorded when the drawing was made; exact arithmetic alone makes them.
    assert.deepEqual(
      [md5(pictures), md5(labels), md5(test.set.pictures)],
      ['609cdc553442d5f15447a819617e05b5', '429a13a9d153fcf54ea6978775071798', '05ca8dd4a3aa051457282bf7403ad30f'],
    );
    const counts = new Array<number>(10).fill(0);
    for (const label of labels) counts[label]!++;
    assert(
      counts.every((count) => count > 880 && count < 1120),
      String(counts),
    );
  });

  it('differ from seed to seed, and no picture is there twice', () => {
    const { train, test } = SETS;
    const sums = [train, test].flatMap((set) => Array.from({ length: set.length }, (_, i) => md5(set.picture(i).data)));
    assert.equal(new Set(sums).size, sums.length);
    assert.notEqual(md5(digits({ seed: 1 }).test.set.pictures), md5(test.set.pictures));
    assert.throws(() => digits({ seed: 0.5 }), { message: 'Expected an integer for seed but received 0.5' });
  });

  it('LeNet errs on less than 3 in 100 after three epochs, a linear classifier on more than 10', () => {
    manualSeed(0);
    const lenet = getModel('lenet', { padding: 2, softmax: false });
    const error = errorAfter(lenet, 3, 0.02);
    assert(error < 0.03, `LeNet: ${error}`);
    const linear = new Sequential(new Flatten(), new Linear(784, 10));
    const plain = errorAfter(linear, 2, 0.02);
    assert(plain > 0.1, `linear: ${plain}`);
  });
});
