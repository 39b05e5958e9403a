"""Files as PyTorch before 0.4 wrote them, checked by what torch.load makes of them.

    python torch_old_files.py FOLDER   writes FOLDER/*.pth, and prints what torch.load says they hold
"""

import io
import json
import os
import pickle
import struct
import sys
import tarfile
import warnings

import torch
from torch.serialization import MAGIC_NUMBER, PROTOCOL_VERSION
from torch_files import describe

warnings.filterwarnings("ignore")


class Storage:
    """Stands for a storage of floats while it is pickled: the part from `offset` on of the one that is called `root`."""

    def __init__(self, root, numel, view=None):
        self.root, self.numel, self.view = root, numel, view


class Reduced:
    def __init__(self, *parts):
        self.parts = parts

    def __reduce__(self):
        return self.parts


class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        if isinstance(obj, Storage):
            return ("storage", torch.FloatStorage, obj.root, "cpu", obj.numel, obj.view)
        return None


def stream(value, storages, protocol):
    out = io.BytesIO()
    for part in (MAGIC_NUMBER, PROTOCOL_VERSION, {"protocol_version": PROTOCOL_VERSION, "little_endian": True, "type_sizes": {}}):
        pickle.dump(part, out, protocol=protocol)
    Pickler(out, protocol=protocol).dump(value)
    pickle.dump(sorted(storages), out, protocol=protocol)
    for _, values in sorted(storages.items()):
        out.write(struct.pack("<q", len(values)) + struct.pack(f"<{len(values)}f", *values))
    return out.getvalue()


def old_values():
    """A tensor by its class and state, a parameter by its data and state, both as 0.1 to 0.3 pickled them."""
    whole = Storage("10", 6)
    tensor = Reduced(torch.FloatTensor, (), (whole, 1, (2, 2), (2, 1)))
    rebuilt = Reduced(torch._utils._rebuild_tensor, (whole, 0, (6,), (1,)))
    parameter = Reduced(torch.nn.Parameter, (rebuilt,), (True, False, {}))
    frozen = Reduced(torch._utils._rebuild_parameter, (rebuilt, False, {}))
    parts = [Storage("10", 6, (key, offset, size)) for key, offset, size in (("11", 2, 3), ("12", 0, 6))]
    views = [Reduced(torch._utils._rebuild_tensor, (part, 1, (2,), (1,))) for part in (*parts, parts[0])]
    return {"tensor": [tensor, tensor], "parameters": [parameter, frozen, rebuilt], "views": views}


class TarPickler(pickle.Pickler):
    def persistent_id(self, obj):
        return obj.key if isinstance(obj, Key) else None


class Key:
    def __init__(self, key):
        self.key = key


def tar():
    """As torch.save of 0.1.9 did it."""

    def dump(*parts):
        out = io.BytesIO()
        for part in parts:
            if isinstance(part, bytes):
                out.write(part)
            else:
                pickle.dump(part, out, protocol=2)
        return out.getvalue()

    def tensor(key, storage, size, stride, offset, kind=torch.FloatTensor):
        fields = struct.pack(f"<ixxxx{len(size)}q{len(stride)}qq", len(size), *size, *stride, offset)
        return [(key, storage, kind), fields]

    floats = struct.pack("<q6f", 6, *range(6))
    longs = struct.pack("<q3q", 3, 2**40, -1, 0)
    storages = dump(2, (101, "cpu", torch.FloatStorage), floats, (102, "cuda:0", torch.LongStorage), longs, [(103, 101, 2, 3)])
    tensors = dump(
        4, *tensor(1, 101, (2, 3), (3, 1), 0), *tensor(2, 101, (2, 2), (1, 3), 1), *tensor(3, 102, (3,), (1,), 0, torch.LongTensor),
        *tensor(4, 103, (2,), (1,), 1),
    )  # fmt: skip
    value = io.BytesIO()
    TarPickler(value, protocol=2).dump({"weight": Key(1), "t": Key(2), "again": Key(1), "longs": Key(3), "part": Key(4), "n": [1, "x"]})
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.PAX_FORMAT) as archive:
        for name, content in (("sys_info", dump({"little_endian": True})), ("pickle", value.getvalue()), ("storages", storages), ("tensors", tensors)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


folder = sys.argv[1]
files = {"tar": tar()}
for name, value in old_values().items():
    for protocol in (2, 3, 4):
        files[f"{name}-{protocol}"] = stream(value, {"10": range(6)}, protocol)
for name, content in files.items():
    with open(os.path.join(folder, f"{name}.pth"), "wb") as f:
        f.write(content)
result = {name: describe(torch.load(os.path.join(folder, f"{name}.pth"), map_location="cpu", weights_only=False), {}) for name in files}
print(json.dumps(result))
