"""Twenty steps of training a small DenseNet, plain and with PyTorch's checkpointing: losses, and digests of all state."""
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cifar_densenet import DenseNet
from digest import digest, digests, report
from with_torchvision import torchvision

case = json.loads(sys.argv[1])
torch.set_num_threads(case["threads"])
size = case["size"]


def train(checkpoint):
    torch.manual_seed(case["seed"])
    common = {"drop_rate": case["dropRate"], "growth_rate": 6, "block_config": (3, 3), "num_classes": 10}
    if case["style"] == "torchvision":
        model = torchvision.models.DenseNet(num_init_features=12, memory_efficient=checkpoint, **common)
    else:
        model = DenseNet(num_init_features=12, efficient=checkpoint, bottleneck=case["bottleneck"], **common)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
    losses = []
    for _ in range(20):
        images = torch.randn(4, 3, size, size)
        labels = torch.randint(0, 10, (4,))
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(digest(loss.detach()))
    return {"losses": losses, "state": digests(model.state_dict()), "next draw": digest(torch.rand(4))}


report({"plain": train(False), "checkpoint": train(True)})
