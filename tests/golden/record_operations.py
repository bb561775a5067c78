#!/usr/bin/env python3
"""Records operations computed by PyTorch in float64: operations.npz.

For each case the inputs; `up`, the gradient that flows into the result; the result `out`; the
gradients `grad0`, ... of the real inputs; and `second0`, ..., the gradients of the sum over these
inputs x of sum(x.detach() * gradient of x), left out where they are zeros. A list of results is
joined first. golden_operations_test.cpp has the same cases in C++.

Needs torch (made with 1.13.0); the test reads the recorded file only. Run: record_operations.py
"""
from pathlib import Path

import numpy
import torch
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(5)
INF = float("inf")


def normal(*shape):
    return torch.randn(shape)


def positive(*shape):
    return torch.rand(shape) * 2 + 0.3


def whole(high, *shape):
    return torch.randint(0, high, shape)


def joined(parts):
    return torch.cat([part.flatten() for part in parts])


def batch_norm(x, weight, bias):
    return F.batch_norm(x, None, None, weight, bias, True, 0.1, 1e-5)


def reflected(x, before, after):  # along axis 1
    place = torch.arange(-before, x.shape[1] + after).abs()
    last = x.shape[1] - 1
    return x.index_select(1, torch.where(place > last, 2 * last - place, place))


# Ordinary values, then those where formulas overflow or lose their digits.
wide = torch.tensor([-0.7, 0.4, 1.9, 1e-10, -1e-10, 9.0, -9.0, 40.0, -40.0, 100.0, -100.0, -800.0])
flags = torch.tensor([[True], [False]])
ties = torch.tensor([[1.0, 3.0, 3.0, 2.0], [5.0, 5.0, 5.0, 5.0], [-1.0, 0.0, -2.0, 0.0]])
zeros = torch.tensor([[2.0, 0.0, 5.0], [0.0, 3.0, 0.0], [2.0, 3.0, 4.0]])
x, y, image = normal(2, 3, 4), normal(3, 1), normal(1, 4, 5, 5)

CASES = {
    "add": (torch.add, x, y),
    "sub": (torch.sub, y, x),
    "mul": (torch.mul, x, y),
    "div": (torch.div, x, positive(4)),
    "numbers": (lambda x: 2.0 / (3.0 - x) + (x * 2.0 - 1.0) / 4.0, x),
    "neg": (torch.neg, x),
    "pow": (torch.pow, positive(3, 1), normal(4)),
    "pow.number": (lambda x: x ** 3.0 + 2.0 ** x, normal(5)),
    "pow.fraction": (lambda x: x ** -1.5, positive(5)),
    "maximum": (torch.maximum, ties, normal(3, 1)),
    "minimum": (torch.minimum, ties, normal(4)),
    "where": (torch.where, flags, normal(2, 3), normal(3)),
    "exp": (torch.exp, wide[:9]),
    "expm1": (torch.expm1, wide[:9]),
    "log": (torch.log, positive(5)),
    "log1p": (torch.log1p, torch.tensor([1e-10, 0.5, -0.5, 1e5])),
    "sqrt": (torch.sqrt, positive(5)),
    "rsqrt": (torch.rsqrt, positive(5)),
    "square": (torch.square, x),
    "abs": (torch.abs, x),
    "sign": (torch.sign, x),
    "sin": (torch.sin, wide[:7]),
    "cos": (torch.cos, wide[:7]),
    "erf": (torch.erf, wide[:7]),
    "tanh": (torch.tanh, wide),
    "sigmoid": (torch.sigmoid, wide),
    "softplus": (lambda x: F.softplus(x, threshold=500), wide),
    "relu": (torch.relu, wide),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.2), wide),
    "elu": (lambda x: F.elu(x, 0.7), wide),
    "selu": (torch.selu, wide),
    "silu": (F.silu, wide),
    "gelu": (F.gelu, wide),
    "gelu.tanh": (lambda x: F.gelu(x, approximate="tanh"), wide),
    "hardtanh": (lambda x: F.hardtanh(x, -0.5, 1.9), wide),
    "clip": (lambda x: torch.clamp(x, -0.7, 1.0), wide),
    "sum": (lambda x: x.sum((0, 2)), x),
    "sum.none": (lambda x: x.sum(0), normal(0, 3)),
    "mean": (lambda x: x.mean(1, keepdim=True), x),
    "var": (lambda x: x.var((0, 1)), x),
    "var.population": (lambda x: x.var((1, 2), unbiased=False, keepdim=True), x),
    "max": (lambda x: x.amax(1), ties),
    "min": (lambda x: x.amin((0, 1)), ties),
    "prod": (lambda x: x.prod(1), zeros),
    "prod.none": (lambda x: x.prod(0), normal(0, 3)),
    "norm": (lambda x: torch.linalg.vector_norm(x, 2, (0, 2)), x),
    "norm.1": (lambda x: torch.linalg.vector_norm(x, 1, 1, True), x),
    "norm.3": (lambda x: torch.linalg.vector_norm(x, 3), x),
    "norm.inf": (lambda x: torch.linalg.vector_norm(x, INF, 2), x),
    "logsumexp": (lambda x: x.logsumexp((0, 2)), x * 100),
    "cumsum": (lambda x: x.cumsum(1), x),
    "sum_to": (lambda x: x.sum_to_size(3, 1), x),
    "reshape": (lambda x: x.reshape(4, -1), x),
    "flatten": (lambda x: x.flatten(1), x),
    "transpose": (lambda x: x.transpose(0, 2), x),
    "permute": (lambda x: x.permute(2, 0, 1), x),
    "squeeze": (lambda x: x.squeeze(1), y),
    "unsqueeze": (lambda x: x.unsqueeze(-1), y),
    "expand": (lambda x: x.expand(2, -1, 4), y),
    "broadcast_to": (lambda x: x.broadcast_to(2, 3, 4), y),
    "slice": (lambda x: x[:, 1:].flip(2)[:, :, ::2], x),
    "index_select": (lambda x, i: x.index_select(1, i), x, whole(3, 5)),
    "take": (lambda x, i: x[i], x, whole(2, 2, 2)),
    "gather": (lambda x, i: x.gather(2, i), x, whole(4, 2, 3, 5)),
    "take_along_axis": (lambda x, i: torch.take_along_dim(x, i, 1), x, whole(3, 1, 2, 4)),
    "scatter_add": (lambda x, i, s: x.scatter_add(2, i, s), x, whole(4, 2, 3, 5), normal(2, 3, 5)),
    "index_add": (lambda x, i, s: x.index_add(1, i, s), x, whole(3, 5), normal(2, 5, 4)),
    "concat": (lambda *parts: torch.cat(parts, 1), x, normal(2, 1, 4), normal(2, 0, 4)),
    "stack": (lambda *parts: torch.stack(parts, -1), x, normal(2, 3, 4)),
    "split": (lambda x: joined(x.split([1, 3], 2)), x),
    "chunk": (lambda x: joined(x.chunk(3, 2)), x),
    "pad": (lambda x: F.pad(x, (2, -1, 0, 1), value=2.0), x),
    "pad.reflect": (lambda x: reflected(x, 2, 1), x),
    "pad.replicate": (lambda x: x.index_select(2, torch.arange(-3, 6).clamp(0, 3)), x),
    "flip": (lambda x: x.flip((0, 2)), x),
    "roll": (lambda x: x.roll((1, -2), (2, 1)), x),
    "tile": (lambda x: x.tile((2, 1, 3)), y),
    "repeat": (lambda x: x.repeat_interleave(3, 1), x),
    "tril": (lambda x: x.tril(1), x),
    "triu": (lambda x: x.triu(-1), x),
    "matmul": (torch.matmul, normal(2, 1, 3, 4), normal(3, 4, 2)),
    "matmul.vectors": (lambda a, b, c: (a @ b) * (b @ c), normal(3), normal(3, 3), normal(3)),
    "matmul.transposed": (lambda a, b: a.mT @ b.mT, normal(2, 4, 3), normal(2, 5, 4)),
    "matmul.none": (torch.matmul, normal(2, 0), normal(0, 3)),
    "dot": (torch.dot, normal(5), normal(5)),
    "outer": (torch.outer, normal(3), normal(4)),
    "linear": (F.linear, x, normal(5, 4), normal(5)),
    "einsum": (lambda a, b: torch.einsum("bij,kjc->kib", a, b), x, normal(3, 4, 2)),
    "conv2d": (lambda *a: F.conv2d(*a, (1, 2), (2, 1), (2, 1)), image, normal(3, 4, 2, 3),
               normal(3)),
    "conv2d.groups": (lambda x, w: F.conv2d(x, w, groups=2), image, normal(4, 2, 3, 2)),
    "conv2d.depthwise": (lambda x, w: F.conv2d(x, w, padding="same", groups=4), image,
                         normal(4, 1, 3, 2)),
    "conv1d": (lambda *a: F.conv1d(*a, 2, 1), x, normal(2, 3, 3), normal(2)),
    "conv_transpose2d": (lambda *a: F.conv_transpose2d(*a, (2, 3), (1, 0), (1, 2)),
                         normal(2, 2, 3, 2), normal(2, 3, 3, 2), normal(3)),
    "conv_transpose2d.groups": (lambda x, w: F.conv_transpose2d(x, w, groups=2, dilation=2),
                                normal(1, 4, 3, 3), normal(4, 1, 2, 3)),
    "conv_transpose1d": (lambda *a: F.conv_transpose1d(*a, 3, 1), x, normal(3, 2, 4), normal(2)),
    "max_pool2d": (lambda x: F.max_pool2d(x, (3, 2), 2, 1), image),
    "max_pool1d": (lambda x: F.max_pool1d(x, 2, 1, dilation=2), x),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 3, 2, 1, True, False), image),
    "avg_pool1d": (lambda x: F.avg_pool1d(x, 3, 2, 1), x),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, (3, 4)), image),
    "global_avg_pool2d": (lambda x: x.mean((2, 3), keepdim=True), image),
    "global_max_pool2d": (lambda x: x.amax((2, 3), keepdim=True), image),
    "upsample": (lambda x: F.interpolate(x, scale_factor=(2, 3)), normal(1, 2, 2, 3)),
    "resize": (lambda x: F.interpolate(x, (7, 4)), normal(1, 2, 3, 5)),
    "resize.bilinear": (lambda x: F.interpolate(x, (7, 4), mode="bilinear"), normal(1, 2, 3, 5)),
    "resize.aligned": (lambda x: F.interpolate(x, (7, 4), mode="bilinear", align_corners=True),
                       normal(1, 2, 3, 5)),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), normal(1, 8, 2, 3)),
    "pixel_unshuffle": (lambda x: F.pixel_unshuffle(x, 2), normal(1, 2, 4, 6)),
    "unfold": (lambda x: F.unfold(x, (2, 3), (2, 1), (1, 0), (1, 2)), normal(1, 2, 3, 4)),
    "fold": (lambda x: F.fold(x, (4, 5), 2, 2, 1, (1, 2)), normal(1, 4, 12)),
    "softmax": (lambda x: x.softmax(1), x * 30),
    "log_softmax": (lambda x: x.log_softmax(-1), x * 300),
    "softmax_cross_entropy": (lambda x, i: F.cross_entropy(x, i, reduction="none"),
                              normal(4, 5) * 30, whole(5, 4)),
    "batch_norm": (batch_norm, normal(3, 2, 2, 3), positive(2), normal(2)),
}


def second_order(gradients, leaves):
    total = sum((leaf.detach() * gradient).sum() for leaf, gradient in zip(leaves, gradients))
    if not total.requires_grad:
        return {}
    results = torch.autograd.grad(total, leaves, allow_unused=True)
    return {f"second{i}": x for i, x in enumerate(results) if x is not None and x.any()}


record = {}
for name, (function, *inputs) in CASES.items():
    inputs = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    leaves = [x for x in inputs if x.requires_grad]
    out = function(*inputs)
    up = torch.randn(out.shape)
    gradients = torch.autograd.grad(out, leaves, up, create_graph=True)
    values = {"up": up, "out": out}
    values |= {f"in{i}": x for i, x in enumerate(inputs)}
    values |= {f"grad{i}": x for i, x in enumerate(gradients)}
    values |= second_order(gradients, leaves)
    record |= {f"{name}/{key}": x.detach().numpy() for key, x in values.items()}
numpy.savez_compressed(Path(__file__).parent / "operations.npz", **record)
