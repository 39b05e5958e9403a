import assert from 'node:assert/strict';
import { SGD, type Params, type SGDOptions } from '../../../lib/optim/index.js';
import { keep, memory, ones, scope, Tensor, tensor, TorchError, zeros } from '../../../lib/tensor/index.js';

function param(...values: number[]): Tensor {
  return tensor(values, { requiresGrad: true });
}

function refuses(run: () => unknown, code: string, message: string): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof TorchError, String(error));
    assert.deepEqual([error.code, error.message], [code, message]);
    return true;
  });
}

const make = (params: unknown, options: SGDOptions = {}): SGD => new SGD(params as Params<SGDOptions>, options);

describe('SGD', () => {
  it('descends, and climbs with maximize', () => {
    const weight = param(1);
    const up = param(1);
    weight.grad = ones([1]);
    up.grad = ones([1]);
    new SGD([weight], { lr: 0.5 }).step();
    new SGD([up], { lr: 0.5, maximize: true }).step();
    assert.deepEqual([weight.toArray(), up.toArray()], [[0.5], [1.5]]);
  });

  it('leaves tensors without a gradient alone, and keeps no state of them', () => {
    const [idle, busy] = [param(1), param(1)];
    busy.grad = ones([1]);
    const optimizer = new SGD([idle, busy], { lr: 1, momentum: 0.9 });
    optimizer.step();
    assert.equal(idle.item(), 1);
    assert.deepEqual([...optimizer.state.keys()], [busy]);
  });

  it('with foreach and Nesterov changes the gradient itself, as PyTorch does', () => {
    const change = (options: SGDOptions): number => {
      const weight = param(1);
      weight.grad = ones([1]);
      new SGD([weight], { lr: 1, momentum: 0.5, nesterov: true, ...options }).step();
      return weight.grad.item();
    };
    assert.equal(change({ foreach: true }), 1.5);
    assert.equal(change({ foreach: false }), 1);
    assert.equal(change({ foreach: true, weightDecay: 0.1 }), 1);
  });

  it('runs a closure with recording on, and returns its loss', () => {
    const weight = param(3);
    const optimizer = new SGD([weight], { lr: 0.1 });
    const loss = optimizer.step(() => {
      optimizer.zeroGrad();
      const value = weight.mul(weight).sum();
      value.backward();
      return value;
    });
    assert.equal(loss?.item(), 9);
    assert.ok(Math.abs(weight.item() - 2.4) < 1e-6);
    assert.equal(optimizer.step(), null);
  });

  it('reads a tensor learning rate at each step', () => {
    const rate = tensor(1);
    const weight = param(0);
    const optimizer = new SGD([weight], { lr: rate });
    weight.grad = ones([1]);
    optimizer.step();
    rate.fill_(0.25);
    optimizer.step();
    assert.equal(weight.item(), -1.25);
  });

  it('drops gradients or fills them with zeros', () => {
    const weight = param(1);
    weight.grad = ones([1]);
    const optimizer = new SGD([weight]);
    optimizer.zeroGrad({ setToNull: false });
    assert.deepEqual(weight.grad.toArray(), [0]);
    optimizer.zeroGrad();
    assert.equal(weight.grad, null);
  });

  for (const path of [{}, { foreach: true }, { fused: true }] satisfies SGDOptions[]) {
    it(`holds one buffer a parameter and nothing more: ${JSON.stringify(path)}`, () => {
      const params = [param(1, 2), param(3)];
      const optimizer = new SGD(params, { lr: 0.1, momentum: 0.9, weightDecay: 0.1, nesterov: true, ...path });
      const step = (): void =>
        scope(() => {
          for (const each of params) each.grad = ones(each.shape);
          optimizer.step();
          optimizer.zeroGrad();
        });
      const before = memory();
      step();
      const after = memory();
      assert.equal(after.tensors - before.tensors, 2);
      for (let count = 0; count < 50; count++) step();
      assert.deepEqual([memory().tensors, memory().bytes], [after.tensors, after.bytes]);
    });
  }

  it('refuses options that it does not know, by name', () => {
    const given = (options: unknown): SGD => make([param(1)], options as SGDOptions);
    refuses(() => given({ weight_decay: 1 }), 'type', 'SGD has no option weight_decay; did you mean weightDecay?');
    refuses(
      () => given({ learningRate: 1 }),
      'type',
      'SGD has no option learningRate; it knows lr, momentum, dampening, weightDecay, nesterov, maximize, foreach, ' +
        'differentiable, fused',
    );
    refuses(() => given(0.1), 'type', 'SGD takes its options in an object ({ lr, momentum, ... }), but got number');
    refuses(
      () => make([{ params: [param(1)], weight_decay: 1 }]),
      'type',
      'a parameter group has no option weight_decay; did you mean weightDecay?',
    );
    const group = make([{ params: [param(1)], name: 'mine' }]).paramGroups[0]!;
    assert.equal((group as unknown as { name: string }).name, 'mine');
  });

  it('refuses parameters in PyTorch’s words', () => {
    const weight = param(1);
    refuses(() => make([]), 'value', 'optimizer got an empty parameter list');
    refuses(() => make([weight.mul(2)]), 'value', "can't optimize a non-leaf Tensor");
    refuses(
      () => make([{ params: weight }, { params: [weight] }]),
      'value',
      'some parameters appear in more than one parameter group',
    );
    refuses(() => make(['x']), 'type', 'optimizer can only optimize Tensors, but one of the params is string');
    refuses(() => make(5), 'type', "'number' object is not iterable");
    refuses(
      () => make(weight),
      'type',
      'params argument given to the optimizer should be an iterable of Tensors or dicts, but got a Tensor',
    );
    refuses(
      () => make([{ params: new Set([weight]) }]),
      'type',
      'optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will ' +
        'change between runs. Please use a list instead.',
    );
    refuses(
      () => make([['a', weight], param(2)]),
      'value',
      'all optimizer params should be with/without names. Some param names are missing',
    );
    const named = new SGD([['a', weight]]);
    refuses(
      () => named.addParamGroup({ params: [param(2)] }),
      'value',
      'all optimizer param groups should be with/without names. cannot add param group without names to the optimizer',
    );
    refuses(
      () => make([weight], { differentiable: true }),
      'notImplemented',
      'SGD: differentiable is not supported; leave it out',
    );
    refuses(
      () => make([weight], { momentum: '1' as unknown as number }),
      'type',
      'SGD: expected momentum to be a number, but got string',
    );
  });

  it('refuses integers in the fused path', () => {
    const optimizer = new SGD([zeros([1], { dtype: 'int64' })], { fused: true });
    const [integer] = optimizer.paramGroups[0]!.params;
    integer!.grad = zeros([1], { dtype: 'int64' });
    refuses(
      () => optimizer.step(),
      'runtime',
      '`fused=True` requires all the params to be floating point Tensors of supported devices: ' +
        "['mps', 'cuda', 'xpu', 'hpu', 'cpu', 'mtia', 'privateuseone'] but torch.int64 and cpu",
    );
  });

  it('adds groups, filled up from the defaults', () => {
    const optimizer = new SGD([param(1)], { lr: 0.5, momentum: 0.9 });
    optimizer.addParamGroup({ params: param(2), lr: 0.25 });
    const [, added] = optimizer.paramGroups;
    assert.deepEqual([added!.lr, added!.momentum, added!.params.length], [0.25, 0.9, 1]);
  });

  describe('state dict', () => {
    const trained = (): SGD => {
      const params = [param(1, 2), param(3)];
      for (const each of params) each.grad = ones(each.shape);
      const optimizer = new SGD([{ params: params.slice(0, 1) }, { params: params.slice(1), lr: 0.5 }], {
        lr: 0.1,
        momentum: 0.9,
      });
      optimizer.step();
      return optimizer;
    };

    it('has PyTorch’s layout', () => {
      const { state, param_groups: groups } = trained().stateDict();
      assert.deepEqual([...state.keys()], [0, 1]);
      assert.deepEqual((state.get(0)?.['momentum_buffer'] as Tensor).toArray(), [1, 1]);
      assert.deepEqual(groups[1], {
        lr: 0.5,
        momentum: 0.9,
        dampening: 0,
        weight_decay: 0,
        nesterov: false,
        maximize: false,
        foreach: null,
        differentiable: false,
        fused: null,
        params: [1],
      });
    });

    it('is taken over by another optimizer, converted to its parameters, as an object or as maps', () => {
      const saved = trained().stateDict();
      const asMaps = new Map<string, unknown>([
        ['state', new Map([...saved.state].map(([number, values]) => [number, new Map(Object.entries(values))]))],
        ['param_groups', saved.param_groups.map((group) => new Map(Object.entries(group)))],
      ]);
      for (const given of [saved, asMaps]) {
        const params = [tensor([1, 2], { dtype: 'float64' }), tensor([3], { dtype: 'float64' })];
        for (const each of params) each.requiresGrad = true;
        const optimizer = new SGD([{ params: params.slice(0, 1) }, { params: params.slice(1) }], { lr: 7 });
        scope(() => optimizer.loadStateDict(given));
        assert.deepEqual([optimizer.paramGroups[0]!.lr, optimizer.paramGroups[1]!.lr], [0.1, 0.5]);
        const buffer = optimizer.state.get(params[0]!)?.['momentum_buffer'];
        assert.ok(buffer instanceof Tensor);
        assert.equal(buffer.dtype, 'float64');
        params[0]!.grad = ones([2], { dtype: 'float64' });
        optimizer.step();
        assert.deepEqual(buffer.toArray(), [1.9, 1.9]);
      }
    });

    it('outlives the dict it was loaded from', () => {
      const optimizer = trained();
      const saved = trained().stateDict();
      optimizer.loadStateDict(saved);
      for (const values of saved.state.values()) (values['momentum_buffer'] as Tensor).dispose();
      optimizer.step();
    });

    it('fills up what older versions did not save', () => {
      const optimizer = trained();
      const saved = optimizer.stateDict();
      for (const group of saved.param_groups)
        for (const name of ['maximize', 'foreach', 'fused']) Reflect.deleteProperty(group, name);
      optimizer.loadStateDict(saved);
      const { maximize, foreach, fused } = optimizer.paramGroups[0]!;
      assert.deepEqual([maximize, foreach, fused], [false, null, false]);
    });

    it('refuses groups that do not match', () => {
      const optimizer = new SGD([param(1)]);
      refuses(
        () => optimizer.loadStateDict(trained().stateDict()),
        'value',
        'loaded state dict has a different number of parameter groups',
      );
      refuses(
        () => optimizer.loadStateDict({ state: new Map(), param_groups: [{ params: [0, 1] }] }),
        'value',
        "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
      );
      refuses(
        () => optimizer.loadStateDict({ state: {}, param_groups: 3 }),
        'type',
        "expected param_groups of an optimizer's state dict to be an array, but got number",
      );
    });
  });

  it('takes named parameters', () => {
    const optimizer = new SGD([['weight', keep(param(1))]]);
    assert.deepEqual(optimizer.paramGroups[0]!.paramNames, ['weight']);
    assert.deepEqual(optimizer.stateDict().param_groups[0]?.['param_names'], ['weight']);
  });

  it('refuses states whose keys and numbers are lists, at once', () => {
    const optimizer = make([param(1)]);
    let endless: unknown = [];
    for (let i = 0; i < 60; i++) endless = [endless, endless];
    const load = (state: unknown, params: unknown[]): void =>
      optimizer.loadStateDict(new Map<string, unknown>(Object.entries({ state, param_groups: [{ params }] })));
    const whole = "expected params of an optimizer's state dict to hold whole numbers";
    refuses(() => load(new Map(), [endless]), 'type', whole);
    refuses(() => load(new Map([[endless, {}]]), [0]), 'type', whole.replace('params', 'state'));
    refuses(
      () => load(new Map([[0, new Map([[endless, 1]])]]), [0]),
      'type',
      'expected the keys of the state of a parameter to be strings, but got object',
    );
  });
});
