"""One rank of a job of gpu-check with Python's PyTorch: see rank.mjs. Takes the same JSON, prints the same lines."""
import base64
import datetime
import json
import os
import sys
import time
import warnings

import torch
import torch.distributed as dist
import torch.nn as nn
import torch.nn.functional as F
from torch.distributed.optim import ZeroRedundancyOptimizer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "test", "parity", "models"))
warnings.filterwarnings("ignore")

GIVEN = json.loads(sys.argv[1])
RANK = int(os.environ["RANK"])
DEVICE = GIVEN["device"][RANK] if isinstance(GIVEN["device"], list) else GIVEN["device"]
ON_CUDA = DEVICE.startswith("cuda")


class WithSpare(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net
        self.spare = nn.Linear(3, 5)

    def forward(self, x):
        return self.net(x)


def bytes_of(value):
    return value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def joined(tensors):
    return base64.b64encode(b"".join(bytes_of(each) for each in tensors)).decode()


def collectives(job, size):
    root = size - 1

    def one(dtype, salt):
        return torch.tensor([(i * 7 + salt * 3) % 5 + 1 for i in range(6)]).view(2, 3).to(dtype).to(DEVICE)

    def kinds(dtype):
        def own():
            return one(dtype, RANK)

        def every():
            return [one(dtype, RANK * size + i) for i in range(size)]

        def wide(salt):
            return torch.cat([one(dtype, salt + i) for i in range(size)])

        def in_place(function, **options):
            value = own()
            function(value, **options)
            return [value]

        def into(output, call):
            call(output)
            return output if isinstance(output, list) else [output]

        def coalesced():
            values = [own(), one(dtype, RANK + 1)]
            dist.all_reduce_coalesced(values)
            return values

        def pair():
            value = own()
            if RANK == 0:
                dist.send(value, 1)
            if RANK == 1:
                dist.recv(value, 0)
            return [value]

        is_root = RANK == root
        yield "broadcast", lambda: in_place(dist.broadcast, src=root)
        for op in ("sum", "product", "min", "max", "avg"):
            yield f"allReduce {op}", lambda op=op: in_place(dist.all_reduce, op=getattr(dist.ReduceOp, op.upper()))
        yield "allReduceCoalesced", coalesced
        yield "reduce", lambda: (lambda made: made if is_root else [])(in_place(dist.reduce, dst=root))
        yield "allGather", lambda: into(every(), lambda out: dist.all_gather(out, own()))
        yield "allGatherInto", lambda: into(wide(9), lambda out: dist.all_gather_into_tensor(out, own()))
        yield "gather", lambda: into(every() if is_root else [], lambda out: dist.gather(own(), out if is_root else None, dst=root))
        yield "scatter", lambda: into(own(), lambda out: dist.scatter(out, every() if is_root else None, src=root))
        yield "reduceScatter", lambda: into(own(), lambda out: dist.reduce_scatter(out, every()))
        yield "reduceScatterTensor", lambda: into(own(), lambda out: dist.reduce_scatter_tensor(out, wide(RANK)))
        yield "allToAll", lambda: into([torch.zeros_like(each) for each in every()], lambda out: dist.all_to_all(out, every()))
        yield "allToAllSingle", lambda: into(torch.zeros_like(wide(0)), lambda out: dist.all_to_all_single(out, wide(RANK)))
        if size > 1:
            yield "send and recv", pair

    results = {}
    for dtype in job["dtypes"]:
        for name, call in kinds(getattr(torch, dtype)):
            if name not in job.get("only", [name]):
                continue
            try:
                results[f"{name} {dtype}"] = [bytes_of(each).hex() for each in call()]
            except (RuntimeError, ValueError, TypeError) as error:
                results[f"{name} {dtype}"] = {"error": str(error).split("\n")[0]}
    dist.barrier()
    return {"results": results}


def objects(job, size):
    root = size - 1
    mine = {"rank": RANK, "list": list(range(10 ** (RANK + 1)))}
    everything, broadcast, scattered = [None] * size, [mine if RANK == root else None], [None]
    gathered = [None] * size if RANK == root else None
    dist.all_gather_object(everything, mine)
    dist.gather_object(mine, gathered, dst=root)
    dist.broadcast_object_list(broadcast, src=root)
    dist.scatter_object_list(scattered, everything if RANK == root else None, src=root)
    dist.barrier()
    return {"results": {"all": everything, "gathered": gathered, "broadcast": broadcast, "scattered": scattered[0]}}


def train(job, size):
    from cifar_densenet import of_depth

    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    # PyTorch has no SyncBatchNorm on the CPU: there each rank works on the whole batch instead.
    alone = job.get("sync", False) and not ON_CUDA
    torch.manual_seed(1 if alone else 1 + RANK)
    net = of_depth(job["depth"], True, 0, job["growth"])
    if job.get("unused"):
        net = WithSpare(net)
    if job.get("sync") and not alone:
        net = nn.SyncBatchNorm.convert_sync_batchnorm(net)
    net.to(DEVICE)
    model = net if alone else nn.parallel.DistributedDataParallel(
        net, find_unused_parameters=job.get("unused", False), gradient_as_bucket_view=job.get("view", False),
        broadcast_buffers=job.get("buffers", True))
    options = {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4}
    if job.get("zero"):
        optimizer = ZeroRedundancyOptimizer(model.parameters(), optimizer_class=torch.optim.SGD, **options)
    else:
        optimizer = torch.optim.SGD(model.parameters(), **options)
    generator = torch.Generator().manual_seed(7)
    batch, side = job["batch"], job["side"]
    own = slice(None) if alone else slice(RANK * batch, (RANK + 1) * batch)
    losses = []
    for step in range(job["steps"]):
        images = torch.randn(size * batch, 3, side, side, generator=generator)[own].to(DEVICE)
        labels = torch.randint(0, 10, (size * batch,), generator=generator)[own].to(DEVICE)

        def backward():
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            losses.append(loss.item())

        optimizer.zero_grad()
        if step in job.get("accumulate", []):
            with model.no_sync():
                backward()
        backward()
        optimizer.step()
    buffers = [each.to(torch.float64) for each in net.buffers()]
    return {"losses": losses, "parameters": joined(net.parameters()), "buffers": joined(buffers)}


def timed(job, size):
    def wait():
        if ON_CUDA:
            torch.cuda.synchronize()

    medians = []
    for megabytes in job["megabytes"]:
        values, times = torch.ones(megabytes * 250_000, device=DEVICE), []
        for i in range(job["warmup"] + job["repeats"]):
            values.fill_(1)
            dist.barrier()
            wait()
            began = time.perf_counter()
            dist.all_reduce(values)
            wait()
            if i >= job["warmup"]:
                times.append((time.perf_counter() - began) * 1000)
        medians.append(sorted(times)[len(times) // 2])
    return {"medians": medians}


KNOWN = {"collectives": collectives, "objects": objects, "train": train, "time": timed}

torch.set_num_threads(1)
if ON_CUDA:
    torch.cuda.set_device(DEVICE)
BOUND = {"device_id": torch.device(DEVICE)} if GIVEN.get("bound") and ON_CUDA else {}
dist.init_process_group(GIVEN["backend"], timeout=datetime.timedelta(seconds=GIVEN["timeout"]), **BOUND)
for given in GIVEN["programs"]:
    print(json.dumps(KNOWN[given["program"]](given, dist.get_world_size())), flush=True)
dist.barrier()
dist.destroy_process_group()
