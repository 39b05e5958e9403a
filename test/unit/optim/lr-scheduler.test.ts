import assert from 'node:assert/strict';
import {
  ExponentialLR,
  LambdaLR,
  MultiStepLR,
  ReduceLROnPlateau,
  SGD,
  StepLR,
  type MultiStepLROptions,
  type Optimizer,
  type ReduceLROnPlateauOptions,
  type StepLROptions,
} from '../../../lib/optim/index.js';
import { memory, scope, tensor, type Tensor } from '../../../lib/tensor/index.js';
import { recordWarnings } from '../../warnings.js';

function optimizerOf(lr: number | Tensor): SGD {
  return new SGD([tensor([1], { requiresGrad: true })], { lr });
}

function rates(optimizer: SGD, scheduler: MultiStepLR | StepLR, epochs: number): number[] {
  return Array.from({ length: epochs }, () => {
    optimizer.step();
    scheduler.step();
    return Number(optimizer.paramGroups[0]!.lr);
  });
}

describe('schedulers', () => {
  it('MultiStepLR multiplies at each milestone', () => {
    const optimizer = optimizerOf(1);
    const scheduler = new MultiStepLR(optimizer, { milestones: [2, 3], gamma: 0.5 });
    assert.deepEqual(rates(optimizer, scheduler, 4), [1, 0.5, 0.25, 0.25]);
    assert.deepEqual(scheduler.getLastLr(), [0.25]);
    assert.equal(scheduler.lastEpoch, 4);
  });

  it('StepLR multiplies every so many epochs', () => {
    const optimizer = optimizerOf(1);
    assert.deepEqual(
      rates(optimizer, new StepLR(optimizer, { stepSize: 2, gamma: 0.5 }), 5),
      [1, 0.5, 0.5, 0.25, 0.25],
    );
    assert.throws(() => new StepLR(optimizer, { stepSize: 0 }), /expected stepSize to be positive, but got 0/);
  });

  it('goes on from a state as if it had never stopped', () => {
    const milestones = [2, 4, 6];
    const whole = optimizerOf(0.1);
    const expected = rates(whole, new MultiStepLR(whole, { milestones }), 8);

    const first = optimizerOf(0.1);
    const scheduler = new MultiStepLR(first, { milestones });
    rates(first, scheduler, 3);
    const second = optimizerOf(0.1);
    const resumed = new MultiStepLR(second, { milestones: [99] });
    resumed.loadStateDict(scheduler.stateDict());
    second.loadStateDict(first.stateDict());
    assert.deepEqual(rates(second, resumed, 5), expected.slice(3));
  });

  it('begins at a later epoch with an optimizer that was trained before', () => {
    const first = optimizerOf(1);
    rates(first, new StepLR(first, { stepSize: 2, gamma: 0.5 }), 1);
    const second = optimizerOf(1);
    assert.throws(
      () => new StepLR(second, { stepSize: 2, lastEpoch: 1 }),
      /param 'initial_lr' is not specified in param_groups\[0\]/,
    );
    second.loadStateDict(first.stateDict());
    const scheduler = new StepLR(second, { stepSize: 2, gamma: 0.5, lastEpoch: 1 });
    assert.equal(scheduler.lastEpoch, 2);
    assert.deepEqual(scheduler.getLastLr(), [0.5]);
  });

  it('changes a tensor learning rate in place, and hands out copies', () => {
    const rate = tensor(1);
    const optimizer = optimizerOf(rate);
    const scheduler = new StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
    optimizer.step();
    scheduler.step();
    assert.equal(rate.item(), 0.5);
    const [last] = scheduler.getLastLr() as [Tensor];
    last.fill_(9);
    assert.equal(rate.item(), 0.5);
  });

  it('holds one copy of a tensor learning rate, however many steps there are', () => {
    const optimizer = optimizerOf(tensor(1));
    const scheduler = new StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
    optimizer.step();
    const before = memory().tensors;
    const early = scheduler.stateDict();
    for (let i = 0; i < 5; i++) scheduler.step();
    scope(() => {
      scheduler.loadStateDict(scheduler.stateDict());
    });
    assert.equal((scheduler.getLastLr()[0] as Tensor).item(), 2 ** -5);
    const [last, base] = [early['_last_lr'], early['base_lrs']] as [Tensor[], Tensor[]];
    assert.equal(last[0]!.item(), 1, 'a state that was taken stays as it was');
    assert.equal(memory().tensors, before + 2);
    last[0]!.dispose();
    base[0]!.dispose();
  });

  it('refuses options of another kind in one line', () => {
    const multi =
      (...options: unknown[]) =>
      () =>
        new MultiStepLR(optimizerOf(1), ...(options as [MultiStepLROptions]));
    const list = 'MultiStepLR: expected milestones to be a list of epochs, but got';
    assert.throws(multi({ milestones: 5 }), { message: `${list} number`, code: 'type' });
    assert.throws(multi({ milestones: '12' }), { message: `${list} string` });
    assert.throws(multi({ milestones: ['1'] }), { message: `${list} other items` });
    assert.throws(multi(), { message: 'MultiStepLR needs the option milestones' });
    assert.throws(multi({ milestones: [1], last_epoch: 2 }), {
      message: 'MultiStepLR has no option last_epoch; did you mean lastEpoch?',
    });
    assert.throws(() => new StepLR(optimizerOf(1), {} as StepLROptions), {
      message: 'StepLR needs the option stepSize',
    });
    assert.deepEqual([...multi({ milestones: new Set([2]) })().milestones], [[2, 1]]);
  });

  it('refuses what is no optimizer, and states of another kind', () => {
    assert.throws(() => new StepLR({} as Optimizer, { stepSize: 1 }), /is not an Optimizer/);
    const scheduler = new StepLR(optimizerOf(1), { stepSize: 1 });
    assert.throws(
      () => scheduler.loadStateDict({ last_epoch: 'x' }),
      /expected last_epoch of a scheduler's state dict/,
    );
    let endless: unknown = [];
    for (let i = 0; i < 60; i++) endless = [endless, endless];
    for (const [name, value] of [
      ['base_lrs', [endless]],
      ['_last_lr', [endless]],
      ['gamma', endless],
    ] as const) {
      assert.throws(() => scheduler.loadStateDict({ [name]: value }), { name: 'TorchError', code: 'type' }, name);
    }
    const steps = new MultiStepLR(optimizerOf(1), { milestones: [1] });
    assert.throws(
      () => steps.loadStateDict({ milestones: new Map([[endless, 1]]) }),
      /expected milestones of a scheduler's state dict to be a number/,
    );
  });

  it('ReduceLROnPlateau refuses in PyTorch’s words, and takes a tensor', () => {
    const plateau = (options: ReduceLROnPlateauOptions) => () => new ReduceLROnPlateau(optimizerOf(1), options);
    assert.throws(plateau({ factor: 1 }), { message: 'Factor should be < 1.0.' });
    assert.throws(plateau({ mode: 'least' as 'min' }), { message: 'mode least is unknown!' });
    assert.throws(plateau({ thresholdMode: 'x' as 'rel' }), { message: 'threshold mode x is unknown!' });
    assert.throws(plateau({ minLr: [1, 2] }), { message: 'expected 1 min_lrs, got 2' });
    assert.throws(plateau({ min_lr: 1 } as object), /has no option min_lr; did you mean minLr/);
    const scheduler = plateau({ patience: 0 })();
    scheduler.step(tensor(3));
    assert.equal(scheduler.best, 3);
    assert.throws(() => scheduler.step('3' as unknown as number), /Expected a number for metrics/);
    scheduler.optimizer.addParamGroup({ params: [tensor([1], { requiresGrad: true })] });
    scheduler.step(4);
    assert.deepEqual(scheduler.minLrs, [0, 0]);
    const fixed = plateau({ patience: 0, minLr: [0.1] })();
    fixed.optimizer.addParamGroup({ params: [tensor([1], { requiresGrad: true })] });
    fixed.step(1);
    assert.throws(() => fixed.step(2), /The number of param groups in the `optimizer` \(2\) differs/);
    assert.throws(() => fixed.loadStateDict({ mode: 'x' }), /mode x is unknown/);
    assert.throws(() => fixed.loadStateDict({ min_lrs: 3 }), /expected min_lrs of a scheduler's state dict/);
  });

  it('LambdaLR wants a function for every group, other schedulers a rate', () => {
    const optimizer = optimizerOf(1);
    assert.throws(() => new LambdaLR(optimizer, { lrLambda: [() => 1, () => 2] }), {
      message: 'Expected 1 lr_lambdas, but got 2',
    });
    const scheduler = new LambdaLR(optimizer, { lrLambda: (epoch) => epoch });
    assert.deepEqual(scheduler.stateDict()['lr_lambdas'], [null]);
    optimizer.step();
    optimizer.addParamGroup({ params: [tensor([1], { requiresGrad: true })] });
    assert.throws(() => scheduler.step(), /Expected 2 learning rates, one for each parameter group, but received 1/);
  });

  it('only steps of the optimizer that a scheduler has seen count', () => {
    const optimizer = optimizerOf(1);
    optimizer.step();
    const { warnings } = recordWarnings(() => new ExponentialLR(optimizer, { gamma: 0.5 }).step());
    assert.match(warnings.join(), /^Detected call of `lr_scheduler.step\(\)` before `optimizer.step\(\)`/);
  });
});
