import { autograd, ones, randn, zeros, type Tensor } from '../../../lib/tensor/index.js';
import { digest } from '../digest.js';
import { parityDescribe } from '../python.js';
import { compareCases, leaf, type Log } from './cases.js';

const F = autograd.functional;

type Nested = Tensor | readonly Nested[];
const digests = (value: Nested): unknown =>
  Array.isArray(value) ? (value as readonly Nested[]).map(digests) : digest((value as Tensor).detach());

const two = (x: Tensor, y: Tensor): [Tensor, Tensor] => [x.exp().mul(y), x.mul(y).sum()];
const one = (x: Tensor): Tensor => x.pow(3).sum();
const both = (x: Tensor, y: Tensor): Tensor => x.exp().mul(y).mul(y).sum();

function attempts(log: Log, list: readonly (() => unknown)[], shown: (result: unknown) => unknown): void {
  for (const attempt of list) {
    try {
      log(shown(attempt()));
    } catch (error) {
      log((error as Error).message.replace(/\n+(numerical:|NOTE)[\s\S]*$/, ''));
    }
  }
}

const wrong = (derivative: (g: Tensor, count: number) => Tensor): ((x: Tensor) => Tensor) =>
  autograd.customFunction<[Tensor], Tensor, autograd.FunctionCtx & { count: number }>({
    name: 'Wrong',
    forward(ctx, x) {
      ctx.count = 0;
      return x.mul(2);
    },
    backward(ctx, g) {
      ctx.count += 1;
      return derivative(g, ctx.count);
    },
  });

parityDescribe('autograd.functional, gradcheck and anomaly mode against PyTorch', () => {
  compareCases('checks.py', {
    jacobian(log) {
      const [x, y] = [randn([2, 2]), randn([2])];
      log(digests(F.jacobian((a) => a.exp().sum(1), x)));
      log(digests(F.jacobian(two, [x, y])));
      log(F.jacobian((a) => a.sin(), x).requiresGrad);
      const z = leaf([3]);
      const j = F.jacobian((a) => a.sin(), z, { createGraph: true });
      log([j.shape, j.requiresGrad]);
      j.sum().backward();
      log(digest(z.grad!));
      log(digests(F.jacobian((a: Tensor, _b: Tensor) => a.mul(2), [y, y])));
    },
    products(log) {
      const [x, y, v] = [randn([3]), randn([3]), randn([3])];
      log(digests(F.vjp((a) => a.exp(), x, v)));
      log(digests(F.vjp(two, [x, y], [v, ones([])])));
      log(digests(F.vjp(one, x)));
      log(digests(F.jvp((a) => a.exp(), x, v)));
      log(digests(F.jvp(two, [x, y], [v, v])));
      log(digests(F.hessian(one, x)));
      log(digests(F.hessian(both, [x, y])));
      log(digests(F.vhp(one, x, v)));
      log(digests(F.vhp(both, [x, y], [v, y])));
      log(digests(F.hvp(one, x, v)));
      log(digests(F.hvp(both, [x, y], [v, y])));
      const z = leaf([3]);
      const exp = (a: Tensor): Tensor => a.exp();
      for (const results of [F.vjp(exp, z, v, { createGraph: true }), F.jvp(exp, z, v, { createGraph: true })]) {
        log(results.map((each) => each.requiresGrad));
      }
      for (const fn of [F.vhp, F.hvp]) log(fn(one, z, v, { createGraph: true }).map((each) => each.requiresGrad));
    },
    complaints(log) {
      const [x, y, v] = [randn([3]), randn([3]), randn([2])];
      const constant = (): Tensor => ones([2]);
      const linear = (a: Tensor): Tensor => a.mul(2).sum();
      const strict = { strict: true };
      attempts(
        log,
        [
          () => F.vjp((a) => a, x),
          () => F.jvp((a) => a, x),
          () => F.vhp(one, x),
          () => F.hvp(one, x),
          () => F.vjp((a) => a, x, v),
          () => F.vjp(two, [x, y], [x, x]),
          () => F.vjp((a) => a, x, [x, x]),
          () => F.vjp(two, [x, y], [x]),
          () => F.hessian((a) => a, x),
          () => F.hessian(((a: Tensor) => [a.sum()]) as never, x),
          () => F.vhp((a) => a, x, x),
          () => F.jacobian(constant, x, strict),
          () => F.jacobian((a: Tensor, _b: Tensor) => a, [x, y], strict),
          () => F.jacobian((a) => a.mul(2), x.clone().requiresGrad_(), { strict: true, createGraph: true }),
          () => F.vjp((a: Tensor, _b: Tensor) => a.sum(), [x, y], undefined, strict),
          () => F.jvp((a: Tensor, _b: Tensor) => a.mul(1), [x, y], [x, y], strict),
          () => F.hessian(linear, x, strict),
          () => F.vhp(linear, x, x, strict),
          () => F.hvp(linear, x, x, strict),
        ],
        () => 'fine',
      );
    },
    gradcheck(log) {
      const [x, y] = [leaf([3], 'float64'), leaf([3], 'float64')];
      const pair = (a: Tensor, b: Tensor): Tensor[] => [a.mul(b), a.sin()];
      log(autograd.gradcheck(pair, [x, y]));
      log(autograd.gradcheck(pair, [x, y], { checkForwardAd: true }));
      log(autograd.gradgradcheck((a: Tensor, b: Tensor) => a.exp().mul(b), [x, y]));
      const z = randn([2], { dtype: 'complex128', requiresGrad: true });
      log(autograd.gradcheck((a: Tensor) => a.mul(a), z));
      log(autograd.gradcheck((a: Tensor) => a.abs(), z));
      log(autograd.gradcheck((a: Tensor, k: number) => a.mul(k), [x, 3]));
    },
    gradcheck_complaints(log) {
      const x = ones([2], { dtype: 'float64', requiresGrad: true });
      attempts(
        log,
        [
          () =>
            autograd.gradcheck(
              wrong((g) => g.mul(3)),
              x,
            ),
          () =>
            autograd.gradcheck(
              wrong((g) => g.mul(2).add(1e-9)),
              x,
            ),
          () =>
            autograd.gradcheck(
              wrong((g, n) => g.mul(2).add(n * 1e-12)),
              x,
            ),
          () => autograd.gradcheck((a: Tensor) => a, ones([2])),
          () =>
            autograd.gradcheck((a: Tensor) => a.mul(2), ones([1], { dtype: 'float64' }).requiresGrad_().expand([3])),
          () => autograd.gradcheck((a: Tensor) => a.detach().mul(2), x),
          () => autograd.gradcheck((a: Tensor) => a.round(), x),
          () =>
            autograd.gradgradcheck(
              wrong((g) => g.detach().mul(2)),
              x,
            ),
          () => autograd.gradcheck((a: Tensor) => a, x, { checkBackwardAd: false }),
          () =>
            autograd.gradcheck(
              wrong((g) => g.mul(3)),
              x,
              { raiseException: false },
            ),
        ],
        (result) => result,
      );
    },
    anomaly(log) {
      const x = zeros([2], { requiresGrad: true });
      for (const checkNan of [true, false]) {
        autograd.detectAnomaly(
          () => {
            log([autograd.isAnomalyEnabled(), autograd.isAnomalyCheckNanEnabled()]);
            try {
              x.sqrt().mul(0).sum().backward();
              log('fine');
            } catch (error) {
              log((error as Error).message);
            }
          },
          { checkNan },
        );
      }
      log(autograd.isAnomalyEnabled());
    },
  });
});
