"""
What PyTorch's counter of operations counts for networks, on tensors without contents, and for single operators.

    flops.py CASE…    CASE is JSON: name, and network and input, or program
"""
import json
import sys
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import cifar_densenet
import networks
from digest import report

warnings.filterwarnings("ignore")
PROGRAMS = {"torch": torch, "F": F}


def counted(run):
    with FlopCounterMode(display=False) as counter:
        run()
    return {
        module: {str(operator): flops for operator, flops in counts.items()}
        for module, counts in counter.get_flop_counts().items()
        if counts
    }


def make(name):
    if name.startswith("densenet-"):
        bc, (depth, growth) = "-bc-" in name, map(int, name.split("-")[-2:])
        return cifar_densenet.of_depth(depth, bottleneck=bc, growth_rate=growth)
    return networks.make(name)


def of_network(name, size):
    with torch.device("meta"):
        model = make(name)
        images = torch.empty(size)
        labels = torch.empty(size[0], dtype=torch.long)
    with torch.no_grad():
        forward = counted(lambda: model.eval()(images))
    model.train()
    both = counted(lambda: networks.loss_of(model(images), labels).backward())
    return {"forward": forward, "both": both}


def of_program(program):
    made = {**PROGRAMS}

    def run():
        exec(program, made)

    return {"both": counted(run)}


cases = [json.loads(each) for each in sys.argv[1:]]
report(
    {
        case["name"]: of_program(case["program"]) if "program" in case else of_network(case["network"], case["input"])
        for case in cases
    }
)
