"""The public names of PyTorch's bindings, as JSON: functions, methods, and those of torch.linalg, torch.fft and torch.special."""
import json

import torch


def names(module):
    return sorted(name for name in dir(module) if not name.startswith("_") and callable(getattr(module, name)))


# The modules name a few of Python's own things too; their functions are built in.
def builtin(module):
    kind = type(torch.linalg.det)
    return sorted(name for name in names(module) if isinstance(getattr(module, name), kind))


print(
    json.dumps(
        {
            "functions": [name for name in names(torch._C._VariableFunctions) if hasattr(torch, name)],
            "methods": names(torch._C.TensorBase),
            "linalg": builtin(torch.linalg),
            "fft": builtin(torch.fft),
            "special": builtin(torch.special),
        }
    )
)
