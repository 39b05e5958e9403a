"""What torchvision's networks say of pictures, prepared as torchvision does it; and their errors on a folder of classes.

    python predict.py FOLDER

writes pictures and weights into FOLDER.
"""
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent))
from digest import digest, double_bits, report

library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
import torchvision
from torch.nn import functional
from torchvision import transforms
from torchvision.datasets.folder import pil_loader
from torchvision.transforms._presets import ImageClassification

torch.set_num_threads(1)
root = Path(sys.argv[1])
rng = np.random.default_rng(11)


def write_picture(path, height, width, **options):
    y, x = np.mgrid[0:height, 0:width]
    a, b, c = rng.uniform(2, 40, 3)
    waves = np.stack([127 + 90 * np.sin(x / a) + 50 * np.cos(y / b), 127 + 120 * np.sin((x + y) / c), 255 * x / width], -1)
    noisy = np.clip(waves + rng.normal(0, 15, waves.shape), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noisy).save(path, **options)


for index, name in enumerate(["bee", "cat", "dog"]):
    for i in range(3):
        form = ["jpg", "png", "webp"][i]
        write_picture(root / "val" / name / f"{i}.{form}", 250 + 30 * i, 333 - 40 * index)


def realistic(model):
    """Random weights with which classes differ: neither one class for all nor all alike."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.1)
    model.classifier.weight.data.mul_(3)
    return model.eval()


torch.manual_seed(5)
models = {
    "small.pth": realistic(torchvision.models.DenseNet(8, (2, 3, 2), 16, num_classes=7)),
    "three.pth": realistic(torchvision.models.DenseNet(8, (2, 2), 16, num_classes=3)),
    "densenet121.pth": realistic(torchvision.models.densenet121()),
}
for name, model in models.items():
    torch.save(model.state_dict(), root / name)
categories = torchvision.models.DenseNet121_Weights.DEFAULT.meta["categories"]
preset = ImageClassification(crop_size=224)


@torch.no_grad()
def predicted(model, paths, batch_size):
    found = []
    for begin in range(0, len(paths), batch_size):
        batch = torch.stack([preset(pil_loader(path)) for path in paths[begin : begin + batch_size]])
        logits = model(batch)
        values, indices = logits.softmax(1).topk(min(5, logits.shape[1]), 1)
        found.append([digest(logits), indices.tolist(), [[double_bits(p) for p in row] for row in values.tolist()]])
    return found


paths = sorted((root / "val").rglob("*.*"))
result = {
    "paths": [str(path) for path in paths],
    "small.pth": predicted(models["small.pth"], paths, 4),
    "densenet121.pth": predicted(models["densenet121.pth"], paths[:2], 2),
    "categories": categories,
}


@torch.no_grad()
def evaluated(model, transform, batch_size):
    data = torchvision.datasets.ImageFolder(root / "val", transform=transform)
    losses, right1, right5, count = 0.0, 0, 0, 0
    for x, y in torch.utils.data.DataLoader(data, batch_size=batch_size):
        output = model(x.flatten(0, 1)).view(len(x), x.shape[1], -1).mean(1) if x.dim() == 5 else model(x)
        losses += functional.cross_entropy(output, y).item() * len(y)
        choices = output.topk(min(5, output.shape[1]), 1)[1]
        right1 += int((choices[:, 0] == y).sum())
        right5 += int((choices == y[:, None]).any(1).sum())
        count += len(y)
    return [double_bits(losses / count), count - right1, count - right5]


ready = transforms.Compose([transforms.ToTensor(), transforms.Normalize(preset.mean, preset.std)])
stack = transforms.Lambda(lambda crops: torch.stack([ready(crop) for crop in crops]))
ten = transforms.Compose([transforms.Resize(256), transforms.TenCrop(224), stack])
result["center"] = evaluated(models["three.pth"], preset, 4)
result["ten"] = evaluated(models["three.pth"], ten, 2)
report(result)
