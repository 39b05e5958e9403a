"""Arguments of operators as JSON, their tensors' storages in one file of bytes: both programs read their cases from these."""
import hashlib
import math

import torch


class Unwritable(Exception):
    """A value that cases do not hold: sparse and quantized tensors, generators, slices."""


class Writer:
    def __init__(self, path):
        self.file = open(path, "wb")
        self.at = 0
        self.tensors = []
        self.known_storages = {}
        self.known_tensors = {}

    def storage(self, tensor):
        size = tensor.untyped_storage().nbytes()
        if size > 1 << 18:
            raise Unwritable("a large storage")
        data = torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage()).numpy().tobytes()
        key = hashlib.sha256(data).digest()
        if key not in self.known_storages:
            padding = -self.at % 16
            self.file.write(b"\0" * padding + data)
            self.known_storages[key] = self.at + padding
            self.at += padding + size
        return [self.known_storages[key], size]

    def tensor(self, tensor):
        if type(tensor) not in (torch.Tensor, torch.nn.Parameter) or tensor.is_nested or tensor.device.type != "cpu":
            raise Unwritable("a tensor of another kind")
        if tensor.is_quantized or tensor.layout == torch._mkldnn or tensor.requires_grad and tensor.layout != torch.strided:
            raise Unwritable("a tensor of another layout")
        dense = tensor if tensor.layout == torch.strided else tensor.to_dense()
        plain = dense.detach().resolve_conj().resolve_neg()
        entry = {
            "dtype": str(tensor.dtype).removeprefix("torch."),
            "shape": list(plain.shape),
            "stride": list(plain.stride()),
            "offset": plain.storage_offset(),
            "storage": self.storage(plain),
            "grad": tensor.requires_grad,
            "layout": str(tensor.layout).removeprefix("torch."),
        }
        key = str(entry)
        # Two tensors of equal elements are two tensors; one that is given twice is one.
        known = self.known_tensors.get((id(tensor), key))
        if known is None:
            self.tensors.append(entry)
            known = self.known_tensors[(id(tensor), key)] = len(self.tensors) - 1
        return known

    def start_case(self):
        self.known_tensors = {}

    def value(self, value):
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, torch.Tensor):
            return {"t": self.tensor(value)}
        if isinstance(value, int):
            return value if abs(value) < 1 << 53 else {"i": str(value)}
        if isinstance(value, float):
            return {"f": value if math.isfinite(value) else str(value)}
        if isinstance(value, complex):
            return {"c": [self.value(value.real), self.value(value.imag)]}
        if isinstance(value, str):
            return {"s": value}
        if isinstance(value, torch.dtype):
            return {"d": str(value).removeprefix("torch.")}
        if isinstance(value, (torch.layout, torch.memory_format)):
            return {"e": str(value).removeprefix("torch.")}
        if isinstance(value, torch.device):
            return {"s": str(value)}
        if isinstance(value, (list, tuple)):
            return [self.value(each) for each in value]
        if hasattr(value, "item") and hasattr(value, "dtype"):  # a number of numpy
            return self.value(value.item())
        raise Unwritable(type(value).__name__)


class Reader:
    """The values of one case, its tensors made anew: `leaves` are those that require gradients."""

    def __init__(self, tensors, data):
        self.table = tensors
        self.data = data
        self.made = {}

    def tensor(self, index):
        if index not in self.made:
            entry = self.table[index]
            start, size = entry["storage"]
            storage = torch.empty(size, dtype=torch.uint8)
            if size > 0:
                storage.copy_(torch.frombuffer(bytearray(self.data[start : start + size]), dtype=torch.uint8))
            tensor = torch.empty(0, dtype=getattr(torch, entry["dtype"]))
            tensor.set_(storage.untyped_storage(), entry["offset"], entry["shape"], entry["stride"])
            if entry["layout"] != "strided":
                blocks = [1, 1] if entry["layout"] in ("sparse_bsr", "sparse_bsc") else None
                tensor = tensor.to_sparse(layout=getattr(torch, entry["layout"]), blocksize=blocks)
            self.made[index] = tensor.requires_grad_(entry["grad"])
        return self.made[index]

    def value(self, value):
        if isinstance(value, list):
            return [self.value(each) for each in value]
        if not isinstance(value, dict):
            return value
        ((kind, held),) = value.items()
        if kind == "t":
            return self.tensor(held)
        if kind == "f":
            return float(held)
        if kind == "i":
            return int(held)
        if kind == "c":
            return complex(self.value(held[0]), self.value(held[1]))
        return getattr(torch, held) if kind in "de" else held

    @property
    def leaves(self):
        return [tensor for tensor in self.made.values() if tensor.requires_grad]
