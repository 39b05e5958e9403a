"""Losses as functions and modules: value and gradients over shapes, targets, weights, reductions; errors in words."""
import json
import sys
import warnings
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digest, report

torch.set_num_threads(1)
DTYPES = {name: getattr(torch, name) for name in ("float32", "float64", "bfloat16")}
MODULES = {"cross_entropy": nn.CrossEntropyLoss, "nll_loss": nn.NLLLoss, "mse_loss": nn.MSELoss, "l1_loss": nn.L1Loss}
FUNCTIONS = {"cross_entropy": F.cross_entropy, "nll_loss": F.nll_loss, "mse_loss": F.mse_loss, "l1_loss": F.l1_loss}


def run(case):
    torch.manual_seed(21)
    dtype = DTYPES[case["dtype"]]
    x = torch.randn(case["shape"], dtype=dtype, requires_grad=True)
    target = case["target"]
    if target["kind"] == "classes":
        y = torch.randint(0, target["classes"], target["shape"])
    else:
        y = torch.rand(target["shape"], dtype=dtype)
        if target["kind"] == "gradient":
            y.requires_grad_(True)
    options = dict(case["options"])
    if case["weight"] is not None:
        options["weight"] = torch.rand(case["weight"], dtype=dtype)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if case["module"]:
                loss = MODULES[case["name"]](**options)
                value = loss(x, y)
                head = [str(loss), list(loss.state_dict())]
            else:
                value = FUNCTIONS[case["name"]](x, y, **options)
                head = []
            value.sum().backward()
            gradients = [digest(t.grad) for t in (x, y) if t.grad is not None]
            outcome = [*head, list(value.shape), digest(value), *gradients]
        except (ValueError, RuntimeError, IndexError) as error:
            outcome = [str(error)]
    return {"outcome": outcome, "warnings": [str(w.message) for w in caught]}


report([run(case) for case in json.load(sys.stdin)])
