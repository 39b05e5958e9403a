import assert from 'node:assert/strict';
import path from 'node:path';
import { densenet121, getModel } from '../../../lib/models/index.js';
import { showNet } from '../../../lib/nn/index.js';
import { getNumThreads, manualSeed, scope, setNumThreads } from '../../../lib/tensor/index.js';
import { parityDescribe, runPython } from '../python.js';
import { freeModule } from './networks.js';

const SIDES = {
  lenet: 32,
  nin: 224,
  'notes-googlenet': 224,
  'notes-densenet': 224,
} as const;

parityDescribe("networks as the notes' program prints them", function () {
  this.timeout(180_000);
  const threads = getNumThreads();
  let expected: Record<string, string> = {};

  before(() => {
    setNumThreads(1);
    const given = Object.entries(SIDES).map(([name, side]) => `${name}:${side}`);
    expected = runPython(path.join(import.meta.dirname, 'printed.py'), given).json() as typeof expected;
  });
  after(() => setNumThreads(threads));

  for (const [name, side] of Object.entries(SIDES)) {
    it(name, () => {
      scope(() => {
        manualSeed(3);
        const net = getModel(name);
        assert.equal(showNet(net, [1, 1, side, side]), expected[name]);
        freeModule(net);
      });
    });
  }

  it("torchvision's DenseNet-121", () => {
    scope(() => {
      const net = densenet121();
      assert.equal(String(net), expected['densenet121']);
      freeModule(net);
    });
  });
});
