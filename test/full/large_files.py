"""Files beyond 4 GiB in PyTorch: `write FILE SIZE`, or `read FILE`, which prints a few elements and the name of a damaged record."""
import json
import os
import sys
import zipfile

import torch


def write(file, size):
    size = int(size)
    large = torch.from_file(f"{file}.sparse", shared=True, size=size, dtype=torch.uint8)  # takes no memory, and no disk
    large[0], large[2**32 + 5], large[-1] = 1, 9, 7
    torch.save({"large": large, "after": torch.arange(3, dtype=torch.int32)}, file)
    os.remove(f"{file}.sparse")


def read(file):
    value = torch.load(file, mmap=True, weights_only=True)
    large = value["large"]
    picked = [large.numel(), *(large[i].item() for i in (0, 2**32 + 5, -1, -2))]
    print(json.dumps([picked, value["after"].tolist(), zipfile.ZipFile(file).testzip()]))


{"write": write, "read": read}[sys.argv[1]](*sys.argv[2:])
