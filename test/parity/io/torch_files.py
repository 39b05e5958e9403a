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
from collections import Counter, OrderedDict

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
    if isinstance(value, (torch.UntypedStorage, torch.TypedStorage)):
        dtype = value.dtype if isinstance(value, torch.TypedStorage) else torch.uint8
        value = torch.empty(0, dtype=dtype).set_(value)
    if isinstance(value, torch.Tensor) and value.layout != torch.strided:
        coo = value.layout == torch.sparse_coo
        parts = (value._indices(), value._values()) if coo else compressed_parts(value)
        kind = [str(value.layout).removeprefix("torch."), value.is_coalesced() if coo else None]
        return ["sparse", *kind, list(value.shape), [describe(part, storages) for part in parts]]
    if isinstance(value, torch.Tensor) and value.is_meta:
        return ["meta", str(value.dtype).removeprefix("torch."), list(value.shape), list(value.stride()), value.requires_grad]
    if isinstance(value, torch.Tensor) and value.is_quantized:
        real = value.dequantize().contiguous()
        place = [list(value.shape), list(value.stride()), value.storage_offset()]
        return ["quantized", str(value.dtype).removeprefix("torch."), *place, hashlib.sha256(real.numpy().tobytes()).hexdigest()[:24]]
    if isinstance(value, torch.Tensor) and (value.is_conj() or value.is_neg()):
        plain = value.detach().resolve_conj().resolve_neg()
        return ["waiting", value.is_conj(), value.is_neg(), describe(plain.contiguous(), {})]
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
    if isinstance(value, (bytes, bytearray)):
        return ["bytes", list(value)]
    if isinstance(value, (torch.dtype, torch.layout, torch.device)):
        return str(value).removeprefix("torch.")
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, complex):
        return ["complex", value.real, value.imag]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return ["int", str(value)]
    if isinstance(value, float):
        return ["float", value.hex()]
    raise TypeError(type(value))


def compressed_parts(value):
    if value.layout in (torch.sparse_csr, torch.sparse_bsr):
        return value.crow_indices(), value.col_indices(), value.values()
    return value.ccol_indices(), value.row_indices(), value.values()


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
    sparse = torch.sparse_coo_tensor([[1, 0, 1], [2, 0, 2]], [3.0, 4.0, 5.0], (2, 3))
    dense = torch.tensor([[0.0, 1, 0, 2], [0, 0, 3, 0], [4, 0, 0, 0], [0, 0, 0, 5]])
    real = torch.linspace(-1, 1, 6).reshape(2, 3)
    channels = torch.quantize_per_channel(real, torch.tensor([0.1, 0.2]), torch.tensor([1, 2]), 0, torch.qint8)
    z = torch.tensor([1 + 2j, 3 - 4j])
    generator = torch.Generator().manual_seed(3)
    shared = [1, 2]
    return {
        "sparse": [
            sparse, sparse.coalesce(), torch.sparse_coo_tensor([[0, 1]], [[1, 2], [3, 4]], (2, 2)),
            torch.sparse_coo_tensor(torch.zeros(2, 0, dtype=torch.int64), torch.zeros(0), (3, 3)), dense.to_sparse_csr(),
            dense.to_sparse_csc(), dense.to_sparse_bsr((2, 2)), dense.to_sparse_bsc((2, 2)),
        ],
        "quantized": [
            torch.quantize_per_tensor(real, 0.1, 3, torch.quint8), torch.quantize_per_tensor(real, 0.1, 0, torch.qint32).t(),
            torch.quantize_per_tensor(real, 0.5, 3, torch.qint8)[1], channels,
        ],
        "meta": [torch.empty(2, 3, device="meta"), torch.empty(3, dtype=torch.int64, device="meta")],
        "structures": {
            "size": torch.Size([2, 3]), "counter": Counter({2: 1, 4: 3}), (1, "a"): [shared, shared], True: 2**200, None: -(2**64),
            "nested": OrderedDict(a=OrderedDict(b={"c": ({5, 6}, b"x" * 300)})), "array": bytearray(b"\x01\xff"),
        },
        "checkpoint": {
            "epoch": 3, "best": 0.75, "arch": "densenet121", "model": net.state_dict(), "optimizer": optimizer.state_dict(),
            "scheduler": state, "rng": torch.get_rng_state(), "generator": generator.get_state(), "args": {"lr": 0.1, "tags": ["a"]},
            "average": torch.nn.ParameterDict({"w": base}).state_dict(), "scaler": {"scale": 65536.0, "growth_tracker": 0},
        },
        "names": [torch.float32, torch.int64, torch.device("cpu"), torch.device("cuda", 1), torch.sparse_coo, torch.strided],
        "waiting": [z.conj(), z, z.clone().conj().imag],
        "storages": [base.storage(), base],
        "untyped": [base.untyped_storage(), torch.arange(3).untyped_storage()],
        "dtypes": [sample(dtype) for dtype in DTYPES],
        "views": [base, base.t(), base[1:3, 2:4], base[2], base.view(2, 2, 6), base[0, 0], base[:0], torch.tensor(7)],
        "grad": [torch.ones(2, requires_grad=True), torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(base, False)],
        "state": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": state,
        "plain": plain,
    }


def elsewhere(folder, result):
    """Files as machines with accelerators write them: storages say where they lived."""
    value = [torch.arange(6.0), torch.arange(3).to(torch.int32)]
    original = torch.serialization.location_tag
    try:
        for place in ("cuda:0", "mps", "xla:1"):
            torch.serialization.location_tag = lambda storage, place=place: place
            for form in ("zip", "legacy"):
                file = f"on-{place.replace(':', '')}-{form}"
                torch.save(value, os.path.join(folder, f"{file}.pth"), _use_new_zipfile_serialization=form == "zip")
                result[file] = describe(value, {})
    finally:
        torch.serialization.location_tag = original


def write(folder):
    result = {}
    for name, value in values().items():
        for form, protocol in [(form, protocol) for form in ("zip", "legacy") for protocol in (2, 3, 4, 5)]:
            file = f"{name}-{form}{protocol}"
            torch.save(value, os.path.join(folder, f"{file}.pth"), pickle_protocol=protocol, _use_new_zipfile_serialization=form == "zip")
            result[file] = describe(value, {})
    elsewhere(folder, result)
    array = {"a": np.arange(6, dtype=">i2").reshape(2, 3), "f": np.asfortranarray(np.ones((2, 3), np.float64)), "s": np.float32(0.5).item()}
    torch.save(array, os.path.join(folder, "numpy.pth"))
    result["numpy"] = describe({k: np.ascontiguousarray(v.astype(v.dtype.newbyteorder("="))) if isinstance(v, np.ndarray) else v for k, v in array.items()}, {})
    torch.serialization.set_default_load_endianness(None)
    # the same records deflated, with zip64 fields in every local header, as other programs may pack them
    with zipfile.ZipFile(os.path.join(folder, "state-zip2.pth")) as source:
        with zipfile.ZipFile(os.path.join(folder, "deflated.pth"), "w", zipfile.ZIP_DEFLATED) as target:
            for name in source.namelist():
                with target.open(name, "w", force_zip64=True) as record:
                    record.write(source.read(name))
    result["deflated"] = result["state-zip2"]
    scalars = [np.float32(0.5), np.float64(-2.5), np.int64(2**40), np.bool_(True), np.float16(1.5), np.complex64(1 + 2j)]
    for form in ("zip", "legacy"):
        torch.save(scalars, os.path.join(folder, f"scalars-{form}.pth"), _use_new_zipfile_serialization=form == "zip")
        result[f"scalars-{form}"] = describe(scalars, {})
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


def allowed():
    from torch._weights_only_unpickler import _get_allowed_globals

    return sorted(_get_allowed_globals())


if __name__ == "__main__":
    print(json.dumps({"write": write, "read": read, "allowed": allowed}[sys.argv[1]](*sys.argv[2:])))
