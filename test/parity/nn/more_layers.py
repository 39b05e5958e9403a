"""Layers and functions by name, with the options that the test sends: what is drawn, what comes out, every gradient, buffer and
print, as digests; or the error's text."""
import json
import re
import sys
import warnings
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digest, digests, report

torch.set_num_threads(1)
warnings.simplefilter("ignore")
DTYPES = {name: getattr(torch, name) for name in ("float32", "float64", "bfloat16")}


def snake(name):
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found[1].lower(), name)


def python_value(value):
    if isinstance(value, list):
        return tuple(python_value(each) for each in value)
    return {"Infinity": float("inf"), "-Infinity": -float("inf")}.get(value, value) if isinstance(value, str) else value


def python_options(options):
    return {snake(name): python_value(value) for name, value in options.items()}


def make_input(case, dtype):
    inputs = []
    for shape in case["shapes"]:
        if "below" in case:
            inputs.append(torch.randint(0, case["below"], shape))
        else:
            inputs.append(torch.randn(shape, dtype=dtype, requires_grad=True))
    return inputs


def dense(tensor):
    return tensor.to_dense() if tensor is not None and tensor.is_sparse else tensor


def passes(case, module, dtype):
    for training in (True, True, False):
        module.train(training)
        leaves = make_input(case, dtype)
        # Not leaves, so that they may be changed in place.
        inputs = [x * 1 for x in leaves]
        if "format" in case:
            inputs = [x.to(memory_format=getattr(torch, case["format"])) for x in inputs]
        y = module(*inputs, *[python_value(each) for each in case.get("more", [])])
        gradient = torch.randn(y.shape, dtype=y.dtype)
        module.zero_grad()
        if y.requires_grad:
            y.backward(gradient)
        yield {
            "y": digest(y),
            "inputs": [digest(x) for x in inputs],
            "x": [None if x.grad is None else digest(x.grad) for x in leaves],
            "gradients": digests((name, dense(p.grad)) for name, p in module.named_parameters()),
            "state": digests(module.state_dict()),
        }


def layer(case, dtype):
    torch.manual_seed(5)
    options = python_options(case["options"])
    if case["typed"]:
        options["dtype"] = dtype
    try:
        if "pretrained" in case:
            table = torch.randn(case["pretrained"], dtype=dtype)
            module = nn.Embedding.from_pretrained(table, **options)
        else:
            module = getattr(nn, case["name"])(*map(python_value, case["given"]), **options)
        if "format" in case:
            module.to(memory_format=getattr(torch, case["format"]))
        result = {
            "print": str(module),
            "init": digests(module.state_dict()),
            "version": module.state_dict()._metadata[""]["version"],
            "passes": list(passes(case, module, dtype)),
        }
        return {**result, "draw": digest(torch.rand(3))}
    except Exception as error:
        return {"error": str(error)}


def function(case, dtype):
    torch.manual_seed(6)
    x = torch.randn(case["shapes"][0], dtype=dtype, requires_grad=True)
    try:
        result = getattr(F, snake(case["name"]))(x * 1, *map(python_value, case["given"]), **python_options(case["options"]))
        results = list(result) if isinstance(result, tuple) else [result]
        results[0].backward(torch.randn(results[0].shape, dtype=dtype))
        return [digest(each) for each in results] + [digest(x.grad), digest(torch.rand(3))]
    except Exception as error:
        return {"error": str(error)}


def loss(case, dtype):
    torch.manual_seed(7)
    x = torch.rand(case["shapes"][0], dtype=dtype).requires_grad_(True)
    others = [torch.rand(shape, dtype=dtype).requires_grad_(True) for shape in case["shapes"][1:]]
    options = python_options(case["options"])
    for name, shape in case["weights"].items():
        options[snake(name)] = torch.rand(shape, dtype=dtype)
    more = [float(each) for each in case.get("more", [])]
    try:
        if case["module"]:
            module = getattr(nn, case["name"])(**options)
            head = [str(module), digests(module.state_dict())]
            value = module(x, *others, *more)
        else:
            head = []
            value = getattr(F, snake(case["name"]))(x, *others, *more, **options)
        value.sum().backward()
        return [*head, digest(value)] + [None if t.grad is None else digest(t.grad) for t in (x, *others)]
    except Exception as error:
        return {"error": str(error)}


sent = json.load(sys.stdin)
report(
    {
        kind: [{name: run(case, DTYPES[name]) for name in case["dtypes"]} for case in sent[kind]]
        for kind, run in (("layers", layer), ("functions", function), ("losses", loss))
    }
)
