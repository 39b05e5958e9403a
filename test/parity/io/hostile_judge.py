"""What torch.load makes of files.

Reads JSON lines on stdin, each the path of a file; prints a JSON list with the digest of each value, or the error as
{"error": text}. The digest is that of test/unit/io/value-digest.ts.
"""

import hashlib
import json
import math
import resource
import struct
import sys
import warnings
from collections import OrderedDict

import torch

warnings.simplefilter("ignore")
sys.set_int_max_str_digits(0)


def number_bits(value):
    return "nan" if math.isnan(value) else struct.pack(">d", value).hex()


def plain(value):
    if value is None:
        return "null;"
    if isinstance(value, bool):
        return "true;" if value else "false;"
    if isinstance(value, int):
        if abs(value) < 2**53:
            return f"number {number_bits(float(value))};"
        return f"int {'-' if value < 0 else ''}{abs(value):x};"
    if isinstance(value, float):
        return f"number {number_bits(value)};"
    if isinstance(value, (torch.dtype, torch.layout)):
        return plain(str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return plain(str(value))
    return f"text {value.encode('utf-16-le', 'surrogatepass').hex()};"


def is_object(value):
    return not (value is None or isinstance(value, (bool, int, float, str, torch.dtype, torch.layout, torch.device)))


def tensor_head(tensor, storages):
    dtype = str(tensor.dtype).removeprefix("torch.")
    shape = ",".join(map(str, tensor.shape))
    if tensor.layout != torch.strided:
        return f"tensor {str(tensor.layout).removeprefix('torch.')} {dtype} {shape};"
    storage = tensor.untyped_storage()
    key = storages.setdefault(storage._cdata, len(storages)) if storage.nbytes() > 0 else "none"
    stride = ",".join(map(str, tensor.stride()))
    grad = "true" if tensor.requires_grad else "false"
    data = hashlib.sha256(bytes(storage.tolist())).hexdigest()[:16]
    return f"tensor {dtype} {shape} {stride} {tensor.storage_offset()} {grad} {key} {data};"


def head(value, storages):
    if isinstance(value, torch.UntypedStorage):
        value = torch.tensor([], dtype=torch.uint8).set_(value)
    if isinstance(value, torch.TypedStorage):
        value = torch.tensor([], dtype=value.dtype).set_(value._untyped_storage)
    if isinstance(value, torch.Tensor):
        return tensor_head(value, storages)
    if isinstance(value, OrderedDict):
        return f"ordered {len(value)};"
    if isinstance(value, dict):
        return f"dict {len(value)};"
    if isinstance(value, (set, frozenset)):
        return f"set {len(value)} {' '.join(sorted('object' if is_object(v) else plain(v) for v in value))};"
    if isinstance(value, tuple):
        return f"tuple {len(value)};"
    if isinstance(value, list):
        return f"list {len(value)};"
    if isinstance(value, (bytes, bytearray)):
        return f"bytes {bytes(value).hex()};"
    if isinstance(value, complex):
        return f"complex {number_bits(value.real)} {number_bits(value.imag)};"
    return f"object {type(value).__name__};"


def digest(root):
    out = hashlib.sha256()
    seen = {}
    storages = {}
    open_ = [root]
    while open_:
        value = open_.pop()
        if not is_object(value):
            out.update(plain(value).encode())
            continue
        constant = isinstance(value, (bytes, bytearray, complex)) or (isinstance(value, tuple) and len(value) == 0)
        if not constant:
            if id(value) in seen:
                out.update(f"seen {seen[id(value)]};".encode())
                continue
            seen[id(value)] = len(seen)
        out.update(head(value, storages).encode())
        if isinstance(value, dict):
            items = [part for pair in value.items() for part in (0.0 if is_zero(pair[0]) else pair[0], pair[1])]
        else:
            items = list(value) if isinstance(value, (list, tuple)) else []
        open_.extend(reversed(items))
    return out.hexdigest()[:32]


def is_zero(value):
    return isinstance(value, float) and value == 0


def verdict(path):
    try:
        return digest(torch.load(path, weights_only=True))
    except Exception as error:
        # Its unpickler knows few of the opcodes. These files name nothing but what is on the list: pickle may read them.
        try:
            return digest(torch.load(path, weights_only=False)) if "Unsupported operand" in str(error) else {"error": str(error)[:300]}
        except Exception as other:
            return {"error": f"{type(other).__name__}: {other}"[:300]}


def main():
    # what a file claims is not always what it should get
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    verdicts = []
    for line in sys.stdin:
        verdicts.append(verdict(json.loads(line)))
    print(json.dumps(verdicts))


main()
