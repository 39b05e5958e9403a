"""Other arguments made from a recorded call's: dtypes, strides, sizes, infinities."""
import torch


def map_tensors(call, change, gradients=True):
    """The call with every tensor replaced, save sparse ones; one that is given twice stays one."""
    made = {}

    def replaced(value):
        if isinstance(value, torch.Tensor) and value.layout == torch.strided:
            if id(value) not in made:
                made[id(value)] = marked(change(value.detach(), len(made)), gradients and value.requires_grad)
            return made[id(value)]
        if type(value) in (list, tuple):
            return [replaced(each) for each in value]
        return value

    return call._replace(args=replaced(call.args), kwargs={key: replaced(value) for key, value in call.kwargs.items()})


def marked(tensor, wanted):
    possible = tensor.dtype.is_floating_point or tensor.dtype.is_complex
    return tensor.detach().requires_grad_(wanted and possible)


def as_dtype(dtype):
    def change(tensor, _):
        if not tensor.dtype.is_floating_point:
            return tensor
        if dtype.is_floating_point or dtype.is_complex:
            return tensor.to(dtype)
        return (tensor * 4).nan_to_num(0, 100, -100).clamp(0 if dtype == torch.uint8 else -100, 100).to(dtype)

    return change


def second_as(dtype):
    """Only the second tensor in another dtype: type promotion."""
    return lambda tensor, place: as_dtype(dtype)(tensor, place) if place == 1 else tensor


def strided(tensor, _):
    """Every second element of a wider tensor, from its second row on."""
    if tensor.dim() == 0 or tensor.is_conj() or tensor.is_neg():
        return tensor
    wide = torch.stack([tensor, tensor], -1)
    wide = torch.cat([wide.narrow(0, 0, min(1, tensor.shape[0])), wide])
    return wide[min(1, tensor.shape[0]) :].select(-1, 1)


def transposed(tensor, _):
    """The same elements with their first and last dimension swapped in memory."""
    return tensor if tensor.dim() < 2 else tensor.transpose(0, -1).contiguous().transpose(0, -1)


def channels_last(tensor, _):
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    return tensor.contiguous(memory_format=formats[tensor.dim()]) if tensor.dim() in formats else tensor


def special(tensor, _):
    """Not-a-numbers of both signs, infinities, zeros of both signs, the smallest and the largest numbers, among the others."""
    if not tensor.dtype.is_floating_point and not tensor.dtype.is_complex or tensor.numel() == 0:
        return tensor
    out = tensor.clone(memory_format=torch.contiguous_format)
    real = torch.view_as_real(out) if out.is_complex() else out
    limits = torch.finfo(real.dtype)
    values = [float("nan"), float("inf"), -float("inf"), -0.0, 0.0, limits.tiny, -limits.max]
    flat = real.view(-1)
    for k, value in enumerate(values):
        if flat.numel() > 1:
            flat[(k * 5 + 1) % flat.numel()] = value
    return out


def scalars(tensor, _):
    """Tensors without dimensions."""
    return tensor.reshape(-1)[0].clone() if tensor.numel() > 0 else tensor


def empty(tensor, _):
    """Nothing along the first dimension."""
    return tensor[:0] if tensor.dim() > 0 else tensor


def broadcast(tensor, place):
    """All but the first tensor have one row only."""
    return tensor[:1].clone() if place > 0 and tensor.dim() > 0 else tensor


VARIATIONS = {
    "float64": as_dtype(torch.float64),
    "bfloat16": as_dtype(torch.bfloat16),
    "float16": as_dtype(torch.float16),
    "complex64": as_dtype(torch.complex64),
    "int64": as_dtype(torch.int64),
    "uint8": as_dtype(torch.uint8),
    "bool": as_dtype(torch.bool),
    "promoted": second_as(torch.float64),
    "promoted from int": second_as(torch.int32),
    "strided": strided,
    "transposed": transposed,
    "channels last": channels_last,
    "special": special,
    "scalars": scalars,
    "empty": empty,
    "broadcast": broadcast,
}


def same(a, b):
    """Whether a variation left everything as it was."""
    def leaves(value):
        if isinstance(value, torch.Tensor) and value.layout == torch.strided:
            return [(value.dtype, value.shape, value.stride(), value.data_ptr())]
        if isinstance(value, (list, tuple)):
            return [leaf for each in value for leaf in leaves(each)]
        return []

    return leaves([*a.args, *a.kwargs.values()]) == leaves([*b.args, *b.kwargs.values()])


def varied(call, name):
    """The call's variation of this name, or None when it is the call itself."""
    other = map_tensors(call, VARIATIONS[name])
    return None if same(call, other) else other
