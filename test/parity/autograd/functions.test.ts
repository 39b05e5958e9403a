import {
  arange,
  autograd,
  grad,
  isGradEnabled,
  noGrad,
  ones,
  ops,
  randn,
  type Tensor,
} from '../../../lib/tensor/index.js';
import { digest } from '../digest.js';
import { parityDescribe } from '../python.js';
import { compareCases, leaf } from './cases.js';

type Ctx<Held = unknown> = autograd.FunctionCtx & Held;

class Exp extends autograd.Function {
  static forward(ctx: Ctx, x: Tensor): Tensor {
    const y = x.exp();
    ctx.saveForBackward(y);
    return y;
  }
  static backward(ctx: Ctx, g: Tensor): Tensor {
    return g.mul(ctx.savedTensors[0]!);
  }
}

let flagsSeen: readonly boolean[] = [];

class ScaledProduct extends autograd.Function {
  static forward(ctx: Ctx<{ scale: number }>, x: Tensor, scale: number, y: Tensor): Tensor {
    ctx.saveForBackward(x, y);
    ctx.scale = scale;
    flagsSeen = ctx.needsInputGrad;
    return x.mul(y).mul(scale);
  }
  static backward(ctx: Ctx<{ scale: number }>, g: Tensor): autograd.Gradients {
    const [x, y] = ctx.savedTensors;
    return [g.mul(y!).mul(ctx.scale), null, g.mul(x!).mul(ctx.scale)];
  }
}

class SortBoth extends autograd.Function {
  static forward(ctx: Ctx, x: Tensor): [Tensor, Tensor] {
    const [values, indices] = x.sort();
    ctx.markNonDifferentiable(indices);
    ctx.saveForBackward(indices);
    return [values, indices];
  }
  static backward(ctx: Ctx, g: Tensor, gIndices: Tensor): Tensor {
    return ops.zerosLike(g).scatter_(0, ctx.savedTensors[0]!, g).add(gIndices.sum());
  }
}

class Pair extends autograd.Function {
  static forward(
    ctx: Ctx<{ log: (value: unknown) => void }>,
    x: Tensor,
    materialize: boolean,
    log: (v: unknown) => void,
  ) {
    ctx.setMaterializeGrads(materialize);
    ctx.log = log;
    return [x.mul(2), x.mul(3)] as [Tensor, Tensor];
  }
  static backward(ctx: Ctx<{ log: (value: unknown) => void }>, ...given: (Tensor | null)[]): autograd.Gradients {
    const [a, b] = given;
    ctx.log([a !== null, b !== null]);
    let total: Tensor | null = null;
    for (const [scale, each] of [
      [2, a],
      [3, b],
    ] as const) {
      if (each) total = total === null ? each.mul(scale) : total.add(each.mul(scale));
    }
    return [total, null, null];
  }
}

class AddOne_ extends autograd.Function {
  static forward(ctx: Ctx, x: Tensor): Tensor {
    ctx.markDirty(x);
    return x.add_(1);
  }
  static backward(_ctx: Ctx, g: Tensor): Tensor {
    return g.mul(5);
  }
}

class Identity extends autograd.Function {
  static forward(_ctx: Ctx, x: Tensor): Tensor {
    return x;
  }
  static backward(_ctx: Ctx, g: Tensor): Tensor {
    return g.mul(2);
  }
}

const giving = (result: (g: Tensor) => autograd.Gradients): ((x: Tensor, other: unknown) => Tensor) =>
  autograd.customFunction({
    name: 'Giving',
    forward: (_ctx, x: Tensor, _other: unknown) => x.mul(2),
    backward: (_ctx, g) => result(g),
  });

const nameOf = (tensor: Tensor): string | undefined => tensor.gradFn?.name;

parityDescribe('custom functions against PyTorch', () => {
  compareCases('functions.py', {
    first_derivative(log) {
      const x = leaf([5]);
      const y = Exp.apply(x);
      log([nameOf(y), y.requiresGrad, y.isLeaf, y.gradFn?.nextFunctions[0]?.[0]?.name]);
      y.sum().backward();
      log(digest(x.grad!));
    },
    second_derivative(log) {
      const x = leaf([5], 'float64');
      const [g] = grad(Exp.apply(x).pow(2).sum(), x, { createGraph: true });
      log([digest(g!.detach()), g!.requiresGrad]);
      const [gg] = grad(g!.sum(), x);
      log(digest(gg!));
    },
    plain_arguments(log) {
      const [x, y] = [leaf([3]), randn([3])];
      const z = ScaledProduct.apply(x, 2.5, y);
      log(flagsSeen);
      z.sum().backward();
      log([digest(x.grad!), y.grad]);
    },
    non_differentiable_output(log) {
      const x = leaf([6]);
      const [values, indices] = SortBoth.apply(x);
      log([values.requiresGrad, indices.requiresGrad, indices.gradFn === null]);
      values.mul(arange(6)).sum().backward();
      log(digest(x.grad!));
    },
    materialized(log) {
      for (const materialize of [true, false]) {
        const x = leaf([3]);
        const [, b] = Pair.apply(x, materialize, log);
        b.sum().backward();
        log(digest(x.grad!));
      }
    },
    dirty(log) {
      const x = leaf([3]);
      const y = x.mul(1);
      const before = y.version;
      const z = AddOne_.apply(y);
      log([z === y, y.version - before, nameOf(y)]);
      z.mul(2).sum().backward();
      log(digest(x.grad!));
    },
    dirty_leaf() {
      AddOne_.apply(leaf([3]));
    },
    dirty_view(log) {
      const x = leaf([4]);
      const base = x.mul(1);
      AddOne_.apply(base.narrow(0, 0, 2));
      log([nameOf(base)]);
      base.sum().backward();
      log(digest(x.grad!));
    },
    input_as_output(log) {
      const x = leaf([3]);
      const y = Identity.apply(x);
      log([y === x, nameOf(y), y.storageId() === x.storageId()]);
      y.sum().backward();
      log(digest(x.grad!));
    },
    no_grad(log) {
      const x = leaf([3]);
      const y = noGrad(() => Exp.apply(x));
      log([y.requiresGrad, y.gradFn === null]);
      log(Exp.apply(x.detach()).requiresGrad);
    },
    too_few: () =>
      giving((g) => g)(leaf([3]), leaf([3]))
        .sum()
        .backward(),
    too_many_null(log) {
      const x = leaf([3]);
      giving((g) => [g, null, null, null])(x, 7)
        .sum()
        .backward();
      log(digest(x.grad!));
    },
    too_many: () =>
      giving((g) => [g, null, g])(leaf([3]), 7)
        .sum()
        .backward(),
    gradient_for_number: () =>
      giving((g) => [g, g])(leaf([3]), 7)
        .sum()
        .backward(),
    wrong_shape: () =>
      giving((g) => [g.narrow(0, 0, 2), null])(leaf([3]), 7)
        .sum()
        .backward(),
    expanded_shape(log) {
      const x = leaf([3]);
      giving((g) => [g.expand([2, 3]), null])(x, 7)
        .sum()
        .backward();
      log(digest(x.grad!));
    },
    other_dtype(log) {
      const x = leaf([3]);
      giving((g) => [g.to('float64'), null])(x, 7)
        .sum()
        .backward();
      log([`torch.${x.grad!.dtype}`, digest(x.grad!)]);
    },
    null_gradient(log) {
      const [x, y] = [leaf([3]), leaf([3])];
      giving((g) => [null, g.mul(2)])(x, y)
        .sum()
        .backward();
      log([x.grad === null, digest(y.grad!)]);
    },
    twice() {
      const y = Exp.apply(leaf([3]));
      y.sum().backward();
      y.sum().backward();
    },
    retained(log) {
      const x = leaf([3]);
      const y = Exp.apply(x);
      y.sum().backward({ retainGraph: true });
      y.sum().backward();
      log(digest(x.grad!));
    },
    saved_changed() {
      const y = Exp.apply(leaf([3]));
      const z = y.mul(1);
      noGrad(() => y.add_(1));
      z.sum().backward();
    },
    once(log) {
      class Once extends autograd.Function {
        static forward(ctx: Ctx, x: Tensor): Tensor {
          ctx.saveForBackward(x);
          return x.mul(x);
        }
        static backward = autograd.onceDifferentiable((ctx: Ctx, g: Tensor) => {
          log(isGradEnabled());
          return g.mul(2).mul(ctx.savedTensors[0]!);
        });
      }
      const x = leaf([3]);
      let [g] = grad(Once.apply(x).sum(), x);
      log([digest(g!), g!.requiresGrad]);
      [g] = grad(Once.apply(x.mul(1)).sum(), x, { createGraph: true });
      log([digest(g!.detach()), g!.requiresGrad]);
      [g] = grad(Once.apply(x.mul(1)).pow(2).sum(), x, { createGraph: true });
      log([digest(g!.detach()), g!.requiresGrad]);
      g!.sum().backward();
    },
    split(log) {
      class Split extends autograd.Function {
        static forward(x: Tensor, k: number): Tensor {
          return x.pow(k);
        }
        static setupContext(ctx: Ctx<{ k: number }>, [x, k]: [Tensor, number], _output: Tensor): void {
          ctx.saveForBackward(x);
          ctx.k = k;
        }
        static backward(ctx: Ctx<{ k: number }>, g: Tensor): autograd.Gradients {
          return [g.mul(ctx.k).mul(ctx.savedTensors[0]!.pow(ctx.k - 1)), null];
        }
      }
      const x = leaf([4]);
      Split.apply(x, 3).sum().backward();
      log(digest(x.grad!));
    },
    partial(log) {
      const flags = autograd.customFunction({
        name: 'Flags',
        forward(ctx, x: Tensor, y: Tensor) {
          log(ctx.needsInputGrad);
          return x.mul(y);
        },
        backward(ctx, g) {
          log(ctx.needsInputGrad);
          return [g, g];
        },
      });
      const [x, y] = [leaf([3]), leaf([3])];
      flags(x, y)
        .sum()
        .backward({ inputs: [x] });
      log([digest(x.grad!), y.grad === null]);
    },
    save_number() {
      autograd.customFunction({
        forward(ctx, x: Tensor) {
          // @ts-expect-error only tensors can be saved
          ctx.saveForBackward('five');
          return x.mul(2);
        },
      })(leaf([3]));
    },
    no_backward: () =>
      autograd
        .customFunction({ forward: (_ctx, x: Tensor) => x.mul(2) })(leaf([3]))
        .sum()
        .backward(),
    dirty_not_returned() {
      const bad = autograd.customFunction({
        forward(ctx, x: Tensor) {
          ctx.markDirty(x);
          return x.add(1);
        },
        backward: (_ctx, g) => g,
      });
      bad(leaf([3]).mul(1))
        .sum()
        .backward();
    },
    forward_mode(log) {
      const fw = autograd.forwardAd;
      const square = autograd.customFunction<[Tensor, number], Tensor, Ctx<{ k: number }>>({
        forward(ctx, x, k) {
          ctx.saveForForward(x);
          ctx.saveForBackward(x);
          ctx.k = k;
          return x.mul(x).mul(k);
        },
        jvp: (ctx, t) => t!.mul(2).mul(ctx.savedTensors[0]!).mul(ctx.k),
        backward: (ctx, g) => [g.mul(2).mul(ctx.savedTensors[0]!).mul(ctx.k), null],
      });
      const [x, t] = [randn([3]), randn([3])];
      fw.dualLevel(() => {
        const { primal, tangent } = fw.unpackDual(square(fw.makeDual(x, t), 3));
        log([digest(primal), digest(tangent!)]);
        const out = fw.unpackDual(fw.makeDual(x, t).sin().mul(2));
        log([digest(out.primal), digest(out.tangent!)]);
        log(fw.unpackDual(x).tangent === null);
        try {
          fw.enterDualLevel();
        } catch (error) {
          log((error as Error).message);
        }
        Exp.apply(fw.makeDual(x, t));
      });
    },
    no_level(log) {
      log(autograd.forwardAd.unpackDual(ones([1])).tangent === null);
      autograd.forwardAd.makeDual(ones([1]), ones([1]));
    },
    integer_dual() {
      autograd.forwardAd.dualLevel(() => {
        const x = ones([1], { dtype: 'int64' });
        autograd.forwardAd.makeDual(x, x);
      });
    },
  });
});
