import assert from 'node:assert/strict';
import { cifarDenseNet } from '../../../lib/models/index.js';
import {
  BatchNorm2d,
  Conv2d,
  CrossEntropyLoss,
  Linear,
  Module,
  ModuleDict,
  ModuleList,
  Parameter,
  ReLU,
  Sequential,
} from '../../../lib/nn/index.js';
import { memory, noGrad, randn, scope, tensor, type Tensor } from '../../../lib/tensor/index.js';
import { digests } from '../../parity/digest.js';

class Shared extends Module {
  readonly one = new Linear(3, 3);
  readonly two = this.one;
  readonly list = new ModuleList([this.one, new ReLU()]);
  readonly tied = this.one.weight;
  readonly notes = { shape: [3], at: new Map([['w', this.one.weight]]) };
  readonly base: Tensor;

  constructor() {
    super();
    const all = tensor([1, 2, 3, 4]);
    this.base = all;
    this.registerBuffer('head', all.narrow(0, 0, 2));
    this.registerBuffer('tail', all.narrow(0, 2, 2), { persistent: false });
    this.registerParameter('nothing', null);
  }

  forward(x: Tensor): Tensor {
    return this.two.call(this.list.at(0).call(x) as Tensor);
  }
}

class Counting extends Module {
  readonly layer = new Linear(2, 2);
  #calls = 0;

  forward(x: Tensor): Tensor {
    this.#calls++;
    return this.layer.call(x);
  }

  get calls(): number {
    return this.#calls;
  }

  override bare(): Module {
    return new Counting();
  }
}

describe('module.copy', () => {
  it('copies parameters without gradients, buffers and modes, and leaves the original alone', () => {
    const model = new Sequential(new Conv2d(3, 4, { kernelSize: 3 }), new BatchNorm2d(4), new ReLU());
    model.eval();
    model.parameters()[0]!.requiresGrad = false;
    scope(() =>
      model
        .call(randn([2, 3, 8, 8]))
        .sum()
        .backward(),
    );
    const copy = model.copy();
    assert.equal(String(copy), String(model));
    assert.equal(copy.constructor, Sequential);
    assert.deepEqual([...copy.stateDict().keys()], [...model.stateDict().keys()]);
    assert.deepEqual(digests(copy.stateDict()), digests(model.stateDict()));
    assert.deepEqual(copy.stateDict().metadata, model.stateDict().metadata);
    assert.deepEqual(
      copy.parameters().map((each) => [each.requiresGrad, each.grad, each instanceof Parameter]),
      model.parameters().map((each) => [each.requiresGrad, null, true]),
    );
    assert.ok(!copy.training && !copy.at(1).training);
    const before = digests(model.stateDict());
    noGrad(() => {
      for (const each of [...copy.parameters(), ...copy.buffers()]) each.zero_();
    });
    assert.deepEqual(digests(model.stateDict()), before);
    assert.notDeepEqual(digests(copy.stateDict()), before);
  });

  it('keeps shared what is shared: modules, parameters, storages, also in plain properties', () => {
    const copy = new Shared().copy();
    assert.equal(copy.one, copy.two);
    assert.equal(copy.list.at(0), copy.one);
    assert.equal(copy.tied, copy.one.weight);
    assert.equal(copy.notes.at.get('w'), copy.one.weight);
    assert.equal(copy.parameters().length, 2);
    copy.getBuffer('head').fill_(9);
    assert.deepEqual(copy.base.toArray(), [9, 9, 3, 4]);
    assert.deepEqual(copy.getBuffer('tail').toArray(), [3, 4]);
    assert.ok(!copy.isPersistent('tail') && copy.isPersistent('head'));
    assert.deepEqual([...copy.members().parameters.keys()], ['tied', 'nothing']);
  });

  it('keeps the memory format', () => {
    const layer = new Conv2d(3, 4, { kernelSize: 3 }).to({ memoryFormat: 'channels_last' });
    assert.ok(layer.copy().weight.isContiguous('channels_last'));
  });

  it('copies whole networks, containers and losses, which compute the same', () => {
    const model = cifarDenseNet({ depth: 10, growthRate: 4, numClasses: 3 });
    const copy = model.copy().eval();
    model.eval();
    const x = randn([2, 3, 32, 32]);
    noGrad(() => {
      assert.deepEqual(copy.call(x).toArray(), model.call(x).toArray());
    });
    assert.deepEqual(copy.config, model.config);
    const dict = new ModuleDict({ a: new Linear(2, 2), b: new CrossEntropyLoss({ weight: tensor([1, 2]) }) });
    assert.equal(String(dict.copy()), String(dict));
    assert.deepEqual(digests(dict.copy().stateDict()), digests(dict.stateDict()));
  });

  it('asks classes with private members for a fresh object', () => {
    const model = new Counting();
    model.call(randn([1, 2]));
    const copy = model.copy();
    copy.call(randn([1, 2]));
    copy.call(randn([1, 2]));
    assert.deepEqual([model.calls, copy.calls], [1, 2]);
    assert.deepEqual(digests(copy.stateDict()), digests(model.stateDict()));
  });

  it('refuses a tensor with a history, in PyTorch’s words', () => {
    const model = new Shared();
    Object.assign(model, { kept: model.tied.mul(2) });
    assert.throws(() => model.copy(), { code: 'runtime', message: /^Only Tensors created explicitly by the user/ });
  });

  it('makes as many tensors as the copy holds', () => {
    const model = new Sequential(new Linear(2, 2), new BatchNorm2d(2));
    const before = memory().tensors;
    const copy = model.copy();
    assert.equal(memory().tensors, before + copy.parameters().length + copy.buffers().length);
  });
});

describe('apply and lookups', () => {
  it('applies to children first', () => {
    const model = new Sequential(new Linear(2, 2), new Sequential(new ReLU()));
    const order: string[] = [];
    assert.equal(
      model.apply((module) => void order.push(module.className())),
      model,
    );
    assert.deepEqual(order, ['Linear', 'ReLU', 'Sequential', 'Sequential']);
  });

  it('finds parameters and buffers by their path, and says what is not there', () => {
    const model = new Sequential(new Linear(2, 2), new BatchNorm2d(2));
    assert.equal(model.getParameter('0.weight'), (model.at(0) as Linear).weight);
    assert.equal(model.getBuffer('1.running_mean'), (model.at(1) as BatchNorm2d).running_mean);
    assert.throws(() => model.getParameter('0.wait'), { code: 'value', message: 'Linear has no attribute `wait`' });
    assert.throws(() => model.getParameter('1.running_mean'), { message: '`running_mean` is not an nn.Parameter' });
    assert.throws(() => model.getBuffer('0.weight'), { message: '`weight` is not a buffer' });
    assert.throws(() => model.getBuffer('2.weight'), { message: 'Sequential has no child `2` (looking for `2`)' });
    model.registerModule('last', new ReLU());
    assert.equal(model.getSubmodule('last').className(), 'ReLU');
  });
});
