"""Learning rates (as bits) and states of schedulers over twenty epochs."""
import json
import struct
import sys
import warnings
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import report

warnings.simplefilter("ignore")


def bits(rate):
    return struct.pack(">d", float(rate)).hex()


def state(scheduler):
    plain = dict(scheduler.state_dict())
    if "milestones" in plain:
        plain["milestones"] = sorted(plain["milestones"].items())
    plain["base_lrs"] = [bits(rate) for rate in plain["base_lrs"]]
    plain["_last_lr"] = [bits(rate) for rate in plain["_last_lr"]]
    return plain


result = []
for case in json.load(sys.stdin):
    params = [torch.zeros(2, requires_grad=True), torch.zeros(3, requires_grad=True)]
    lr = torch.tensor(case["lr"]) if case.get("tensor") else case["lr"]
    optimizer = torch.optim.SGD([{"params": params[:1]}, {"params": params[1:], "lr": 0.03}], lr=lr)
    make = getattr(torch.optim.lr_scheduler, case["name"])
    scheduler = make(optimizer, **case["options"])
    epochs = [[[bits(rate) for rate in scheduler.get_last_lr()], state(scheduler), list(scheduler.state_dict())]]
    for _ in range(20):
        optimizer.step()
        scheduler.step()
        epochs.append([[bits(group["lr"]) for group in optimizer.param_groups], state(scheduler), []])
    saved = optimizer.state_dict()
    groups = [{k: bits(v) if k in ("lr", "initial_lr") else v for k, v in g.items()} for g in saved["param_groups"]]
    result.append({"epochs": epochs, "groups": groups, "keys": [list(group) for group in groups]})
report(result)
