"""The same step as step-memory.mjs in PyTorch, counted by the same allocator (native/counting_allocator.cpp through ctypes)."""

import ctypes
import os
import sys

import torch
import torch.nn.functional as F

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "test", "parity", "models"))
from cifar_densenet import of_depth  # noqa: E402

counter = ctypes.CDLL(os.path.join(here, "..", "build-cmake", "Release", "libcounting_allocator.so"))
counter.counting_allocator_peak.restype = ctypes.c_int64
counter.counting_allocator_install()

torch.set_num_threads(1)
torch.manual_seed(0)
model = of_depth(40, bottleneck=True)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
inputs, target = torch.randn(64, 3, 32, 32), torch.randint(0, 10, (64,))
for _ in range(3):
    counter.counting_allocator_reset_peak()
    loss = F.cross_entropy(model(inputs), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(counter.counting_allocator_peak())
