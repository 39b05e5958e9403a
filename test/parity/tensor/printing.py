"""Prints the tensors that printing.test.ts generated: JSON lines on stdin, one JSON array of texts on stdout."""
import json
import sys
import warnings

import torch

warnings.simplefilter("ignore")
special = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf"), "-0": -0.0}


def made(case):
    values = [special.get(each, each) for each in case["values"]]
    x = torch.tensor(values, dtype=torch.float64)
    if case["dtype"].startswith("complex"):
        x = torch.view_as_complex(x.reshape(-1, 2))
    x = x.to(getattr(torch, case["dtype"])).reshape(case["shape"])
    kind = case["kind"]
    if kind == "leaf":
        x.requires_grad_()
    elif kind == "made":
        x = x.requires_grad_() * 2
    elif kind == "transposed":
        x = x.transpose(0, -1)
    elif kind == "view":
        x = x.requires_grad_()[None]
    elif kind == "conj":
        x = x.conj()
    elif kind == "imag":
        x = x.conj().imag
    elif kind == "meta":
        x = x.to("meta")
    elif kind == "sparse":
        x = x.to_sparse()
    elif kind == "csr":
        x = x.to_sparse_csr()
    elif kind == "csc":
        x = x.to_sparse_csc()
    elif kind == "quantized":
        x = torch.quantize_per_tensor(x, 0.25, 3, torch.quint8)
    elif kind == "channels":
        x = torch.quantize_per_channel(x, torch.ones(x.shape[0]) * 0.5, torch.zeros(x.shape[0], dtype=torch.int64), 0, torch.qint8)
    elif kind == "nested":
        x = torch.nested.nested_tensor([x, x * 2])
    return x


def options(given):
    names = {"sciMode": "sci_mode"}
    return {names.get(name, name): value for name, value in given.items()}


def text(case):
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**options(case["options"]))
    return repr(made(case))


torch.set_num_threads(1)
print(json.dumps([text(json.loads(line)) for line in sys.stdin]))
