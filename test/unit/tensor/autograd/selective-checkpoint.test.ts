import assert from 'node:assert/strict';
import {
  checkpoint,
  CheckpointPolicy,
  type CheckpointPolicyFunction,
  createSelectiveCheckpointContexts,
  grad,
  keep,
  manualSeed,
  memory,
  nn,
  randn,
  scope,
  type Tensor,
} from '../../../../lib/index.js';

describe('selective checkpoints', () => {
  let x: Tensor;
  let net: nn.Sequential;
  let start: { tensors: number; bytes: number };
  before(() => {
    manualSeed(6);
    x = keep(randn([2, 3, 8, 8], { requiresGrad: true }));
    net = new nn.Sequential(
      new nn.Conv2d(3, 4, { kernelSize: 3 }),
      new nn.ReLU(),
      new nn.Conv2d(4, 4, { kernelSize: 3 }),
      new nn.ReLU({ inplace: true }),
      new nn.Conv2d(4, 2, { kernelSize: 3 }),
    );
    scope(() => net.call(x).sum().backward());
  });
  beforeEach(() => {
    start = memory();
  });
  const held = (): number => memory().bytes - start.bytes;
  const run = (a: Tensor): Tensor => net.call(a).sigmoid();
  const params = (): Tensor[] => [x, ...net.parameters()];
  const gradients = (y: Tensor, of = params()): (number | bigint)[][] =>
    grad(y.sum(), of).map((g) => g.flatten().toArray() as number[]);

  it('keep the results of the listed operators: fewer run again, gradients have the same bits', () => {
    scope(() => {
      const plain = gradients(run(x));
      const ran: string[] = [];
      const noting: CheckpointPolicyFunction = (context, operator, ...args) => {
        assert.equal(context.isRecompute, false);
        assert.ok(args.length > 0);
        ran.push(operator);
        return CheckpointPolicy.PREFER_RECOMPUTE;
      };
      const all = () => createSelectiveCheckpointContexts(noting);
      assert.deepEqual(gradients(checkpoint(run, x, { useReentrant: false, contextFn: all })), plain);
      assert.deepEqual(ran, ['conv2d', 'relu', 'conv2d', 'relu_', 'conv2d', 'sigmoid']);
      const convolutions = () =>
        createSelectiveCheckpointContexts(['conv2d', 'aten::sigmoid'], { allowCacheEntryMutation: true });
      const y = checkpoint(run, x, { useReentrant: false, contextFn: convolutions });
      assert.deepEqual(gradients(y), plain);
    });
    assert.equal(held(), 0);
  });

  it('hold what they keep until it was used, or the graph ends', () => {
    scope(() => {
      const size = x.numel() * 4;
      const fn = (a: Tensor): Tensor => a.exp().sin().cos();
      const contextFn = () => createSelectiveCheckpointContexts(['sin']);
      const y = checkpoint(fn, x, { useReentrant: false, preserveRngState: false, contextFn });
      // The result; exp's result, which sin keeps for its backward; sin's result.
      assert.equal(held(), 3 * size);
      scope(() => void gradients(y, [x]));
      assert.equal(held(), size);
      const z = checkpoint(fn, x, { useReentrant: false, preserveRngState: false, contextFn });
      assert.equal(held(), 4 * size);
      z.dispose();
      assert.equal(held(), size);
    });
    assert.equal(held(), 0);
  });

  it('refuse a second backward, changed results, and what must be kept but changes its arguments', () => {
    scope(() => {
      const contextFn = () => createSelectiveCheckpointContexts(['exp']);
      const options = { useReentrant: false, contextFn };
      const y = checkpoint((a: Tensor) => a.exp().sin().sin(), x, options).sum();
      y.backward({ retainGraph: true });
      assert.throws(() => y.backward(), /Trying to backward an extra time/);
      const changed = checkpoint((a: Tensor) => a.exp().mul_(2).sin(), x, options).sum();
      assert.throws(() => changed.backward(), /Tensor cached during selective activation checkpoint has been mutated/);
      const inPlace = () => createSelectiveCheckpointContexts(() => true);
      assert.throws(
        () => checkpoint((a: Tensor) => a.mul(2).add_(1), x, { useReentrant: false, contextFn: inPlace }),
        /Expected an operator that only gives new tensors for MUST_SAVE but received add_/,
      );
    });
    assert.equal(held(), 0);
  });

  it('say which operator ran otherwise', () => {
    const contextFn = () => createSelectiveCheckpointContexts(['exp']);
    let runs = 0;
    const other = (a: Tensor): Tensor => (runs++ === 0 ? a.exp().sin() : a.cos().sin());
    const more = (a: Tensor): Tensor =>
      runs++ === 0 ? a.sin().exp().mul(2).add(a.cos()) : a.sin().sin().exp().add(a.cos());
    scope(() => {
      const y = checkpoint(other, x, { useReentrant: false, contextFn });
      assert.throws(
        () => y.sum().backward(),
        /^TorchError: cos encountered during backward but not found in storage. This can/,
      );
      runs = 0;
      const z = checkpoint(more, x, { useReentrant: false, contextFn });
      assert.throws(
        () => z.sum().backward(),
        /sin invocation index 1 encountered during backward but not found in storage/,
      );
    });
  });

  it('leave checkpoints further in alone', () => {
    scope(() => {
      const asked: string[] = [];
      const policy: CheckpointPolicyFunction = (_, operator) => asked.push(operator) > 0;
      const inner = (a: Tensor): Tensor => a.sin().exp();
      const outer = (a: Tensor): Tensor => checkpoint(inner, a.cos(), { useReentrant: false }).tanh();
      const y = checkpoint(outer, x, {
        useReentrant: false,
        contextFn: () => createSelectiveCheckpointContexts(policy),
      });
      assert.deepEqual(asked, ['cos', 'tanh']);
      const [g] = grad(y.sum(), x);
      const [expected] = grad(x.cos().sin().exp().tanh().sum(), x);
      assert.deepEqual(g!.bytes(), expected!.bytes());
    });
    assert.equal(held(), 0);
  });

  it('refuse what is no policy', () => {
    assert.throws(
      () => createSelectiveCheckpointContexts(3 as never),
      /policy_fn_or_list must be either a function or a list of ops/,
    );
    assert.throws(() => createSelectiveCheckpointContexts(['no_such_operator']), /Expected the name of an operator/);
  });
});
