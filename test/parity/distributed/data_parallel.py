"""DistributedDataParallel of PyTorch: launched by torchrun, each rank writes what it ends with.

Usage: data_parallel.py OUT DEPTH STEPS [options as JSON]
"""

import json
import os
import sys
import warnings

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F

warnings.filterwarnings("ignore")


class Layer(nn.Sequential):
    def __init__(self, channels, growth):
        super().__init__()
        self.add_module("norm1", nn.BatchNorm2d(channels))
        self.add_module("relu1", nn.ReLU())
        self.add_module("conv1", nn.Conv2d(channels, 4 * growth, kernel_size=1, bias=False))
        self.add_module("norm2", nn.BatchNorm2d(4 * growth))
        self.add_module("relu2", nn.ReLU())
        self.add_module("conv2", nn.Conv2d(4 * growth, growth, kernel_size=3, padding=1, bias=False))

    def forward(self, x):
        return torch.cat([x, super().forward(x)], 1)


class DenseNet(nn.Module):
    """DenseNet-BC for pictures of 32 pixels, its convolutions and classifier drawn in the order of their making."""

    def __init__(self, depth, growth=12, unused=False):
        super().__init__()
        layers = (depth - 4) // 6
        channels = 2 * growth
        self.conv0 = nn.Conv2d(3, channels, kernel_size=3, padding=1, bias=False)
        self.blocks = nn.ModuleList()
        self.transitions = nn.ModuleList()
        for block in range(3):
            made = nn.Sequential()
            for _ in range(layers):
                made.append(Layer(channels, growth))
                channels += growth
            self.blocks.append(made)
            if block < 2:
                out = channels // 2
                self.transitions.append(
                    nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, out, 1, bias=False), nn.AvgPool2d(2))
                )
                channels = out
        self.norm = nn.BatchNorm2d(channels)
        self.fc = nn.Linear(channels, 10)
        self.spare = nn.Linear(3, 5) if unused else None

    def forward(self, x):
        x = self.conv0(x)
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i < 2:
                x = self.transitions[i](x)
        return self.fc(F.relu(self.norm(x)).mean([2, 3]))


def main():
    out, depth, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    options = json.loads(sys.argv[4]) if len(sys.argv) > 4 else {}
    torch.set_num_threads(1)
    dist.init_process_group(options.get("backend", "gloo"))
    rank, size = dist.get_rank(), dist.get_world_size()
    # Every rank draws other weights: those of rank 0 win.
    torch.manual_seed(1 + rank)
    net = DenseNet(depth, unused=options.get("unused", False))
    model = nn.parallel.DistributedDataParallel(
        net,
        bucket_cap_mb=options.get("bucketCapMb"),
        find_unused_parameters=options.get("unused", False),
        gradient_as_bucket_view=options.get("view", False),
        broadcast_buffers=options.get("buffers", True),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
    generator = torch.Generator().manual_seed(7)
    batch = options.get("batch", 4)
    pictures = torch.randn(size * batch * steps, 3, options.get("side", 16), options.get("side", 16), generator=generator)
    labels = torch.randint(0, 10, (size * batch * steps,), generator=generator)
    sampler = torch.utils.data.DistributedSampler(labels, seed=3)
    sampler.set_epoch(2)
    order = list(sampler)
    losses, buckets = [], []
    for step in range(steps):
        some = torch.tensor(order[step * batch : (step + 1) * batch])

        def backward():
            loss = F.cross_entropy(model(pictures[some]), labels[some])
            loss.backward()
            losses.append(loss.item())

        optimizer.zero_grad()
        if step in options.get("accumulate", []):
            with model.no_sync():
                backward()
        backward()
        optimizer.step()
        buckets.append([[p.numel() for p in b.parameters()] for b in model.reducer._get_zeros_like_grad_buckets()])
    state = {name: value.clone() for name, value in net.state_dict().items()}
    torch.save({"state": state, "losses": losses, "buckets": buckets[-1], "first": buckets[0], "order": order}, f"{out}.{rank}")
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    main()
