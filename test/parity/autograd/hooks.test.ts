import { autograd, grad, nn, noGrad, randn, ones, type Tensor } from '../../../lib/index.js';
import { manualSeed } from '../../../lib/tensor/index.js';
import { digest } from '../digest.js';
import { parityDescribe } from '../python.js';
import { compareCases, leaf, type Log } from './cases.js';

const saying = (log: Log, text: string) => (): undefined => {
  log(text);
  return undefined;
};

const shapes = (values: readonly unknown[]): (number[] | null)[] =>
  values.map((each) => (each === null ? null : (each as Tensor).shape));

/** A hook that only looks. */
const looking =
  <Given extends unknown[]>(look: (...given: Given) => void) =>
  (...given: Given): undefined => {
    look(...given);
    return undefined;
  };

function net(): nn.Sequential {
  manualSeed(3);
  return new nn.Sequential(new nn.Linear(4, 3), new nn.ReLU(), new nn.Linear(3, 2));
}

const ofParameters = (module: nn.Module): string[] => module.parameters().map((each) => digest(each.grad!));

parityDescribe('hooks against PyTorch', () => {
  compareCases('hooks.py', {
    order(log) {
      const x = leaf([3]);
      const y = x.mul(2);
      const z = y.exp();
      x.registerHook(saying(log, 'leaf 1'));
      x.registerHook(saying(log, 'leaf 2'));
      x.registerPostAccumulateGradHook((t) => log(['accumulated', t === x, digest(t.grad!)]));
      z.registerHook(saying(log, 'z tensor'));
      y.registerHook(saying(log, 'y tensor 1'));
      y.gradFn!.registerPrehook(looking((grads) => log(['y before', shapes(grads)])));
      y.gradFn!.registerHook(looking((gi, go) => log(['y after', shapes(gi), shapes(go)])));
      y.registerHook(saying(log, 'y tensor 2'));
      y.retainGrad();
      z.sum().backward();
      log([digest(x.grad!), digest(y.grad!), y.retainsGrad]);
    },
    replaced(log) {
      const x = leaf([3]);
      const y = x.mul(2);
      y.registerHook((g) => g.mul(10));
      y.registerHook((g) => g.add(1));
      y.retainGrad();
      x.registerHook((g) => g.neg());
      y.mul(y).sum().backward();
      log([digest(x.grad!), digest(y.grad!)]);
    },
    changed_in_place(log) {
      const x = leaf([3]);
      x.registerHook(looking((g: Tensor) => g.mul_(3)));
      x.mul(1).sum().backward();
      log(digest(x.grad!));
    },
    removed(log) {
      const x = leaf([3]);
      const first = x.registerHook(saying(log, 'first'));
      x.registerHook(saying(log, 'second'));
      x.mul(1).sum().backward();
      first.remove();
      first.remove();
      x.mul(1).sum().backward();
    },
    several_outputs(log) {
      const x = leaf([4]);
      const [a, b] = x.split(2) as unknown as [Tensor, Tensor];
      b.registerHook(saying(log, 'b'));
      a.registerHook(saying(log, 'a'));
      a.registerHook((g) => g.mul(2));
      a.sum().add(b.sum().mul(3)).backward();
      log(digest(x.grad!));
    },
    with_grad(log) {
      const x = leaf([3]);
      x.registerHook((g) => g.mul(2));
      x.registerPostAccumulateGradHook(saying(log, 'never'));
      const y = x.exp();
      y.registerHook(saying(log, 'y'));
      const [g, h] = grad(y.sum(), [x, y]);
      log([digest(g!), digest(h!), x.grad === null]);
    },
    after_in_place(log) {
      const x = leaf([3]);
      const y = x.mul(2);
      y.registerHook(saying(log, 'before'));
      y.mul_(3);
      y.registerHook(saying(log, 'after'));
      y.retainGrad();
      y.sum().backward();
      log([digest(x.grad!), digest(y.grad!)]);
    },
    accumulator(log) {
      const x = leaf([3]);
      const { node } = autograd.getGradientEdge(x);
      node.registerPrehook((grads) => [grads[0]!.mul(2)]);
      node.registerHook(looking((gi, go) => log(['after', shapes(gi), shapes(go), x.grad === null])));
      x.mul(1).sum().backward();
      log([digest(x.grad!), node.name, node.variable!.isSame(x)]);
    },
    node_replaced(log) {
      const [x, w] = [leaf([3]), leaf([3])];
      const y = x.mul(w);
      y.gradFn!.registerHook((gi) => [gi[0]!.mul(2), null]);
      y.sum().backward();
      log([digest(x.grad!), w.grad === null]);
    },
    graph(log) {
      const [x, w] = [leaf([3]), leaf([3])];
      const walk = (node: autograd.Node, depth = 0): void => {
        const next = node.nextFunctions;
        log([depth, node.name, next.map(([, index]) => index)]);
        for (const [each] of next) if (each !== null) walk(each, depth + 1);
      };
      walk(x.mul(w).exp().sum().gradFn!);
    },
    wrong_shape() {
      const x = leaf([3]);
      x.registerHook(function half(g) {
        return g.narrow(0, 0, 1);
      });
      x.mul(1).sum().backward();
    },
    wrong_dtype() {
      const x = leaf([3]);
      x.registerHook(function double(g) {
        return g.to('float64');
      });
      x.mul(1).sum().backward();
    },
    wrong_count() {
      const y = leaf([3]).mul(1);
      y.gradFn!.registerHook(function many(gi) {
        return [gi[0]!, gi[0]!, gi[0]!];
      });
      y.sum().backward();
    },
    no_gradient: () => void ones([1]).registerHook(() => undefined),
    not_a_leaf: () =>
      void leaf([1])
        .mul(2)
        .registerPostAccumulateGradHook(() => undefined),
    not_a_leaf_without_gradient: () => void ones([1]).registerPostAccumulateGradHook(() => undefined),
    retained_without_gradient: () => ones([1]).retainGrad(),
    double_backward(log) {
      const x = leaf([3], 'float64');
      const y = x.pow(3);
      y.registerHook((g) => g.mul(x));
      const [g] = grad(y.sum(), x, { createGraph: true });
      const [gg] = grad(g!.sum(), x);
      log([digest(g!.detach()), digest(gg!)]);
    },
    forward_hooks(log) {
      const m = net();
      const x = randn([2, 4]);
      m.at(0).registerForwardPreHook((mod, args) => log(['pre 1', mod.className(), shapes(args)]));
      m.at(0).registerForwardPreHook((_, args) => [(args[0] as Tensor).mul(2)]);
      m.at(0).registerForwardPreHook(saying(log, 'first'), { prepend: true });
      m.at(0).registerForwardHook((_, args, out) => log(['post', shapes(args), (out as Tensor).shape]));
      const handle = m.at(2).registerForwardHook((_, _args, out) => (out as Tensor).add(1));
      log(digest(m.call(x).detach()));
      handle.remove();
      log(digest(noGrad(() => m.call(x))));
    },
    backward_hooks(log) {
      const m = net();
      const x = leaf([2, 4]);
      for (const layer of m) {
        layer.registerFullBackwardHook(
          looking((mod, gi, go) => log([mod.className(), shapes(gi), shapes(go), digest(gi[0]!), digest(go[0]!)])),
        );
        layer.registerFullBackwardPreHook(looking((mod, go) => log(['before', mod.className(), digest(go[0]!)])));
      }
      m.registerFullBackwardHook((_, gi) => [gi[0]!.mul(2)]);
      const y = m.call(x);
      log([y.gradFn?.name]);
      y.sum().backward();
      log([digest(x.grad!), ...ofParameters(m)]);
    },
    backward_pre_replaces(log) {
      const m = net();
      const x = leaf([2, 4]);
      m.at(2).registerFullBackwardPreHook((_, go) => [go[0]!.mul(3)]);
      m.at(2).registerFullBackwardHook(looking((_, gi, go) => log([digest(gi[0]!), digest(go[0]!)])));
      m.call(x).sum().backward();
      log([digest(x.grad!), ...ofParameters(m)]);
    },
    backward_hook_without_input_gradient(log) {
      const m = net();
      m.at(0).registerFullBackwardHook(looking((_, gi, go) => log([shapes(gi), shapes(go)])));
      m.call(randn([2, 4]))
        .sum()
        .backward();
      log(ofParameters(m));
    },
    backward_hook_wrong_count() {
      const m = net();
      m.at(0).registerFullBackwardHook((_, gi) => [gi[0]!, gi[0]!]);
      m.call(leaf([2, 4]))
        .sum()
        .backward();
    },
    always_called(log) {
      const m = net();
      m.at(0).registerForwardHook(saying(log, 'skipped'));
      m.at(0).registerForwardHook((_, _args, out) => log(['always', out === undefined]), { alwaysCall: true });
      try {
        m.call(randn([2, 5]));
      } catch {
        log('failed');
      }
    },
  });
});
