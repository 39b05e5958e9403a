"""Opens the files of a torchbridge run with PyTorch and compares every bit with those of densenet_program.py.

    python compare_runs.py OURS THEIRS

Prints JSON: how many tensors were compared, and what differs.
"""

import json
import sys

import torch


def bits(tensor):
    return tensor.contiguous(memory_format=torch.contiguous_format).flatten().view(torch.uint8)


def same_bits(a, b):
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if not a.is_floating_point():
        return torch.equal(a, b)
    return torch.equal(bits(a), bits(b)) if a.dim() else a.item() == b.item()


def compare_states(name, ours, theirs, differences):
    if list(ours) != list(theirs):
        differences.append("%s: other names, or another order" % name)
        return 0
    for key in theirs:
        if not same_bits(ours[key], theirs[key]):
            differences.append("%s %s" % (name, key))
    return len(theirs)


def main(ours, theirs):
    load = lambda path: torch.load(path, weights_only=True)  # noqa: E731
    differences = []
    checkpoint, last = load(ours + "/checkpoint.pth"), load(theirs + "/last.pth")
    counts = {
        "best": compare_states("best model", load(ours + "/model.pth"), load(theirs + "/model.dat"), differences),
        "last": compare_states("last model", checkpoint["model"], last["model"], differences),
    }
    mine, reference = checkpoint["optimizer"], last["optimizer"]
    if mine["param_groups"] != reference["param_groups"]:
        differences.append("param_groups: %r, not %r" % (mine["param_groups"], reference["param_groups"]))
    if list(mine["state"]) != list(reference["state"]):
        differences.append("optimizer: other parameters")
    else:
        for index, state in reference["state"].items():
            if not same_bits(mine["state"][index]["momentum_buffer"], state["momentum_buffer"]):
                differences.append("momentum buffer %d" % index)
    counts["momentum"] = len(reference["state"])
    print(json.dumps({"counts": counts, "differences": differences}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
