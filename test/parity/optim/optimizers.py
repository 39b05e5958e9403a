"""Every optimizer over twenty steps on a small network: digests of parameters and states, groups, and errors; checkpoints both ways."""
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digest, double_bits, report

SHAPES = {"weight1": [6, 4], "bias1": [6], "weight2": [3, 6], "bias2": [3], "scale": []}
LOOKED_AT = (0, 1, 6, 19)
torch.set_num_threads(1)


def value_of(value):
    if isinstance(value, list):
        return tuple(float(item) for item in value)
    if isinstance(value, dict):
        return torch.tensor(value["tensor"], dtype=getattr(torch, value["dtype"]))
    return value


def make(case):
    torch.manual_seed(3)
    dtype = getattr(torch, case["dtype"])
    params = {name: torch.randn(shape, dtype=dtype).requires_grad_() for name, shape in SHAPES.items()}
    options = {name: value_of(value) for name, value in case["options"].items()}
    optimizer = getattr(torch.optim, case["optimizer"])(list(params.values()), **options)
    return params, optimizer


def train(case, params, optimizer, first, last):
    """A network's gradients where the dtype has all operators that it needs, otherwise random ones."""
    looks = []
    dtype = getattr(torch, case["dtype"])
    for step in range(first, last):
        torch.manual_seed(100 + step)
        if dtype in (torch.float32, torch.float64):
            x, y = torch.randn([5, 4], dtype=dtype), torch.randn([5, 3], dtype=dtype)
            optimizer.zero_grad()
            hidden = torch.tanh(torch.nn.functional.linear(x, params["weight1"], params["bias1"]))
            out = torch.nn.functional.linear(hidden, params["weight2"], params["bias2"]) * params["scale"]
            torch.nn.functional.mse_loss(out, y).backward()
        else:
            for param in params.values():
                param.grad = torch.randn(param.shape, dtype=dtype)
        optimizer.step()
        if step in LOOKED_AT:
            looks.append(look(params, optimizer))
    return looks


def look(params, optimizer):
    states = [{name: digest(value) for name, value in optimizer.state.get(p, {}).items()} for p in params.values()]
    return [[digest(param) for param in params.values()], states, [list(state) for state in states]]


def plain(value):
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float)):
        return double_bits(value)
    if isinstance(value, torch.Tensor):
        return digest(value)
    return [type(value).__name__, *(plain(item) for item in value)]


def groups(optimizer):
    return [[[name, plain(value)] for name, value in group.items()] for group in optimizer.state_dict()["param_groups"]]


def run(case):
    try:
        params, optimizer = make(case)
        return {"looks": train(case, params, optimizer, 0, 20), "groups": groups(optimizer)}
    except (ValueError, RuntimeError, AssertionError) as error:
        return str(error)


def save(case, folder, index):
    params, optimizer = make(case)
    train(case, params, optimizer, 0, 10)
    torch.save({"params": params, "optimizer": optimizer.state_dict()}, f"{folder}/python-{index}.pt")
    return load(case, folder, index, "python")


def load(case, folder, index, whose="ours"):
    params, optimizer = make(case)
    # weights_only, as is the default: nothing but tensors and plain values.
    saved = torch.load(f"{folder}/{whose}-{index}.pt")
    with torch.no_grad():
        for name, param in params.items():
            param.copy_(saved["params"][name])
    optimizer.load_state_dict(saved["optimizer"])
    first = [look(params, optimizer), groups(optimizer)]
    return [first, train(case, params, optimizer, 10, 20)]


given = json.load(sys.stdin)
result = {"run": [run(case) for case in given.get("run", [])]}
for mode, work in (("save", save), ("load", load)):
    result[mode] = [work(case, given["folder"], index) for index, case in enumerate(given.get(mode, []))]
report(result)
