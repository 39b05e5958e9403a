import assert from 'node:assert/strict';
import * as optim from '../../../lib/optim/index.js';
import type { AdamGroup, CommonOptions, Optimizer, ParamGroup } from '../../../lib/optim/index.js';
import { memory, ones, scope, Tensor, tensor, TorchError, zeros } from '../../../lib/tensor/index.js';

const { Adadelta, Adagrad, Adam, Adamax, AdamW, ASGD, NAdam, RAdam, RMSprop, Rprop } = optim;

type Options = CommonOptions & Record<string, unknown>;
type Make = new (params: Tensor[], options?: Options) => Optimizer;

/** Each with options that need every state, and the number of its states. */
const EACH = [
  [Adam, { amsgrad: true }, 4],
  [AdamW, {}, 3],
  [Adamax, {}, 3],
  [NAdam, {}, 4],
  [RAdam, { betas: [0.9, 0.9] }, 3],
  [RMSprop, { momentum: 0.9, centered: true }, 4],
  [Adagrad, {}, 2],
  [Adadelta, {}, 3],
  [ASGD, { t0: 0 }, 4],
  [Rprop, {}, 3],
] as unknown as readonly (readonly [Make, Options, number])[];

const FUSED: readonly unknown[] = [Adam, AdamW, Adagrad];

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

function steps(optimizer: Optimizer, params: readonly Tensor[], count: number): void {
  for (let index = 0; index < count; index++) {
    scope(() => {
      for (const each of params) each.grad = each.detach().mul(2);
      optimizer.step();
      optimizer.zeroGrad();
    });
  }
}

describe('optimizers with state', () => {
  it('find the least of a parabola', () => {
    for (const [Class, options] of EACH) {
      const weight = param(1, -2);
      const optimizer = new Class([weight], { ...options, lr: Class === (Adadelta as Make) ? 30 : 0.05 });
      const loss = optimizer.step(() => {
        optimizer.zeroGrad();
        const value = weight.mul(weight).sum();
        value.backward();
        return value;
      });
      assert.equal(loss?.item(), 5);
      steps(optimizer, [weight], 199);
      assert.ok(weight.abs().max().item() < 1, `${Class.name}: ${JSON.stringify(weight.toArray())}`);
    }
  });

  it('own their states and nothing more, over a thousand steps', () => {
    for (const [Class, options, states] of EACH) {
      const paths: Options[] = [{ foreach: false }, { foreach: true }];
      if (FUSED.includes(Class)) paths.push({ fused: true });
      for (const path of paths) {
        const params = [param(1, 2), param(3)];
        const before = memory();
        const optimizer = new Class(params, { ...options, maximize: true, ...path, lr: 1e-6 });
        steps(optimizer, params, 1);
        const after = memory();
        assert.equal(after.tensors - before.tensors, states * 2, Class.name);
        steps(optimizer, params, Class === (Adam as Make) ? 1000 : 50);
        assert.deepEqual([memory().tensors, memory().bytes], [after.tensors, after.bytes], Class.name);
        scope(() => optimizer.loadStateDict(optimizer.stateDict()));
        assert.equal(memory().tensors, after.tensors, 'a loaded state takes the place of the former one');
      }
    }
  });

  it('leave tensors without a gradient alone; only Adagrad has states of them', () => {
    for (const [Class, options] of EACH) {
      const [idle, busy] = [param(1), param(1)];
      busy.grad = ones([1]);
      const optimizer = new Class([idle, busy], options);
      optimizer.step();
      assert.equal(idle.item(), 1);
      assert.deepEqual([...optimizer.state.keys()], Class === (Adagrad as Make) ? [idle, busy] : [busy]);
    }
  });

  it('take groups with options of their own, also later', () => {
    const [first, second] = [param(1), param(1)];
    const optimizer = new AdamW([{ params: first, lr: 0.5 }], { lr: 0.25, betas: [0.5, 0.5] });
    optimizer.addParamGroup({ params: [second], weightDecay: 0, amsgrad: true });
    const [one, other] = optimizer.paramGroups;
    assert.deepEqual([one!.lr, one!.weightDecay, one!.amsgrad], [0.5, 0.01, false]);
    assert.deepEqual([other!.lr, other!.weightDecay, other!.amsgrad], [0.25, 0, true]);
    for (const each of [first, second]) each.grad = ones([1]);
    optimizer.step();
    assert.deepEqual(Object.keys(optimizer.state.get(second)!), ['step', 'exp_avg', 'exp_avg_sq', 'max_exp_avg_sq']);
    assert.equal(second.item(), 0.75);
  });

  it('read a tensor learning rate at each step', () => {
    const rate = tensor(0);
    const weight = param(1);
    const optimizer = new Adam([weight], { lr: rate });
    steps(optimizer, [weight], 1);
    assert.equal(weight.item(), 1);
    rate.fill_(0.25);
    steps(optimizer, [weight], 1);
    assert.ok(Math.abs(weight.item() - 0.75) < 1e-3);
  });

  it('refuse what they do not support, in PyTorch’s words where it has some', () => {
    for (const [Class] of EACH) {
      refuses(
        () => new Class([param(1)], { differentiable: true }),
        'notImplemented',
        `${Class.name}: differentiable is not supported; leave it out`,
      );
      const weight = zeros([2], { requiresGrad: true });
      const optimizer = new Class([weight]);
      weight.grad = ones([2]).toSparse();
      const instead =
        Class === (Adam as Make) || Class === (AdamW as Make) ? ', please consider SparseAdam instead' : '';
      const name = instead === '' ? Class.name : 'Adam';
      refuses(() => optimizer.step(), 'runtime', `${name} does not support sparse gradients${instead}`);
    }
    const whole = new Adam([zeros([1], { dtype: 'int64' })], { fused: true });
    whole.paramGroups[0]!.params[0]!.grad = zeros([1], { dtype: 'int64' });
    assert.throws(() => whole.step(), /`fused=True` requires all the params to be floating point Tensors of supported/);
  });

  it('refuse options of another kind, by name', () => {
    const make = (options: unknown) => () => new Adam([param(1)], options as Options);
    refuses(make({ weight_decay: 1 }), 'type', 'Adam has no option weight_decay; did you mean weightDecay?');
    refuses(make({ eps: '1' }), 'type', 'Adam: expected eps to be a number, but got string');
    refuses(make({ betas: 0.9 }), 'type', 'Adam: expected betas to be two numbers, but got number');
    refuses(make({ betas: [0.9] }), 'type', 'Adam: expected betas to be two numbers, but got another array');
    refuses(make({ lr: NaN }), 'value', 'Invalid learning rate: nan');
    refuses(
      () => new AdamW([param(1)], { decoupledWeightDecay: true } as Options),
      'type',
      'AdamW has no option decoupledWeightDecay; it knows lr, betas, eps, weightDecay, amsgrad, maximize, foreach, ' +
        'capturable, differentiable, fused',
    );
  });

  describe('state dict', () => {
    it('has PyTorch’s names', () => {
      const weight = param(1);
      const optimizer = new NAdam([['weight', weight]]);
      steps(optimizer, [weight], 2);
      const { state, param_groups: groups } = optimizer.stateDict();
      assert.deepEqual(Object.keys(state.get(0)!), ['step', 'mu_product', 'exp_avg', 'exp_avg_sq']);
      const { step } = state.get(0) as { step: Tensor };
      assert.deepEqual([step.item(), step.dtype, step.shape], [2, 'float32', []]);
      assert.deepEqual(Object.keys(groups[0]!), [
        ...['lr', 'betas', 'eps', 'weight_decay', 'momentum_decay', 'decoupled_weight_decay', 'maximize', 'foreach'],
        ...['capturable', 'differentiable', 'param_names', 'params'],
      ]);
    });

    it('of older versions is filled up, and numbers become tensors', () => {
      const load = (Class: Make, state: Record<string, unknown>, names: string[]): ParamGroup => {
        const weight = param(1);
        const optimizer = new Class([weight]);
        const { param_groups: groups } = optimizer.stateDict();
        for (const name of names) Reflect.deleteProperty(groups[0]!, name);
        optimizer.loadStateDict({ state: { 0: state }, param_groups: groups });
        steps(optimizer, [weight], 1);
        const { step } = optimizer.state.get(weight) as { step: Tensor };
        assert.deepEqual([step.item(), step.dtype], [4, 'float32'], Class.name);
        return optimizer.paramGroups[0]!;
      };
      const common = ['foreach', 'maximize', 'differentiable', 'capturable'];
      const averages = { exp_avg: zeros([1]), exp_avg_sq: zeros([1]) };
      const adam = load(Adam, { step: 3, ...averages }, [...common, 'amsgrad', 'fused', 'decoupled_weight_decay']);
      assert.deepEqual(
        { ...adam, betas: [...(adam as AdamGroup).betas], params: 1 },
        { ...new Adam([param(1)]).paramGroups[0], params: 1 },
      );
      load(NAdam, { step: 3, mu_product: 0.5, ...averages }, [...common, 'decoupled_weight_decay']);
      load(ASGD, { step: 3, eta: 0.1, mu: 1, ax: zeros([1]) }, common);
      load(Adagrad, { step: 3, sum: zeros([1]) }, ['foreach', 'maximize', 'differentiable', 'fused']);
      load(RMSprop, { step: 3, square_avg: zeros([1]) }, [...common, 'momentum', 'centered']);
    });

    it('of Adam goes on as one of AdamW', () => {
      const weight = param(1);
      const optimizer = new AdamW([weight]);
      optimizer.loadStateDict(new Adam([param(1)]).stateDict());
      assert.deepEqual(
        [optimizer.paramGroups[0]!.decoupledWeightDecay, optimizer.paramGroups[0]!.weightDecay],
        [true, 0],
      );
    });

    it('that does not fit is refused, and the weights stay as they are', () => {
      const weight = param(1);
      weight.grad = ones([1]);
      const adam = new Adam([weight]);
      adam.loadStateDict(new optim.SGD([param(1)]).stateDict());
      refuses(() => adam.step(), 'type', 'Adam: expected betas to be two numbers, but got undefined');
      const other = new Adam([weight], { amsgrad: true });
      const state = { 0: { step: zeros([]), exp_avg: zeros([1]), exp_avg_sq: zeros([1]) } };
      other.loadStateDict({ state, param_groups: other.stateDict().param_groups });
      refuses(
        () => other.step(),
        'value',
        'Expected a tensor for max_exp_avg_sq in the state of a parameter but received none',
      );
      for (const path of [{ foreach: false }, { foreach: true }, { fused: true }]) {
        const wrong = new Adam([weight], path);
        const long = { 0: { step: zeros([]), exp_avg: zeros([7]), exp_avg_sq: zeros([7]) } };
        wrong.loadStateDict({ state: long, param_groups: wrong.stateDict().param_groups });
        assert.throws(() => wrong.step(), { name: 'TorchError', code: 'shape' });
      }
      assert.equal(weight.item(), 1);
    });
  });
});
