"""Files between safetensors' own library and torchbridge.

    python safetensors_files.py write FOLDER   writes FOLDER/*.safetensors, and prints what they hold
    python safetensors_files.py read FOLDER    opens FOLDER/*.safetensors, writes each anew beside it (.again), prints what they hold
    python safetensors_files.py judge          for files in hexadecimal, one a line on stdin, prints what each holds, or null
"""

import hashlib
import json
import os
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load, load_file, save_file

DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.uint8, torch.int8, torch.int16, torch.int32,
    torch.int64, torch.bool, torch.complex64, torch.uint16, torch.uint32, torch.uint64, torch.float8_e5m2,
    torch.float8_e4m3fn, torch.float8_e5m2fnuz, torch.float8_e4m3fnuz,
]  # fmt: skip


def describe(tensor):
    data = bytes(tensor.contiguous().flatten().view(torch.uint8).tolist()) if tensor.numel() else b""
    return [str(tensor.dtype).removeprefix("torch."), list(tensor.shape), hashlib.sha256(data).hexdigest()[:24]]


def describe_file(path):
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        names = list(file.offset_keys())
    tensors = load_file(path)
    return [[[name, *describe(tensors[name])] for name in names], sorted((metadata or {}).items())]


def contents():
    generator = torch.Generator().manual_seed(1)
    raw = lambda count: torch.randint(0, 256, (count,), dtype=torch.uint8, generator=generator)
    every = {}
    for dtype in DTYPES:
        name = str(dtype).removeprefix("torch.")
        data = raw(6 * dtype.itemsize)
        every[f"{name}.weight"] = (data % 2).bool().reshape(2, 3) if dtype == torch.bool else data.view(dtype).reshape(2, 3)
        every[f"{name}.one"] = every[f"{name}.weight"].flatten()[:1].clone().reshape(())
        every[f"{name}.none"] = torch.empty(0, 4, dtype=dtype)
    yield "every", every, None
    yield "empty", {}, None
    yield "named", {"é\"\\\n\x7f\x01/😀": torch.ones(2), "": torch.zeros(3), "__proto__": torch.ones(1), "a": torch.ones(1, dtype=torch.uint8)}, {"format": "pt"}
    yield "texts", {"x": torch.arange(5)}, {"format": "pt", "__proto__": "é\n😀", "": "", "a": "\"\\\x00"}
    yield "neither", {"x": torch.ones(1)}, {}  # with no tensors either the library writes what it cannot read


def main():
    if sys.argv[1] == "write":
        held = {}
        for name, tensors, metadata in contents():
            path = os.path.join(sys.argv[2], f"{name}.safetensors")
            save_file(tensors, path, metadata)
            held[name] = describe_file(path)
        print(json.dumps(held))
    elif sys.argv[1] == "read":
        held = {}
        for file in sorted(os.listdir(sys.argv[2])):
            if not file.endswith(".safetensors"):
                continue
            path = os.path.join(sys.argv[2], file)
            held[file.removesuffix(".safetensors")] = describe_file(path)
            with safe_open(path, "pt") as opened:
                metadata = opened.metadata()
            save_file(load_file(path), path + ".again", metadata)
        print(json.dumps(held))
    else:
        verdicts = []
        for line in sys.stdin:
            try:
                verdicts.append({name: describe(tensor) for name, tensor in load(bytes.fromhex(line.strip())).items()})
            except Exception:
                verdicts.append(None)
        print(json.dumps(verdicts))


main()
