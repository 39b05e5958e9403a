"""PyTorch's side of bench/efficient.mjs: reads `network mode threads dtype` lines, answers the bytes and the time of a training step as JSON."""

import ctypes
import json
import os
import sys
import time

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, "..", "test", "parity", "models"), os.path.join(here, "..", "test", "parity")]
import cifar_densenet  # noqa: E402

counter = ctypes.CDLL(os.path.join(here, "..", "build-cmake", "Release", "libcounting_allocator.so"))
counter.counting_allocator_peak.restype = ctypes.c_int64
counter.counting_allocator_bytes.restype = ctypes.c_int64
counter.counting_allocator_install()

NETWORKS = {
    "densenet-bc-100-12": (64, 32, 10),
    "densenet121": (8, 224, 1000),
}


def checkpointed(layer):
    """The layer's forward with torchvision's memory_efficient: joined features, norm, ReLU and 1x1 convolution are computed again."""

    def bottleneck(*features):
        return layer.conv1(layer.relu1(layer.norm1(torch.cat(features, 1))))

    def forward(*features):
        return layer.conv2(layer.relu2(layer.norm2(checkpoint(bottleneck, *features, use_reentrant=False))))

    return forward


def make(name, mode, dtype):
    if name == "densenet121":
        from with_torchvision import torchvision

        model = torchvision.models.densenet121(memory_efficient=mode == "checkpoint")
    else:
        model = cifar_densenet.of_depth(100, bottleneck=True)
        if mode == "checkpoint":
            for layer in model.modules():
                if isinstance(layer, cifar_densenet._DenseLayer):
                    layer.forward = checkpointed(layer)
    return model.to(dtype)


class Step:
    def __init__(self, name, mode, dtype):
        batch, size, classes = NETWORKS[name]
        torch.manual_seed(0)
        self.model = make(name, mode, dtype)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
        self.input, self.target = torch.randn(batch, 3, size, size).to(dtype), torch.randint(0, classes, (batch,))

    def __call__(self):
        before = counter.counting_allocator_bytes()
        loss = F.cross_entropy(self.model(self.input), self.target)
        held = counter.counting_allocator_bytes() - before
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return held


steps = {}
for line in sys.stdin:
    name, mode, threads, dtype = line.rstrip("\n").split("\t")
    torch.set_num_threads(int(threads))
    key = name, mode, dtype
    if key not in steps:
        steps[key] = Step(name, mode, getattr(torch, dtype))
        steps[key]()
        steps[key].optimizer.zero_grad()
    counter.counting_allocator_reset_peak()
    outside = counter.counting_allocator_bytes()
    start = time.perf_counter()
    held = steps[key]()
    seconds = time.perf_counter() - start
    peak = counter.counting_allocator_peak() - outside
    steps[key].optimizer.zero_grad()
    print(json.dumps({"seconds": seconds, "held": held, "peak": peak}), flush=True)
