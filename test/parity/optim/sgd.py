"""SGD with every combination of options over five steps: digests of parameters, gradients and buffers after each."""
import itertools
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digest, report

SHAPES = [[7, 5], [16], [], [3, 4, 2]]
torch.set_num_threads(1)


def combinations(given):
    for values in itertools.product(*given.values()):
        yield dict(zip(given.keys(), values))


def run(options, dtype, groups, late):
    torch.manual_seed(11)
    params = [torch.randn(shape, dtype=dtype).requires_grad_() for shape in SHAPES]
    options = dict(options)
    if "tensor_lr" in options:
        lr = options.pop("tensor_lr")
        options["lr"] = torch.tensor(lr["value"], dtype=getattr(torch, lr["dtype"]))
    if groups:
        halves = [{"params": params[:2], "lr": 0.05, "weight_decay": 0.01}, {"params": params[2:], "momentum": 0.5}]
        optimizer = torch.optim.SGD(halves, **options)
    else:
        optimizer = torch.optim.SGD(params, **options)
    steps = []
    for step in range(5):
        for index, param in enumerate(params):
            gradient = torch.randn(SHAPES[index], dtype=dtype)
            # A parameter whose gradient comes late starts its buffer while the others have one.
            param.grad = None if late and index == 1 and step < 2 else gradient
        optimizer.step()
        state = []
        for param in params:
            buffer = optimizer.state.get(param, {}).get("momentum_buffer")
            state.append([None if t is None else digest(t) for t in (param, param.grad, buffer)])
        steps.append(state)
    return steps


cases = json.load(sys.stdin)
result = []
for case in cases:
    dtype = getattr(torch, case["dtype"])
    for options in combinations(case["options"]):
        try:
            result.append(run(options, dtype, case.get("groups", False), case.get("late", False)))
        except (ValueError, RuntimeError) as error:
            result.append(str(error))
report(result)
