"""PyTorch's own SyncBatchNorm function between processes of Gloo, with CPU stand-ins for the operators that only GPUs have.

Usage: sync_norm.py OUT CASES, launched by torchrun. A case: shape of each rank, dtype of pictures, what the norm has.
"""

import json
import os
import sys

import torch
import torch.distributed as dist
from torch.nn.modules._functions import SyncBatchNorm


def others(x):
    return [dim for dim in range(x.dim()) if dim != 1]


def across(x, values):
    return values.view([-1 if dim == 1 else 1 for dim in range(x.dim())])


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def stats(x, eps):
    variance, mean = torch.var_mean(wide(x), others(x), correction=0)
    return mean, (variance + eps).rsqrt()


def gather_stats_with_counts(x, means, invstds, running_mean, running_var, momentum, eps, counts):
    mean, squares, n = means[0] * 0, means[0] * 0, counts[0] * 0
    for row in range(len(means)):
        count = counts[row]
        root = torch.ones(1, dtype=means.dtype) / invstds[row]
        own = (root * root - eps) * count
        total = n + count
        delta = means[row] - mean
        squares = squares + own + delta * delta * n * count / total
        mean = mean + delta * count / total
        n = total
    if running_mean is not None:
        running_mean.mul_(1 - momentum).add_(mean, alpha=momentum)
        running_var.mul_(1 - momentum).add_(squares / (n - 1), alpha=momentum)
    return mean, (squares / n + eps).rsqrt()


def elemt(x, weight, bias, mean, invstd, eps):
    y = (wide(x) - across(x, mean)) * across(x, invstd)
    if weight is not None:
        y = y * across(x, weight)
    if bias is not None:
        y = y + across(x, bias)
    return y.to(x.dtype)


def backward_reduce(dy, x, mean, invstd, weight, by_input, by_weight, by_bias):
    centred = wide(x) - across(x, mean)
    sum_dy = wide(dy).sum(others(x))
    sum_dy_xmu = (wide(dy) * centred).sum(others(x))
    dtype = (mean if weight is None else weight).dtype
    none = torch.empty(0)
    return sum_dy, sum_dy_xmu, (sum_dy_xmu * invstd).to(dtype) if by_weight else none, sum_dy.to(dtype) if by_bias else none


def backward_elemt(dy, x, mean, invstd, weight, sum_dy, sum_dy_xmu, counts):
    norm = torch.ones(1, dtype=mean.dtype) / counts.sum().to(mean.dtype)
    slope = sum_dy_xmu * invstd * invstd * norm
    scale = invstd if weight is None else invstd * weight
    return (
        (wide(dy) - across(x, sum_dy * norm) - (wide(x) - across(x, mean)) * across(x, slope)) * across(x, scale)
    ).to(x.dtype)


torch.batch_norm_stats = stats
torch.batch_norm_gather_stats_with_counts = gather_stats_with_counts
torch.batch_norm_elemt = elemt
torch.batch_norm_backward_reduce = backward_reduce
torch.batch_norm_backward_elemt = backward_elemt


def run(case, rank):
    generator = torch.Generator().manual_seed(5 + rank)
    shape, dtype = case["shapes"][rank], getattr(torch, case["dtype"])
    channels = shape[1]
    memory_format = getattr(torch, case.get("format", "contiguous_format"))

    def draw(shape):
        return torch.randn(shape, generator=generator).to(dtype)

    stored = getattr(torch, case.get("stored", "float64" if case["dtype"] == "float64" else "float32"))
    weight = torch.linspace(0.5, 1.5, channels).to(stored).requires_grad_() if case.get("weight", True) else None
    bias = torch.linspace(-1, 1, channels).to(stored).requires_grad_(not case.get("frozenBias", False)) if case.get("bias", True) else None
    mean = torch.zeros(channels, dtype=stored) if case.get("track", True) else None
    var = torch.ones(channels, dtype=stored) if case.get("track", True) else None
    result = {}
    for step in range(2):
        x = (draw(shape) * 2 + 1).to(memory_format=memory_format).requires_grad_(case.get("byInput", True))
        if case.get("transposed"):
            x = x.detach().transpose(2, 3).contiguous().transpose(2, 3).requires_grad_()
        dy = draw(shape)
        y = SyncBatchNorm.apply(x, weight, bias, mean, var, case.get("eps", 1e-5), case.get("momentum", 0.1), dist.group.WORLD, dist.get_world_size())
        y.backward(dy.transpose(2, 3).contiguous().transpose(2, 3) if case.get("transposed") else dy)
        result[f"y{step}"], result[f"dx{step}"] = y.detach(), x.grad
        result[f"strides{step}"] = list(y.stride())
    result["weight"] = None if weight is None else weight.grad
    result["bias"] = None if bias is None else bias.grad
    result["mean"], result["var"] = mean, var
    return result


def main():
    out, cases = sys.argv[1], json.loads(sys.argv[2])
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    torch.save([run(case, rank) for case in cases], f"{out}.{rank}")
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    main()
