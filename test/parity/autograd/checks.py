"""autograd.functional, gradcheck and anomaly mode: results by digest, errors by text."""
import re
import warnings

import torch
from torch.autograd import functional as F

from cases import case, leaf, report
from digest import digest

warnings.simplefilter("ignore")


def digests(value):
    return digest(value.detach()) if isinstance(value, torch.Tensor) else [digests(each) for each in value]


def two(x, y):
    return x.exp() * y, (x * y).sum()


def one(x):
    return x.pow(3).sum()


def both(x, y):
    return (x.exp() * y * y).sum()


@case
def jacobian(log):
    x, y = torch.randn(2, 2), torch.randn(2)
    log.append(digests(F.jacobian(lambda a: a.exp().sum(1), x)))
    log.append(digests(F.jacobian(two, (x, y))))
    log.append(F.jacobian(lambda a: a.sin(), x).requires_grad)
    z = leaf(3)
    j = F.jacobian(lambda a: a.sin(), z, create_graph=True)
    log.append([list(j.shape), j.requires_grad])
    j.sum().backward()
    log.append(digest(z.grad))
    log.append(digests(F.jacobian(lambda a, b: a * 2, (y, y))))


@case
def products(log):
    x, y, v = torch.randn(3), torch.randn(3), torch.randn(3)
    log.append(digests(F.vjp(lambda a: a.exp(), x, v)))
    log.append(digests(F.vjp(two, (x, y), (v, torch.ones(())))))
    log.append(digests(F.vjp(one, x)))
    log.append(digests(F.jvp(lambda a: a.exp(), x, v)))
    log.append(digests(F.jvp(two, (x, y), (v, v))))
    log.append(digests(F.hessian(one, x)))
    log.append(digests(F.hessian(both, (x, y))))
    log.append(digests(F.vhp(one, x, v)))
    log.append(digests(F.vhp(both, (x, y), (v, y))))
    log.append(digests(F.hvp(one, x, v)))
    log.append(digests(F.hvp(both, (x, y), (v, y))))
    z = leaf(3)
    for fn in (F.vjp, F.jvp):
        out, product = fn(lambda a: a.exp(), z, v, create_graph=True)
        log.append([out.requires_grad, product.requires_grad])
    for fn in (F.vhp, F.hvp):
        log.append([each.requires_grad for each in fn(one, z, v, create_graph=True)])


@case
def complaints(log):
    x, y, v = torch.randn(3), torch.randn(3), torch.randn(2)
    constant = lambda a: torch.ones(2)
    linear = lambda a: (a * 2).sum()
    for attempt in (
        lambda: F.vjp(lambda a: a, x),
        lambda: F.jvp(lambda a: a, x),
        lambda: F.vhp(one, x),
        lambda: F.hvp(one, x),
        lambda: F.vjp(lambda a: a, x, v),
        lambda: F.vjp(two, (x, y), (x, x)),
        lambda: F.vjp(lambda a: a, x, (x, x)),
        lambda: F.vjp(two, (x, y), (x,)),
        lambda: F.hessian(lambda a: a, x),
        lambda: F.hessian(lambda a: (a.sum(),), x),
        lambda: F.vhp(lambda a: a, x, x),
        lambda: F.jacobian(constant, x, strict=True),
        lambda: F.jacobian(lambda a, b: a, (x, y), strict=True),
        lambda: F.jacobian(lambda a: a * 2, x.clone().requires_grad_(), strict=True, create_graph=True),
        lambda: F.vjp(lambda a, b: a.sum(), (x, y), strict=True),
        lambda: F.jvp(lambda a, b: a * 1, (x, y), (x, y), strict=True),
        lambda: F.hessian(linear, x, strict=True),
        lambda: F.vhp(linear, x, x, strict=True),
        lambda: F.hvp(linear, x, x, strict=True),
    ):
        try:
            attempt()
            log.append("fine")
        except Exception as error:
            log.append(str(error))


@case
def gradcheck(log):
    x, y = leaf(3, dtype=torch.float64), leaf(3, dtype=torch.float64)
    log.append(torch.autograd.gradcheck(lambda a, b: (a * b, a.sin()), (x, y)))
    log.append(torch.autograd.gradcheck(lambda a, b: (a * b, a.sin()), (x, y), check_forward_ad=True))
    log.append(torch.autograd.gradgradcheck(lambda a, b: a.exp() * b, (x, y)))
    z = leaf(2, dtype=torch.complex128)
    log.append(torch.autograd.gradcheck(lambda a: a * a, z))
    log.append(torch.autograd.gradcheck(lambda a: a.abs(), z))
    log.append(torch.autograd.gradcheck(lambda a, k: a * k, (x, 3)))


def wrong(derivative):
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.count = 0
            return x * 2

        @staticmethod
        def backward(ctx, g):
            ctx.count += 1
            return derivative(g, ctx.count)

    return Wrong.apply


@case
def gradcheck_complaints(log):
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    for attempt in (
        lambda: torch.autograd.gradcheck(wrong(lambda g, n: g * 3), x),
        lambda: torch.autograd.gradcheck(wrong(lambda g, n: g * 2 + 1e-9), x),
        lambda: torch.autograd.gradcheck(wrong(lambda g, n: g * 2 + n * 1e-12), x),
        lambda: torch.autograd.gradcheck(lambda a: a, torch.ones(2)),
        lambda: torch.autograd.gradcheck(lambda a: a * 2, torch.ones(1, dtype=torch.float64).requires_grad_().expand(3)),
        lambda: torch.autograd.gradcheck(lambda a: a.detach() * 2, x),
        lambda: torch.autograd.gradcheck(lambda a: a.round(), x),
        lambda: torch.autograd.gradgradcheck(wrong(lambda g, n: g.detach() * 2), x),
        lambda: torch.autograd.gradcheck(lambda a: a, x, check_backward_ad=False),
        lambda: torch.autograd.gradcheck(wrong(lambda g, n: g * 3), x, raise_exception=False),
    ):
        try:
            log.append(attempt())
        except Exception as error:
            # What the two Jacobians look like is the printing's business; the general advice is Python's own.
            log.append(re.sub(r"\n+(numerical:|NOTE)[\s\S]*$", "", str(error)))


@case
def anomaly(log):
    x = torch.zeros(2, requires_grad=True)
    for check_nan in (True, False):
        with torch.autograd.detect_anomaly(check_nan=check_nan):
            log.append([torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()])
            try:
                (x.sqrt() * 0).sum().backward()
                log.append("fine")
            except Exception as error:
                log.append(str(error))
    log.append(torch.is_anomaly_enabled())


report()
