"""
Calls to begin from: PyTorch's own table of operators (torch.testing, part of every wheel) gives arguments that each takes; run under
the recorder, they become calls of compiled operators.
"""
import itertools
import sys
import types
import warnings

import torch

import more_layers
import more_layouts
import more_tensors
from record import Call, Recorder, open_python_functions


def operator_table():
    # The table imports a test helper that wheels do not depend on, for a class that it does not use.
    if "expecttest" not in sys.modules:
        helper = types.ModuleType("expecttest")
        helper.TestCase = type("TestCase", (), {})
        sys.modules["expecttest"] = helper
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

    open_python_functions()
    return op_db


def dtype_of(op):
    wanted = [torch.float32, torch.int64, torch.float64, torch.complex64, torch.bool]
    return next((dtype for dtype in wanted if dtype in op.dtypes), None)


def record_table(take, most):
    """Records every entry of the table with at most `most` of its samples, and its other names with a few."""
    for op in operator_table():
        dtype = dtype_of(op)
        if dtype is None or op.name.startswith("jiterator"):
            continue
        torch.manual_seed(7)
        floating = dtype.is_floating_point or dtype.is_complex
        try:
            samples = list(itertools.islice(op.sample_inputs("cpu", dtype, requires_grad=op.supports_autograd and floating), most))
        except ValueError:  # integers alone, though the entry says otherwise
            samples = list(itertools.islice(op.sample_inputs("cpu", torch.int64, requires_grad=False), most))
        for place, sample in enumerate(samples):
            run(op.op, sample, take)
            for alias in op.aliases if place < 4 else ():
                run(alias.op, sample, take)


def run(function, sample, take):
    try:
        with Recorder(take), warnings.catch_warnings():
            function(sample.input, *sample.args, **sample.kwargs)
    except Exception:  # noqa: BLE001  what came before it is recorded
        return


def record_more(take):
    """Records what the table has not."""
    take(Call("function", "is_vulkan_available", (), {}))  # without arguments it reaches no recorder
    for family in (*more_layers.ALL, *more_tensors.ALL, *more_layouts.ALL):
        torch.manual_seed(11)
        for call in family():
            try:
                with Recorder(take):
                    call()
            except Exception:  # noqa: BLE001  a case too: it raises
                continue
