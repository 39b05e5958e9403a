"""Small archives in the form of ImageNet's, unpacked and listed by torchvision."""
import io
import os
import shutil
import sys
import tarfile
import types
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "models")]
from digest import report
from mat_bytes import compressed, mat_file, numbers, structs, text
from with_torchvision import torchvision  # noqa: F401
from torchvision.datasets import ImageNet, imagenet

root = Path(sys.argv[1])
ours, theirs = root / "ours", root / "theirs"
ours.mkdir()
rng = np.random.default_rng(9)
SYNSETS = [(1, "n01440764", "tench, Tinca tinca"), (2, "n01443537", "goldfish, Carassius auratus"), (3, "n00000001", "a word")]
GROUP = (4, "n09999999", "a group of classes")


def add(archive, name, data):
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def tar(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members:
            add(archive, name, data)
    return out.getvalue()


def picture():
    return rng.integers(0, 256, int(rng.integers(1, 3000))).astype(np.uint8).tobytes()


train = [(f"{wnid}.tar", tar([(f"{wnid}_{i}.JPEG", picture()) for i in (12, 3, 7)])) for _, wnid, _ in SYNSETS]
(ours / "ILSVRC2012_img_train.tar").write_bytes(tar(train))
(ours / "ILSVRC2012_img_val.tar").write_bytes(tar([(f"ILSVRC2012_val_{i:08}.JPEG", picture()) for i in (2, 1, 4, 3, 5)]))
records = [
    {
        "ILSVRC2012_ID": numbers("", np.array([[float(number)]]), "uint8"),
        "WNID": text("", wnid),
        "words": text("", words),
        "gloss": text("", "what it is"),
        "num_children": numbers("", np.array([[float(children)]]), "uint8"),
    }
    for (number, wnid, words), children in [*((each, 0) for each in SYNSETS), (GROUP, 3)]
]
mat_file(root / "meta.mat", [compressed(structs("synsets", records))])
with tarfile.open(ours / "ILSVRC2012_devkit_t12.tar.gz", "w:gz") as kit:
    add(kit, "ILSVRC2012_devkit_t12/readme.txt", b"read")
    add(kit, "ILSVRC2012_devkit_t12/data/meta.mat", (root / "meta.mat").read_bytes())
    add(kit, "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt", b"3\n1\n1\n2\n3\n")
shutil.copytree(ours, theirs)

scipy, scipy.io = types.ModuleType("scipy"), types.ModuleType("scipy.io")
synsets = [(*each, "what it is", 0) for each in SYNSETS] + [(*GROUP, "what it is", 3)]
scipy.io.loadmat = lambda path, **options: {"synsets": synsets}
sys.modules.update({"scipy": scipy, "scipy.io": scipy.io})
imagenet.check_integrity = lambda path, md5=None: os.path.isfile(path)
found = {}
for split in ("train", "val"):
    data = ImageNet(theirs, split=split)
    found[split] = [[os.path.relpath(path, theirs), target, list(Path(path).read_bytes())] for path, target in data.samples]
    found[f"{split} classes"] = [data.wnids, [list(words) for words in data.classes]]
report(found)
