"""The signatures of every function and method of PyTorch that has several, in the order in which its argument parser tries them.

The parser lists them in the message of a call that none of them takes. stdin: a JSON list of operators' names; stdout: a JSON
object from `function:name` and `method:name` to the list.
"""
import json
import sys
import warnings

import torch

warnings.simplefilter("ignore")

MODULES = [
    (torch._C._VariableFunctions, ""),
    (torch._C._nn, ""),
    (torch._C._linalg, ""),
    (torch._C._fft, ""),
    (torch._C._special, ""),
]


class Stranger:
    pass


def signatures(function, arguments):
    # More than any signature takes: none is plausible, so all are listed.
    strangers = {f"stranger{i}": Stranger() for i in range(40)}
    try:
        function(*arguments, **strangers)
    except TypeError as error:
        message = str(error)
        if "but expected one of:" not in message:
            return None
        lines = message.split("but expected one of:")[1].split("\n")
        return [line.strip()[2:].strip() for line in lines if line.strip().startswith("* (")]
    except Exception:
        return None
    return None


def main():
    tensor = torch.ones(1)
    out = {}
    for name in json.load(sys.stdin):
        for module, prefix in MODULES:
            if hasattr(module, prefix + name):
                found = signatures(getattr(module, prefix + name), ())
                if found:
                    out["function:" + name] = found
                break
        method = getattr(torch._C.TensorBase, name, None)
        if callable(method):
            found = signatures(method, (tensor,))
            if found:
                out["method:" + name] = found
    json.dump(out, sys.stdout)


main()
