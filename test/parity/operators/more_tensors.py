"""Calls that PyTorch's table of operators has not: tensors made, copied, asked about; random numbers; other names."""
import torch


def real(*shape, grad=True):
    return torch.randn(shape).requires_grad_(grad)


def made():
    for name in ("bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"):
        run = getattr(torch, name)
        for length in (0, 1, 7):
            yield lambda run=run, length=length: run(length)
            yield lambda run=run, length=length: run(length, False, dtype=torch.float64)
    yield lambda: torch.hamming_window(6, True, 0.6)
    yield lambda: torch.hamming_window(6, True, 0.6, 0.3)
    yield lambda: torch.kaiser_window(6, True, 9.0)
    for n in (1, 4, 7):
        yield lambda n=n: torch.fft.fftfreq(n)
        yield lambda n=n: torch.fft.rfftfreq(n, 0.5)
    yield lambda: torch.range(1, 4)
    yield lambda: torch.range(0.5, 3, 0.25, dtype=torch.float64)
    for run in (torch.zeros, torch.ones, torch.rand, torch.randn, torch.empty):
        yield lambda run=run: run([2, 3])
        yield lambda run=run: run([0, 3], dtype=torch.float64)
        yield lambda run=run: run([], dtype=torch.bfloat16)
    yield lambda: torch.arange(5)
    yield lambda: torch.arange(1, 7, 2)
    yield lambda: torch.arange(0.0, 1.0, 0.25)
    yield lambda: torch.arange(3, dtype=torch.float16)
    yield lambda: torch.arange(10, 1, -3)
    yield lambda: torch.full([2, 2], 3)
    yield lambda: torch.full([2, 2], 3.0)
    yield lambda: torch.full([2], True)
    yield lambda: torch.full([2], 1 + 2j)
    yield lambda: torch.scalar_tensor(2.5)
    yield lambda: torch.scalar_tensor(2, dtype=torch.int64)
    yield lambda: torch.tril_indices(3, 4, 1)
    yield lambda: torch.triu_indices(4, 3, -1)
    yield lambda: torch.vander(torch.tensor([1.0, 2.0, 3.0]), 4, True)
    yield lambda: torch.linalg.vander(real(4), N=3)


def drawn():
    x = torch.zeros(3, 4)
    for n in (0, 1, 9):
        yield lambda n=n: torch.randperm(n)
    yield lambda: torch.randperm(6, dtype=torch.int32)
    yield lambda: torch.randint(5, [3, 4])
    yield lambda: torch.randint(-3, 5, [7], dtype=torch.int16)
    yield lambda: torch.rand_like(x)
    yield lambda: torch.rand_like(x, dtype=torch.float64)
    yield lambda: torch.randint_like(x, 9)
    yield lambda: torch.randint_like(x, 3, 9, dtype=torch.int64)
    yield lambda: torch.poisson(torch.rand(4, 3) * 5)
    yield lambda: torch.binomial(torch.full([8], 9.0), torch.linspace(0.1, 0.9, 8))
    yield lambda: torch.multinomial(torch.rand(3, 6), 4)
    yield lambda: torch.multinomial(torch.rand(6), 9, True)
    yield lambda: torch.normal(real(5, grad=False), torch.rand(5))
    yield lambda: torch.normal(0.5, torch.rand(5))
    yield lambda: torch.normal(real(5, grad=False), 2.0)
    for name, *args in [
        ("random_",),
        ("random_", 9),
        ("random_", -4, 9),
        ("uniform_", -1.0, 2.0),
        ("normal_", 1.0, 3.0),
        ("bernoulli_", 0.3),
        ("bernoulli_", torch.rand(3, 4)),
        ("cauchy_", 1.0, 2.0),
        ("exponential_", 1.5),
        ("geometric_", 0.4),
        ("log_normal_", 0.5, 0.7),
    ]:
        yield lambda name=name, args=args: getattr(x.clone(), name)(*args)
        yield lambda name=name, args=args: getattr(torch.zeros(40, dtype=torch.float64), name)(*[a for a in args if not isinstance(a, torch.Tensor)])
    yield lambda: torch.zeros(9, dtype=torch.int64).random_()
    yield lambda: torch.zeros(9, dtype=torch.uint8).random_(3, 7)


def asked():
    x, y = real(3, 4), real(3, 4, grad=False)
    z = torch.randn(3, dtype=torch.complex64)
    for other in (x, torch.tensor(2.5), torch.tensor([0]), torch.arange(3), z.conj(), z.conj().imag):
        for name in ("is_conj", "is_neg", "is_inference", "is_signed", "is_distributed", "is_floating_point", "is_complex"):
            yield lambda name=name, other=other: getattr(torch, name)(other)
        yield lambda other=other: torch.is_nonzero(other)
        yield lambda other=other: other.is_coalesced()
        yield lambda other=other: other.get_device()
        yield lambda other=other: other.is_pinned()
    yield lambda: torch.is_same_size(x, y)
    yield lambda: torch.is_same_size(x, y.t())
    yield lambda: x.is_set_to(y)
    yield lambda: x.is_set_to(x)
    yield lambda: torch.equal(x, x)
    yield lambda: torch.equal(x, y)
    yield lambda: torch.allclose(x, y, 1e-3, 10.0)
    yield lambda: torch.can_cast(torch.float32, torch.int64)
    yield lambda: torch.can_cast(torch.int64, torch.float32)
    yield lambda: torch.promote_types(torch.int64, torch.bfloat16)
    yield lambda: torch.result_type(x, 2.5)
    yield lambda: torch.result_type(torch.arange(3), 2.5)
    yield lambda: torch.result_type(torch.arange(3), z)
    yield lambda: torch.result_type(2, True)


def copied():
    x, y = real(3, 4), real(4, grad=False)
    z = torch.randn(2, 3, dtype=torch.complex64).requires_grad_()
    whole = torch.arange(12).reshape(3, 4)
    yield lambda: x.detach()
    yield lambda: torch.detach_copy(x)
    yield lambda: x.clone().detach_()
    yield lambda: x.detach().clone().copy_(y)
    yield lambda: x.detach().clone().copy_(whole)
    yield lambda: whole.clone().copy_(x.detach())
    yield lambda: x.type_as(whole)
    yield lambda: x.type_as(z)
    yield lambda: x.detach().clone().fill_diagonal_(2.5)
    yield lambda: torch.zeros(9, 3).fill_diagonal_(1, True)
    yield lambda: torch.ops.aten.set_.source_Tensor(torch.zeros(2), y)
    yield lambda: torch.ops.aten.set_.default(torch.zeros(2))
    yield lambda: torch.ops.aten.size.int(x, -1)
    yield lambda: torch.rand(3).polygamma_(2)
    yield lambda: torch.ops.aten.range.default(1, 4)
    yield lambda: torch.ops.aten.range.step(0.5, 3, 0.25)
    yield lambda: torch.ops.aten.normal_functional.default(x.detach(), 1.0, 2.0)
    yield lambda: torch.ops.aten.lift.default(x)
    yield lambda: torch.ops.aten.lift_fresh.default(x)
    yield lambda: torch.ops.aten.alias.default(x)
    yield lambda: torch.ops.aten.copy.default(x, y)
    yield lambda: torch.ops.aten.slice.Tensor(x, 1, 1, 4, 2)
    yield lambda: torch.ops.aten.slice_inverse.default(x.detach()[:, 1:4:2], x.detach(), 1, 1, 4, 2)
    for name in ("numpy_T", "mT", "mH", "matrix_H"):
        yield lambda name=name: getattr(torch.ops.aten, name).default(x)
        yield lambda name=name: getattr(torch.ops.aten, name).default(z)
    yield lambda: torch.ops.aten.index.Tensor(x, [torch.tensor([2, 0, -1])])
    yield lambda: torch.ops.aten.index.Tensor(x, [None, torch.tensor([2, 0, -1])])
    yield lambda: torch.ops.aten.index.Tensor(x, [torch.tensor([[2], [0]]), torch.tensor([1, 3])])
    yield lambda: torch.ops.aten.index.Tensor(x, [torch.tensor([True, False, True])])
    yield lambda: torch.ops.aten.index.Tensor(x, [torch.tensor([9])])
    for name, *args in [("stride",), ("sym_numel",), ("sym_size",), ("sym_stride",), ("sym_storage_offset",), ("sym_is_contiguous",)]:
        packet = getattr(torch.ops.aten, name)
        for overload in packet.overloads():
            given = [1] if overload == "int" else []
            yield lambda run=getattr(packet, overload), given=given: run(x, *given)
    yield lambda: torch.nn.utils.rnn.pad_sequence([real(3, 2), real(1, 2), real(2, 2)])
    yield lambda: torch._C._nn.pad_sequence([real(3, 2), real(1, 2)], True, -1.5, "left")
    yield lambda: torch._C._nn.flatten_dense_tensors([real(3, 2), real(4)])
    yield lambda: torch._C._nn.unflatten_dense_tensors(real(10), [real(3, 2), real(4)])
    yield lambda: torch.unsafe_split_with_sizes(x, [1, 3], 1)
    yield lambda: torch.unsafe_split(x, 2, 1)
    yield lambda: torch.ops.aten.nonzero_numpy.default(x.detach().gt(0))
    for dim in (0, 1):
        yield lambda dim=dim: torch.ops.aten.unique_dim.default(whole % 3, dim, True, True, True)
        yield lambda dim=dim: torch.unique_consecutive(whole // 3, True, True, dim)
    yield lambda: torch.ops.aten.unique_dim_consecutive.default(torch.tensor([[1, 1, 2], [3, 3, 3]]), 1, True, True)


def reduced():
    x, square = real(3, 4), real(4, 4)
    definite = (square @ square.mT).detach() + torch.eye(4)
    yield lambda: torch.frobenius_norm(x, [0, 1])
    yield lambda: torch.frobenius_norm(x, [1], True)
    yield lambda: torch.nuclear_norm(x)
    yield lambda: torch.nuclear_norm(x, [0, 1], True)
    for p in (2, 0, 1, 3.5, float("inf")):
        yield lambda p=p: torch.ops.aten.norm.Scalar(x, p)
        yield lambda p=p: torch.ops.aten.norm.ScalarOpt_dim(x, p, [1], True)
    yield lambda: torch.ops.aten.norm.ScalarOpt_dtype(x, 2, dtype=torch.float64)
    yield lambda: torch.ops.aten.linalg__powsum.default(x, 2, [1])
    yield lambda: torch.slogdet(definite)
    yield lambda: torch.slogdet(square)
    yield lambda: torch.chain_matmul(real(2, 3), real(3, 4), real(4, 5))
    yield lambda: torch.chain_matmul(real(2, 3))
    yield lambda: torch.linalg.matrix_power(square, 3)
    yield lambda: torch.linalg.matrix_power(square, -2)
    yield lambda: torch.logdet(definite)
    yield lambda: torch.inverse(definite)
    yield lambda: torch.cholesky_inverse(torch.linalg.cholesky(definite))


ALL = [made, drawn, asked, copied, reduced]
