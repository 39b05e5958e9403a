"""Training with uneven numbers of batches by PyTorch: launched by torchrun, each rank writes what each case ends with.

Usage: join.py OUT CASES (JSON: a list of objects)
"""

import json
import os
import sys
import warnings

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.algorithms.join import Join, Joinable, JoinHook
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

warnings.filterwarnings("ignore")


class Net(nn.Module):
    def __init__(self, norm, spare, checkpoints):
        super().__init__()
        self.checkpoints = checkpoints
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6) if norm else nn.Identity()
        self.conv2 = nn.Conv2d(6, 4, 3)
        self.fc = nn.Linear(4, 5)
        self.spare = nn.Linear(3, 4) if spare else None

    def forward(self, x, use_spare=False):
        if self.checkpoints is not None:
            # One layer twice: its parameters get gradients twice in a backward.
            again = dict(use_reentrant=self.checkpoints == "reentrant")
            x = checkpoint(self.conv2, self.norm(self.conv(x)).relu(), **again).mean([2, 3])
            return checkpoint(self.fc, x, **again) + checkpoint(self.fc, x * 0.5, **again)
        x = self.conv2(self.norm(self.conv(x)).relu()).mean([2, 3])
        if use_spare:
            x = x + self.spare(torch.ones(3))
        return self.fc(x)


class CounterHook(JoinHook):
    def __init__(self, counter):
        self.counter = counter

    def main_hook(self):
        dist.all_reduce(torch.zeros(1))

    def post_hook(self, is_last_joiner):
        rank = torch.tensor([dist.get_rank() if is_last_joiner else -1])
        dist.all_reduce(rank, op=dist.ReduceOp.MAX)
        self.counter.last = rank.item()


class Counter(Joinable):
    """PyTorch's own example of a joinable."""

    def __init__(self):
        super().__init__()
        self.count = 0.0
        self.last = None

    def __call__(self):
        Join.notify_join_context(self)
        t = torch.ones(1)
        dist.all_reduce(t)
        self.count += t.item()

    def join_hook(self, **kwargs):
        return CounterHook(self)

    @property
    def join_device(self):
        return torch.device("cpu")

    @property
    def join_process_group(self):
        return dist.group.WORLD


def count(case, rank, steps):
    counter = Counter()
    with Join([counter]):
        for _ in range(steps):
            counter()
    return {"count": counter.count, "last": counter.last}


def subgroups(case, rank, steps):
    try:
        own, _ = dist.new_subgroups_by_enumeration(case["subgroups"])
    except ValueError as e:
        return {"error": str(e)}
    if own is None:
        return {"ranks": None}
    total = torch.ones(1) * rank
    dist.all_reduce(total, group=own)
    return {"ranks": dist.get_process_group_ranks(own), "sum": total.item()}


def train(case, rank, steps):
    torch.manual_seed(20 + rank)
    net = Net(case.get("norm", True), case.get("unused", False) or case.get("spare", False), case.get("checkpoint"))
    model = nn.parallel.DistributedDataParallel(
        net,
        bucket_cap_mb=case.get("bucketCapMb"),
        find_unused_parameters=case.get("unused", False),
        broadcast_buffers=case.get("buffers", True),
        gradient_as_bucket_view=case.get("view", False),
        static_graph=case.get("staticGraph", False),
    )
    if "hook" in case:
        hooks = {"allreduce": dist.BuiltinCommHookType.ALLREDUCE, "fp16Compress": dist.BuiltinCommHookType.FP16_COMPRESS}
        model._register_builtin_comm_hook(hooks[case["hook"]])
    kwargs = dict(lr=0.1, momentum=0.9)
    optimizer = (
        ZeroRedundancyOptimizer(model.parameters(), torch.optim.SGD, **kwargs)
        if case.get("zero")
        else torch.optim.SGD(model.parameters(), **kwargs)
    )
    generator = torch.Generator().manual_seed(100 + rank)
    losses, error = [], None

    def loop():
        for step in range(steps):
            x = torch.randn(3, 3, 6, 6, generator=generator)
            y = torch.randint(0, 5, (3,), generator=generator)

            def backward():
                args = [step % 2 == 0] if case.get("unused") else []
                loss = F.cross_entropy(model(x, *args), y)
                loss.backward()
                losses.append(loss.item())

            optimizer.zero_grad()
            if step in case.get("accumulate", []):
                with model.no_sync():
                    backward()
                continue
            backward()
            optimizer.step()

    options = dict(enable=case.get("enable", True), throw_on_early_termination=case.get("throws", False))
    divide = case.get("divide", True)
    context = (
        Join([model, optimizer], **options, divide_by_initial_world_size=divide)
        if case.get("zero")
        else model.join(divide, **options)
    )
    try:
        with context:
            loop()
    except RuntimeError as e:
        error = str(e)
    buckets = [[p.numel() for p in b.parameters()] for b in model.reducer._get_zeros_like_grad_buckets()]
    return {
        "state": {name: value.clone() for name, value in net.state_dict().items()},
        "losses": losses,
        "error": error,
        "buckets": buckets,
    }


def main():
    out, cases = sys.argv[1], json.loads(sys.argv[2])
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    results = []
    for case in cases:
        steps = case["steps"][rank]
        run = subgroups if "subgroups" in case else count if case.get("count") else train
        results.append(run(case, rank, steps))
        dist.barrier()
    torch.save(results, f"{out}.{rank}")
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    main()
