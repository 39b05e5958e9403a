"""GradScaler on the CPU over a list of steps, some of which have infinite gradients, with several optimizers; as JSON."""

import hashlib
import json
import sys

import torch

SHAPES = [[7, 5], [16], []]


def digest(tensor):
    return hashlib.sha256(tensor.detach().contiguous().numpy().tobytes()).hexdigest()[:16]


def run(case):
    torch.manual_seed(5)
    params = [torch.randn(shape).requires_grad_() for shape in SHAPES]
    optimizers = [getattr(torch.optim, name)(params[i::2], **options) for i, (name, options) in enumerate(case["optimizers"])]
    scaler = torch.amp.GradScaler("cpu", init_scale=64.0, growth_factor=3.0, backoff_factor=0.25, growth_interval=2)
    if case["loaded"]:
        scaler.load_state_dict(
            {"scale": 8.0, "growth_factor": 1.5, "backoff_factor": 0.5, "growth_interval": 3, "_growth_tracker": 2}
        )
    steps = []
    for kind in case["steps"]:
        for optimizer in optimizers:
            optimizer.zero_grad()
        inputs = [torch.randn(shape) for shape in SHAPES]
        if kind == "inf":
            inputs[0][0, 0] = float("inf")
        if kind == "nan":
            inputs[1][3] = float("nan")
        loss = sum((param * value).sum() for param, value in zip(params, inputs))
        scaler.scale([loss, (loss * 2,)])[0].backward()
        if case["unscale"]:
            scaler.unscale_(optimizers[0])
            torch.nn.utils.clip_grad_norm_(params[0::2], 0.1)
        for optimizer in optimizers:
            scaler.step(optimizer)
        scaler.update(16.0 if kind == "set" else None)
        steps.append([digest(param) for param in params] + [scaler.get_scale(), scaler._get_growth_tracker()])
    return {"steps": steps, "state": scaler.state_dict()}


print(json.dumps([run(case) for case in json.loads(sys.argv[1])]))
