"""Learning rates (as bits), states and warnings of schedulers, alone and several at once, over the epochs of each case."""
import json
import sys
import warnings
from pathlib import Path

import torch
from torch.optim import lr_scheduler, swa_utils

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import double_bits, report

LAMBDAS = {
    "hyperbola": lambda epoch: 1 / (1 + epoch),
    "warm up": lambda epoch: min(1, (epoch + 1) / 7),
    "constant": lambda epoch: 0.95,
}


def plain(value):
    if isinstance(value, dict):
        return [[key, plain(item)] for key, item in sorted(value.items())]
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, (float, torch.Tensor)):
        return double_bits(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return double_bits(value)
    return value


def state(scheduler):
    return {name: plain(value) for name, value in scheduler.state_dict().items()}


def build(name, options, optimizer, last_epoch=None):
    options = dict(options)
    for key in ("lr_lambda", "scale_fn"):
        if key in options:
            given = options[key]
            options[key] = [LAMBDAS[g] for g in given] if isinstance(given, list) else LAMBDAS[given]
    if "schedulers" in options:
        options["schedulers"] = [build(*one, optimizer) for one in options["schedulers"]]
    if last_epoch is not None:
        options["last_epoch"] = last_epoch
    if name == "ChainedScheduler":
        return lr_scheduler.ChainedScheduler(**options)
    return getattr(swa_utils if name == "SWALR" else lr_scheduler, name)(optimizer, **options)


def make(case, groups=None):
    params = [torch.zeros(2, requires_grad=True), torch.zeros(3, requires_grad=True)]
    dtype = getattr(torch, case.get("dtype", "float32"))
    lr = torch.tensor(case["lr"], dtype=dtype) if case.get("tensor") else case["lr"]
    kind = torch.optim.Adam if case.get("adam") else torch.optim.SGD
    optimizer = kind([{"params": params[:1]}, {"params": params[1:], "lr": 0.03}], lr=lr)
    if groups is not None:
        optimizer.load_state_dict(groups)
    last_epoch = case.get("from_epoch") if groups is not None else None
    return optimizer, [build(*one, optimizer, last_epoch) for one in case["schedulers"]]


def momentum(group):
    return double_bits(group["betas"][0] if "betas" in group else group["momentum"])


def step(scheduler, case, epoch):
    given = [case["metrics"][epoch % len(case["metrics"])]] if "metrics" in case else []
    if given == ["nan"]:
        given = [float("nan")]
    if case.get("epochs_given") and epoch in case["epochs_given"]:
        given.append(epoch * 2)
    scheduler.step(*given)


def run(case):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        optimizer, schedulers = make(case)
        first = [state(s) for s in schedulers]
        keys = [list(s.state_dict()) for s in schedulers]
        epochs = []
        for epoch in range(case["epochs"]):
            if epoch == case.get("resume"):
                saved = optimizer.state_dict()
                states = [s.state_dict() for s in schedulers]
                optimizer, schedulers = make(case, saved)
                if not case.get("from_epoch"):
                    for scheduler, one in zip(schedulers, states):
                        scheduler.load_state_dict(one)
                    optimizer.load_state_dict(saved)
            if not case.get("forgetful"):
                optimizer.step()
            for scheduler in schedulers:
                step(scheduler, case, epoch)
            epochs.append([[double_bits(group["lr"]), momentum(group)] for group in optimizer.param_groups])
        last = [state(s) for s in schedulers]
        saved = optimizer.state_dict()["param_groups"]
        groups = [{k: double_bits(v) if k in ("lr", "initial_lr") else v for k, v in g.items()} for g in saved]
    texts = [str(w.message) for w in caught]
    return {"first": first, "keys": keys, "epochs": epochs, "last": last, "groups": groups, "warnings": texts,
            "group_keys": [list(group) for group in groups]}


def refusal(case):
    try:
        make(case)
        return None
    except (ValueError, TypeError) as error:
        return str(error)


given = json.load(sys.stdin)
report([[run(case) for case in given["cases"]], [refusal(case) for case in given["refused"]]])
