"""Every collective of PyTorch over Gloo with awkward inputs: launched by torchrun, each rank writes what came out.

Usage: collectives.py OUT
"""

import itertools
import json
import os
import sys
import warnings

import torch
import torch.distributed as dist

warnings.filterwarnings("ignore")

DTYPES = "uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 bool complex64 complex128".split()
LAYOUTS = "plain empty scalar transposed strided".split()
OPS = {"sum": "SUM", "product": "PRODUCT", "min": "MIN", "max": "MAX", "band": "BAND", "bor": "BOR", "bxor": "BXOR", "avg": "AVG"}


def fill(shape, dtype, salt):
    count = 1
    for n in shape:
        count *= n
    whole = torch.tensor([(i * 7 + salt * 3) % 5 for i in range(count)], dtype=torch.int64).reshape(shape)
    return (whole.to(torch.float64) / 4 + 0.25).to(dtype) if dtype.is_floating_point or dtype.is_complex else whole.to(dtype)


def make(layout, dtype, salt):
    if layout == "plain":
        return fill([2, 3], dtype, salt)
    if layout == "empty":
        return fill([0, 3], dtype, salt)
    if layout == "scalar":
        return fill([], dtype, salt)
    if layout == "transposed":
        return fill([2, 3], dtype, salt).t()
    return fill([4, 3], dtype, salt)[::2]


def kinds(rank, size, make):
    """Name and call of each; a call returns the tensors that it made or changed."""

    def in_place(function, **kwargs):
        def call():
            t = make(rank)
            function(t, **kwargs)
            return [t]

        return call

    def spread(outputs, function):
        def call():
            out = [make(9) for _ in range(outputs)]
            function(out)
            return out

        return call

    every = [make(rank * size + i) for i in range(size)]
    is_root = rank == 1
    yield "broadcast", in_place(dist.broadcast, src=1)
    for name, op in OPS.items():
        yield f"allReduce {name}", in_place(dist.all_reduce, op=getattr(dist.ReduceOp, op))
    for name in ("sum", "max", "bor"):
        op = getattr(dist.ReduceOp, OPS[name])

        def reduced(op=op):
            t = make(rank)
            dist.reduce(t, dst=1, op=op)
            return [t] if is_root else []

        yield f"reduce {name}", reduced
        yield f"reduceScatter {name}", spread(1, lambda out, op=op: dist.reduce_scatter(out[0], every, op=op))
    yield "allReduceCoalesced", lambda: (lambda ts: (dist.all_reduce_coalesced(ts), ts)[1])([make(rank), make(rank + 1)])
    yield "allGather", spread(size, lambda out: dist.all_gather(out, make(rank)))
    yield "gather", spread(size if is_root else 0, lambda out: dist.gather(make(rank), out if is_root else None, dst=1))
    yield "scatter", spread(1, lambda out: dist.scatter(out[0], every if is_root else None, src=1))
    yield "allToAll", spread(size, lambda out: dist.all_to_all(out, every))

    def into(kind):
        def call():
            own = make(rank)
            wide = torch.cat([make(5)] * size)
            if kind == "allGatherInto":
                dist.all_gather_into_tensor(wide, own)
                return [wide]
            if kind == "reduceScatterTensor":
                dist.reduce_scatter_tensor(own, wide)
                return [own]
            other = torch.zeros_like(wide)
            dist.all_to_all_single(other, wide)
            return [other]

        return call

    yield "allGatherInto", into("allGatherInto")
    yield "reduceScatterTensor", into("reduceScatterTensor")
    yield "allToAllSingle", into("allToAllSingle")

    def pair():
        t = make(rank)
        if rank == 0:
            dist.send(t, 1, tag=3)
        else:
            dist.recv(t, 0, tag=3)
        return [t]

    yield "send and recv", pair

    def batch():
        mine, other = make(rank), make(7)
        peer = 1 - rank
        ops = [dist.P2POp(dist.irecv, other, peer), dist.P2POp(dist.isend, mine, peer)]
        for work in dist.batch_isend_irecv(ops):
            work.wait()
        return [other]

    yield "batchISendIRecv", batch


def uneven(rank):
    """Two to rank 0 and one to rank 1 from rank 0; none and three from rank 1."""
    sends, receives = [[2, 1], [0, 3]][rank], [[2, 0], [1, 3]][rank]
    output = torch.zeros(sum(receives), 2)
    dist.all_to_all_single(output, fill([3, 2], torch.float32, rank), receives, sends)
    return [output]


def bits(t):
    t = t.contiguous()
    if t.is_complex():
        t = torch.view_as_real(t)
    if t.dtype == torch.bool:  # what Gloo adds up is not always 0 or 1: anything but 0 is true
        t = t.view(torch.uint8).clamp(max=1)
    if t.dtype == torch.bfloat16:
        t = t.view(torch.int16)
    return t.numpy().tobytes().hex()


def main():
    out = sys.argv[1]
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    results = {}
    cases = [
        (f"{name} {dtype} {layout}", call)
        for dtype, layout in itertools.product(DTYPES, LAYOUTS)
        for name, call in kinds(rank, size, lambda salt, d=dtype, l=layout: make(l, getattr(torch, d), salt))
    ] + [("allToAllSingle with splits", lambda: uneven(rank))]
    for name, call in cases:
        try:
            results[name] = [bits(t) for t in call()]
        except (RuntimeError, ValueError, TypeError, AssertionError) as e:
            results[name] = str(e).split("\n")[0]
    with open(f"{out}.{rank}", "w") as f:
        json.dump(results, f)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    main()
