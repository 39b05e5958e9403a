"""Checkpoints of both modes in PyTorch: results, gradients, buffers, random numbers, memory, errors and warnings."""
import warnings

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential, set_checkpoint_early_stop

from cases import case, leaf, report
from digest import digest

warnings.simplefilter("ignore")


def attempt(log, run):
    """The error without the advice that follows it, which speaks of torch.compile."""
    try:
        run()
        log.append("no error")
    except Exception as error:
        log.append(str(error).split("\n\nTip:")[0])


def network():
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Dropout(0.3), nn.Conv2d(8, 6, 3), nn.BatchNorm2d(6), nn.ReLU()
    )


def state(log, net, x, y):
    log.append([digest(y), digest(x.grad), [digest(p.grad) for p in net.parameters()]])
    log.append([digest(b) for b in net.buffers()])
    log.append(digest(torch.get_rng_state()))


def both(log, run):
    for reentrant in (False, True):
        log.append(reentrant)
        torch.manual_seed(1)
        run(reentrant)


@case
def network_of_convolutions(log):
    def run(reentrant):
        net = network()
        x = leaf(4, 3, 10, 10)
        for _ in range(3):
            y = checkpoint(net, x, use_reentrant=reentrant)
            y.square().sum().backward()
            state(log, net, x, y)

    both(log, run)


@case
def without_random_state(log):
    def run(reentrant):
        x = leaf(50)
        y = checkpoint(lambda a: nn.functional.dropout(a.exp(), 0.5).sin(), x, use_reentrant=reentrant, preserve_rng_state=False)
        y.sum().backward()
        log.append([digest(y), digest(x.grad), digest(torch.get_rng_state())])

    both(log, run)


@case
def several_inputs_and_outputs(log):
    def run(reentrant):
        a, b = leaf(3), torch.arange(3.0)

        def fn(x, factor, y, flag):
            return (x * factor).exp() * y, "text" if flag else None, y + 1, x.sin()

        first, text, second, third = checkpoint(fn, a, 2.5, b, True, use_reentrant=reentrant)
        log.append([text, first.requires_grad, second.requires_grad, third.requires_grad])
        (first.sum() + third.cos().sum()).backward()
        log.append([digest(first), digest(second), digest(a.grad)])

    both(log, run)


@case
def keyword_arguments(log):
    x, w = leaf(3), leaf(3)
    y = checkpoint(lambda a, scale, weight: (a * weight).exp() * scale, x, use_reentrant=False, scale=0.5, weight=w)
    y.sum().backward()
    log.append([digest(y), digest(x.grad), digest(w.grad)])
    attempt(log, lambda: checkpoint(torch.exp, x, use_reentrant=True, scale=0.5))


@case
def nested(log):
    def run(reentrant):
        net = network()
        x = leaf(4, 3, 10, 10)
        counts = []

        def inner(a):
            counts.append("inner")
            return net[3:5](a).exp()

        def outer(a):
            counts.append("outer")
            b = net[:3](a)
            c = checkpoint(inner, b, use_reentrant=reentrant)
            return net[5:](c).sin()

        y = checkpoint(outer, x, use_reentrant=reentrant)
        y.sum().backward()
        state(log, net, x, y)
        log.append([len(counts), counts])

    both(log, run)


@case
def three_levels(log):
    x = leaf(6, dtype=torch.float64)
    order = []

    def level(n):
        def fn(a):
            order.append(n)
            b = a.sin().exp()
            c = checkpoint(level(n - 1), b, use_reentrant=False) if n > 0 else b.cos()
            return c.sin() * b

        return fn

    y = checkpoint(level(3), x, use_reentrant=False)
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    log.append([digest(y), digest(g), list(order)])
    g.square().sum().backward()
    log.append([digest(x.grad), list(order)])


@case
def double_backward(log):
    x, w = leaf(5, dtype=torch.float64), leaf(5, 5, dtype=torch.float64)
    y = checkpoint(lambda a, b: (a @ b).tanh().exp(), x, w, use_reentrant=False)
    gx, gw = torch.autograd.grad(y.sum(), (x, w), create_graph=True)
    log.append([digest(gx), digest(gw)])
    (gx.square().sum() + gw.exp().sum()).backward()
    log.append([digest(x.grad), digest(w.grad)])


@case
def kept_graph(log):
    def run(reentrant):
        x = leaf(5)
        runs = []

        def fn(a):
            runs.append(1)
            return a.exp().sin().exp()

        y = checkpoint(fn, x, use_reentrant=reentrant)
        for keep in (True, True, False):
            y.sum().backward(retain_graph=keep)
            log.append([digest(x.grad), len(runs)])
        attempt(log, lambda: y.sum().backward())

    both(log, run)


@case
def gradients_of_some_inputs(log):
    def run(reentrant):
        x, w = leaf(5), leaf(5)
        y = checkpoint(lambda a: (a * w).exp(), x, use_reentrant=reentrant)
        attempt(log, lambda: log.append([digest(g) for g in torch.autograd.grad(y.sum(), (x, w), retain_graph=True)]))
        attempt(log, lambda: y.sum().backward(inputs=[w]))
        log.append(w.grad is None)

    both(log, run)


@case
def no_gradients_wanted(log):
    def run(reentrant):
        x = leaf(5)
        with torch.no_grad():
            y = checkpoint(torch.exp, x, use_reentrant=reentrant)
        log.append([y.requires_grad, digest(y)])
        w = leaf(5)
        z = checkpoint(lambda a: a * w, x.detach(), use_reentrant=reentrant)
        log.append(z.requires_grad)
        attempt(log, lambda: z.sum().backward())
        y = checkpoint(lambda a: a.detach() * 2, x, use_reentrant=reentrant)
        log.append(y.requires_grad)
        attempt(log, lambda: y.sum().backward())

    both(log, run)


@case
def early_stop(log):
    ran = []

    def fn(a):
        ran.append("begin")
        b = a.exp().sin()
        ran.append("end")
        return b * 3

    x = leaf(5)
    checkpoint(fn, x, use_reentrant=False).sum().backward()
    checkpoint(fn, x, use_reentrant=False, early_stop=False).sum().backward()
    with set_checkpoint_early_stop(False):
        y = checkpoint(fn, x, use_reentrant=False, early_stop=True)
    y.sum().backward()
    log.append([digest(x.grad), ran])


@case
def recomputed_otherwise(log):
    x = leaf(5)

    def changing(*fns):
        runs = list(fns)
        return lambda a: runs.pop(0)(a)

    def tried(first, second, **options):
        attempt(log, lambda: checkpoint(changing(first, second), x, use_reentrant=False, **options).sum().backward())

    tried(lambda a: a.exp().exp(), lambda a: a.exp())
    tried(lambda a: a.exp(), lambda a: a.exp().exp(), early_stop=False)
    tried(lambda a: a.exp(), lambda a: a.exp().exp())
    tried(lambda a: a.exp().exp(), lambda a: a[:3].exp().exp())
    tried(lambda a: a.exp().exp(), lambda a: a.double().exp().exp())
    tried(lambda a: a.exp(), lambda a: a.sum().exp(), determinism_check="none")
    tried(lambda a: a.exp(), lambda a: a.exp(), determinism_check="some")


@case
def changed_in_place(log):
    def run(reentrant):
        x = leaf(5)
        a = x * 2
        y = checkpoint(torch.exp, a, use_reentrant=reentrant)
        with torch.no_grad():
            a.add_(1)
        attempt(log, lambda: y.sum().backward())

    both(log, run)


@case
def backward_inside(log):
    def run(keep, early):
        x = leaf(5)

        def fn(a):
            y = a.sin()
            z = y.cos()
            (g,) = torch.autograd.grad(z.sum(), a, retain_graph=keep)
            return a.cos() * g, z

        out, z = checkpoint(fn, x, use_reentrant=False, early_stop=early)
        (out.sum() + z.sum() if keep else out.sum()).backward()
        log.append([digest(out), digest(x.grad)])

    for keep in (True, False):
        for early in (True, False):
            attempt(log, lambda: run(keep, early))


@case
def contexts(log):
    x = leaf(5)

    class Saying:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            log.append(f"{self.name} begins")

        def __exit__(self, *args):
            log.append(f"{self.name} ends")

    y = checkpoint(
        lambda a: a.exp().sin(), x, use_reentrant=False, context_fn=lambda: (Saying("forward"), Saying("again"))
    )
    y.sum().backward()
    log.append(digest(x.grad))
    attempt(log, lambda: checkpoint(torch.exp, x, use_reentrant=True, context_fn=lambda: (Saying("a"), Saying("b"))))


@case
def mixed_precision(log):
    def run(reentrant):
        net = network()
        x = leaf(4, 3, 10, 10)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = checkpoint(net, x, use_reentrant=reentrant)
            log.append([str(y.dtype).replace("torch.", ""), torch.is_autocast_enabled("cpu")])
            loss = y.float().square().sum()
        log.append(torch.is_autocast_enabled("cpu"))
        loss.backward()
        state(log, net, x, y)

    both(log, run)


@case
def segments(log):
    def run(reentrant):
        net = network()
        x = leaf(4, 3, 10, 10)
        for count in (1, 2, 3, 7):
            y = checkpoint_sequential(net, count, x, use_reentrant=reentrant)
            y.square().sum().backward()
            state(log, net, x, y)

    both(log, run)


@case
def warned(log):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        checkpoint(torch.exp, leaf(3))
        checkpoint(torch.exp, torch.ones(3), use_reentrant=True)
        checkpoint(torch.exp, torch.ones(3), use_reentrant=False)
        checkpoint_sequential([torch.exp, torch.exp], 2, leaf(3))
        log.append([str(w.message) for w in caught])


report()
