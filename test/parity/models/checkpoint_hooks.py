"""Gradients of a DenseNet with PyTorch's checkpoints where hooks of modules come or go between forward and backward."""
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digest, digests, report
from with_torchvision import torchvision

NAMES = ("norm1", "relu1", "conv1")


class Thrown(Exception):
    pass


def add(kind, layer, log):
    """Hooks of one kind; returns their handles."""
    norm, relu, conv = (getattr(layer, name) for name in NAMES)

    def throw(*_):
        raise Thrown("thrown by a hook")

    if kind == "count":
        handles = []
        for name in NAMES:
            module = getattr(layer, name)
            handles.append(module.register_forward_pre_hook(lambda *_, name=name: log.append(f"before {name}")))
            handles.append(module.register_forward_hook(lambda *_, name=name: log.append(f"after {name}")))
        return handles
    if kind == "change":
        return [
            norm.register_forward_pre_hook(lambda _, args: (args[0] * 0.5,)),
            norm.register_forward_hook(lambda _, args, out: out * 2),
            relu.register_forward_hook(lambda _, args, out: out + 1),
            conv.register_forward_pre_hook(lambda _, args: (args[0] * 3,)),
        ]
    if kind == "tensor":
        look = lambda grad: log.append(f"gradient {digest(grad)}")
        return [conv.register_forward_pre_hook(lambda _, args: args[0].register_hook(look) and None)]
    if kind == "backward":
        look = lambda _, into, out: log.append(f"{digest(into[0])} {digest(out[0])}")
        return [conv.register_full_backward_hook(look)]
    if kind == "throw":
        return [relu.register_forward_hook(throw)]
    if kind == "throw before":
        return [norm.register_forward_pre_hook(throw)]
    return []


def run(case):
    torch.set_num_threads(1)
    torch.manual_seed(4)
    model = torchvision.models.DenseNet(
        growth_rate=4, block_config=(2, 2), num_init_features=6, bn_size=2, num_classes=5, memory_efficient=True
    )
    model.train(case["training"])
    layer = model.features.denseblock1.denselayer2
    log = []
    results = []
    handles = add(case["before"], layer, log)
    for _ in range(2):
        images = torch.randn(2, 3, 64, 64)
        labels = torch.randint(0, 5, (2,))
        model.zero_grad()
        try:
            loss = torch.nn.functional.cross_entropy(model(images), labels)
            if case["removed"]:
                for handle in handles:
                    handle.remove()
            handles += add(case["between"], layer, log)
            loss.backward()
        except Thrown as error:
            log.append(str(error))
            # The next step works.
            for handle in handles:
                handle.remove()
            continue
        gradients = {name: None if p.grad is None else digest(p.grad) for name, p in model.named_parameters()}
        results.append({"loss": digest(loss.detach()), "gradients": gradients, "state": digests(model.state_dict())})
        for handle in handles:
            handle.remove()
        handles = add(case["before"], layer, log)
    return {"log": log, "results": results}


report([run(case) for case in json.loads(sys.argv[1])])
