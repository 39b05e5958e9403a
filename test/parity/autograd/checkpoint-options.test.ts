import { native } from '../../../lib/native/load.js';
import {
  checkpoint,
  CheckpointPolicy,
  type CheckpointPolicyFunction,
  createSelectiveCheckpointContexts,
  type FunctionWrapper,
  manualSeed,
  nn,
  setCheckpointDebugEnabled,
  type Tensor,
} from '../../../lib/index.js';
import { operatorName } from '../../../lib/tensor/operators.js';
import { digest } from '../digest.js';
import { parityDescribe } from '../python.js';
import { compareCases, leaf, type Log } from './cases.js';

/** The operators that libtorch runs meanwhile. An early stop ends the last one, which has saved its result by then. */
function noted<T>(to: string[], fn: () => T): T {
  const call = native.call.bind(native);
  native.call = (operator) => {
    to.push(operatorName(operator));
    return call(operator);
  };
  try {
    return fn();
  } finally {
    native.call = call;
  }
}

function network(): nn.Sequential {
  manualSeed(3);
  return new nn.Sequential(
    new nn.Conv2d(3, 4, { kernelSize: 3 }),
    new nn.ReLU({ inplace: true }),
    new nn.Conv2d(4, 4, { kernelSize: 3 }),
    new nn.Flatten(),
    new nn.Linear(16, 5),
  );
}

function attempt(log: Log, run: () => void): void {
  try {
    run();
    log('no error');
  } catch (error) {
    log((error as Error).message.split('\n\nTip:')[0]);
  }
}

/** What the option `debug` says: PyTorch's words, how many operators it lists of each run, and the error behind it. */
function explained(log: Log, run: () => void): void {
  try {
    run();
    log('no error');
  } catch (error) {
    const { message, cause } = error as Error;
    const part = (text: string, before: string, after: string): string =>
      (text.split(before)[1] ?? '').split(after)[0]!;
    const lists = part(message, 'original forward:\n\n', '\n\n+-').split(
      '\n\nOperations executed during recomputation:\n\n',
    );
    log([part(message, '\n ERROR: ', '\n\n Note that'), (cause as Error).message.split('\n\nTip:')[0]]);
    log(lists.map((list) => list.split('\n').filter((line) => !line.includes('detach')).length));
  }
}

/** A function that does something else when it runs again. */
function changing(first: (x: Tensor) => Tensor, second: (x: Tensor) => Tensor): (x: Tensor) => Tensor {
  let runs = 0;
  return (x) => (runs++ === 0 ? first(x) : second(x));
}

parityDescribe('what checkpoints without reentrance keep and say', () => {
  compareCases('checkpoint_options.py', {
    debug(log) {
      const x = leaf([5]);
      const fn = (): ((a: Tensor) => Tensor) =>
        changing(
          (a) => a.exp().sin().exp().tanh(),
          (a) => a.exp().narrow(0, 0, 3).sin().exp().tanh(),
        );
      const options = { useReentrant: false, debug: true };
      explained(log, () => checkpoint(fn(), x, options).sum().backward());
      explained(log, () => {
        const y = setCheckpointDebugEnabled(true, () => checkpoint(fn(), x, { useReentrant: false }));
        y.sum().backward();
      });
      const more = changing(
        (a) => a.exp(),
        (a) => a.exp().exp().exp(),
      );
      explained(log, () =>
        checkpoint(more, x, { ...options, earlyStop: false })
          .sum()
          .backward(),
      );
      const fewer = changing(
        (a) => a.exp().exp(),
        (a) => a.exp(),
      );
      explained(log, () => checkpoint(fewer, x, options).sum().backward());
      attempt(log, () => {
        const y = setCheckpointDebugEnabled(false, () => checkpoint(fn(), x, options));
        y.sum().backward();
      });
      const contextFn = () => createSelectiveCheckpointContexts(['exp']);
      attempt(log, () => checkpoint(fn(), x, { ...options, contextFn }));
      attempt(log, () => checkpoint(fn(), x, { useReentrant: true, debug: true }));
    },
    selective(log) {
      const net = network();
      const run = (a: Tensor): Tensor => net.call(a).exp().sigmoid();
      const input = leaf([4, 3, 6, 6]);
      const policies: readonly (readonly string[] | CheckpointPolicyFunction)[] = [
        ['conv2d', 'sigmoid'],
        (_, operator) => (operator === 'linear' ? CheckpointPolicy.MUST_SAVE : CheckpointPolicy.PREFER_RECOMPUTE),
        (_, operator) =>
          ['exp', 'flatten'].includes(operator) ? CheckpointPolicy.PREFER_SAVE : CheckpointPolicy.MUST_RECOMPUTE,
        (_, operator) => operator !== 'relu_',
        () => false,
      ];
      const gradients = (loss: Tensor): unknown => {
        net.zeroGrad();
        input.grad = null;
        loss.sum().backward();
        return [loss, input.grad!, ...[...net.parameters()].map((each) => each.grad!)].map(digest);
      };
      log(gradients(run(input)));
      for (const policy of policies) {
        for (const earlyStop of [true, false]) {
          const ran: [string[], string[]] = [[], []];
          const contextFn = (): readonly [FunctionWrapper, FunctionWrapper] => {
            const [first, again] = createSelectiveCheckpointContexts(policy, { allowCacheEntryMutation: true });
            return [(fn) => noted(ran[0], () => first(fn)), (fn) => noted(ran[1], () => again(fn))];
          };
          const loss = checkpoint(run, input, { useReentrant: false, contextFn, earlyStop });
          log(gradients(loss));
          // The bookkeeping's own apart: results without history, copies of results that will be changed in place again.
          log(ran.map((list) => list.filter((name) => !['detach', 'clone'].includes(name))));
        }
      }
    },
    selective_failures(log) {
      const x = leaf([5]);
      const contextFn = () => createSelectiveCheckpointContexts(['exp']);
      const options = { useReentrant: false, contextFn };
      const y = checkpoint((a: Tensor) => a.exp().sin().sin(), x, options).sum();
      y.backward({ retainGraph: true });
      attempt(log, () => y.backward());
      const changed = checkpoint((a: Tensor) => a.exp().mul_(2).sin(), x, options).sum();
      attempt(log, () => changed.backward());
      attempt(log, () => createSelectiveCheckpointContexts(3 as never));
      attempt(log, () => checkpoint((a: Tensor) => a.exp(), x, { useReentrant: true, contextFn }));
    },
  });
});
