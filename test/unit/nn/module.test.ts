import assert from 'node:assert/strict';
import { BatchNorm2d, Conv2d, Linear, Module, Parameter, ReLU, Sequential } from '../../../lib/nn/index.js';
import {
  empty,
  keep,
  memory,
  noGrad,
  ones,
  randn,
  scope,
  Tensor,
  tensor,
  TorchError,
  zeros,
} from '../../../lib/tensor/index.js';

/** `run` throws a TorchError of this code whose message has `text` in it. */
function refuses(run: () => unknown, code: string, text: string): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof TorchError, String(error));
    assert.equal(error.code, code);
    assert.ok(error.message.includes(text), error.message);
    return true;
  });
}

class Two extends Module {
  readonly second = new Linear(2, 2);
  readonly first = new Linear(2, 2);

  forward(x: Tensor): Tensor {
    return this.first.call(this.second.call(x).relu());
  }
}

describe('Module', () => {
  describe('reflection', () => {
    it('takes names from properties, in the order of their definition', () => {
      const names = new Two().namedParameters().map(([name]) => name);
      assert.deepEqual(names, ['second.weight', 'second.bias', 'first.weight', 'first.bias']);
    });

    it('puts added children where they were added among the properties', () => {
      class Mixed extends Sequential {
        readonly named = new ReLU();
      }
      const model = new Mixed(new ReLU(), new ReLU());
      model.append(new ReLU());
      assert.deepEqual(
        model.namedChildren().map(([name]) => name),
        ['0', '1', 'named'].concat(['3']),
      );
    });

    it('counts a shared module and a shared parameter once, and saves both names', () => {
      const shared = new Linear(2, 2);
      const model = new Sequential(shared, new ReLU(), shared);
      assert.equal(model.parameters().length, 2);
      assert.equal(model.children().length, 2);
      assert.deepEqual([...model.stateDict().keys()], ['0.weight', '0.bias', '2.weight', '2.bias']);
    });

    it('does not take plain tensors, numbers or null for parameters', () => {
      class Plain extends Module {
        readonly table = ones([2]);
        readonly width = 3;
        readonly bias = null;
        forward(): Tensor {
          return this.table;
        }
      }
      const model = new Plain();
      assert.deepEqual([...model.stateDict().keys()], []);
      assert.deepEqual(model.parameters(), []);
    });

    it('forgets a parameter that is set to null, and takes one that is set later', () => {
      const model = new Linear(2, 2, { bias: false });
      assert.equal(model.parameters().length, 1);
      Object.assign(model, { bias: new Parameter(zeros([2])) });
      assert.deepEqual(
        model.namedParameters().map(([name]) => name),
        ['weight', 'bias'],
      );
      Object.assign(model, { bias: null });
      assert.equal(model.parameters().length, 1);
    });

    it('refuses names of methods, with a dot, and empty ones', () => {
      const model = new Two();
      refuses(() => model.addModule('forward', new ReLU()), 'value', "'forward' already exists");
      refuses(() => model.registerBuffer('parameters', null), 'value', "'parameters' already exists");
      refuses(() => model.addModule('a.b', new ReLU()), 'value', 'can\'t contain ".", got: a.b');
      refuses(() => model.registerParameter('', null), 'value', "can't be empty");
      Object.assign(model, { toString: new Linear(1, 1) });
      refuses(() => model.parameters(), 'value', "'toString' already exists");
    });

    it('refuses a name that is taken, and values of another kind', () => {
      const model = new Two();
      refuses(() => model.registerBuffer('first', zeros([1])), 'value', "attribute 'first' already exists");
      refuses(() => model.registerBuffer('table', 3 as unknown as Tensor), 'type', 'Tensor or null required');
      refuses(() => model.registerParameter('free', ones([1])), 'type', 'Parameter or null required');
      refuses(() => model.addModule('free', {} as Module), 'type', 'not a Module subclass');
    });

    it('finds modules by their path', () => {
      const model = new Sequential(new Two());
      assert.equal(model.getSubmodule('0.first'), (model.at(0) as Two).first);
      assert.equal(model.getSubmodule(''), model);
      refuses(() => model.getSubmodule('0.third'), 'value', 'has no child `third`');
    });
  });

  describe('call', () => {
    it('frees what forward leaves behind', () => {
      const model = new Two();
      const x = randn([4, 2]);
      const before = memory().tensors;
      const y = noGrad(() => model.call(x));
      assert.equal(memory().tensors, before + 1);
      y.dispose();
      assert.equal(memory().tensors, before);
    });

    it('returns tensors in arrays, objects and maps', () => {
      class Several extends Module {
        forward(x: Tensor): { list: Tensor[]; map: Map<string, Tensor> } {
          return { list: [x.add(1), x.add(2)], map: new Map([['three', x.add(3)]]) };
        }
      }
      const { list, map } = new Several().call(zeros([1]));
      assert.deepEqual(
        [...list, map.get('three')!].map((each) => each.item()),
        [1, 2, 3],
      );
    });

    it('keeps what the module stored on itself, also deep inside and when forward throws', () => {
      class Storing extends Module {
        last: Tensor | null = null;
        history: { all: Tensor[] } = { all: [] };
        forward(x: Tensor, fail: boolean): Tensor {
          this.last = x.mul(2);
          this.history.all.push(x.mul(3));
          if (fail) throw new Error('as planned');
          return x.mul(4);
        }
      }
      const model = new Storing();
      scope(() => {
        model.call(tensor(1), false);
        assert.throws(() => model.call(tensor(10), true), /as planned/);
      });
      assert.equal(model.last?.item(), 20);
      assert.deepEqual(
        model.history.all.map((each) => each.item()),
        [3, 30],
      );
    });

    it('makes modules inside a scope that outlive it', () => {
      const model = scope(() => {
        const made = new Sequential(new Conv2d(1, 2, { kernelSize: 1 }), new BatchNorm2d(2));
        return () => made;
      })();
      assert.equal(model.stateDict().size, 7);
      assert.deepEqual(model.call(randn([2, 1, 3, 3])).shape, [2, 2, 3, 3]);
    });
  });

  it('switches modes below', () => {
    const model = new Sequential(new Two());
    assert.ok(model.modules().every((module) => module.training));
    assert.equal(model.eval(), model);
    assert.ok(model.modules().every((module) => !module.training));
    refuses(() => model.train(1 as unknown as boolean), 'value', 'expected to be boolean');
  });

  it('drops gradients or fills them with zeros, and switches recording', () => {
    const model = new Linear(2, 1);
    const backward = (): void =>
      scope(() => {
        model
          .call(ones([1, 2]))
          .sum()
          .backward();
      });
    backward();
    const gradient = (): unknown => model.weight.grad?.toArray() ?? null;
    assert.deepEqual(gradient(), [[1, 1]]);
    model.zeroGrad({ setToNull: false });
    assert.deepEqual(gradient(), [[0, 0]]);
    model.zeroGrad();
    assert.equal(gradient(), null);
    model.requiresGrad_(false);
    assert.equal(model.call(ones([1, 2])).requiresGrad, false);
  });

  describe('to', () => {
    it('converts parameters, gradients and floating buffers in place', () => {
      const model = new Sequential(new Conv2d(1, 2, { kernelSize: 1 }), new BatchNorm2d(2));
      const [weight] = model.parameters();
      scope(() => {
        model
          .call(randn([2, 1, 2, 2]))
          .sum()
          .backward();
        model.to('float64');
      });
      assert.equal(model.parameters()[0], weight);
      assert.equal(weight!.dtype, 'float64');
      assert.equal(weight!.grad?.dtype, 'float64');
      assert.deepEqual(
        model.buffers().map((buffer) => buffer.dtype),
        ['float64', 'float64', 'int64'],
      );
      scope(() =>
        model
          .call(randn([2, 1, 2, 2], { dtype: 'float64' }))
          .sum()
          .backward(),
      );
      refuses(() => model.to('int32'), 'type', 'but got desired dtype=torch.int32');
    });

    it('leaves no tensors behind', () => {
      const model = new BatchNorm2d(4);
      const before = memory().tensors;
      model.to('float64').to({ dtype: 'float32', device: 'cpu' });
      assert.equal(memory().tensors, before);
    });

    it('goes to the meta device and back without elements', () => {
      const before = memory();
      scope(() => {
        const model = new Sequential(new Conv2d(1, 2, { kernelSize: 1 }), new BatchNorm2d(2));
        const made = memory();
        const [weight, bias] = model.parameters();
        bias!.requiresGrad = false;
        scope(() =>
          model
            .call(randn([2, 1, 2, 2]))
            .sum()
            .backward(),
        );
        model.to('meta');
        assert.equal(memory().bytes, before.bytes, 'the elements are freed');
        assert.equal(model.parameters()[0], weight);
        assert.deepEqual([weight!.device, weight!.grad?.device, model.buffers()[0]!.device], ['meta', 'meta', 'meta']);
        assert.deepEqual([weight!.shape, weight!.requiresGrad, bias!.requiresGrad], [[2, 1, 1, 1], true, false]);
        assert.deepEqual(model.call(empty([5, 1, 3, 3], { device: 'meta' })).shape, [5, 2, 3, 3]);
        refuses(
          () => model.to('cpu'),
          'notImplemented',
          'Cannot copy out of meta tensor; no data! Please use Module.toEmpty() instead of Module.to() when moving module from meta to a different device.',
        );
        model.toEmpty({ device: 'cpu' });
        const gradDevice = scope(() => weight!.grad?.device);
        assert.deepEqual([weight!.device, gradDevice, weight!.dtype], ['cpu', 'cpu', 'float32']);
        model.zeroGrad();
        assert.equal(memory().bytes, made.bytes);
        for (const tensor of [...model.parameters(), ...model.buffers()]) tensor.dispose();
      });
      assert.deepEqual([memory().bytes, memory().tensors], [before.bytes, before.tensors]);
    });

    it('changes the memory format of four dimensions only', () => {
      const model = new Sequential(new Conv2d(2, 3, { kernelSize: 2 }), new Linear(3, 3));
      model.to({ memoryFormat: 'channels_last' });
      const [conv, bias, linear] = model.parameters();
      assert.ok(conv!.isContiguous('channels_last'));
      assert.ok(bias!.isContiguous() && linear!.isContiguous());
    });
  });

  describe('state dict', () => {
    it('shares storage with the model and survives a load of itself', () => {
      const model = new Linear(2, 2);
      const state = model.stateDict();
      assert.equal(state.get('weight')!.storageId(), model.weight.storageId());
      assert.equal(state.get('weight')!.requiresGrad, false);
      assert.deepEqual(model.loadStateDict(state), { missingKeys: [], unexpectedKeys: [] });
    });

    it('refuses keys that are no strings', () => {
      const state = new Map([[[], tensor([1])]]) as unknown as Map<string, Tensor>;
      assert.throws(() => new Linear(1, 1).loadStateDict(state), {
        code: 'type',
        message: "Expected the keys of state_dict to be strings, got <class 'list'>.",
      });
    });

    it('takes plain objects and maps, and returns what did not fit when not strict', () => {
      const model = new Linear(1, 1);
      const given = { weight: tensor([[3]]), other: tensor(1) };
      assert.deepEqual(model.loadStateDict(given, { strict: false }), {
        missingKeys: ['bias'],
        unexpectedKeys: ['other'],
      });
      assert.equal(model.weight.item(), 3);
      assert.equal(model.weight.requiresGrad, true);
      refuses(
        () => model.loadStateDict(new Map([['weight', tensor([[1]])]])),
        'runtime',
        'Missing key(s) in state_dict: "bias". ',
      );
    });

    it('leaves nothing behind', () => {
      const model = new BatchNorm2d(3);
      const state = scope(() => {
        const aliases = model.stateDict();
        for (const alias of aliases.values()) keep(alias);
        return aliases;
      });
      const before = memory().tensors;
      model.loadStateDict(state);
      assert.equal(memory().tensors, before);
      for (const alias of state.values()) alias.dispose();
    });
  });
});

describe('Parameter', () => {
  it('shares the elements of its tensor, is a leaf, and belongs to no scope', () => {
    const [parameter, source] = scope(() => {
      const elements = keep(ones([2]));
      const made = new Parameter(elements);
      return [() => made, () => elements];
    });
    assert.equal(parameter().storageId(), source().storageId());
    assert.ok(parameter().isLeaf && parameter().requiresGrad);
    assert.equal(new Parameter(source(), { requiresGrad: false }).requiresGrad, false);
    const history = ones([2], { requiresGrad: true }).mul(2);
    assert.ok(new Parameter(history).isLeaf);
    assert.match(String(parameter()), /^Parameter containing:\n/);
  });
});
