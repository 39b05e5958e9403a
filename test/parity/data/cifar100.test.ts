import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { CIFAR100 } from '../../../lib/data/index.js';
import { scope } from '../../../lib/tensor/index.js';
import { digest } from '../digest.js';
import { parityDescribe, runPython, withTemporaryFolder } from '../python.js';

parityDescribe('CIFAR-100 as torchvision reads it', () => {
  it('pictures, fine and coarse labels and class names, from both versions', async function () {
    this.timeout(120_000);
    await withTemporaryFolder((folder) => {
      const script = path.join(import.meta.dirname, 'cifar100.py');
      const theirs = runPython(script, [folder]).json() as Record<string, unknown>;
      for (const version of ['cifar-100-python', 'cifar-100-binary']) {
        for (const train of [true, false]) {
          const name = train ? 'train' : 'test';
          const options = { train, verify: false };
          const fine = new CIFAR100(path.join(folder, version), options);
          const [pictures, labels] = scope(() => {
            const [x, y] = fine.batch(Array.from({ length: fine.length }, (_, i) => i));
            return [digest(x), Array.from(y.toTypedArray(), Number)];
          });
          assert.deepEqual([pictures, labels, fine.classes], theirs[name], version);
          const coarse = new CIFAR100(path.join(folder, version), { ...options, labels: 'coarse' });
          assert.deepEqual([...coarse.set.labels], theirs[`${name} coarse`], version);
          assert.equal(coarse.classes[19], 'coarse 19');
        }
      }
      assert.equal(new CIFAR100(folder, { verify: false }).length, 23);
      fs.rmSync(path.join(folder, 'cifar-100-python'), { recursive: true });
      assert.equal(new CIFAR100(folder, { verify: false }).length, 23);
    });
  });
});
