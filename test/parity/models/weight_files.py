"""
Weights as people's files hold them, random but realistic, and what the networks make of them.

    weight_files.py write FOLDER MODEL:FORM,FORM…   writes each model's files, and files that do not fit; prints digests of what
                                                    they give, and what PyTorch says of the others
    weight_files.py read FOLDER MODEL…              reads MODEL.ours.pth, and prints the same digests
    weight_files.py meta                            prints what torchvision knows of its weights
"""
import copy
import re
import sys
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

import numpy
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cifar_densenet import of_depth
from digest import digest, digests, report
from with_torchvision import torchvision

torch.set_num_threads(1)


def make(name):
    if name.startswith("densenet"):
        return getattr(torchvision.models, name)()
    depth, bottleneck = re.fullmatch(r"cifar-(\d+)(-plain)?", name).groups()
    return of_depth(int(depth), bottleneck is None, 0)


def realistic(model):
    """Values as training leaves them: no gain is 1, no mean 0, some batches were counted."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("num_batches_tracked"):
                tensor.fill_(4321)
            elif name.endswith("running_var"):
                tensor.uniform_(0.3, 2)
            elif name.endswith("running_mean") or name.endswith("bias"):
                tensor.normal_(0, 0.1)
            elif "norm" in name:
                tensor.uniform_(0.5, 1.5)
            elif "classifier" in name:
                tensor.normal_(0, 0.05)
    return model


def outcomes(model, name):
    """Logits of an evaluation, then the loss of a step of training and the statistics after it."""
    size = 64 if name.startswith("densenet") else 32
    classes = model.classifier.out_features
    images = (torch.arange(2 * 3 * size * size) % 251 / 125.0 - 1).reshape(2, 3, size, size)
    labels = torch.tensor([1, classes - 1])
    result = {"state": digests(model.state_dict())}
    with torch.no_grad():
        model.eval()
        result["logits"] = digest(model(images))
        model.train()
        result["loss"] = digest(torch.nn.functional.cross_entropy(model(images), labels))
    result["statistics"] = digests(model.named_buffers())
    return result


def legacy_keys(state):
    """As in torchvision's published files: names with dots, no counters, no versions."""
    renamed = OrderedDict()
    for key, tensor in state.items():
        if not key.endswith("num_batches_tracked"):
            renamed[re.sub(r"(denselayer\d+\.(?:norm|relu|conv))([12])", r"\1.\2", key)] = tensor
    return renamed


def checkpoint(model, name):
    """What a training program saves, with numpy's numbers and the names that DataParallel gives."""
    return {
        "epoch": numpy.int64(90),
        "arch": name,
        "best_acc1": numpy.float64(74.4),
        "history": numpy.linspace(0, 1, 5),
        "state_dict": torch.nn.DataParallel(model).state_dict(),
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1).state_dict(),
    }


def spaced(state):
    return {re.sub(r"(denseblock|denselayer)(\d)", r"\1 \2", key): tensor for key, tensor in state.items()}


FORMS = {
    "zip": lambda model, name: model.state_dict(),
    "legacy": lambda model, name: model.state_dict(),
    "published": lambda model, name: legacy_keys(model.state_dict()),
    "published-zip": lambda model, name: legacy_keys(model.state_dict()),
    "checkpoint": checkpoint,
    "numpy": lambda model, name: {key: tensor.numpy() for key, tensor in model.state_dict().items()},
    "spaces": lambda model, name: spaced(model.state_dict()),
}


def write(folder, which):
    name, forms = which.split(":")
    torch.manual_seed(len(name))
    model = realistic(make(name))
    for form in forms.split(","):
        zipped = form not in ("legacy", "published")
        torch.save(FORMS[form](model, name), folder / f"{name}.{form}.pth", _use_new_zipfile_serialization=zipped)
    published = as_torchvision_loads(model, legacy_keys(model.state_dict()))
    return {"whole": outcomes(model, name), "published": outcomes(published, name)}


def as_torchvision_loads(model, state):
    """A new network with the weights of a published file, by torchvision's own function."""
    fresh = copy.deepcopy(model)
    for module in fresh.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
    weights = SimpleNamespace(get_state_dict=lambda **_: OrderedDict(state))
    torchvision.models.densenet._load_state_dict(fresh, weights, progress=False)
    return fresh


def complaints(folder):
    """What PyTorch says of files that do not fit, or None; the files are FOLDER/CASE.pth."""
    model = make("cifar-40")
    state = model.state_dict()
    counted = OrderedDict((key, tensor) for key, tensor in state.items() if not key.endswith("num_batches_tracked"))
    counted._metadata = copy.deepcopy(state._metadata)
    uncounted = OrderedDict(counted)
    uncounted._metadata = copy.deepcopy(state._metadata)
    for entry in uncounted._metadata.values():
        entry["version"] = 1
    other = OrderedDict(state)
    del other["classifier.bias"]
    other["classifier.extra"] = other.pop("features.norm_final.weight")
    other["features.conv0.weight"] = torch.zeros(3, 1)
    plain = make("cifar-13-plain").state_dict()
    cases = {"counted": counted, "uncounted": uncounted, "unversioned": dict(counted), "other": other, "plain": plain}
    result = {}
    for case, given in cases.items():
        torch.save(given, folder / f"{case}.pth")
        try:
            make("cifar-40").load_state_dict(given)
            result[case] = None
        except RuntimeError as error:
            result[case] = str(error)
    return result


def read(folder, name):
    model = make(name)
    model.load_state_dict(torch.load(folder / f"{name}.ours.pth", weights_only=True))
    return outcomes(model, name)


NETWORKS = re.compile("alexnet|densenet\\d+|googlenet|resnet\\d+|vgg.*")


def of_weights(weights):
    preset = weights.transforms()
    meta = {key: value for key, value in weights.meta.items() if key != "_docs"}
    # No classes are none here, and no number is null in JSON.
    meta["categories"] = meta["categories"] or []
    measures = meta["_metrics"]["ImageNet-1K"]
    meta["_metrics"] = {"ImageNet-1K": {k: None if v != v else v for k, v in measures.items()}}
    return {
        "name": repr(weights),
        "url": weights.url,
        "meta": meta,
        "transforms": {
            "resizeSize": preset.resize_size[0],
            "cropSize": preset.crop_size[0],
            "interpolation": preset.interpolation.value,
            "antialias": preset.antialias,
            "mean": preset.mean,
            "std": preset.std,
        },
    }


def meta():
    result = {}
    for name in torchvision.models.list_models(torchvision.models):
        if NETWORKS.fullmatch(name):
            members = torchvision.models.get_model_weights(name).__members__
            result[name] = {member: of_weights(weights) for member, weights in members.items()}
    return result


if sys.argv[1] == "meta":
    report(meta())
elif sys.argv[1] == "write":
    made = {name.split(":")[0]: write(Path(sys.argv[2]), name) for name in sys.argv[3:]}
    report({"made": made, "complaints": complaints(Path(sys.argv[2]))})
else:
    report({name: read(Path(sys.argv[2]), name) for name in sys.argv[3:]})
