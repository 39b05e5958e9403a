"""Calls that PyTorch's table of operators has not: layers, losses and their parts."""
import torch

nn = torch._C._nn


def real(*shape, grad=True):
    return torch.randn(shape).requires_grad_(grad)


def recurrent(gates, state_count, packed):
    """Input, state and weights of two layers in both directions."""
    hidden, width = 4, 3
    weights = []
    for layer in range(2):
        for _ in range(2):
            into = width if layer == 0 else 2 * hidden
            weights += [real(gates * hidden, into), real(gates * hidden, hidden), real(gates * hidden), real(gates * hidden)]
    states = [real(4, 2, hidden) for _ in range(state_count)]
    state = states[0] if state_count == 1 else states
    if packed:
        return real(7, width), torch.tensor([2, 2, 2, 1]), state, weights
    return real(5, 2, width), state, weights


def cell(gates, state_count):
    states = [real(2, 4) for _ in range(state_count)]
    weights = real(gates * 4, 3), real(gates * 4, 4), real(gates * 4), real(gates * 4)
    return real(2, 3), states[0] if state_count == 1 else states, *weights


def layers():
    image, volume = real(2, 4, 6, 7), real(2, 3, 4, 5, 6)
    for name, gates, states in [("lstm", 4, 2), ("gru", 3, 1), ("rnn_tanh", 1, 1), ("rnn_relu", 1, 1)]:
        run = getattr(torch, name)
        yield lambda run=run, g=gates, s=states: run(*recurrent(g, s, False), True, 2, 0.0, False, True, False)
        yield lambda run=run, g=gates, s=states: run(*recurrent(g, s, False), True, 2, 0.3, True, True, False)
        yield lambda run=run, g=gates, s=states: run(*recurrent(g, s, True)[:-1], recurrent(g, s, True)[-1], True, 2, 0.0, False, True)
        yield lambda name=name, g=gates, s=states: getattr(torch, f"{name}_cell")(*cell(g, s))
    yield lambda: torch.convolution(image, real(5, 4, 3, 3), real(5), [1, 2], [1, 0], [1, 1], False, [0, 0], 1)
    yield lambda: torch.convolution(image, real(4, 3, 3, 2), None, [2, 1], [0, 1], [1, 1], True, [1, 0], 2)
    yield lambda: torch.conv_tbc(real(6, 2, 4), real(3, 4, 5), real(5), 1)
    yield lambda: nn.slow_conv3d(volume, real(4, 3, 2, 3, 2), [2, 3, 2], real(4), [1, 1, 2], [0, 1, 0])
    yield lambda: nn.slow_conv_dilated2d(image, real(5, 4, 3, 2), [3, 2], real(5), [1, 2], [1, 0], [2, 1])
    yield lambda: nn.slow_conv_dilated3d(volume, real(4, 3, 2, 2, 2), [2, 2, 2], real(4), 1, 1, 2)
    yield lambda: nn.slow_conv_transpose2d(image, real(4, 5, 3, 2), [3, 2], real(5), [2, 1], [1, 0], [1, 0], [1, 1])
    yield lambda: nn.slow_conv_transpose3d(volume, real(3, 2, 2, 2, 2), [2, 2, 2], real(2), 2, 0, 0, 1)
    yield lambda: nn.thnn_conv2d(image, real(5, 4, 3, 3), [3, 3], real(5), [2, 2], [1, 1])
    yield lambda: nn.col2im(real(2, 12, 30), [6, 7], [2, 2], [1, 1], [0, 0], [1, 1])
    yield lambda: nn.col2im(real(12, 12), [5, 4], [2, 2], [1, 1], [0, 0], [1, 1])
    for dims, sizes in [(1, (2, 3, 6)), (2, (2, 3, 6, 5)), (3, (2, 3, 4, 5, 6))]:
        pad = [1, 2, 2, 1, 1, 0][: 2 * dims]
        for kind in ("reflection", "replication"):
            run = getattr(nn, f"{kind}_pad{dims}d")
            yield lambda run=run, sizes=sizes, pad=pad: run(real(*sizes), pad)
            yield lambda run=run, sizes=sizes, pad=pad: run(real(*sizes[1:]), pad)
    yield lambda: torch.affine_grid_generator(real(2, 2, 3), [2, 3, 4, 5], True)
    yield lambda: torch.affine_grid_generator(real(2, 3, 4), [2, 3, 2, 4, 5], False)
    yield from normalisation(image)
    yield from losses()


def normalisation(image):
    mean, scale = real(4, grad=False), torch.rand(4) + 0.5
    yield lambda: torch.batch_norm_stats(image, 1e-5)
    yield lambda: torch.batch_norm_elemt(image, real(4), real(4), mean, scale, 1e-5)
    yield lambda: torch.batch_norm_update_stats(image, mean.clone(), scale.clone(), 0.1)
    yield lambda: torch.batch_norm_update_stats(image, None, None, 0.1)
    yield lambda: torch.batch_norm(image, real(4), real(4), mean.clone(), scale.clone(), True, 0.2, 1e-3, False)
    yield lambda: torch.batch_norm(image, None, None, mean, scale, False, 0.2, 1e-3, False)
    yield lambda: torch.norm_except_dim(image, 2, 0)
    yield lambda: torch.norm_except_dim(image, 1, 1)


def losses():
    scores, target = real(6, 5), torch.tensor([1, 0, 4, -100, 2, 2])
    picture, labels = real(2, 5, 3, 4), torch.randint(0, 5, (2, 3, 4))
    weight = torch.rand(5) + 0.1
    for reduction in (0, 1, 2):
        yield lambda r=reduction: nn.nll_loss(scores, target, weight, r, -100)
        yield lambda r=reduction: nn.nll_loss(scores, target, None, r, 2)
        yield lambda r=reduction: nn.nll_loss2d(picture, labels, weight, r, 1)
        yield lambda r=reduction: nn.nll_loss_nd(picture, labels, None, r, -100)
        yield lambda r=reduction: nn.cross_entropy_loss(scores, target, weight, r, -100, 0.1)
        yield lambda r=reduction: nn.cross_entropy_loss(scores, scores.detach().softmax(1), None, r, -100, 0.1)
    yield lambda: torch.ops.aten.nll_loss_forward.default(scores, target, weight, 1, -100)
    yield lambda: torch.ops.aten.nll_loss2d_forward.default(picture, labels, weight, 1, -100)
    yield lambda: torch.ops.aten.log_sigmoid_forward.default(scores)
    yield lambda: torch.ops.aten.multilabel_margin_loss_forward.default(scores, torch.tensor([[1, 0, -1, 2, 3]] * 6), 1)
    yield lambda: torch.ops.aten.slow_conv3d_forward.default(real(2, 3, 4, 5, 6), real(4, 3, 2, 3, 2), [2, 3, 2], real(4), [1, 1, 2], [0, 1, 0])


def activations():
    """Those that torch.nn.functional alone changes in place."""
    x = real(3, 4)
    y = x.detach()
    for name in ("elu_", "hardsigmoid_", "hardswish_", "hardtanh_", "leaky_relu_", "relu6_", "silu_"):
        yield lambda run=getattr(nn, name): run(y.clone())
    for name in ("gelu_", "mish_"):
        yield lambda name=name: getattr(torch.ops.aten, name).default(y.clone())
    for name in ("celu_", "selu_"):
        yield lambda run=getattr(torch, name): run(y.clone())
    yield lambda: nn.elu_(y.clone(), 0.5, 1.5, 2)
    yield lambda: nn.hardtanh_(y.clone(), -0.5, 0.25)
    yield lambda: nn.leaky_relu_(y.clone(), 0.2)
    yield lambda: torch.threshold_(y.clone(), 0.1, 20)
    yield lambda: torch.celu_(y.clone(), 0.7)
    yield lambda: torch.rrelu_(y.clone(), 0.1, 0.4, True)
    yield lambda: torch.rrelu_(y.clone(), 0.1, 0.4, False)
    yield lambda: nn.rrelu_with_noise(x, torch.zeros(3, 4), 0.1, 0.3, True)
    yield lambda: nn.rrelu_with_noise_(y.clone(), torch.zeros(3, 4), 0.1, 0.3, True)
    for name in ("dropout_", "alpha_dropout_", "feature_dropout_", "feature_alpha_dropout_"):
        yield lambda run=getattr(torch, name): run(y.clone(), 0.4, True)
        yield lambda run=getattr(torch, name): run(torch.ones(2, 3, 4, 4), 0.4, True)
    yield lambda: torch.ops.aten.hardshrink_backward.default(y, x, 0.3)
    yield lambda: torch.embedding_renorm_(torch.randn(5, 3) * 4, torch.tensor([1, 3, 3]), 1.0, 2.0)


def quantization():
    x, scales = real(3, 4), torch.tensor([0.1, 0.2, 0.3])
    zeros = torch.tensor([1, 0, 3], dtype=torch.int32)
    yield lambda: torch.fake_quantize_per_tensor_affine(x, 0.1, 2, 0, 255)
    yield lambda: torch.fake_quantize_per_tensor_affine(x, scales[:1], zeros[:1], -128, 127)
    yield lambda: torch.fake_quantize_per_channel_affine(x, scales, zeros, 0, 0, 255)
    yield lambda: torch.ops.aten.fake_quantize_per_tensor_affine_cachemask.default(x, 0.1, 2, 0, 255)
    yield lambda: torch.ops.aten.fake_quantize_per_channel_affine_cachemask.default(x, scales, zeros, 0, 0, 255)
    one, switch = torch.ones(1), torch.tensor([1])
    yield lambda: torch.fused_moving_avg_obs_fake_quant(
        x, switch, switch, -one, one.clone(), one.clone(), torch.zeros(1, dtype=torch.int32), 0.01, 0, 255, -1, False, False
    )
    yield lambda: torch.choose_qparams_optimized(x.detach().flatten(), 12, 200, 0.16, 8)


ALL = [layers, activations, quantization]
