import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { linalg, ops, tensor, Tensor } from '../../lib/index.js';
import { native } from '../../lib/native/load.js';

interface Described {
  name: string;
  overload: string;
  unsupported: string;
}

describe('lib/generated', () => {
  it('is what the pinned libtorch’s schemas give', () => {
    const script = fileURLToPath(new URL('../../scripts/generate-operators.mjs', import.meta.url));
    const run = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
    assert.equal(run.status, 0, `${run.stdout.slice(0, 2000)}${run.stderr}\nrun: node scripts/generate-operators.mjs`);
  });

  it('covers aten: every overload can be found, and all but a few can be called', () => {
    const all = JSON.parse(native.describeOperators('aten')) as Described[];
    assert.ok(all.length > 3000, String(all.length));
    for (const each of all) {
      assert.ok(
        native.findOperator(`${each.name}.${each.overload === '' ? 'default' : each.overload}`) >= 0,
        each.name,
      );
    }
    const not = all.filter((each) => each.unsupported !== '');
    assert.ok(not.length <= 11, not.map((each) => `${each.name}.${each.overload}: ${each.unsupported}`).join('\n'));
  });

  it('puts PyTorch’s methods on tensors and its functions into ops', () => {
    const x = tensor([[4, 9]]);
    assert.deepEqual(x.sqrt().toArray(), [[2, 3]]);
    assert.deepEqual(x.transpose(0, 1).shape, [2, 1]);
    assert.deepEqual(linalg.norm(tensor([3, 4])).item(), 5);
    assert.deepEqual(ops.oneHot(tensor([1n]), 3).toArray(), [[0n, 1n, 0n]]);
    const methods = Object.getOwnPropertyNames(Tensor.prototype);
    assert.ok(methods.length > 500, String(methods.length));
    assert.ok(Object.keys(ops).length > 700, String(Object.keys(ops).length));
  });
});
