"""The other side of files.mjs: the same files in PyTorch.

    python files.py make FILE 32MB | 2GB
    python files.py load | map | save FILE
"""

import json
import os
import re
import sys
import time

import torch


def resident(field):
    with open("/proc/self/status") as f:
        return int(re.search(rf"^{field}:\s+(\d+) kB", f.read(), re.M).group(1)) * 1024


def make(file, size):
    torch.manual_seed(0)
    if size == "2GB":
        state = {f"layer{i}.weight": torch.randn(2048, 4096) for i in range(64)}
    else:  # as many tensors of as many sizes as densenet121 has
        state = {}
        for i in range(121):
            state[f"features.layer{i}.weight"] = torch.randn(128, 64 + 8 * i, 1, 1)
            for name in ("weight", "bias", "running_mean", "running_var"):
                state[f"features.norm{i}.{name}"] = torch.rand(64 + 8 * i)
            state[f"features.norm{i}.num_batches_tracked"] = torch.tensor(i)
    torch.save(state, file)


def save(value, file):
    """As ours does it: on the disk when it returns."""
    with open(file, "wb") as f:
        torch.save(value, f)
        f.flush()
        os.fsync(f.fileno())


def measure(action, file):
    value = torch.load(file) if action == "save" else None
    actions = {
        "load": lambda: torch.load(file),
        "map": lambda: torch.load(file, mmap=True),
        "save": lambda: save(value, f"{file}.theirs"),
    }
    with open("/proc/self/clear_refs", "w") as f:
        f.write("5")  # the peak begins anew
    before = resident("VmRSS")
    start = time.perf_counter()
    held = actions[action]()
    seconds = time.perf_counter() - start
    peak = resident("VmHWM") - before
    again, peaks = [], []
    for _ in range(15 if os.path.getsize(file) < 2**30 else 0):
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")
        before = resident("VmRSS")
        start = time.perf_counter()
        made = actions[action]()
        again.append(time.perf_counter() - start)
        peaks.append(resident("VmHWM") - before)
        del made
    median = lambda values: sorted(values)[len(values) // 2] if values else None
    found = {"seconds": seconds, "bytes": peak, "again": median(again), "againBytes": median(peaks)}
    print(json.dumps({**found, "held": held is not None}))


if sys.argv[1] == "make":
    make(*sys.argv[2:])
else:
    measure(*sys.argv[1:])
