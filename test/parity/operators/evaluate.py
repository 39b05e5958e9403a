"""Runs one case and tells everything that can be seen of it, as lines that replay.ts makes too."""
import os
import struct
import sys

import torch

from record import callable_of

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from digest import digest  # noqa: E402


def told(value, bits):
    """A result in one line: dtype, sizes, strides and the digest of all bits (unless they are nobody's: `bits` is false)."""
    if value is None:
        return "none"
    if isinstance(value, torch.Tensor):
        head = f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
        if value.layout != torch.strided:
            layout = str(value.layout).removeprefix("torch.").removeprefix("_")
            if layout == "mkldnn" or not bits:
                return f"{head} {layout}"
            return f"{head} {layout} {value._nnz()} {told(value.detach().to_dense(), bits)}"
        plain = value.detach().resolve_conj().resolve_neg()
        return f"{head} {list(value.stride())} {digest(plain.clone(memory_format=torch.contiguous_format)) if bits else ''}"
    if isinstance(value, bool):
        return f"bool {value}".lower()
    if isinstance(value, int):
        return f"number {number_bits(value)}" if abs(value) < 1 << 53 else f"integer {value}"
    if isinstance(value, float):
        return f"number {number_bits(value)}"
    if isinstance(value, complex):
        return f"complex {number_bits(value.real)} {number_bits(value.imag)}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(told(each, bits) for each in value) + "]"
    if isinstance(value, torch.dtype):
        return "text " + str(value).removeprefix("torch.")
    return f"text {value}"


def number_bits(number):
    return struct.pack(">d", number).hex()


def tensors_of(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [tensor for each in value for tensor in tensors_of(each)]
    return []


def first_line(error):
    return str(error).split("\n")[0].rstrip()


def run_case(case, reader):
    """{"results", "arguments", "gradients"}, with {"error"} or {"gradientError"} in the place of what could not be had."""
    args = reader.value(case["args"])
    kwargs = {key: reader.value(value) for key, value in case["kwargs"].items()}
    given = list(reader.made.values())
    function = callable_of(case["kind"], case["name"])
    if case["inPlace"]:
        args[0] = args[0].clone()  # what requires a gradient by itself cannot be changed in place
    torch.manual_seed(case["seed"])
    try:
        results = function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001
        return {"error": first_line(error), "type": type(error).__name__}
    out = {"results": told(results, case["bits"]), "arguments": told([t.detach() for t in given], case["bits"])}
    differentiable = [each for each in tensors_of(results) if each.requires_grad and each.layout == torch.strided]
    leaves = reader.leaves
    if not differentiable or not leaves or not case["bits"]:
        return out
    try:
        torch.manual_seed(case["seed"])
        gradients = [torch.randn(each.shape, dtype=each.dtype) for each in differentiable]
        found = torch.autograd.grad(differentiable, leaves, gradients, allow_unused=True)
    except Exception as error:  # noqa: BLE001
        return {**out, "gradientError": first_line(error), "type": type(error).__name__}
    return {**out, "gradients": told([each for each in found], True)}
