"""Custom functions and their errors as PyTorch has them: a list of what happened for every case."""
import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from cases import case, leaf, report
from digest import digest
from custom_functions import AddOne_, Exp, Identity, Pair, ScaledProduct, SortBoth, giving


@case
def first_derivative(log):
    x = leaf(5)
    y = Exp.apply(x)
    log.append([y.grad_fn.name(), y.requires_grad, y.is_leaf, y.grad_fn.next_functions[0][0].name()])
    y.sum().backward()
    log.append(digest(x.grad))


@case
def second_derivative(log):
    x = leaf(5, dtype=torch.float64)
    (g,) = torch.autograd.grad(Exp.apply(x).pow(2).sum(), x, create_graph=True)
    log.append([digest(g.detach()), g.requires_grad])
    (gg,) = torch.autograd.grad(g.sum(), x)
    log.append(digest(gg))


@case
def plain_arguments(log):
    x, y = leaf(3), torch.randn(3)
    z = ScaledProduct.apply(x, 2.5, y)
    log.append(z.grad_fn.flags)
    z.sum().backward()
    log.append([digest(x.grad), y.grad])


@case
def non_differentiable_output(log):
    x = leaf(6)
    values, indices = SortBoth.apply(x)
    log.append([values.requires_grad, indices.requires_grad, indices.grad_fn is None])
    (values * torch.arange(6)).sum().backward()
    log.append(digest(x.grad))


@case
def materialized(log):
    for materialize in (True, False):
        x = leaf(3)
        a, b = Pair.apply(x, materialize, log)
        b.sum().backward()
        log.append(digest(x.grad))


@case
def dirty(log):
    x = leaf(3)
    y = x * 1
    before = y._version
    z = AddOne_.apply(y)
    log.append([z is y, y._version - before, y.grad_fn.name()])
    (z * 2).sum().backward()
    log.append(digest(x.grad))


@case
def dirty_leaf(log):
    AddOne_.apply(leaf(3))


@case
def dirty_view(log):
    x = leaf(4)
    base = x * 1
    AddOne_.apply(base[:2])
    log.append([base.grad_fn.name()])
    base.sum().backward()
    log.append(digest(x.grad))


@case
def input_as_output(log):
    x = leaf(3)
    y = Identity.apply(x)
    log.append([y is x, y.grad_fn.name(), y.data_ptr() == x.data_ptr()])
    y.sum().backward()
    log.append(digest(x.grad))


@case
def no_grad(log):
    x = leaf(3)
    with torch.no_grad():
        y = Exp.apply(x)
    log.append([y.requires_grad, y.grad_fn is None])
    log.append(Exp.apply(x.detach()).requires_grad)


@case
def too_few(log):
    giving(lambda g: g).apply(leaf(3), leaf(3)).sum().backward()


@case
def too_many_null(log):
    x = leaf(3)
    giving(lambda g: (g, None, None, None)).apply(x, 7).sum().backward()
    log.append(digest(x.grad))


@case
def too_many(log):
    giving(lambda g: (g, None, g)).apply(leaf(3), 7).sum().backward()


@case
def gradient_for_number(log):
    giving(lambda g: (g, g)).apply(leaf(3), 7).sum().backward()


@case
def wrong_shape(log):
    giving(lambda g: (g[:2], None)).apply(leaf(3), 7).sum().backward()


@case
def expanded_shape(log):
    x = leaf(3)
    giving(lambda g: (g.expand(2, 3), None)).apply(x, 7).sum().backward()
    log.append(digest(x.grad))


@case
def other_dtype(log):
    x = leaf(3)
    giving(lambda g: (g.double(), None)).apply(x, 7).sum().backward()
    log.append([str(x.grad.dtype), digest(x.grad)])


@case
def null_gradient(log):
    x, y = leaf(3), leaf(3)
    giving(lambda g: (None, g * 2)).apply(x, y).sum().backward()
    log.append([x.grad is None, digest(y.grad)])


@case
def twice(log):
    x = leaf(3)
    y = Exp.apply(x)
    y.sum().backward()
    y.sum().backward()


@case
def retained(log):
    x = leaf(3)
    y = Exp.apply(x)
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    log.append(digest(x.grad))


@case
def saved_changed(log):
    x = leaf(3)
    y = Exp.apply(x)
    z = y * 1
    with torch.no_grad():
        y.add_(1)
    z.sum().backward()


@case
def once(log):
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            log.append(torch.is_grad_enabled())
            return g * 2 * ctx.saved_tensors[0]

    x = leaf(3)
    (g,) = torch.autograd.grad(Once.apply(x).sum(), x)
    log.append([digest(g), g.requires_grad])
    (g,) = torch.autograd.grad(Once.apply(x * 1).sum(), x, create_graph=True)
    log.append([digest(g.detach()), g.requires_grad])
    (g,) = torch.autograd.grad(Once.apply(x * 1).pow(2).sum(), x, create_graph=True)
    log.append([digest(g.detach()), g.requires_grad])
    g.sum().backward()


@case
def split(log):
    class Split(Function):
        @staticmethod
        def forward(x, k):
            return x.pow(k)

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, k = inputs
            ctx.save_for_backward(x)
            ctx.k = k

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * ctx.k * x.pow(ctx.k - 1), None

    x = leaf(4)
    Split.apply(x, 3).sum().backward()
    log.append(digest(x.grad))


@case
def partial(log):
    class Flags(Function):
        @staticmethod
        def forward(ctx, x, y):
            log.append(list(ctx.needs_input_grad))
            return x * y

        @staticmethod
        def backward(ctx, g):
            log.append(list(ctx.needs_input_grad))
            return g, g

    x, y = leaf(3), leaf(3)
    Flags.apply(x, y).sum().backward(inputs=[x])
    log.append([digest(x.grad), y.grad is None])


@case
def save_number(log):
    class Bad(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward("five")
            return x * 2

    Bad.apply(leaf(3))


@case
def no_backward(log):
    class Bad(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    Bad.apply(leaf(3)).sum().backward()


@case
def dirty_not_returned(log):
    class Bad(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x + 1

        @staticmethod
        def backward(ctx, g):
            return g

    Bad.apply(leaf(3) * 1).sum().backward()


@case
def forward_mode(log):
    import torch.autograd.forward_ad as fw

    class Square(Function):
        @staticmethod
        def forward(ctx, x, k):
            ctx.save_for_forward(x)
            ctx.save_for_backward(x)
            ctx.k = k
            return x * x * k

        @staticmethod
        def jvp(ctx, t, _):
            (x,) = ctx.saved_tensors
            return t * 2 * x * ctx.k

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0] * ctx.k, None

    x, t = torch.randn(3), torch.randn(3)
    with fw.dual_level():
        y = Square.apply(fw.make_dual(x, t), 3.0)
        primal, tangent = fw.unpack_dual(y)
        log.append([digest(primal), digest(tangent)])
        out = fw.unpack_dual(fw.make_dual(x, t).sin() * 2)
        log.append([digest(out.primal), digest(out.tangent)])
        log.append(fw.unpack_dual(x).tangent is None)
        try:
            fw.enter_dual_level()
        except Exception as error:
            log.append(str(error))
        Exp.apply(fw.make_dual(x, t))


@case
def no_level(log):
    import torch.autograd.forward_ad as fw

    log.append(fw.unpack_dual(torch.ones(1)).tangent is None)
    fw.make_dual(torch.ones(1), torch.ones(1))


@case
def integer_dual(log):
    import torch.autograd.forward_ad as fw

    with fw.dual_level():
        fw.make_dual(torch.ones(1, dtype=torch.int64), torch.ones(1))


report()
