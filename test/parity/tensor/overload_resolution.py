"""Calls PyTorch's functions and methods with the arguments of overload-resolution.test.ts. stdin: the cases; stdout: their results.

A result is null where PyTorch refuses the arguments (its parser, or the operator itself), else a list of
[dtype, shape, bytes in hexadecimal] of every tensor (numbers and texts stand as they are).
"""
import json
import sys
import warnings

import torch

warnings.simplefilter("ignore")
torch.set_num_threads(1)

TENSORS = {
    "a": lambda: torch.tensor([[1.5, -2.0, 3.25], [4.0, 5.5, -6.0]]),
    "i": lambda: torch.tensor([[1, 2, 3], [4, 5, 6]]),
    "b": lambda: torch.tensor([[True, False, True], [False, False, True]]),
    "v": lambda: torch.tensor([2, 0, 1]),
    "half": lambda: torch.tensor(0.5),
    "one": lambda: torch.tensor(1),
    "yes": lambda: torch.tensor(True),
    "single": lambda: torch.tensor([1]),
    "grad": lambda: torch.tensor(0.5, requires_grad=True),
}


def decode(value):
    kind, *rest = value
    if kind == "none":
        return None
    if kind == "tensor":
        return TENSORS[rest[0]]()
    if kind == "list":
        return [decode(each) for each in rest[0]]
    if kind == "int":
        return int(rest[0])
    if kind == "float":
        return float(rest[0])
    if kind == "complex":
        return complex(*rest[0])
    if kind == "dtype":
        return getattr(torch, rest[0])
    return rest[0]


def encode(value):
    if isinstance(value, torch.Tensor):
        value = value.detach().clone(memory_format=torch.contiguous_format)
        # A tensor without dimensions cannot be seen as bytes.
        return [str(value.dtype)[6:], list(value.shape), value.reshape(-1).view(torch.uint8).numpy().tobytes().hex()]
    if isinstance(value, (list, tuple)):
        return [encode(each) for each in value]
    if isinstance(value, torch.dtype):
        return str(value)[6:]
    return value


def run(case):
    arguments = [decode(each) for each in case["args"]]
    named = {name: decode(each) for name, each in case["named"].items()}
    try:
        if case["method"]:
            result = getattr(torch._C.TensorBase, case["name"])(*arguments, **named)
        else:
            result = getattr(torch._C._VariableFunctions, case["name"])(*arguments, **named)
    except Exception:
        return None
    return encode(result if isinstance(result, (list, tuple)) else [result])


json.dump([run(case) for case in json.load(sys.stdin)], sys.stdout)
