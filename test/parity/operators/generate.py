"""
generate.py FOLDER PUBLIC: writes FOLDER/cases.json and FOLDER/storages.bin, runs every case and writes what came of it to
FOLDER/results.json. PUBLIC is a file that names the public operators.
"""
import collections
import json
import os
import sys

import torch

import samples
from evaluate import run_case
from record import Call, callable_of, schemas_of
from values import Reader, Unwritable, Writer
from variations import VARIATIONS, map_tensors, varied


# Their elements are whatever the memory held: dtype, sizes and strides are compared.
UNINITIALISED = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided", "resize", "resize_", "resize_as_"}


def has_bits(call):
    """Whether the elements of the result are a function of the arguments."""
    if call.name == "linalg_lstsq":
        # libtorch's default driver gives LAPACK's gelsy an array of pivots that nobody has written, which it reads: one process of
        # Python finds several solutions for the same arguments.
        return call.kwargs.get("driver") in ("gels", "gelsd", "gelss")
    return call.name not in UNINITIALISED


# What ends the process of Python too: (operator, variation).
CRASHES = {
    ("pdist", "empty"),
    ("rrelu_with_noise", "out"),
    *(("batch_norm_update_stats", variation) for variation in ("broadcast", "empty", "scalars")),
}


# Parts of other operators, and those that make sparse tensors of their parts, trust their arguments: they are called as they are
# meant to be only.
TRUSTING = ("_", "native_", "sparse_", "mkldnn_", "quantized_")


def writes_out(schema):
    return any(argument.is_out for argument in schema.arguments)


def map_values(value, change):
    return change(value) if isinstance(value, torch.Tensor) else [change(each) for each in value]


def made_again(call):
    return callable_of(call.kind, call.name)(*call.args, **call.kwargs)


def detached(call):
    """The call with copies that require no gradients: those that write to an `out` have none."""
    return map_tensors(call, lambda tensor, _: tensor.clone(), gradients=False)


class Cases:
    def __init__(self, folder):
        self.writer = Writer(os.path.join(folder, "storages.bin"))
        self.cases = []
        self.seen = set()
        self.unwritable = collections.Counter()

    def add(self, call, variation=""):
        if (call.name, variation) in CRASHES:
            return False
        self.writer.start_case()
        try:
            args = self.writer.value(list(call.args))
            kwargs = {key: self.writer.value(value) for key, value in call.kwargs.items()}
        except Unwritable as why:
            self.unwritable[f"{call.name}: {why}"] += 1
            return False
        key = json.dumps([call.kind, call.name, self.shown(args), self.shown(kwargs)])
        if key in self.seen:
            return False
        self.seen.add(key)
        in_place = call.name.endswith("_") and len(call.args) > 0 and isinstance(call.args[0], torch.Tensor)
        case = {"kind": call.kind, "name": call.name, "args": args, "kwargs": kwargs, "variation": variation}
        self.cases.append({**case, "inPlace": in_place, "seed": len(self.cases), "bits": has_bits(call)})
        return True

    def add_out(self, call):
        """The call again, with an empty tensor for every result."""
        try:
            results = made_again(detached(call))
        except Exception:  # noqa: BLE001
            return
        if isinstance(results, torch.Tensor):
            out = torch.empty(0, dtype=results.dtype)
        elif isinstance(results, tuple) and all(isinstance(each, torch.Tensor) for each in results):
            out = [torch.empty(0, dtype=each.dtype) for each in results]
        else:
            return
        bare = detached(call)
        names = {argument.name for schema in schemas_of(call.name) if writes_out(schema) for argument in schema.arguments}
        kwargs = {name: value for name, value in bare.kwargs.items() if name in names}
        if "out" in kwargs:
            return
        try:
            made_again(bare._replace(kwargs={**kwargs, "out": map_values(out, torch.clone)}))
        except TypeError:  # Python's form of the operator has no `out`
            return
        except Exception:  # noqa: BLE001  a case: it raises
            pass
        self.add(bare._replace(kwargs={**kwargs, "out": out}), "out")

    def shown(self, value):
        """A value by what makes its case another one: not the elements of its tensors."""
        if isinstance(value, list):
            return [self.shown(each) for each in value]
        if isinstance(value, dict):
            if "t" in value:
                entry = self.writer.tensors[value["t"]]
                return [entry[key] for key in ("dtype", "shape", "stride", "grad", "storage")]
            return {key: self.shown(each) for key, each in value.items()}
        return value


def main(folder, public):
    torch.set_num_threads(1)
    with open(public) as file:
        public = set(json.load(file))
    recorded = collections.defaultdict(list)
    cases = Cases(folder)

    def take(call):
        calls = recorded[call.kind, call.name]
        if len(calls) < 30 and cases.add(call):
            calls.append(call)

    samples.record_table(take, 12)
    samples.record_more(take)
    for (kind, name), calls in list(recorded.items()):
        other = name + "_"
        if other in public and ("method", other) not in recorded and hasattr(torch.Tensor, other):
            for call in calls:
                if call.args and isinstance(call.args[0], torch.Tensor):
                    take(Call("method", other, call.args, call.kwargs))
    for (kind, name), calls in list(recorded.items()):
        if kind == "function" and name in public and not name.startswith(TRUSTING) and any(writes_out(each) for each in schemas_of(name)):
            for call in calls[:3] if (name, "out") not in CRASHES else ():
                cases.add_out(call)
        for call in calls[:2] if name in public and not name.startswith(TRUSTING) else ():
            for variation in VARIATIONS:
                try:
                    other = varied(call, variation)
                except (RuntimeError, IndexError):
                    continue
                if other is not None:
                    cases.add(other, variation)
    cases.writer.file.close()
    with open(os.path.join(folder, "cases.json"), "w") as file:
        json.dump({"tensors": cases.writer.tensors, "cases": cases.cases}, file)
    evaluate(folder)


def evaluate(folder):
    with open(os.path.join(folder, "cases.json")) as file:
        read = json.load(file)
    with open(os.path.join(folder, "storages.bin"), "rb") as file:
        data = file.read()
    results = [run_case(case, Reader(read["tensors"], data)) for case in read["cases"]]
    with open(os.path.join(folder, "results.json"), "w") as file:
        json.dump(results, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
