"""Hooks of saved tensors in PyTorch: what they see and when, their errors, and what stands on them."""
import torch
from torch.autograd.graph import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

from cases import case, leaf, report
from digest import digest


def attempt(log, run):
    try:
        run()
        log.append("no error")
    except Exception as error:
        log.append(str(error).replace("of type str", "of type string"))


@case
def hooks(log):
    x, w = leaf(3), leaf(3)

    def pack(t):
        log.append(["pack", list(t.shape), t.requires_grad, t.is_leaf, digest(t)])
        return t * 2

    def unpack(t):
        log.append(["unpack", digest(t)])
        return t / 2

    with saved_tensors_hooks(pack, unpack):
        y = (x * w).exp()
    with saved_tensors_hooks(lambda t: log.append("outer") or t, lambda t: t):
        with saved_tensors_hooks(lambda t: log.append("inner") or 7, lambda n: torch.full([3], float(n))):
            z = y.sin()
        z = z.exp()
    z.sum().backward()
    log.append([digest(x.grad), digest(w.grad)])


@case
def hooks_of_double_backward(log):
    x = leaf(3, dtype=torch.float64)
    with saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        y = x.exp().sin()
        (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        g.square().sum().backward()
    log.append([digest(g), digest(x.grad)])


@case
def wrong_hooks(log):
    x = leaf(3)

    def under(pack, unpack):
        with saved_tensors_hooks(pack, unpack):
            y = x.exp()
        y.sum().backward()

    attempt(log, lambda: under(lambda t: t, lambda t: "text"))

    def fails(t):
        raise ValueError("no room")

    attempt(log, lambda: under(fails, lambda t: t))
    attempt(log, lambda: under(lambda t: t.clone(), fails))
    attempt(log, lambda: under(lambda t: t.clone(), lambda t: t[:2].clone()))


@case
def disabled_hooks(log):
    x = leaf(3)

    def within(message, run):
        with disable_saved_tensors_hooks(message):
            run()

    attempt(log, lambda: within("not here", lambda: checkpoint(torch.exp, x, use_reentrant=False)))
    attempt(log, lambda: within("not here", lambda: within("nor here", lambda: log.append("inside"))))
    with saved_tensors_hooks(lambda t: t, lambda t: t):
        attempt(log, lambda: within("hooks are on", lambda: log.append("never")))
    y = checkpoint(torch.exp, x, use_reentrant=False)
    y.sum().backward()
    log.append(digest(x.grad))


@case
def on_the_cpu(log):
    for pin in (False, True):
        x = leaf(3, 4)
        with save_on_cpu(pin_memory=pin):
            y = x.exp().t().sin().matmul(x)
        y.sum().backward()
        log.append(digest(x.grad))


report()
