"""Records calls of PyTorch's compiled functions and methods, as a program made them: the operator's name and what it was given."""
import collections
import functools
import sys

import torch
from torch.overrides import TorchFunctionMode

Call = collections.namedtuple("Call", "kind name args kwargs")

# Operators' names behind Python's own.
DUNDERS = {f"__{name}__": name for name in ("add", "sub", "mul", "div", "pow", "matmul", "eq", "ne", "lt", "le", "gt", "ge", "neg", "abs")}

# Methods of which Python's own form is no operator of the dispatcher.
HAND_WRITTEN = {("method", "size"), ("method", "stride")}

# Where the compiled functions of each namespace stand; their names are those of aten (`linalg_det`, `fft_fft`).
NAMESPACES = [
    torch._C._VariableFunctions,
    torch._C._nn,
    torch._C._linalg,
    torch._C._fft,
    torch._C._special,
    torch._C._sparse,
]


def callable_of(kind, name):
    """What a recorded call is made with again."""
    if kind == "method":
        return getattr(torch.Tensor, name)
    if kind == "raw":
        packet = getattr(torch.ops.aten, name.split(".")[0])
        return getattr(packet, name.split(".")[1]) if "." in name else packet
    return next(getattr(space, name) for space in NAMESPACES if hasattr(space, name))


@functools.cache
def dispatched_overloads():
    """The operators of libtorch's dispatcher, `add.Tensor`: TorchScript has others."""
    return {name.removeprefix("aten::") for name in torch._C._dispatch_get_all_op_names() if name.startswith("aten::")}


@functools.cache
def dispatched():
    return {name.split(".")[0] for name in dispatched_overloads()}


@functools.cache
def schemas_of(name):
    return torch._C._jit_get_schemas_for_operator(f"aten::{name}") if name in dispatched() else []


def open_python_functions():
    """
    Functions written in Python (torch.nn.functional) hand themselves to a mode before they do anything. They must not: the
    operators that they call are what is recorded.
    """
    for module in list(sys.modules.values()):
        name = getattr(module, "__name__", "")
        if name.startswith("torch") and name != "torch.overrides":
            for check in ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic"):
                if check in vars(module):
                    setattr(module, check, lambda *given: False)


def one_list_of_ints(schema, methods):
    """Whether an overload's only positional argument, besides the tensor of a method, is a list of ints: `view(2, 3)`."""
    positional = [each for each in schema.arguments if not each.kwarg_only][1 if methods else 0 :]
    return len(positional) == 1 and str(positional[0].type) in ("List[int]", "List[SymInt]")


def plain(kind, name, args, kwargs):
    """The arguments as the operator's schema has them; None for what only Python's own parser knows (`as_tuple=True`)."""
    schemas = schemas_of(name.split(".")[0])
    own = 1 if kind == "method" else 0
    ints = args[own:]
    if ints and all(type(each) is int for each in ints) and any(one_list_of_ints(each, own == 1) for each in schemas):
        args = (*args[:own], list(ints))
    names = {argument.name for schema in schemas for argument in schema.arguments}
    kwargs = {key: value for key, value in kwargs.items() if not (key == "out" and value is None)}
    for mine, given in [("requires_grad", False), ("as_tuple", False)]:
        if mine not in names and kwargs.get(mine) is given:
            del kwargs[mine]
        elif mine not in names and mine in kwargs:
            return None
    for python, schema in [("input", "self"), ("axis", "dim"), ("keepdims", "keepdim"), ("x", "self"), ("a", "self")]:
        if python in kwargs and python not in names and schema in names:
            kwargs[schema] = kwargs.pop(python)
    return args, kwargs


class Recorder(TorchFunctionMode):
    """Gives `take(call)` every call of an operator made under it, before it is made."""

    def __init__(self, take):
        super().__init__()
        self.take = take

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        kind = type(function).__name__
        found = None
        if kind == "method_descriptor":
            found = ("method", DUNDERS.get(function.__name__, function.__name__))
        elif kind == "builtin_function_or_method":
            found = ("function", function.__name__)
        elif kind == "OpOverload" and function.namespace == "aten":
            found = ("raw", function._schema.name.removeprefix("aten::") + f".{function._overloadname}")
        if found is not None and self.known(*found):
            given = plain(*found, args, kwargs)
            if given is not None:
                self.take(Call(*found, *given))
        return function(*args, **kwargs)

    @staticmethod
    def known(kind, name):
        if (kind, name) in HAND_WRITTEN or not schemas_of(name.split(".")[0]):
            return False
        if kind == "raw" and name.removesuffix(".default") not in dispatched_overloads():
            return False
        return kind != "function" or any(hasattr(space, name) for space in NAMESPACES)
