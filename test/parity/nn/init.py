"""Every initialiser over shapes, dtypes, memory formats and generators: bits, the state of both generators after, warnings."""
import json
import sys
import warnings
from pathlib import Path

import torch
from torch.nn import init

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digest, double_bits, report

torch.set_num_threads(1)
DTYPES = {name: getattr(torch, name) for name in ("float32", "float64", "bfloat16", "float16")}

found = []
for case in json.load(sys.stdin):
    torch.manual_seed(11)
    generator = torch.Generator().manual_seed(12)
    weight = torch.full(case["shape"], 7.0, dtype=DTYPES[case["dtype"]])
    if case["format"] == "channels_last":
        weight = weight.to(memory_format=torch.channels_last)
    if case["format"] == "transposed":
        weight = weight.transpose(0, 1)
    weight.requires_grad_(True)
    options = dict(case["options"])
    if case["generator"]:
        options["generator"] = generator
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            same = getattr(init, case["name"])(weight, *case["given"], **options) is weight
            outcome = [digest(weight), same, weight.is_leaf, weight.grad_fn is None]
        except (ValueError, RuntimeError, ZeroDivisionError) as error:
            outcome = [str(error)]
    found.append(
        {
            "outcome": outcome,
            "states": [digest(torch.get_rng_state()), digest(generator.get_state())],
            "warnings": [str(w.message) for w in caught],
        }
    )
names = [
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid", "tanh",
    "relu", "leaky_relu", "selu",
]
slopes = [None, 0, 1, 0.3, 0.1, 5**0.5, 1e-3, -0.7] + [i * 0.013 for i in range(200)]
gains = [init.calculate_gain(n) for n in names] + [init.calculate_gain("leaky_relu", s) for s in slopes]
report({"cases": found, "gains": [double_bits(g) for g in gains]})
