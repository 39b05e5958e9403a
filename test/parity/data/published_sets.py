"""Writes small files of MNIST, Fashion-MNIST and SVHN in their authors' forms, and reads them with torchvision."""
import gzip
import struct
import sys
import types
from pathlib import Path

import numpy as np
import torch

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "models")]
from digest import digest, report
from mat_bytes import cells, compressed, mat_file, numbers, structs, text
from with_torchvision import torchvision  # noqa: F401
from torchvision.datasets import MNIST, SVHN, FashionMNIST, svhn
from torchvision.transforms import ToTensor

root = Path(sys.argv[1])
rng = np.random.default_rng(7)
found = {}


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def facts(data):
    pictures, labels = zip(*data)
    return [digest(torch.stack(pictures)), [int(label) for label in labels], [str(name) for name in data.classes]]


for cls in (MNIST, FashionMNIST):
    raw = root / cls.__name__ / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 31), ("t10k", 11)):
        pictures = rng.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        labels = rng.integers(0, 10, count).astype(np.uint8)
        for name, array in ((f"{part}-images-idx3-ubyte", pictures), (f"{part}-labels-idx1-ubyte", labels)):
            (raw / name).write_bytes(idx(array))
            (raw / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
    for train in (True, False):
        found[f"{cls.__name__} {train}"] = facts(cls(root, train=train, transform=ToTensor()))

# torchvision reads .mat files with scipy; these are its arrays.
arrays = {}
scipy, scipy.io = types.ModuleType("scipy"), types.ModuleType("scipy.io")
scipy.io.loadmat = lambda path, **options: arrays[Path(path).name]
sys.modules.update({"scipy": scipy, "scipy.io": scipy.io})
svhn.check_integrity = lambda *args, **options: True
for split, count, stored, order in (("train", 17, None, "<"), ("test", 8, "uint8", "<"), ("extra", 5, "uint8", ">")):
    pictures = rng.integers(0, 256, (32, 32, 3, count)).astype(np.uint8)
    labels = rng.integers(1, 11, (count, 1)).astype(np.float64 if stored else np.uint8)
    labels[0] = 10
    variables = [numbers("X", pictures, order=order), numbers("y", labels, stored, order)]
    if split != "test":
        variables = [compressed(variable, order) for variable in variables]
    mat_file(root / f"{split}_32x32.mat", variables, order)
    arrays[f"{split}_32x32.mat"] = {"X": pictures, "y": labels}
    data = SVHN(root, split=split, transform=ToTensor())
    data.classes = list(range(10))
    found[f"SVHN {split}"] = facts(data)

other = {name: rng.integers(-100, 100, (2, 3)).astype(name) for name in ("int8", "int16", "int32", "float32", "float64")}
inner = [{"id": numbers("", np.array([[float(i)]]), "uint8"), "word": text("", f"word {i}")} for i in range(3)]
variables = [numbers(name, array) for name, array in other.items()]
variables += [compressed(structs("records", inner)), cells("list", [text("", "one"), numbers("", np.ones((2, 2)))])]
mat_file(root / "other.mat", variables)
found["other"] = {name: array.flatten(order="F").tolist() for name, array in other.items()}
report(found)
