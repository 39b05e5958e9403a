import {
  checkpoint,
  disableSavedTensorsHooks,
  full,
  grad,
  saveOnCpu,
  savedTensorsHooks,
  type Tensor,
} from '../../../lib/index.js';
import { digest } from '../digest.js';
import { parityDescribe } from '../python.js';
import { compareCases, leaf, type Log } from './cases.js';

function attempt(log: Log, run: () => void): void {
  try {
    run();
    log('no error');
  } catch (error) {
    log((error as Error).message);
  }
}

parityDescribe('saved-tensor hooks against PyTorch', () => {
  compareCases('saved_tensors.py', {
    hooks(log) {
      const [x, w] = [leaf([3]), leaf([3])];
      const pack = (t: Tensor): Tensor => {
        log(['pack', t.shape, t.requiresGrad, t.isLeaf, digest(t)]);
        return t.mul(2);
      };
      const unpack = (t: Tensor): Tensor => {
        log(['unpack', digest(t)]);
        return t.div(2);
      };
      const y = savedTensorsHooks(pack, unpack, () => x.mul(w).exp());
      const outer = (t: Tensor): Tensor => {
        log('outer');
        return t;
      };
      const z = savedTensorsHooks(
        outer,
        (t) => t,
        () =>
          savedTensorsHooks(
            () => {
              log('inner');
              return 7;
            },
            (n) => full([3], n, { dtype: 'float32' }),
            () => y.sin(),
          ).exp(),
      );
      z.sum().backward();
      log([digest(x.grad!), digest(w.grad!)]);
    },
    hooks_of_double_backward(log) {
      const x = leaf([3], 'float64');
      savedTensorsHooks(
        (t) => t.clone(),
        (t) => t,
        () => {
          const y = x.exp().sin();
          const [g] = grad(y.sum(), x, { createGraph: true });
          g!.square().sum().backward();
          log([digest(g!), digest(x.grad!)]);
        },
      );
    },
    wrong_hooks(log) {
      const x = leaf([3]);
      const under = (pack: (t: Tensor) => Tensor, unpack: (t: Tensor) => unknown): void => {
        const y = savedTensorsHooks(pack, unpack as (t: Tensor) => Tensor, () => x.exp());
        y.sum().backward();
      };
      const fails = (): never => {
        throw new Error('no room');
      };
      const clone = (t: Tensor): Tensor => t.clone();
      attempt(log, () =>
        under(
          (t) => t,
          () => 'text',
        ),
      );
      attempt(log, () => under(fails, (t) => t));
      attempt(log, () => under(clone, fails));
      attempt(log, () => under(clone, (t) => t.narrow(0, 0, 2).clone()));
    },
    disabled_hooks(log) {
      const x = leaf([3]);
      const exp = (a: Tensor): Tensor => a.exp();
      attempt(log, () => disableSavedTensorsHooks('not here', () => void checkpoint(exp, x, { useReentrant: false })));
      attempt(log, () =>
        disableSavedTensorsHooks('not here', () => disableSavedTensorsHooks('nor here', () => log('inside'))),
      );
      savedTensorsHooks(
        (t) => t,
        (t) => t,
        () => attempt(log, () => disableSavedTensorsHooks('hooks are on', () => log('never'))),
      );
      checkpoint(exp, x, { useReentrant: false }).sum().backward();
      log(digest(x.grad!));
    },
    on_the_cpu(log) {
      for (const pinMemory of [false, true]) {
        const x = leaf([3, 4]);
        const y = saveOnCpu(() => x.exp().t().sin().matmul(x), { pinMemory });
        y.sum().backward();
        log(digest(x.grad!));
      }
    },
  });
});
