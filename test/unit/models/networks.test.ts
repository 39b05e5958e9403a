import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { save } from '../../../lib/io/index.js';
import * as models from '../../../lib/models/index.js';
import type { Module } from '../../../lib/nn/index.js';
import { manualSeed, memory, noGrad, randn, scope } from '../../../lib/tensor/index.js';

function free(...networks: Module[]): void {
  for (const each of networks) for (const tensor of [...each.parameters(), ...each.buffers()]) tensor.dispose();
}

describe('networks', () => {
  it('are made by their names, of which each names one', () => {
    const names = models.listModels();
    assert.deepEqual(names, [...models.listModels('imagenet'), ...models.listModels('notes')]);
    assert.equal(new Set(names).size, names.length);
    for (const name of ['lenet', 'vgg19_bn', 'googlenet', 'resnet152', 'vovnet27_slim'])
      assert.ok(names.includes(name));
    const { tensors, bytes } = memory();
    for (const name of ['lenet', 'nin', 'notes-densenet', 'vovnet27_slim']) {
      const model = models.getModel(name, { numClasses: 7 });
      const [last] = model.parameters().slice(-1);
      assert.deepEqual(last?.shape, [7], name);
      free(model);
    }
    assert.deepEqual([memory().tensors, memory().bytes], [tensors, bytes]);
    for (const name of ['resnet19', 'toString', '']) {
      assert.throws(() => models.getModel(name), {
        name: 'TorchError',
        code: 'value',
        message: `Expected one of ${names.join(', ')} but received ${name}`,
      });
    }
  });

  it('refuse counts that cannot be', () => {
    const refused: [() => unknown, string][] = [
      [() => models.resnet18({ numClasses: 0 }), 'a positive integer for numClasses of ResNet but received 0'],
      [() => models.nin({ inChannels: 1.5 }), 'a positive integer for inChannels of NiN but received 1.5'],
      [() => models.notesVgg({ convArch: [[1, -2]] }), 'positive integers for convArch of VGG but received 1,-2'],
      [() => models.notesDenseNet({ numConvs: [4, 0] }), 'positive integers for numConvs of DenseNet but received 4,0'],
      [() => models.alexnet({ numClasses: NaN }), 'a positive integer for numClasses of AlexNet but received NaN'],
    ];
    for (const [make, message] of refused) {
      assert.throws(make, { name: 'TorchError', code: 'value', message: `Expected ${message}` });
    }
  });

  it('take weights of other classes: the trunk stays, the classifier is new', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'torchbridge-networks-'));
    try {
      const file = path.join(folder, 'three.pth');
      const three = models.resnet18({ numClasses: 3 });
      scope(() => save(three.stateDict(), file));
      const same = models.resnet18({ weights: file });
      const notices: string[] = [];
      const five = models.getModel('resnet18', {
        weights: file,
        numClasses: 5,
        onNotice: (line) => notices.push(line),
      });
      assert.deepEqual(same.fc.weight.shape, [3, 512]);
      assert.deepEqual(five.fc.weight.shape, [5, 512]);
      assert.deepEqual(notices, [
        `${file} has 3 classes, the model 5: fc.weight, fc.bias were left out, that of the model stays as it was`,
      ]);
      scope(() => {
        assert.ok(five.conv1.weight.equal(three.conv1.weight));
        assert.ok(same.fc.weight.equal(three.fc.weight));
      });
      assert.throws(
        () => models.resnet34({ weights: file }),
        (error) =>
          error instanceof models.WeightsError && /holds the weights of a ResNet, but not all/.test(error.hint),
      );
      free(three, same, five);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });

  it('GoogLeNet has its auxiliary classifiers while it trains, and with weights only when asked', () => {
    const { tensors, bytes } = memory();
    manualSeed(0);
    const whole = models.googlenet({ numClasses: 4, initWeights: false });
    scope(() => {
      const images = randn([2, 3, 32, 32]);
      const training = whole.call(images);
      assert.ok('logits' in training);
      assert.deepEqual(
        [training.auxLogits1.shape, training.auxLogits2.shape, models.logitsOf(training).shape],
        [
          [2, 4],
          [2, 4],
          [2, 4],
        ],
      );
      whole.eval();
      const expected = models.logitsOf(noGrad(() => whole.call(images)));
      const state = whole.stateDict();
      const plain = models.googlenet({ weights: state });
      const again = models.googlenet({ weights: plain.stateDict() });
      const asked = models.googlenet({ weights: state, auxLogits: true, numClasses: 4 });
      assert.deepEqual([plain.aux1, again.aux1, asked.aux1?.className()], [undefined, undefined, 'InceptionAux']);
      for (const each of [plain, again, asked]) {
        assert.equal(each.transformInput, false);
        assert.ok(models.logitsOf(noGrad(() => each.eval().call(images))).equal(expected));
      }
      free(plain, again, asked);
    });
    free(whole);
    assert.deepEqual([memory().tensors, memory().bytes], [tensors, bytes]);
  });
});
