"""Writes small CIFAR files as their authors' program pickled theirs, and the binary versions; torchvision reads the pickles."""
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from digest import digest, report

# torchvision's own operators are not there beside a CPU build; its data sets do not need them.
library = torch.library.Library("torchvision", "DEF")
library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
from torchvision.datasets import CIFAR10, CIFAR100, cifar
from torchvision.transforms import ToTensor

cifar.check_integrity = lambda *args, **options: True
root = Path(sys.argv[1])
rng = np.random.default_rng(4)


def dump(path, value):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol=2))


def batch(count):
    data = rng.integers(0, 256, (count, 3072)).astype(np.uint8)
    fine = [int(i) for i in rng.integers(0, 100, count)]
    return data, fine, [i // 5 for i in fine]


binary = root / "cifar-100-binary"
binary.mkdir()
for name, count in (("train", 23), ("test", 9)):
    data, fine, coarse = batch(count)
    value = {"filenames": [f"{i}.png" for i in range(count)], "batch_label": name}
    dump(root / "cifar-100-python" / name, {**value, "fine_labels": fine, "coarse_labels": coarse, "data": data})
    records = np.concatenate([np.array([coarse, fine], dtype=np.uint8).T, data], axis=1)
    (binary / f"{name}.bin").write_bytes(records.tobytes())
names = {"fine_label_names": [f"fine {i}" for i in range(100)], "coarse_label_names": [f"coarse {i}" for i in range(20)]}
dump(root / "cifar-100-python" / "meta", names)
for key, words in names.items():
    (binary / f"{key}.txt").write_text("\n".join(words) + "\n")

found = {}
for train in (True, False):
    loaded = CIFAR100(root, train=train, transform=ToTensor())
    pictures, labels = zip(*loaded)
    found["train" if train else "test"] = [digest(torch.stack(pictures)), list(labels), loaded.classes]
    with open(root / "cifar-100-python" / ("train" if train else "test"), "rb") as file:
        found["train coarse" if train else "test coarse"] = pickle.load(file)["coarse_labels"]
report(found)
