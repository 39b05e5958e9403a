"""Averages of a small network over training, and its batch norms measured anew: the digest of every tensor, beside averaged-model.test.ts."""
import sys
from pathlib import Path

import torch
from torch import nn
from torch.optim import swa_utils

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digests, report


def network():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 36, 4, dtype=torch.float32)]
    return nn.Sequential(*layers)


def ema_by_hand(averaged, current, count):
    return averaged * 0.75 + current * 0.25 / (count + 1)


FORMS = {
    "mean": dict(),
    "ema": dict(multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.9)),
    "ema with buffers": dict(multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.99), use_buffers=True),
    "ema one by one": dict(avg_fn=swa_utils.get_ema_avg_fn(0.9), use_buffers=True),
    "by hand": dict(avg_fn=ema_by_hand),
}


def run(options):
    model = network()
    averaged = swa_utils.AveragedModel(model, **options)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    batches = [torch.randn(4, 3, 8, 8) for _ in range(6)]
    steps = []
    for x in batches:
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
        averaged.update_parameters(model)
        steps.append(digests(averaged.state_dict()))
    swa_utils.update_bn(([x, 0] for x in batches), averaged)
    averaged.eval()
    with torch.no_grad():
        out = averaged(batches[0])
    return {"steps": steps, "norms": digests(averaged.state_dict()), "out": digests({"out": out}), "keys": list(averaged.state_dict())}


report({name: run(options) for name, options in FORMS.items()})
