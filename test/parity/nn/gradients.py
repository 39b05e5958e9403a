"""Norms, clipping and vectors of parameters: results and gradients as digests; errors in words."""
import json
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import utils

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digest, report

torch.set_num_threads(1)


def parameters(case):
    torch.manual_seed(31)
    made = []
    for shape, dtype in zip(case["shapes"], case["dtypes"]):
        p = nn.Parameter(torch.randn(shape, dtype=getattr(torch, dtype)))
        p.grad = torch.randn(shape, dtype=p.dtype) * case["scale"]
        made.append(p)
    if case["special"] is not None:
        made[0].grad.view(-1)[0] = float(case["special"])
    made.append(nn.Parameter(torch.zeros(2)))
    return made


def run(case):
    made = parameters(case)
    options = {k: float(v) if k == "norm_type" else v for k, v in case["options"].items()}
    try:
        if case["name"] == "vectors":
            vector = utils.parameters_to_vector(made)
            out = [digest(vector), str(vector.requires_grad)]
            utils.vector_to_parameters(vector.detach() * 2, made)
            return out + [digest(p) for p in made]
        if case["name"] == "clip_grad_value":
            utils.clip_grad_value_(made, case["limit"], **options)
            out = []
        elif case["name"] == "get_total_norm":
            out = [digest(utils.get_total_norm([p.grad for p in made if p.grad is not None], **options))]
        else:
            out = [digest(utils.clip_grad_norm_(made, case["limit"], **options))]
    except RuntimeError as error:
        return [str(error)]
    return out + [digest(p.grad) for p in made if p.grad is not None]


report([run(case) for case in json.load(sys.stdin)])
