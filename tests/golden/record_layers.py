#!/usr/bin/env python3
"""Records layers, losses and penalties computed by PyTorch in float64: layers.npz and torch_losses.npz.

Needs torch (made with 1.13.0); the tests read the recorded files only. Run: record_layers.py
"""
from pathlib import Path

import numpy
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

torch.set_default_dtype(torch.float64)
torch.manual_seed(3)
torch.set_num_threads(1)
FOLDER = Path(__file__).parent


def numbers(tensor):
    return tensor.detach().numpy().copy()


class Rms(nn.Module):
    """As torch.nn.RMSNorm of later versions, by its formula."""

    def __init__(self, shape, epsilon):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape))
        self.axes, self.epsilon = tuple(range(-len(shape), 0)), epsilon

    def forward(self, x):
        return x / torch.sqrt((x * x).mean(self.axes, keepdim=True) + self.epsilon) * self.weight


class Res(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential()
        self.body.add_module("conv", nn.Conv2d(3, 4, 3, padding=1))
        self.body.add_module("act", nn.GELU())
        self.shortcut = nn.Conv2d(3, 4, 1, bias=False)

    def forward(self, x):
        return self.shortcut(x) + self.body(x)


def own_name(name):
    return name.replace("weight_orig", "weight").replace(".", "/")


def state(module):
    return {own_name(name): numbers(value) for name, value in module.state_dict().items()
            if not name.endswith("num_batches_tracked")}


def layer(record, case, module, x, call=None, warm=None):
    """The state before, the input, the output, gradients of sum(upstream * y), the state after."""
    for name, parameter in module.named_parameters():
        if name.endswith(("weight", "bias")) and parameter.dim() == 1:  # ones and zeros hide mistakes
            nn.init.normal_(parameter, 0.5, 0.5)
    if warm is not None:
        module(warm)
    for name, value in state(module).items():
        record[f"{case}/state/{name}"] = value
    x = x.clone()
    if x.is_floating_point():
        x.requires_grad_()
    y = (call or module)(x)
    upstream = torch.randn_like(y)
    named = dict(module.named_parameters())
    inputs = ([x] if x.requires_grad else []) + list(named.values())
    gradients = list(torch.autograd.grad((y * upstream).sum(), inputs)) if inputs else []
    record[f"{case}/x"] = numbers(x)
    record[f"{case}/upstream"] = numbers(upstream)
    record[f"{case}/y"] = numbers(y)
    if x.requires_grad:
        record[f"{case}/x_gradient"] = numbers(gradients.pop(0))
    for name, gradient in zip(named, gradients):
        record[f"{case}/gradient/{own_name(name)}"] = numbers(gradient)
    for name, value in state(module).items():
        record[f"{case}/after/{name}"] = value


def record_layers():
    record = {}
    image, line, flat = torch.randn(3, 4, 5, 6), torch.randn(3, 4, 9), torch.randn(5, 6)
    layer(record, "dense", nn.Linear(6, 3), flat)
    layer(record, "conv2d", nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2), image)
    layer(record, "conv_transpose2d",
          nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), image)
    layer(record, "conv1d", nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2), line)
    layer(record, "conv_transpose1d",
          nn.ConvTranspose1d(4, 6, 3, stride=3, padding=1, output_padding=2), line)
    layer(record, "batch_norm1d", nn.BatchNorm1d(6), flat, warm=flat * 2 + 1)
    layer(record, "batch_norm1d_line", nn.BatchNorm1d(4, eps=1e-3, momentum=0.3), line)
    layer(record, "batch_norm2d", nn.BatchNorm2d(4), image, warm=image * 2 + 1)
    layer(record, "batch_norm2d_eval", nn.BatchNorm2d(4).eval(), image)
    layer(record, "layer_norm", nn.LayerNorm(6), flat)
    layer(record, "layer_norm_two_axes", nn.LayerNorm((5, 6), eps=1e-2), image)
    layer(record, "group_norm", nn.GroupNorm(2, 4), image)
    layer(record, "group_norm_flat", nn.GroupNorm(3, 6), flat)
    layer(record, "instance_norm2d", nn.InstanceNorm2d(4), image)
    layer(record, "instance_norm2d_affine", nn.InstanceNorm2d(4, affine=True), image)
    layer(record, "rms_norm", Rms((6,), 1e-5), flat)
    layer(record, "rms_norm_two_axes", Rms((5, 6), 1e-2), image)
    layer(record, "spectral_dense", spectral_norm(nn.Linear(6, 3)), flat)
    layer(record, "spectral_conv2d", spectral_norm(nn.Conv2d(4, 6, 3), n_power_iterations=3), image)
    layer(record, "spectral_conv_transpose2d", spectral_norm(nn.ConvTranspose2d(4, 6, 3)), image)
    layer(record, "spectral_eval", spectral_norm(nn.Linear(6, 3)).eval(), flat, warm=flat)
    layer(record, "embedding", nn.Embedding(7, 3), torch.tensor([[1, 6, 1], [0, 2, 1]]))
    layer(record, "residual", Res(), torch.randn(2, 3, 5, 5))
    for name, module in {
            "relu": nn.ReLU(), "leaky_relu": nn.LeakyReLU(0.2), "tanh": nn.Tanh(),
            "sigmoid": nn.Sigmoid(), "softplus": nn.Softplus(), "elu": nn.ELU(0.7), "selu": nn.SELU(),
            "silu": nn.SiLU(), "gelu": nn.GELU(), "gelu_tanh": nn.GELU("tanh"),
            "hardtanh": nn.Hardtanh(-0.5, 0.7), "softmax": nn.Softmax(-1),
            "log_softmax": nn.LogSoftmax(-1)}.items():
        layer(record, name, module, flat)
    for name, module in {
            "max_pool2d": nn.MaxPool2d(2), "max_pool2d_padded": nn.MaxPool2d(3, 2, padding=1),
            "avg_pool2d": nn.AvgPool2d(2), "avg_pool2d_padded": nn.AvgPool2d(3, 2, padding=1),
            "adaptive_avg_pool2d": nn.AdaptiveAvgPool2d((3, 4)),
            "upsample_nearest": nn.Upsample(scale_factor=2),
            "upsample_bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
            "pixel_shuffle": nn.PixelShuffle(2)}.items():
        layer(record, name, module, image)
    record_attention(record)
    with torch.random.fork_rng():  # added later: the losses keep their random numbers
        for name, module in {
                "batch_norm1d_plain": nn.BatchNorm1d(4, affine=False),
                "max_pool1d": nn.MaxPool1d(3, 2, padding=1),
                "avg_pool1d": nn.AvgPool1d(3, 2, padding=1)}.items():
            layer(record, name, module, line)
    numpy.savez(FOLDER / "layers.npz", **record)


def record_attention(record):
    x = torch.randn(2, 5, 8)
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    nn.init.normal_(attention.in_proj_bias)
    layer(record, "attention", attention, x, lambda v: attention(v, v, v)[0])
    causal = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    layer(record, "attention_masked", attention, x,
          lambda v: attention(v, v, v, attn_mask=causal, key_padding_mask=padding)[0])
    added = torch.randn(5, 5)
    record["attention_added/mask"] = numbers(added)
    layer(record, "attention_added", attention, x, lambda v: attention(v, v, v, attn_mask=added)[0])
    memory = torch.randn(2, 3, 8)
    record["attention_cross/memory"] = numbers(memory)
    layer(record, "attention_cross", attention, x, lambda v: attention(v, memory, memory)[0])


def loss(record, case, function, prediction, target, **constants):
    prediction = prediction.clone().requires_grad_()
    record[f"{case}/prediction"], record[f"{case}/target"] = numbers(prediction), numbers(target)
    for name, value in constants.items():
        record[f"{case}/{name}"] = numbers(value)
    for reduction in ("mean", "sum", "none"):
        value = function(prediction, target, reduction=reduction, **constants)
        record[f"{case}/{reduction}"] = numbers(value)
        gradient, = torch.autograd.grad(value.sum(), prediction)
        record[f"{case}/{reduction}_gradient"] = numbers(gradient)


def record_losses():
    record = {}
    a, b = 2 * torch.randn(4, 5), torch.randn(4, 5)
    loss(record, "mse", F.mse_loss, a, b)
    loss(record, "l1", F.l1_loss, a, b)
    loss(record, "huber", lambda p, t, **o: F.huber_loss(p, t, delta=0.7, **o), a, b)
    chances = torch.rand(4, 5)
    edges = torch.cat([chances, torch.tensor([[0., 1., 0., 1., 1e-300]])])
    labels = torch.cat([torch.rand(4, 5), torch.tensor([[0., 1., 1., 0., 1.]])])
    loss(record, "bce", F.binary_cross_entropy, edges, labels)
    extreme = torch.tensor([[1000., -1000., 1000., -1000., 0.], [40., -40., 15., -15., 0.]])
    hard = torch.tensor([[1., 0., 0., 1., 1.], [1., 0., 1., 0., 0.3]])
    loss(record, "bce_with_logits", F.binary_cross_entropy_with_logits, extreme, hard)
    loss(record, "bce_with_logits_weighted", F.binary_cross_entropy_with_logits, a, chances,
         pos_weight=torch.rand(5) + 0.5)
    loss(record, "bce_with_logits_smoothed",
         lambda p, t, **o: F.binary_cross_entropy_with_logits(p, t * 0.8 + 0.1, **o), a, chances)
    classes = torch.tensor([1, 4, 0, 2])
    weight = torch.rand(5) + 0.5
    far = a.clone()
    far[0, 2], far[1, 1] = 1e4, -1e4
    loss(record, "cross_entropy", F.cross_entropy, a, classes)
    loss(record, "cross_entropy_extreme", F.cross_entropy, far, classes)
    loss(record, "cross_entropy_weighted", F.cross_entropy, a, classes, weight=weight)
    some = torch.tensor([1, -100, 0, -100])
    loss(record, "cross_entropy_ignored", F.cross_entropy, a, some, weight=weight)
    third = lambda p, t, **o: F.cross_entropy(p, t, ignore_index=2, label_smoothing=0.1, **o)
    loss(record, "cross_entropy_smoothed", third, a, classes, weight=weight)
    loss(record, "cross_entropy_unweighted_smoothed", third, a, classes)
    loss(record, "cross_entropy_chances", F.cross_entropy, a, torch.softmax(b, 1), weight=weight)
    smoothed = lambda p, t, **o: F.cross_entropy(p, t, label_smoothing=0.1, **o)
    loss(record, "cross_entropy_chances_smoothed", smoothed, a, torch.softmax(b, 1), weight=weight)
    pictures, maps = torch.randn(2, 3, 4, 2), torch.randint(0, 3, (2, 4, 2))
    maps[0, 1, 1] = -100
    loss(record, "cross_entropy_maps", smoothed, pictures, maps, weight=torch.rand(3) + 0.5)
    loss(record, "cross_entropy_map_chances", smoothed, pictures,
         torch.softmax(torch.randn(2, 3, 4, 2), 1))
    logs = torch.log_softmax(a, 1)
    loss(record, "nll", F.nll_loss, logs, classes)
    loss(record, "nll_weighted", F.nll_loss, logs, some, weight=weight)
    zero = torch.softmax(b, 1)
    zero[0, 0] = 0.0
    loss(record, "kl_div", F.kl_div, logs, zero)
    loss(record, "kl_div_log", lambda p, t, **o: F.kl_div(p, t, log_target=True, **o), logs,
         torch.log_softmax(b, 1))
    record_penalties(record, "penalty", {
        "down1": nn.Conv2d(1, 4, 4, 2, 1), "act1": nn.LeakyReLU(0.2),
        "down2": nn.Conv2d(4, 6, 3, 2, 1), "act2": nn.Tanh(),
        "flatten": nn.Flatten(), "score": nn.Linear(24, 1)})
    record_penalties(record, "penalty_norms", {
        "down1": nn.Conv2d(1, 4, 4, 2, 1), "norm1": nn.InstanceNorm2d(4, affine=True),
        "act1": nn.SiLU(), "down2": nn.Conv2d(4, 6, 3, 2, 1, groups=2), "norm2": nn.LayerNorm((6, 2, 2)),
        "act2": nn.LeakyReLU(0.2), "flatten": nn.Flatten(), "score": nn.Linear(24, 1)})
    loss(record, "bce_with_logits_both",
         lambda p, t, **o: F.binary_cross_entropy_with_logits(p, t * 0.8 + 0.1, **o), a, chances,
         pos_weight=torch.rand(5) + 0.5)
    numpy.savez(FOLDER / "torch_losses.npz", **record)


def record_penalties(record, prefix, modules):
    """Penalties of a convolutional critic and their gradients: second derivatives everywhere."""
    critic = nn.Sequential()
    for name, module in modules.items():
        critic.add_module(name, module)
    for parameter in critic.parameters():
        nn.init.normal_(parameter, 0.0, 0.4)
    real = torch.randn(3, 1, 8, 8)
    record[f"{prefix}/real"] = numbers(real)
    samples = real.clone().requires_grad_()
    gradient, = torch.autograd.grad(critic(samples).sum(), samples, create_graph=True)
    gradient = gradient.flatten(1)
    penalties = {"gradient_penalty": ((gradient.norm(2, dim=1) - 1) ** 2).mean(),
                 "r1_penalty": gradient.pow(2).sum(1).mean()}
    for name, value in state(critic).items():
        record[f"{prefix}/state/{name}"] = value
    for case, value in penalties.items():
        record[f"{prefix}/{case}"] = numbers(value)
        named = dict(critic.named_parameters())
        gradients = torch.autograd.grad(value, list(named.values()), retain_graph=True,
                                        allow_unused=True)
        for name, result in zip(named, gradients):
            if result is not None:
                record[f"{prefix}/{case}_gradient/{own_name(name)}"] = numbers(result)


record_layers()
record_losses()
