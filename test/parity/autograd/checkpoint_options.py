"""Selective checkpoints in PyTorch, with the operators that run in both runs, and what the option `debug` says."""
import contextlib
import platform
import warnings

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts, set_checkpoint_debug_enabled

from cases import case, leaf, report
from digest import digest

warnings.simplefilter("ignore")
aten = torch.ops.aten

# Else PyTorch looks C++ frames up, which takes minutes.
platform.machine = lambda: "none"

# How the program calls what PyTorch's modes see, which is inside of composite operators.
PROGRAM = {"convolution": "conv2d", "addmm": "linear", "view": "flatten"}
INNER = {"detach", "t"}


class Noted(TorchDispatchMode):
    """Entered before the modes of a selective checkpoint, it sees what they let through: the operators that run."""

    def __init__(self, to):
        super().__init__()
        self.to = to

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name not in INNER:
            self.to.append(PROGRAM.get(name, name))
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def noted(to, inner):
    with Noted(to), inner:
        yield


def network():
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(16, 5))


def attempt(log, run):
    try:
        run()
        log.append("no error")
    except Exception as error:
        log.append(str(error).split("\n\nTip:")[0])


def explained(log, run):
    try:
        run()
        log.append("no error")
    except Exception as error:
        message = str(error)

        def part(before, after):
            return message.split(before)[1].split(after)[0]

        lists = part("original forward:\n\n", "\n\n+-").split("\n\nOperations executed during recomputation:\n\n")
        words = part("\n ERROR: ", "\n\n Note that").replace("`debug=True`", "`debug: true`")
        log.append([words, str(error.__cause__).split("\n\nTip:")[0]])
        log.append([len([line for line in each.split("\n") if "detach" not in line]) for each in lists])


def changing(first, second):
    runs = [first, second]
    return lambda x: runs.pop(0)(x)


@case
def debug(log):
    x = leaf(5)

    def fn():
        return changing(lambda a: a.exp().sin().exp().tanh(), lambda a: a.exp().narrow(0, 0, 3).sin().exp().tanh())

    explained(log, lambda: checkpoint(fn(), x, use_reentrant=False, debug=True).sum().backward())

    def enabled():
        with set_checkpoint_debug_enabled(True):
            y = checkpoint(fn(), x, use_reentrant=False)
        y.sum().backward()

    explained(log, enabled)
    more = changing(lambda a: a.exp(), lambda a: a.exp().exp().exp())
    explained(log, lambda: checkpoint(more, x, use_reentrant=False, debug=True, early_stop=False).sum().backward())
    fewer = changing(lambda a: a.exp().exp(), lambda a: a.exp())
    explained(log, lambda: checkpoint(fewer, x, use_reentrant=False, debug=True).sum().backward())

    def disabled():
        with set_checkpoint_debug_enabled(False):
            y = checkpoint(fn(), x, use_reentrant=False, debug=True)
        y.sum().backward()

    attempt(log, disabled)

    def context_fn():
        return create_selective_checkpoint_contexts([aten.exp.default])

    attempt(log, lambda: checkpoint(fn(), x, use_reentrant=False, debug=True, context_fn=context_fn))
    attempt(log, lambda: checkpoint(fn(), x, use_reentrant=True, debug=True))


@case
def selective(log):
    net = network()

    def run(a):
        return net(a).exp().sigmoid()

    x = leaf(4, 3, 6, 6)
    save, recompute = CheckpointPolicy.MUST_SAVE, CheckpointPolicy.PREFER_RECOMPUTE
    prefer = {aten.exp.default, aten.view.default}
    policies = [
        [aten.convolution.default, aten.sigmoid.default],
        lambda ctx, op, *args, **kwargs: save if op == aten.addmm.default else recompute,
        lambda ctx, op, *args, **kwargs: CheckpointPolicy.PREFER_SAVE if op in prefer else CheckpointPolicy.MUST_RECOMPUTE,
        lambda ctx, op, *args, **kwargs: recompute if op == aten.relu_.default else save,
        lambda ctx, op, *args, **kwargs: recompute,
    ]

    def gradients(loss):
        net.zero_grad()
        x.grad = None
        loss.sum().backward()
        return [digest(each) for each in [loss, x.grad, *(p.grad for p in net.parameters())]]

    log.append(gradients(run(x)))
    for policy in policies:
        for early in (True, False):
            ran = [], []

            def context_fn():
                contexts = create_selective_checkpoint_contexts(policy, allow_cache_entry_mutation=True)
                return tuple(noted(to, each) for to, each in zip(ran, contexts))

            log.append(gradients(checkpoint(run, x, use_reentrant=False, context_fn=context_fn, early_stop=early)))
            log.append(list(ran))


@case
def selective_failures(log):
    x = leaf(5)

    def context_fn():
        return create_selective_checkpoint_contexts([aten.exp.default])

    y = checkpoint(lambda a: a.exp().sin().sin(), x, use_reentrant=False, context_fn=context_fn).sum()
    y.backward(retain_graph=True)
    attempt(log, y.backward)
    changed = checkpoint(lambda a: a.exp().mul_(2).sin(), x, use_reentrant=False, context_fn=context_fn).sum()
    attempt(log, changed.backward)
    attempt(log, lambda: create_selective_checkpoint_contexts(3))
    attempt(log, lambda: checkpoint(torch.exp, x, use_reentrant=True, context_fn=context_fn))


report()
