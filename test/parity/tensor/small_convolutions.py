"""Convolutions by size, as PyTorch computes them: which backend it chose, and digests of the result and the gradients."""
import json
import sys
from pathlib import Path

import torch
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digest

found = []
for case in json.load(sys.stdin):
    torch.set_num_threads(case["threads"])
    torch.manual_seed(case["seed"])
    dtype = getattr(torch, case["dtype"])
    x = torch.randn(case["input"], dtype=dtype)
    weight = torch.randn(case["weight"], dtype=dtype)
    bias = torch.randn(case["weight"][0], dtype=dtype) if case["bias"] else None
    if case["channelsLast"]:
        x = x.to(memory_format=torch.channels_last)
    options = case["stride"], case["padding"], case["dilation"]
    with torch.no_grad():
        plain = F.conv2d(x, weight, bias, *options, case["groups"])
    for each in filter(lambda t: t is not None, (x, weight, bias)):
        each.requires_grad_()
    y = F.conv2d(x, weight, bias, *options, case["groups"])
    y.backward(torch.ones_like(y))
    backend = torch._C._select_conv_backend(x, weight, bias, *options, False, [0, 0], case["groups"])
    found.append(
        {
            "backend": str(backend),
            "plain": digest(plain),
            "strides": list(plain.stride()),
            "recorded": digest(y.detach()),
            "gradients": [None if t is None else digest(t.grad) for t in (x, weight, bias)],
        }
    )
print(json.dumps(found))
