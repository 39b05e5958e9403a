"""Peak bytes of a training step and of an evaluation, counted by the allocator that our own side counts with."""
import ctypes
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cifar_densenet import of_depth
from digest import report

case = json.loads(sys.argv[1])
counter = ctypes.CDLL(case["allocator"])
counter.counting_allocator_peak.restype = ctypes.c_int64
counter.counting_allocator_install()
torch.set_num_threads(1)
torch.manual_seed(0)
model = of_depth(case["depth"], case["bottleneck"], case["dropRate"])
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
images = torch.randn(16, 3, 32, 32)
labels = torch.randint(0, 10, (16,))


def step():
    loss = torch.nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


step()
counter.counting_allocator_reset_peak()
step()
training = counter.counting_allocator_peak()
model.eval()
optimizer.zero_grad()
counter.counting_allocator_reset_peak()
with torch.no_grad():
    model(images)
report({"training": training, "evaluation": counter.counting_allocator_peak()})
