"""Each layer with its options: what is drawn, what comes out, every gradient and buffer, as digests; and its print."""
import sys
import warnings
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digest, digests, report

torch.set_num_threads(1)
warnings.simplefilter("ignore")

IMAGE = [4, 6, 9, 8]
CASES = {
    "conv": (IMAGE, lambda d: nn.Conv2d(6, 8, 3, dtype=d)),
    "conv no bias": (IMAGE, lambda d: nn.Conv2d(6, 8, 3, bias=False, dtype=d)),
    "conv strided": (IMAGE, lambda d: nn.Conv2d(6, 8, (3, 2), stride=(2, 1), padding=(1, 2), dtype=d)),
    "conv dilated": (IMAGE, lambda d: nn.Conv2d(6, 8, 3, padding=2, dilation=2, dtype=d)),
    "conv groups": (IMAGE, lambda d: nn.Conv2d(6, 9, 3, groups=3, dtype=d)),
    "conv same": (IMAGE, lambda d: nn.Conv2d(6, 4, (4, 3), padding="same", dilation=(1, 2), dtype=d)),
    "conv valid": (IMAGE, lambda d: nn.Conv2d(6, 4, 3, padding="valid", dtype=d)),
    "conv reflect": (IMAGE, lambda d: nn.Conv2d(6, 4, 3, padding=(1, 2), padding_mode="reflect", dtype=d)),
    "conv replicate": (IMAGE, lambda d: nn.Conv2d(6, 4, 3, padding=2, padding_mode="replicate", dtype=d)),
    "conv circular": (IMAGE, lambda d: nn.Conv2d(6, 4, 3, padding=1, padding_mode="circular", dtype=d)),
    "conv same reflect": (
        IMAGE,
        lambda d: nn.Conv2d(6, 4, (4, 3), padding="same", dilation=(1, 2), padding_mode="reflect", dtype=d),
    ),
    "conv unbatched": ([6, 9, 8], lambda d: nn.Conv2d(6, 4, 3, dtype=d)),
    "bn": (IMAGE, lambda d: nn.BatchNorm2d(6, dtype=d)),
    "bn eps momentum": (IMAGE, lambda d: nn.BatchNorm2d(6, eps=1e-3, momentum=0.3, dtype=d)),
    "bn cumulative": (IMAGE, lambda d: nn.BatchNorm2d(6, momentum=None, dtype=d)),
    "bn untracked": (IMAGE, lambda d: nn.BatchNorm2d(6, track_running_stats=False, dtype=d)),
    "bn not affine": (IMAGE, lambda d: nn.BatchNorm2d(6, affine=False, dtype=d)),
    "bn no bias": (IMAGE, lambda d: nn.BatchNorm2d(6, bias=False, dtype=d)),
    "bn1d": ([5, 6], lambda d: nn.BatchNorm1d(6, dtype=d)),
    "bn1d sequence": ([5, 6, 7], lambda d: nn.BatchNorm1d(6, eps=1e-4, momentum=None, dtype=d)),
    "bn1d untracked": ([5, 6], lambda d: nn.BatchNorm1d(6, affine=False, track_running_stats=False, dtype=d)),
    "linear": ([5, 7], lambda d: nn.Linear(7, 4, dtype=d)),
    "linear no bias": ([2, 5, 7], lambda d: nn.Linear(7, 4, bias=False, dtype=d)),
    "relu": (IMAGE, lambda d: nn.ReLU()),
    "dropout": (IMAGE, lambda d: nn.Dropout()),
    "dropout p": (IMAGE, lambda d: nn.Dropout(0.2)),
    "dropout all": (IMAGE, lambda d: nn.Dropout(1)),
    "dropout2d": (IMAGE, lambda d: nn.Dropout2d()),
    "dropout2d p": ([4, 6, 9], lambda d: nn.Dropout2d(0.3)),
    "dropout2d all": (IMAGE, lambda d: nn.Dropout2d(1)),
    "softmax": (IMAGE, lambda d: nn.Softmax(dim=1)),
    "softmax guessed": (IMAGE, lambda d: nn.Softmax()),
    "log softmax": ([7, 5], lambda d: nn.LogSoftmax(dim=-1)),
    "log softmax guessed": ([7, 5, 3], lambda d: nn.LogSoftmax()),
    "max pool": (IMAGE, lambda d: nn.MaxPool2d(2)),
    "max pool options": (IMAGE, lambda d: nn.MaxPool2d((3, 2), stride=(2, 1), padding=1, dilation=(1, 2), ceil_mode=True)),
    "avg pool": (IMAGE, lambda d: nn.AvgPool2d(2, stride=2)),
    "avg pool options": (
        IMAGE,
        lambda d: nn.AvgPool2d((3, 2), stride=(2, 2), padding=1, ceil_mode=True, count_include_pad=False),
    ),
    "avg pool divisor": (IMAGE, lambda d: nn.AvgPool2d(3, divisor_override=5)),
    "adaptive 1": (IMAGE, lambda d: nn.AdaptiveAvgPool2d(1)),
    "adaptive 3 2": (IMAGE, lambda d: nn.AdaptiveAvgPool2d((3, 2))),
    "adaptive none": (IMAGE, lambda d: nn.AdaptiveAvgPool2d((None, 4))),
    "flatten": (IMAGE, lambda d: nn.Flatten()),
    "flatten options": (IMAGE, lambda d: nn.Flatten(0, 2)),
    "identity": (IMAGE, lambda d: nn.Identity()),
    "sequential": (
        IMAGE,
        lambda d: nn.Sequential(
            nn.Conv2d(6, 8, 3, padding=1, dtype=d),
            nn.BatchNorm2d(8, dtype=d),
            nn.ReLU(inplace=True),
            nn.Dropout(0.4),
            nn.Identity(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(8 * 4 * 4, 3, dtype=d),
        ),
    ),
}


def layer(shape, make, dtype):
    torch.manual_seed(5)
    module = make(dtype)
    result = {"print": str(module), "init": digests(module.state_dict()), "passes": []}
    for training in (True, True, False):
        module.train(training)
        x = torch.randn(shape, dtype=dtype, requires_grad=True)
        y = module(x)
        gradient = torch.randn(y.shape, dtype=dtype)
        module.zero_grad()
        y.backward(gradient)
        result["passes"].append(
            {
                "y": digest(y),
                "x": digest(x.grad),
                "gradients": digests((name, p.grad) for name, p in module.named_parameters()),
                "state": digests(module.state_dict()),
            }
        )
    result["draw"] = digest(torch.rand(3))
    return result


LOSSES = {
    "plain": {},
    "sum": {"reduction": "sum"},
    "none": {"reduction": "none"},
    "ignore": {"ignore_index": 2},
    "smooth": {"label_smoothing": 0.1},
    "weight": {"weight": True},
    "all": {"weight": True, "ignore_index": 1, "label_smoothing": 0.25, "reduction": "sum"},
}


def loss(options, dtype, probabilities):
    torch.manual_seed(6)
    logits = torch.randn(7, 5, dtype=dtype, requires_grad=True)
    target = torch.rand(7, 5, dtype=dtype) if probabilities else torch.randint(0, 5, (7,))
    options = dict(options)
    if "weight" in options:
        options["weight"] = torch.rand(5, dtype=dtype)
    if probabilities:
        options.pop("ignore_index", None)
    value = F.cross_entropy(logits, target, **options)
    value.sum().backward()
    return [digest(value), digest(logits.grad)]


def inits():
    torch.manual_seed(7)
    found = []
    for shape in ([8, 4, 3, 3], [6, 10], [3, 2, 5]):
        t = torch.empty(shape)
        for fill in (
            nn.init.kaiming_normal_,
            nn.init.kaiming_uniform_,
            lambda w: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
            lambda w: nn.init.kaiming_uniform_(w, a=0.3, mode="fan_out"),
            lambda w: nn.init.kaiming_normal_(w, nonlinearity="tanh"),
            lambda w: nn.init.kaiming_normal_(w, nonlinearity="selu"),
            lambda w: nn.init.kaiming_normal_(w, nonlinearity="linear"),
            lambda w: nn.init.uniform_(w, -0.3, 0.7),
            lambda w: nn.init.normal_(w, 0.2, 3.0),
            lambda w: nn.init.constant_(w, 0.3),
            nn.init.zeros_,
            nn.init.ones_,
        ):
            found.append(digest(fill(t)))
    names = ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
    return found, [nn.init.calculate_gain(n) for n in names] + [nn.init.calculate_gain("leaky_relu", 0.3)]


dtypes = {name: getattr(torch, name) for name in ("float32", "float64", "bfloat16")}
report(
    {
        "layers": {
            f"{name}, {d}": layer(shape, make, dtype)
            for name, (shape, make) in CASES.items()
            for d, dtype in dtypes.items()
        },
        "losses": {
            f"{name}, {d}, {probabilities}": loss(options, dtypes[d], probabilities)
            for name, options in LOSSES.items()
            for d in ("float32", "float64")
            for probabilities in (False, True)
        },
        "inits": inits(),
    }
)
