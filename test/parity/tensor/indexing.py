"""Evaluates index expressions that indexing.test.ts generated: JSON lines on stdin, one JSON array on stdout."""
import json
import sys
import warnings

import torch

warnings.simplefilter("ignore")


def index(item):
    kind = item["kind"]
    if kind == "slice":
        return slice(*(index(part) if isinstance(part, dict) else part for part in item["parts"]))
    if kind == "ellipsis":
        return Ellipsis
    if kind == "tensor":
        return torch.tensor(item["data"], dtype=getattr(torch, item["dtype"])).reshape(item["shape"])
    return item["value"]  # a number, a boolean, None, a list


def value(item):
    if item["kind"] == "complex":
        return complex(*item["value"])
    return index(item)


def base(case):
    count = torch.Size(case["shape"]).numel()
    x = torch.arange(count, dtype=torch.float64).to(getattr(torch, case["dtype"])).reshape(case["shape"])
    if case["transposed"]:
        x = x.transpose(0, -1)
    return x


def same_storage(a, b):
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr() and b.numel() > 0


def describe(tensor):
    plain = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return [list(tensor.shape), list(tensor.stride()), str(tensor.dtype).removeprefix("torch."), plain.double().flatten().tolist()]


def name(tensor):
    return None if tensor.grad_fn is None else type(tensor.grad_fn).__name__


def read(case):
    x = base(case)
    if case["grad"]:
        x.requires_grad_()
    y = x[tuple(index(each) for each in case["index"]) if len(case["index"]) != 1 else index(case["index"][0])]
    found = {"result": describe(y.detach()), "view": same_storage(x, y), "offset": y.storage_offset(), "made": name(y)}
    if case["grad"]:
        (y * torch.arange(1, y.numel() + 1, dtype=y.dtype).reshape(y.shape)).sum().backward()
        found["grad"] = describe(x.grad)
    return found


def write(case):
    leaf = base(case)
    if case["grad"]:
        leaf.requires_grad_()
    x = leaf * 1
    given = value(case["value"])
    if case["grad"] and isinstance(given, torch.Tensor) and given.is_floating_point():
        given.requires_grad_()
    x[tuple(index(each) for each in case["index"]) if len(case["index"]) != 1 else index(case["index"][0])] = given
    found = {"result": describe(x.detach()), "made": name(x)}
    if case["grad"]:
        (x * torch.arange(1, x.numel() + 1, dtype=x.dtype).reshape(x.shape)).sum().backward()
        found["grad"] = describe(leaf.grad)
        if isinstance(given, torch.Tensor) and given.requires_grad and given.grad is not None:
            found["valueGrad"] = describe(given.grad)
    return found


def run(case):
    try:
        return (write if "value" in case else read)(case)
    except Exception as error:
        return {"error": str(error)}


torch.set_num_threads(1)
print(json.dumps([run(json.loads(line)) for line in sys.stdin]))
