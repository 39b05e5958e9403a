"""Hooks of tensors, nodes and modules as PyTorch calls them: order, replaced gradients, errors."""
import warnings

import torch
from torch import nn

from cases import case, leaf, report
from digest import digest

warnings.simplefilter("ignore")


def saying(log, text, result=None):
    def hook(*args):
        log.append(text)
        return result

    return hook


def shapes(values):
    return [None if v is None else list(v.shape) for v in values]


@case
def order(log):
    x = leaf(3)
    y = x * 2
    z = y.exp()
    x.register_hook(saying(log, "leaf 1"))
    x.register_hook(saying(log, "leaf 2"))
    x.register_post_accumulate_grad_hook(lambda t: log.append(["accumulated", t is x, digest(t.grad)]))
    z.register_hook(saying(log, "z tensor"))
    y.register_hook(saying(log, "y tensor 1"))
    y.grad_fn.register_prehook(lambda grads: log.append(["y before", shapes(grads)]))
    y.grad_fn.register_hook(lambda gi, go: log.append(["y after", shapes(gi), shapes(go)]))
    y.register_hook(saying(log, "y tensor 2"))
    y.retain_grad()
    z.sum().backward()
    log.append([digest(x.grad), digest(y.grad), y.retains_grad])


@case
def replaced(log):
    x = leaf(3)
    y = x * 2
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: g + 1)
    y.retain_grad()
    x.register_hook(lambda g: -g)
    (y * y).sum().backward()
    log.append([digest(x.grad), digest(y.grad)])


@case
def changed_in_place(log):
    x = leaf(3)
    x.register_hook(lambda g: (g.mul_(3), None)[1])
    (x * 1).sum().backward()
    log.append(digest(x.grad))


@case
def removed(log):
    x = leaf(3)
    first = x.register_hook(saying(log, "first"))
    x.register_hook(saying(log, "second"))
    (x * 1).sum().backward()
    first.remove()
    first.remove()
    (x * 1).sum().backward()


@case
def several_outputs(log):
    x = leaf(4)
    a, b = x.split(2)
    b.register_hook(saying(log, "b"))
    a.register_hook(saying(log, "a"))
    a.register_hook(lambda g: g * 2)
    (a.sum() + b.sum() * 3).backward()
    log.append(digest(x.grad))


@case
def with_grad(log):
    x = leaf(3)
    x.register_hook(lambda g: g * 2)
    x.register_post_accumulate_grad_hook(saying(log, "never"))
    y = x.exp()
    y.register_hook(saying(log, "y"))
    g, h = torch.autograd.grad(y.sum(), [x, y])
    log.append([digest(g), digest(h), x.grad is None])


@case
def after_in_place(log):
    x = leaf(3)
    y = x * 2
    y.register_hook(saying(log, "before"))
    y.mul_(3)
    y.register_hook(saying(log, "after"))
    y.retain_grad()
    y.sum().backward()
    log.append([digest(x.grad), digest(y.grad)])


@case
def accumulator(log):
    x = leaf(3)
    node = torch.autograd.graph.get_gradient_edge(x).node
    node.register_prehook(lambda grads: (grads[0] * 2,))
    node.register_hook(lambda gi, go: log.append(["after", shapes(gi), shapes(go), x.grad is None]))
    (x * 1).sum().backward()
    log.append([digest(x.grad), node.name(), node.variable is x])


@case
def node_replaced(log):
    x, w = leaf(3), leaf(3)
    y = x * w
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * 2, None))
    y.sum().backward()
    log.append([digest(x.grad), w.grad is None])


@case
def graph(log):
    x, w = leaf(3), leaf(3)
    y = (x * w).exp().sum()

    def walk(node, depth=0):
        log.append([depth, node.name(), [i for _, i in node.next_functions]])
        for each, _ in node.next_functions:
            if each is not None:
                walk(each, depth + 1)

    walk(y.grad_fn)


@case
def wrong_shape(log):
    x = leaf(3)

    def half(g):
        return g[:1]

    x.register_hook(half)
    (x * 1).sum().backward()


@case
def wrong_dtype(log):
    x = leaf(3)

    def double(g):
        return g.double()

    x.register_hook(double)
    (x * 1).sum().backward()


@case
def wrong_count(log):
    x = leaf(3)
    y = x * 1

    def many(gi, go):
        return (gi[0], gi[0], gi[0])

    y.grad_fn.register_hook(many)
    y.sum().backward()


@case
def no_gradient(log):
    torch.ones(1).register_hook(print)


@case
def not_a_leaf(log):
    (leaf(1) * 2).register_post_accumulate_grad_hook(print)


@case
def not_a_leaf_without_gradient(log):
    torch.ones(1).register_post_accumulate_grad_hook(print)


@case
def retained_without_gradient(log):
    torch.ones(1).retain_grad()


@case
def double_backward(log):
    x = leaf(3, dtype=torch.float64)
    y = x.pow(3)
    y.register_hook(lambda g: g * x)
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (gg,) = torch.autograd.grad(g.sum(), x)
    log.append([digest(g.detach()), digest(gg)])


def net():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


@case
def forward_hooks(log):
    m = net()
    x = torch.randn(2, 4)
    m[0].register_forward_pre_hook(lambda mod, args: log.append(["pre 1", type(mod).__name__, shapes(args)]))
    m[0].register_forward_pre_hook(lambda mod, args: (args[0] * 2,))
    m[0].register_forward_pre_hook(lambda mod, args: log.append("first"), prepend=True)
    m[0].register_forward_hook(lambda mod, args, out: log.append(["post", shapes(args), list(out.shape)]))
    handle = m[2].register_forward_hook(lambda mod, args, out: out + 1)
    y = m(x)
    log.append(digest(y.detach()))
    handle.remove()
    log.append(digest(m(x).detach()))


@case
def backward_hooks(log):
    m = net()
    x = leaf(2, 4)
    for i in range(3):
        m[i].register_full_backward_hook(
            lambda mod, gi, go: log.append([type(mod).__name__, shapes(gi), shapes(go), digest(gi[0]), digest(go[0])])
        )
        m[i].register_full_backward_pre_hook(lambda mod, go: log.append(["before", type(mod).__name__, digest(go[0])]))
    m.register_full_backward_hook(lambda mod, gi, go: (gi[0] * 2,))
    y = m(x)
    log.append([y.grad_fn.name()])
    y.sum().backward()
    log.append([digest(x.grad)] + [digest(p.grad) for p in m.parameters()])


@case
def backward_pre_replaces(log):
    m = net()
    x = leaf(2, 4)
    m[2].register_full_backward_pre_hook(lambda mod, go: (go[0] * 3,))
    m[2].register_full_backward_hook(lambda mod, gi, go: log.append([digest(gi[0]), digest(go[0])]))
    m(x).sum().backward()
    log.append([digest(x.grad)] + [digest(p.grad) for p in m.parameters()])


@case
def backward_hook_without_input_gradient(log):
    m = net()
    m[0].register_full_backward_hook(lambda mod, gi, go: log.append([shapes(gi), shapes(go)]))
    m(torch.randn(2, 4)).sum().backward()
    log.append([digest(p.grad) for p in m.parameters()])


@case
def backward_hook_wrong_count(log):
    m = net()
    m[0].register_full_backward_hook(lambda mod, gi, go: (gi[0], gi[0]))
    m(leaf(2, 4)).sum().backward()


@case
def always_called(log):
    m = net()
    m[0].register_forward_hook(lambda mod, args, out: log.append("skipped"))
    m[0].register_forward_hook(lambda mod, args, out: log.append(["always", out is None]), always_call=True)
    try:
        m(torch.randn(2, 5))
    except RuntimeError:
        log.append("failed")


report()
