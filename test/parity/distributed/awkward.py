"""Unusual ways to use DistributedDataParallel and ZeroRedundancyOptimizer in PyTorch: what each rank ends with, case by case.

Usage: awkward.py OUT
"""

import functools
import os
import sys
import warnings

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.parallel import DistributedDataParallel

warnings.filterwarnings("ignore")

results = {}


class Parts(nn.Module):
    """Three layers; `use` says which are used."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 3)
        self.b = nn.Linear(3, 3)
        self.c = nn.Linear(3, 3)
        self.register_buffer("count", torch.zeros(2, dtype=torch.int64))
        self.register_buffer("flag", torch.zeros(3, dtype=torch.bool))
        self.register_buffer("halves", torch.zeros(2, dtype=torch.float16))
        self.register_buffer("nothing", torch.zeros(0))

    def forward(self, x, use):
        rank = dist.get_rank()
        self.count += rank + 1
        self.flag[rank] = True
        self.halves += 0.5 * (rank + 1)
        outputs = [getattr(self, name)(x) for name in use]
        return {"all": outputs, "more": {"first": outputs[0]}}


class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        for name, dtype in (("f", torch.float32), ("d", torch.float64), ("h", torch.float16), ("b", torch.bfloat16)):
            self.register_parameter(name, nn.Parameter(torch.randn(5).to(dtype)))

    def forward(self, x):
        return sum((getattr(self, name) * x.to(getattr(self, name).dtype)).to(torch.float64) for name in "fdhb")


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.first.bias.requires_grad_(False)
        self.conv = nn.Conv2d(4, 4, 3).to(memory_format=torch.channels_last)

    def forward(self, x):
        return self.second(self.first(x)).mean() + self.conv(x.reshape(-1, 4, 1, 1).expand(-1, 4, 3, 3)).mean()


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(7, 3, sparse=True)
        self.out = nn.Linear(3, 2)

    def forward(self, x):
        return self.out(self.table(x))


def total(outputs):
    return functools.reduce(torch.add, outputs["all"])


def picture(x):
    """A tensor whose bits count."""
    return x.detach().to_dense().clone() if x.is_sparse else x.detach().clone()


def case(name, run):
    rank = dist.get_rank()
    torch.manual_seed(5 + rank)
    log = []
    error = ""
    try:
        run(log, torch.Generator().manual_seed(50 + rank))
    except (RuntimeError, ValueError) as e:
        error = str(e).split("\n")[0].split(". ")[0]
    results[name] = [log, error]
    dist.barrier()


def gradients(log, model):
    for name, p in model.named_parameters():
        log.append([name, "none" if p.grad is None else picture(p.grad)])
    for name, b in model.named_buffers():
        log.append([name, b.clone()])


def unused(view):
    def run(log, g):
        model = DistributedDataParallel(Parts(), find_unused_parameters=True, gradient_as_bucket_view=view)
        for step, use in enumerate(["a", "ab", "abc", "c"]):
            use = use if dist.get_rank() == 0 or step != 1 else "bc"
            x = torch.randn(2, 3, generator=g)
            if step % 2 == 0:
                with model.no_sync():
                    total(model(x, use)).square().sum().backward()
                    gradients(log, model)
            model(x, use)["all"][0].square().sum().backward()
            gradients(log, model)
            if step == 1:
                for p in model.parameters():
                    p.grad = None
        log.append(list(model.state_dict()))

    return run


def missing(log, g):
    model = DistributedDataParallel(Parts())
    for _ in range(2):
        total(model(torch.randn(2, 3, generator=g), "ab")).sum().backward()
        gradients(log, model)


def frozen_later(log, g):
    model = DistributedDataParallel(Parts())
    total(model(torch.randn(2, 3, generator=g), "abc")).sum().backward()
    model.module.b.weight.requires_grad_(False)
    for _ in range(2):
        total(model(torch.randn(2, 3, generator=g), "abc")).sum().backward()
        gradients(log, model)


def evaluates(log, g):
    model = DistributedDataParallel(Parts())
    x = torch.randn(2, 3, generator=g)
    for _ in range(2):
        with torch.no_grad():
            log.append(["no grad", total(model(x, "abc"))])
        model.eval()
        log.append(["eval", total(model(x, "a")).detach()])
        model.train()
        total(model(x, "abc")).sum().backward()
        gradients(log, model)


def twice(log, g):
    """Two forwards before one backward."""
    model = DistributedDataParallel(Parts())
    for _ in range(2):
        x = torch.randn(2, 3, generator=g)
        (total(model(x, "abc")).sum() + total(model(x * 2, "abc")).square().sum()).backward()
        gradients(log, model)


def mixed(log, g):
    model = DistributedDataParallel(Mixed())
    for _ in range(3):
        model(torch.randn(5, generator=g)).sum().backward()
        gradients(log, model)


def tied(log, g):
    model = DistributedDataParallel(Tied(), bucket_cap_mb=0.0001)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(3):
        optimizer.zero_grad(set_to_none=False)
        model(torch.randn(3, 4, generator=g)).backward()
        gradients(log, model)
        optimizer.step()
    log.append(list(model.state_dict()))


def words(log, g):
    model = DistributedDataParallel(Words())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.randint(0, 7, (4,), generator=g)).square().sum().backward()
        gradients(log, model)
        optimizer.step()
    gradients(log, model)


def nothing(log, g):
    DistributedDataParallel(nn.ReLU())


def all_frozen(log, g):
    DistributedDataParallel(nn.Linear(2, 2).requires_grad_(False))


def zero(log, g):
    torch.manual_seed(3)
    layers = nn.ModuleList([nn.Linear(4, 3), nn.Linear(3, 5), nn.Linear(5, 1), nn.Linear(1, 2, bias=False)])
    groups = [
        {"params": list(layers[0].parameters()), "lr": 0.1},
        {"params": list(layers[1].parameters()), "momentum": 0.0},
    ]
    optimizer = ZeroRedundancyOptimizer(groups, optimizer_class=torch.optim.SGD, lr=0.3, momentum=0.9)

    def step():
        for p in layers.parameters():
            p.grad = torch.randn(p.shape, generator=g2)
        optimizer.step()
        log.extend([name, p.detach().clone()] for name, p in layers.named_parameters())

    g2 = torch.Generator().manual_seed(1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    step()
    schedule.step()
    optimizer.add_param_group({"params": list(layers[2].parameters()) + list(layers[3].parameters()), "weight_decay": 0.1})
    step()
    step()
    optimizer.consolidate_state_dict(to=1)
    if dist.get_rank() == 1:
        state = optimizer.state_dict()
        for number, values in state["state"].items():
            log.append([str(number), [[k, "none" if v is None else v.clone()] for k, v in values.items()]])
        for group in state["param_groups"]:
            log.append(["group", [float(group["lr"]), float(group["momentum"]), float(group["weight_decay"]), group["params"]]])
    else:
        optimizer.state_dict()


def main():
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    case("unused", unused(False))
    case("unused, views", unused(True))
    for run in (missing, frozen_later, evaluates, twice, mixed, tied, words, nothing, all_frozen, zero):
        case(run.__name__, run)
    torch.save(results, f"{sys.argv[1]}.{dist.get_rank()}")
    dist.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    main()
