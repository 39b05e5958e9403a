"""Digests of tensors, to compare with the ones digest.ts makes: dtype, shape and every bit count."""
import hashlib
import json
import struct

import torch


def digest(tensor):
    tensor = tensor.detach().contiguous()
    head = f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)} "
    return hashlib.sha256(head.encode() + tensor.reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()[:24]


def digests(named):
    """Of a dict or of pairs; None stays null."""
    pairs = named.items() if hasattr(named, "items") else named
    return {name: None if tensor is None else digest(tensor) for name, tensor in pairs}


def double_bits(number):
    return struct.pack(">d", float(number)).hex()


def report(value):
    print(json.dumps(value))
