import {
  arange,
  autocast,
  checkpoint,
  type CheckpointOptions,
  getRngState,
  grad,
  isAutocastEnabled,
  manualSeed,
  nn,
  noGrad,
  ones,
  setCheckpointEarlyStop,
  type Tensor,
} from '../../../lib/index.js';
import { forgetWarnings } from '../../../lib/tensor/warn-once.js';
import { recordWarnings } from '../../warnings.js';
import { digest } from '../digest.js';
import { parityDescribe } from '../python.js';
import { compareCases, leaf, type Log } from './cases.js';

function attempt(log: Log, run: () => void): void {
  try {
    run();
    log('no error');
  } catch (error) {
    log((error as Error).message.split('\n\nTip:')[0]);
  }
}

function network(): nn.Sequential {
  manualSeed(3);
  return new nn.Sequential(
    new nn.Conv2d(3, 8, { kernelSize: 3 }),
    new nn.BatchNorm2d(8),
    new nn.ReLU({ inplace: true }),
    new nn.Dropout({ p: 0.3 }),
    new nn.Conv2d(8, 6, { kernelSize: 3 }),
    new nn.BatchNorm2d(6),
    new nn.ReLU(),
  );
}

const part = (net: nn.Sequential, from: number, to: number) => {
  const layers = [...net].slice(from, to);
  return (x: Tensor): Tensor => layers.reduce((a, layer) => layer.call(a) as Tensor, x);
};

function state(log: Log, net: nn.Module, x: Tensor, y: Tensor): void {
  log([digest(y), digest(x.grad!), net.parameters().map((p) => digest(p.grad!))]);
  log(net.buffers().map((b) => digest(b)));
  log(digest(getRngState()));
}

function both(log: Log, run: (useReentrant: boolean) => void): void {
  for (const useReentrant of [false, true]) {
    log(useReentrant);
    manualSeed(1);
    run(useReentrant);
  }
}

const { dropout } = nn.functional;
const float64 = 'float64';

parityDescribe('checkpoints against PyTorch', () => {
  compareCases('checkpoint.py', {
    network_of_convolutions(log) {
      both(log, (useReentrant) => {
        const net = network();
        const x = leaf([4, 3, 10, 10]);
        for (let i = 0; i < 3; ++i) {
          const y = checkpoint((a: Tensor) => net.call(a), x, { useReentrant });
          y.square().sum().backward();
          state(log, net, x, y);
        }
      });
    },
    without_random_state(log) {
      both(log, (useReentrant) => {
        const x = leaf([50]);
        const y = checkpoint((a: Tensor) => dropout(a.exp(), { p: 0.5 }).sin(), x, {
          useReentrant,
          preserveRngState: false,
        });
        y.sum().backward();
        log([digest(y), digest(x.grad!), digest(getRngState())]);
      });
    },
    several_inputs_and_outputs(log) {
      both(log, (useReentrant) => {
        const a = leaf([3]);
        const b = arange(0, 3, 1);
        const fn = (x: Tensor, factor: number, y: Tensor, flag: boolean) =>
          [x.mul(factor).exp().mul(y), flag ? 'text' : null, y.add(1), x.sin()] as const;
        const [first, text, second, third] = checkpoint(fn, a, 2.5, b, true, { useReentrant });
        log([text, first.requiresGrad, second.requiresGrad, third.requiresGrad]);
        first.sum().add(third.cos().sum()).backward();
        log([digest(first), digest(second), digest(a.grad!)]);
      });
    },
    keyword_arguments(log) {
      const [x, weight] = [leaf([3]), leaf([3])];
      const fn = (a: Tensor, given: { scale: number; weight: Tensor }) => a.mul(given.weight).exp().mul(given.scale);
      const y = checkpoint(fn, x, { useReentrant: false, kwargs: { scale: 0.5, weight } });
      y.sum().backward();
      log([digest(y), digest(x.grad!), digest(weight.grad!)]);
      attempt(log, () => checkpoint((a: Tensor) => a.exp(), x, { useReentrant: true, kwargs: { scale: 0.5 } }));
    },
    nested(log) {
      both(log, (useReentrant) => {
        const net = network();
        const x = leaf([4, 3, 10, 10]);
        const counts: string[] = [];
        const inner = (a: Tensor): Tensor => {
          counts.push('inner');
          return part(net, 3, 5)(a).exp();
        };
        const outer = (a: Tensor): Tensor => {
          counts.push('outer');
          const c = checkpoint(inner, part(net, 0, 3)(a), { useReentrant });
          return part(net, 5, 7)(c).sin();
        };
        const y = checkpoint(outer, x, { useReentrant });
        y.sum().backward();
        state(log, net, x, y);
        log([counts.length, counts]);
      });
    },
    three_levels(log) {
      const x = leaf([6], float64);
      const order: number[] = [];
      const level =
        (n: number) =>
        (a: Tensor): Tensor => {
          order.push(n);
          const b = a.sin().exp();
          const c = n > 0 ? checkpoint(level(n - 1), b, { useReentrant: false }) : b.cos();
          return c.sin().mul(b);
        };
      const y = checkpoint(level(3), x, { useReentrant: false });
      const [g] = grad(y.sum(), x, { createGraph: true });
      log([digest(y), digest(g!), [...order]]);
      g!.square().sum().backward();
      log([digest(x.grad!), [...order]]);
    },
    double_backward(log) {
      const [x, w] = [leaf([5], float64), leaf([5, 5], float64)];
      const y = checkpoint((a: Tensor, b: Tensor) => a.matmul(b).tanh().exp(), x, w, { useReentrant: false });
      const [gx, gw] = grad(y.sum(), [x, w], { createGraph: true });
      log([digest(gx!), digest(gw!)]);
      gx!.square().sum().add(gw!.exp().sum()).backward();
      log([digest(x.grad!), digest(w.grad!)]);
    },
    kept_graph(log) {
      both(log, (useReentrant) => {
        const x = leaf([5]);
        let runs = 0;
        const fn = (a: Tensor): Tensor => {
          ++runs;
          return a.exp().sin().exp();
        };
        const y = checkpoint(fn, x, { useReentrant });
        for (const retainGraph of [true, true, false]) {
          y.sum().backward({ retainGraph });
          log([digest(x.grad!), runs]);
        }
        attempt(log, () => y.sum().backward());
      });
    },
    gradients_of_some_inputs(log) {
      both(log, (useReentrant) => {
        const [x, w] = [leaf([5]), leaf([5])];
        const y = checkpoint((a: Tensor) => a.mul(w).exp(), x, { useReentrant });
        attempt(log, () => log(grad(y.sum(), [x, w], { retainGraph: true }).map((g) => digest(g))));
        attempt(log, () => y.sum().backward({ inputs: [w] }));
        log(w.grad === null);
      });
    },
    no_gradients_wanted(log) {
      both(log, (useReentrant) => {
        const x = leaf([5]);
        const without = noGrad(() => checkpoint((a: Tensor) => a.exp(), x, { useReentrant }));
        log([without.requiresGrad, digest(without)]);
        const w = leaf([5]);
        const z = checkpoint((a: Tensor) => a.mul(w), x.detach(), { useReentrant });
        log(z.requiresGrad);
        attempt(log, () => z.sum().backward());
        const y = checkpoint((a: Tensor) => a.detach().mul(2), x, { useReentrant });
        log(y.requiresGrad);
        attempt(log, () => y.sum().backward());
      });
    },
    early_stop(log) {
      const ran: string[] = [];
      const fn = (a: Tensor): Tensor => {
        ran.push('begin');
        const b = a.exp().sin();
        ran.push('end');
        return b.mul(3);
      };
      const x = leaf([5]);
      checkpoint(fn, x, { useReentrant: false }).sum().backward();
      checkpoint(fn, x, { useReentrant: false, earlyStop: false }).sum().backward();
      const y = setCheckpointEarlyStop(false, () => checkpoint(fn, x, { useReentrant: false, earlyStop: true }));
      y.sum().backward();
      log([digest(x.grad!), ran]);
    },
    recomputed_otherwise(log) {
      const x = leaf([5]);
      type Fn = (a: Tensor) => Tensor;
      const tried = (first: Fn, second: Fn, options: CheckpointOptions = {}): void => {
        const runs = [first, second];
        const changing = (a: Tensor): Tensor => runs.shift()!(a);
        attempt(log, () =>
          checkpoint(changing, x, { useReentrant: false, ...options })
            .sum()
            .backward(),
        );
      };
      const once: Fn = (a) => a.exp();
      const twice: Fn = (a) => a.exp().exp();
      tried(twice, once);
      tried(once, twice, { earlyStop: false });
      tried(once, twice);
      tried(twice, (a) => a.narrow(0, 0, 3).exp().exp());
      tried(twice, (a) => a.to('float64').exp().exp());
      tried(once, (a) => a.sum().exp(), { determinismCheck: 'none' });
      tried(once, once, { determinismCheck: 'some' as 'none' });
    },
    changed_in_place(log) {
      both(log, (useReentrant) => {
        const x = leaf([5]);
        const a = x.mul(2);
        const y = checkpoint((b: Tensor) => b.exp(), a, { useReentrant });
        noGrad(() => a.add_(1));
        attempt(log, () => y.sum().backward());
      });
    },
    backward_inside(log) {
      const run = (keep: boolean, earlyStop: boolean): void => {
        const x = leaf([5]);
        const fn = (a: Tensor): readonly [Tensor, Tensor] => {
          const z = a.sin().cos();
          const [g] = grad(z.sum(), a, { retainGraph: keep });
          return [a.cos().mul(g!), z];
        };
        const [out, z] = checkpoint(fn, x, { useReentrant: false, earlyStop });
        (keep ? out.sum().add(z.sum()) : out.sum()).backward();
        log([digest(out), digest(x.grad!)]);
      };
      for (const keep of [true, false]) {
        for (const early of [true, false]) attempt(log, () => run(keep, early));
      }
    },
    contexts(log) {
      const x = leaf([5]);
      const saying =
        (name: string) =>
        <T>(fn: () => T): T => {
          log(`${name} begins`);
          try {
            return fn();
          } finally {
            log(`${name} ends`);
          }
        };
      const y = checkpoint((a: Tensor) => a.exp().sin(), x, {
        useReentrant: false,
        contextFn: () => [saying('forward'), saying('again')],
      });
      y.sum().backward();
      log(digest(x.grad!));
      const contextFn = () => [saying('a'), saying('b')] as const;
      attempt(log, () => checkpoint((a: Tensor) => a.exp(), x, { useReentrant: true, contextFn }));
    },
    mixed_precision(log) {
      both(log, (useReentrant) => {
        const net = network();
        const x = leaf([4, 3, 10, 10]);
        const [y, loss] = autocast('cpu', { dtype: 'bfloat16' }, () => {
          const out = checkpoint((a: Tensor) => net.call(a), x, { useReentrant });
          log([out.dtype, isAutocastEnabled('cpu')]);
          return [out, out.to('float32').square().sum()] as const;
        });
        log(isAutocastEnabled('cpu'));
        loss.backward();
        state(log, net, x, y);
      });
    },
    segments(log) {
      both(log, (useReentrant) => {
        const net = network();
        const x = leaf([4, 3, 10, 10]);
        for (const count of [1, 2, 3, 7]) {
          const y = nn.checkpointSequential(net, count, x, { useReentrant });
          y.square().sum().backward();
          state(log, net, x, y);
        }
      });
    },
    warned(log) {
      const exp = (a: Tensor): Tensor => a.exp();
      forgetWarnings();
      const { warnings } = recordWarnings(() => {
        checkpoint(exp, leaf([3]));
        checkpoint(exp, ones([3]), { useReentrant: true });
        checkpoint(exp, ones([3]), { useReentrant: false });
        nn.checkpointSequential([exp, exp], 2, leaf([3]));
      });
      log(warnings);
    },
  });
});
