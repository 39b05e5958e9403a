"""Files between PyTorch and torchbridge.

    python torch_files.py write FOLDER   writes FOLDER/*.pth with torch.save, and prints what they hold
    python torch_files.py read FOLDER    opens FOLDER/*.pth of torchbridge, strictly, and prints what they hold
"""

import hashlib
import json
import os
import pickle
import sys
import zipfile
from collections import OrderedDict

import numpy as np
import torch

DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.uint8, torch.int8, torch.int16, torch.int32,
    torch.int64, torch.bool, torch.complex64, torch.complex128, torch.complex32, torch.uint16, torch.uint32,
    torch.uint64, torch.float8_e5m2, torch.float8_e4m3fn, torch.float8_e5m2fnuz, torch.float8_e4m3fnuz,
]  # fmt: skip


def bits(tensor):
    storage = tensor.detach().untyped_storage()
    return hashlib.sha256(bytes(storage.tolist())).hexdigest()[:24]


def describe(value, storages):
    """Kinds and contents, in a form that the test makes of its own values too."""
    if isinstance(value, torch.Tensor):
        key = storages.setdefault(value.untyped_storage().data_ptr() or -1 - len(storages), len(storages))
        name = str(value.dtype).removeprefix("torch.")
        place = [list(value.shape), list(value.stride()), value.storage_offset()]
        return ["tensor", name, *place, value.requires_grad, key, bits(value)]
    if isinstance(value, np.ndarray):
        return ["ndarray", str(value.dtype), list(value.shape), hashlib.sha256(value.tobytes()).hexdigest()[:24]]
    if isinstance(value, OrderedDict):
        metadata = getattr(value, "_metadata", None)
        items = [[describe(k, storages), describe(v, storages)] for k, v in value.items()]
        return ["ordered", items, None if metadata is None else [[k, sorted(v.items())] for k, v in metadata.items()]]
    if isinstance(value, dict):
        return ["dict", [[describe(k, storages), describe(v, storages)] for k, v in value.items()]]
    if isinstance(value, tuple):
        return ["tuple", [describe(v, storages) for v in value]]
    if isinstance(value, list):
        return ["list", [describe(v, storages) for v in value]]
    if isinstance(value, (set, frozenset)):
        return ["set", sorted(value)]
    if isinstance(value, bytes):
        return ["bytes", list(value)]
    if isinstance(value, complex):
        return ["complex", value.real, value.imag]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return ["int", str(value)]
    if isinstance(value, float):
        return ["float", value.hex()]
    raise TypeError(type(value))


def sample(dtype):
    raw = torch.arange(0, 48, dtype=torch.uint8) * 5
    if dtype == torch.bool:
        return (raw % 2).bool()
    return raw.view(dtype) if raw.numel() % dtype.itemsize == 0 else raw[: 48 // dtype.itemsize * dtype.itemsize].view(dtype)


def values():
    torch.manual_seed(0)
    base = torch.randn(4, 6)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)
    net[2](torch.randn(5, 4)).sum().backward()
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 4])
    state = dict(scheduler.state_dict(), milestones=[2, 4])  # Counter has no JavaScript class of its own
    plain = {
        "ints": [0, 1, -1, 255, 256, 65535, 65536, 2**31, -(2**31), 2**53, 2**70, -(2**70)],
        "floats": [0.0, -0.0, 1.0, 0.1, 1e300, float("inf"), float("-inf")],
        "text": ["", "a", "é", "😀", "\ud800", "__proto__"],
        "other": [None, True, False, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), b"", b"\x00\xff", {3, 1}, 1 + 2j],
        1: {"deep": [[[{}]]]},
        "many": list(range(3000)),
        "__proto__": {"x": 1},
    }
    return {
        "dtypes": [sample(dtype) for dtype in DTYPES],
        "views": [base, base.t(), base[1:3, 2:4], base[2], base.view(2, 2, 6), base[0, 0], base[:0], torch.tensor(7)],
        "grad": [torch.ones(2, requires_grad=True), torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(base, False)],
        "state": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": state,
        "plain": plain,
    }


def write(folder):
    result = {}
    for name, value in values().items():
        for protocol in (2, 4):
            torch.save(value, os.path.join(folder, f"{name}-{protocol}.pth"), pickle_protocol=protocol)
            result[f"{name}-{protocol}"] = describe(value, {})
    array = {"a": np.arange(6, dtype=">i2").reshape(2, 3), "f": np.asfortranarray(np.ones((2, 3), np.float64)), "s": np.float32(0.5).item()}
    torch.save(array, os.path.join(folder, "numpy.pth"))
    result["numpy"] = describe({k: np.ascontiguousarray(v.astype(v.dtype.newbyteorder("="))) if isinstance(v, np.ndarray) else v for k, v in array.items()}, {})
    torch.serialization.set_default_load_endianness(None)
    # the same records deflated, with zip64 fields in every local header, as other programs may pack them
    with zipfile.ZipFile(os.path.join(folder, "state-2.pth")) as source:
        with zipfile.ZipFile(os.path.join(folder, "deflated.pth"), "w", zipfile.ZIP_DEFLATED) as target:
            for name in source.namelist():
                with target.open(name, "w", force_zip64=True) as record:
                    record.write(source.read(name))
    result["deflated"] = result["state-2"]
    torch.save(values()["state"], os.path.join(folder, "legacy.pth"), _use_new_zipfile_serialization=False)
    return result


def read(folder):
    result = {}
    for file in sorted(os.listdir(folder)):
        path, name = os.path.join(folder, file), file.removesuffix(".pth")
        if file.endswith(".pickle"):
            with open(path, "rb") as f:
                result[name] = describe(pickle.load(f), {})
            continue
        strict = not name.startswith("numpy")
        result[name] = describe(torch.load(path, weights_only=strict), {})
        mapped = describe(torch.load(path, weights_only=strict, mmap=True), {})
        assert mapped == result[name], name
        assert zipfile.ZipFile(path).testzip() is None
    return result


print(json.dumps({"write": write, "read": read}[sys.argv[1]](sys.argv[2])))
