import assert from 'node:assert/strict';
import {
  BatchNorm2d,
  Dropout,
  Flatten,
  Identity,
  Linear,
  Module,
  ModuleDict,
  ModuleList,
  ReLU,
  Sequential,
} from '../../../lib/nn/index.js';
import { memory, noGrad, ones, randn, resetPeakMemory, scope, tensor, type Tensor } from '../../../lib/tensor/index.js';

describe('Sequential', () => {
  it('never releases its input, and returns it where every layer does', () => {
    const x = ones([2]);
    for (const layers of [
      [],
      [new Identity()],
      [new Dropout().eval(), new Identity()],
      [new ReLU({ inplace: true })],
    ]) {
      assert.equal(new Sequential(...layers).call(x), x);
      assert.equal(x.isDisposed, false);
    }
    new Sequential(new ReLU(), new Identity(), new ReLU()).call(x);
    assert.equal(x.isDisposed, false);
  });

  it('does not release what a later layer returns unchanged', () => {
    const layers = [new Linear(2, 2), new ReLU({ inplace: true }), new Identity(), new Dropout(), new Flatten()];
    const model = new Sequential(...layers).eval();
    const y = scope(() => model.call(ones([1, 2])));
    assert.equal(y.isDisposed, false);
    assert.equal(y.shape.join(), '1,2');
  });

  it('releases each step once the next exists', () => {
    class Watch extends Module {
      forward(x: Tensor): Tensor {
        seen.push([x, memory().tensors]);
        return x.add(1);
      }
    }
    const seen: [Tensor, number][] = [];
    const model = new Sequential(new Watch(), new Watch(), new Watch(), new Watch());
    const x = ones([3]);
    const before = memory().tensors;
    const y = model.call(x);
    assert.equal(y.sum().item(), 15);
    assert.deepEqual(
      seen.map(([step]) => step.isDisposed),
      [false, true, true, true],
    );
    // The input, then one step at a time.
    assert.deepEqual(
      seen.map(([, count]) => count - before),
      [0, 1, 1, 1],
    );
  });

  it('leaves alone what a layer has stored, what it holds, and what comes from outside', () => {
    const outside = tensor([5, 6]);
    class Storing extends Module {
      kept: Tensor | null = null;
      forward(x: Tensor): Tensor {
        this.kept = x.mul(2);
        return this.kept;
      }
    }
    class Constant extends Module {
      forward(): Tensor {
        return outside;
      }
    }
    const storing = new Storing();
    const norm = new BatchNorm2d(1);
    class Buffer extends Module {
      forward(): Tensor {
        return norm.running_var!;
      }
    }
    const model = new Sequential(storing, new ReLU(), new Constant(), new ReLU(), new Buffer(), new ReLU());
    scope(() => model.call(ones([2])));
    assert.deepEqual(storing.kept?.toArray(), [2, 2]);
    assert.deepEqual(outside.toArray(), [5, 6]);
    assert.deepEqual(norm.running_var?.toArray(), [1]);
  });

  it('holds two steps at a time without gradients', () => {
    const model = new Sequential(...Array.from({ length: 6 }, () => new ReLU()));
    const x = randn([1, 4, 64, 64]);
    const before = memory().bytes;
    resetPeakMemory();
    noGrad(() => scope(() => void model.call(x)));
    assert.equal(memory().peakBytes - before, 2 * 4 * 64 * 64 * 4);
    assert.equal(memory().bytes, before);
  });

  it('indexes, grows and takes names', () => {
    const model = new Sequential(new Map<string, Module>([['in', new ReLU()]]));
    model.append(new Identity()).extend([new Flatten()]);
    assert.deepEqual(
      model.namedChildren().map(([name]) => name),
      ['in', '1', '2'],
    );
    assert.ok(model.at(-1) instanceof Flatten);
    assert.equal(model.length, 3);
    assert.throws(() => model.at(3), /index 3 is out of range/);
  });
});

describe('ModuleList', () => {
  it('renumbers on insert and pop', () => {
    const list = new ModuleList([new ReLU(), new Flatten()]);
    const identity = new Identity();
    list.insert(1, identity);
    assert.equal(
      String(list),
      'ModuleList(\n  (0): ReLU()\n  (1): Identity()\n  (2): Flatten(start_dim=1, end_dim=-1)\n)',
    );
    assert.equal(list.pop(1), identity);
    assert.deepEqual(
      list.namedChildren().map(([name]) => name),
      ['0', '1'],
    );
    assert.ok(list.pop() instanceof Flatten);
    assert.equal(list.length, 1);
    assert.throws(() => list.call(), /missing the required "forward"/);
  });
});

describe('ModuleDict', () => {
  it('holds modules by name in order', () => {
    const dictionary = new ModuleDict({ b: new ReLU(), a: new Identity() });
    dictionary.set('1', new Flatten()).set('b', new Identity());
    assert.deepEqual(dictionary.keys(), ['b', 'a', '1']);
    assert.ok(dictionary.get('b') instanceof Identity);
    assert.equal(dictionary.delete('a'), true);
    assert.equal(dictionary.delete('a'), false);
    assert.equal(dictionary.has('a'), false);
    assert.deepEqual(
      [...dictionary].map(([name]) => name),
      ['b', '1'],
    );
    assert.equal(dictionary.size, 2);
    assert.throws(() => dictionary.set('keys', new ReLU()), /'keys' already exists/);
    assert.throws(() => dictionary.call(), /missing the required "forward"/);
  });
});
