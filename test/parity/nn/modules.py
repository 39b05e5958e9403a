"""What modules print, name, refuse and report: the text of each, beside modules.test.ts."""
import sys
from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digests, report


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(3, 4, 3)
        self.b = nn.BatchNorm2d(4)
        self.scale = nn.Parameter(torch.ones(2))
        self.register_buffer("table", torch.arange(3.0))
        self.register_buffer("scratch", torch.zeros(2), persistent=False)
        self.register_parameter("none", None)
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.ReLU()])
        self.named = nn.ModuleDict({"x": nn.Linear(2, 2), "y": nn.Identity()})
        self.l = nn.Linear(4, 2)


def net():
    torch.manual_seed(0)
    return Net()


def attempt(change, strict=True, keep_metadata=True):
    model = net()
    state = model.state_dict()
    entries = OrderedDict((key, value.clone()) for key, value in state.items())
    if keep_metadata:
        entries._metadata = state._metadata
    change(entries)
    try:
        result = model.load_state_dict(entries, strict=strict)
        return [result.missing_keys, result.unexpected_keys, digests(model.state_dict())]
    except (RuntimeError, TypeError) as error:
        return str(error)


def broken(state):
    state["x"] = torch.ones(1)
    del state["c.weight"]
    state["l.bias"] = torch.ones(3)
    state["b.running_mean"] = 5
    state["c.zz"] = torch.ones(1)
    state["c.zz.deep"] = torch.ones(1)
    state["b.bias"] = torch.ones(())
    state["layers.7.weight"] = torch.ones(1)
    state["table"] = "text"
    state["l.weight"] = None
    state["scale"] = torch.ones(1, 2)


def untracked(state):
    del state["b.num_batches_tracked"]


def old_scalar(state):
    state["b.num_batches_tracked"] = torch.tensor([7])


def converted(state):
    for key in list(state):
        if state[key].is_floating_point():
            state[key] = state[key].double() + 1


big = nn.Sequential(
    nn.Conv2d(3, 4, 3, padding="same", padding_mode="reflect", dilation=2),
    nn.Conv2d(4, 4, (3, 1), stride=(2, 1), padding=(1, 0), groups=2, bias=False),
    nn.MaxPool2d(2, ceil_mode=True),
    nn.MaxPool2d((3, 2), stride=(2, 1), padding=1),
    nn.AvgPool2d((2, 3)),
    nn.AdaptiveAvgPool2d((None, 7)),
    nn.AdaptiveAvgPool2d(1),
    nn.Dropout(0.3),
    nn.Dropout(inplace=True),
    nn.Flatten(),
    nn.Identity(),
    nn.BatchNorm2d(3, momentum=None, affine=False, track_running_stats=False, eps=1e-3),
    nn.BatchNorm2d(3, eps=2.5e-7, momentum=0.01),
    nn.Linear(3, 4, bias=False),
    nn.ModuleList(
        [nn.ReLU(), nn.ReLU(), nn.ReLU(True), nn.Sequential(nn.ReLU(), nn.Identity())]
        + [nn.Sequential(nn.ReLU(), nn.Identity()) for _ in range(2)]
    ),
    nn.ModuleDict({"a": nn.ReLU(), "b": nn.ModuleList()}),
    nn.Sequential(),
    nn.Sequential(OrderedDict([("first", nn.ReLU()), ("second", nn.Sequential(nn.ReLU()))])),
)


def messages(*calls):
    found = []
    for call in calls:
        try:
            call()
            found.append(None)
        except (ValueError, RuntimeError, TypeError, KeyError, IndexError) as error:
            found.append(error.args[0] if isinstance(error, KeyError) else str(error))
    return found


model = net()
image = torch.zeros(1, 4, 1, 1)
report(
    {
        "prints": [str(model), str(big)],
        "parameters": [name for name, _ in model.named_parameters()],
        "buffers": [name for name, _ in model.named_buffers()],
        "modules": [name for name, _ in model.named_modules()],
        "keys": list(model.state_dict()),
        "metadata": {path: dict(entry) for path, entry in model.state_dict()._metadata.items()},
        "loads": [
            attempt(broken),
            attempt(broken, strict=False),
            attempt(lambda state: state.clear()),
            attempt(lambda state: state.clear(), strict=False),
            attempt(untracked),
            attempt(untracked, keep_metadata=False),
            attempt(old_scalar),
            attempt(converted),
        ],
        "errors": messages(
            lambda: nn.Conv2d(3, 4, 3, groups=2),
            lambda: nn.Conv2d(4, 3, 3, groups=2),
            lambda: nn.Conv2d(4, 4, 3, groups=0),
            lambda: nn.Conv2d(4, 4, 3, stride=2, padding="same"),
            lambda: nn.Dropout(1.5),
            lambda: nn.Dropout(-1),
            lambda: nn.functional.dropout(torch.ones(2), 1.25),
            lambda: nn.BatchNorm2d(4)(torch.zeros(2, 4)),
            lambda: nn.BatchNorm2d(4)(image),
            lambda: nn.BatchNorm2d(4, eps=0)(torch.zeros(2, 4, 1, 1)),
            lambda: nn.BatchNorm2d(4, eps=-1e-5).eval()(image),
            lambda: nn.functional.cross_entropy(torch.zeros(1, 2), torch.zeros(1).long(), reduction="average"),
            lambda: nn.functional.adaptive_avg_pool2d(torch.zeros(2, 2), (1, 1)),
            lambda: nn.init.kaiming_normal_(torch.zeros(3)),
            lambda: nn.init.kaiming_normal_(torch.zeros(3, 2), mode="fan_mean"),
            lambda: nn.init.calculate_gain("gelu"),
            lambda: nn.Sequential(nn.ReLU())[1],
            lambda: nn.ModuleList()[0],
            lambda: model.register_buffer("a.b", None),
            lambda: model.register_buffer("", None),
            lambda: model.register_parameter("c", None),
            lambda: model.register_parameter("a.b", None),
            lambda: model.add_module("a.b", None),
            lambda: model.add_module("", None),
            lambda: model.to(torch.int64),
            lambda: model.load_state_dict(3),
            lambda: model.train("yes"),
        ),
    }
)
