"""
Programs of the networks: torchvision's own classes, those of the notes and of VoVNet's authors written down again. Prints
what a seed gives: the initialisation, the first outputs and gradients, the state after five steps of SGD.

    networks.py FOLDER CASE…    CASE is JSON: name, network, options, input, classes, steps
"""
import json
import sys
import warnings
from collections import OrderedDict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digest, digests, report
from networks_of_notes import (
    AlexNet,
    LeNet,
    classic_lenet,
    dense_mlp,
    nin,
    notes_densenet,
    notes_googlenet,
    notes_resnet,
    notes_vgg,
)
from with_torchvision import torchvision

torch.set_num_threads(1)
warnings.filterwarnings("ignore")


class _DenseLayer(nn.Module):
    def __init__(self, inputs, growth, drop_rate):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(inputs, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)
        if drop_rate > 0:
            self.drop = nn.Dropout2d(drop_rate)

    def forward(self, features):
        out = self.conv1(self.relu1(self.norm1(torch.cat(features, 1))))
        out = self.conv2(self.relu2(self.norm2(out)))
        return self.drop(out) if hasattr(self, "drop") else out


class _DenseBlock(nn.ModuleDict):
    def __init__(self, count, inputs, growth, drop_rate):
        super().__init__()
        for index in range(count):
            self.add_module(f"denselayer {index + 1}", _DenseLayer(inputs + index * growth, growth, drop_rate))

    def forward(self, x):
        features = [x]
        for layer in self.values():
            features.append(layer(features))
        return torch.cat(features, 1)


class _Transition(nn.Sequential):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.pool = nn.AvgPool2d(2, stride=2)


def he_normal(model):
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.weight, 1)
            nn.init.constant_(module.bias, 0)
        elif isinstance(module, nn.Linear):
            nn.init.constant_(module.bias, 0)


class Densenet(nn.Module):
    def __init__(self, counts=(6, 12, 24, 16), classes=1000, drop_rate=0.0):
        super().__init__()
        features = [
            ("conv0", nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)),
            ("norm0", nn.BatchNorm2d(64)),
            ("relu0", nn.ReLU(inplace=True)),
            ("pool0", nn.MaxPool2d(3, stride=2, padding=1)),
        ]
        channels = 64
        for index, count in enumerate(counts):
            features.append((f"denseblock {index + 1}", _DenseBlock(count, channels, 32, drop_rate)))
            channels += count * 32
            if index != len(counts) - 1:
                features.append((f"transition {index + 1}", _Transition(channels, channels // 2)))
                channels = channels // 2
        features.append(("norm5", nn.BatchNorm2d(channels)))
        features.append(("relu5", nn.ReLU(inplace=True)))
        features.append(("adaptive_pool", nn.AdaptiveAvgPool2d((1, 1))))
        features.append(("flat", nn.Flatten()))
        self.features = nn.Sequential(OrderedDict(features))
        self.classifier = nn.Linear(channels, classes)
        he_normal(self)

    def forward(self, x):
        return self.classifier(self.features(x))


def unit(name, inputs, outputs, kernel, stride=1):
    return [
        (f"{name}/conv", nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)),
        (f"{name}/norm", nn.BatchNorm2d(outputs)),
        (f"{name}/relu", nn.ReLU(inplace=True)),
    ]


class _OSA_module(nn.Module):
    def __init__(self, name, inputs, width, outputs, identity):
        super().__init__()
        self.identity = identity
        self.layers = nn.ModuleList()
        for index in range(5):
            channels = inputs if index == 0 else width
            self.layers.append(nn.Sequential(OrderedDict(unit(f"{name}_{index}", channels, width, 3))))
        self.concat = nn.Sequential(OrderedDict(unit(f"{name}_concat", inputs + 5 * width, outputs, 1)))

    def forward(self, x):
        features = [x]
        for layer in self.layers:
            features.append(layer(features[-1]))
        out = self.concat(torch.cat(features, 1))
        return out + x if self.identity else out


class _OSA_stage(nn.Sequential):
    pass


class VoVNet(nn.Module):
    def __init__(self, widths, outputs, counts):
        super().__init__()
        stem = unit("stem_1", 3, 64, 3, 2) + unit("stem_2", 64, 64, 3) + unit("stem_3", 64, 128, 3, 2)
        self.stem = nn.Sequential(OrderedDict(stem))
        inputs = 128
        for stage, count in enumerate(counts):
            modules = OrderedDict()
            if stage > 0:
                modules["Pooling"] = nn.MaxPool2d(3, stride=2, ceil_mode=True)
            for index in range(count):
                name = f"OSA{stage + 2}_{index + 1}"
                modules[name] = _OSA_module(name, inputs, widths[stage], outputs[stage], index > 0)
                inputs = outputs[stage]
            setattr(self, f"stage{stage + 2}", _OSA_stage(modules))
        self.classifier = nn.Linear(inputs, 1000)
        he_normal(self)

    def forward(self, x):
        for stage in (self.stem, self.stage2, self.stage3, self.stage4, self.stage5):
            x = stage(x)
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))


def quarter(arch):
    return [(count, channels // 4) for count, channels in arch]


VGG11 = ((1, 64), (1, 128), (2, 256), (2, 512), (2, 512))
NOTES = {
    "lenet": LeNet,
    "lenet-28": lambda: LeNet(padding=2, softmax_at_end=False),
    "classic-lenet": classic_lenet,
    "notes-alexnet": AlexNet,
    "notes-vgg11": lambda: notes_vgg(VGG11),
    "notes-vgg-small": lambda: notes_vgg(quarter(VGG11), 64),
    "notes-vgg13": lambda: notes_vgg(((2, 64), (2, 128), (2, 256), (2, 512), (2, 512))),
    "notes-vgg16": lambda: notes_vgg(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))),
    "notes-vgg19": lambda: notes_vgg(((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))),
    "nin": nin,
    "notes-googlenet": notes_googlenet,
    "notes-resnet18": lambda: notes_resnet((2, 2, 2, 2)),
    "notes-resnet34": lambda: notes_resnet((3, 4, 6, 3)),
    "notes-densenet": notes_densenet,
    "fashion-densenet-small": lambda: Densenet((2, 3), 10, 0.2),
    "fashion-densenet121": lambda: Densenet((6, 12, 24, 16)),
    "fashion-densenet169": lambda: Densenet((6, 12, 32, 32)),
    "fashion-densenet201": lambda: Densenet((6, 12, 48, 32)),
    "dense-mlp": dense_mlp,
    "densenet264": lambda: torchvision.models.DenseNet(32, (6, 12, 64, 48), 64),
    "vovnet27_slim": lambda: VoVNet((64, 80, 96, 112), (128, 256, 384, 512), (1, 1, 1, 1)),
    "vovnet39": lambda: VoVNet((128, 160, 192, 224), (256, 512, 768, 1024), (1, 1, 2, 2)),
    "vovnet57": lambda: VoVNet((128, 160, 192, 224), (256, 512, 768, 1024), (1, 1, 4, 3)),
}


def loss_of(output, labels):
    """Cross entropy; with auxiliary classifiers weighed as in the paper; squares for one output."""
    if isinstance(output, tuple):
        return sum(
            weight * F.cross_entropy(each, labels) for weight, each in zip((1, 0.3, 0.3), output, strict=True)
        )
    return (output**2).mean() if output.size(1) == 1 else F.cross_entropy(output, labels)


def all_of(output):
    return [digest(each) for each in (output if isinstance(output, tuple) else (output,))]


def make(name, **options):
    return (NOTES.get(name) or getattr(torchvision.models, name))(**options)


def run(folder, case):
    torch.manual_seed(case["seed"])
    model = make(case["network"], **case.get("python", {}))
    result = {"init": digests(model.state_dict())}
    if case.get("print"):
        result["print"] = str(model)
    result["parameters"] = sum(p.numel() for p in model.parameters())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    result["losses"] = []
    for step in range(case["steps"]):
        images = torch.randn(case["input"])
        labels = torch.randint(0, 10, (images.size(0),))
        optimizer.zero_grad()
        output = model(images)
        loss = loss_of(output, labels)
        loss.backward()
        if step == 0:
            result["outputs"] = all_of(output)
            result["gradients"] = digests((key, p.grad) for key, p in model.named_parameters())
        result["losses"].append(digest(loss))
        optimizer.step()
    if case["steps"] > 0:
        result["trained"] = digests(model.state_dict())
    if case.get("save"):
        torch.save(model.state_dict(), folder / f"{case['name']}.pth")
    model.eval()
    with torch.no_grad():
        result["evaluated"] = all_of(model(torch.randn(case["input"])))
    return result


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    report({case["name"]: run(folder, case) for case in map(json.loads, sys.argv[2:])})
