"""Lists folders of pictures as torchvision does, and gives the batches of one.

    python image_folder.py ROOT FOLDER ...
"""
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digest, report

library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
from torchvision import transforms
from torchvision.datasets import ImageFolder
from torchvision.transforms._presets import ImageClassification

root, *folders = sys.argv[1:]
listed = {}
for folder in folders:
    for allow_empty in (False, True):
        try:
            found = ImageFolder(f"{root}/{folder}", allow_empty=allow_empty)
            value = {"classes": found.classes, "classToIdx": found.class_to_idx, "samples": found.samples}
        except Exception as error:
            value = str(error)
        listed[f"{folder} {allow_empty}"] = value

preset = ImageClassification(crop_size=28, resize_size=32)
ready = transforms.Compose([transforms.ToTensor(), transforms.Normalize(preset.mean, preset.std)])
stack = transforms.Lambda(lambda crops: torch.stack([ready(crop) for crop in crops]))
ten = transforms.Compose([transforms.Resize(32), transforms.TenCrop(28), stack])
batches = {}
for name, transform in (("center", preset), ("ten", ten)):
    for shuffle in (False, True):
        for drop_last in (False, True):
            torch.manual_seed(3)
            data = ImageFolder(f"{root}/{folders[0]}", transform=transform)
            loader = torch.utils.data.DataLoader(data, batch_size=4, shuffle=shuffle, drop_last=drop_last)
            found = [[digest(x), y.tolist()] for x, y in loader]
            batches[f"{name} {shuffle} {drop_last}"] = [len(loader), found, digest(torch.get_rng_state())]

# Two passes: each seeds its worker anew.
training = transforms.Compose([transforms.RandomResizedCrop(28), transforms.RandomHorizontalFlip(), ready])
trained = {}
for drop_last in (False, True):
    torch.manual_seed(3)
    data = ImageFolder(f"{root}/{folders[0]}", transform=training)
    loader = torch.utils.data.DataLoader(data, batch_size=4, shuffle=True, drop_last=drop_last, num_workers=1)
    found = [[digest(x), y.tolist()] for _ in range(2) for x, y in loader]
    trained[str(drop_last)] = [len(loader), found, digest(torch.get_rng_state())]
report({"listed": listed, "batches": batches, "trained": trained})
