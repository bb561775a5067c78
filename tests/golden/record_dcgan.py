#!/usr/bin/env python3
"""Records ten steps of a small DCGAN from PyTorch: dcgan_10_steps_float64.npz and ..._float32.npz.

Needs torch, so the tests do not run it; they hold mnemo against the two files (made with torch 1.13
on one thread). The networks, with the names of the tensors:

  generator      z [8, 5] -> project: Dense(5, 54) -> [6, 3, 3] -> norm1: BatchNorm2d(6) -> ReLU
                 -> up1: ConvTranspose2d(6, 4, kernel 4, stride 2, padding 1, no bias)
                 -> norm2: BatchNorm2d(4) -> ReLU
                 -> up2: ConvTranspose2d(4, 1, kernel 4, stride 2, padding 1)
                 -> tanh: [8, 1, 12, 12]
  discriminator  down1: Conv2d(1, 4, kernel 4, stride 2, padding 1) -> LeakyReLU(0.2)
                 -> down2: Conv2d(4, 6, kernel 4, stride 2, padding 1, no bias)
                 -> norm: BatchNorm2d(6) -> LeakyReLU(0.2) -> flatten -> score: Dense(54, 1)

Each step: fake = G(z[t]); loss D = bce(D(real[t]), 1) + bce(D(fake cut off), 0); Adam on D; then
loss G = bce(D(fake), 1) with the new D; Adam on G. The arrays:

  z [10, 8, 5], real [10, 8, 1, 12, 12], options/learning_rate, options/beta1, options/beta2
  start/<network>/<parameter or running statistic>           before the first step
  expected/discriminator_loss [10], expected/generator_loss [10]
  expected/<network>/<parameter or running statistic> [10, ...]    after each step
  expected/<network>_optimizer/exp_avg/<parameter> [10, ...], and exp_avg_sq alike
"""
import os

import numpy as np
import torch
from torch import nn

from generate import values

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS, BATCH = 10, 8


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.project, self.norm1 = nn.Linear(5, 54), nn.BatchNorm2d(6)
        self.up1, self.norm2 = nn.ConvTranspose2d(6, 4, 4, 2, 1, bias=False), nn.BatchNorm2d(4)
        self.up2 = nn.ConvTranspose2d(4, 1, 4, 2, 1)

    def forward(self, z):
        x = torch.relu(self.norm1(self.project(z).reshape(-1, 6, 3, 3)))
        return torch.tanh(self.up2(torch.relu(self.norm2(self.up1(x)))))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(1, 4, 4, 2, 1), nn.Conv2d(4, 6, 4, 2, 1, bias=False)
        self.norm, self.score = nn.BatchNorm2d(6), nn.Linear(54, 1)

    def forward(self, x):
        x = nn.functional.leaky_relu(self.down1(x), 0.2)
        return self.score(nn.functional.leaky_relu(self.norm(self.down2(x)), 0.2).flatten(1))


def tensors(network):
    """Parameters and running statistics by mnemo's names."""
    return {name.replace(".", "/"): tensor for name, tensor in network.state_dict().items()
            if not name.endswith("num_batches_tracked")}


def fill(network, seed):
    for offset, (name, parameter) in enumerate(network.named_parameters()):
        norm = name.startswith("norm")
        low, high = (0.5, 1.5) if norm and name.endswith("weight") else (-0.4, 0.4)
        with torch.no_grad():
            parameter.copy_(torch.tensor(values(seed + offset, parameter.shape, low, high)))


def bce(logits, target):
    return nn.functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def record(dtype):
    torch.set_num_threads(1)
    networks = {"generator": Generator().to(dtype), "discriminator": Discriminator().to(dtype)}
    generator, discriminator = networks.values()
    fill(generator, 501)
    fill(discriminator, 521)
    options = {"learning_rate": 2e-3, "beta1": 0.5, "beta2": 0.999}
    optimizers = {name: torch.optim.Adam(network.parameters(), options["learning_rate"],
                                         (options["beta1"], options["beta2"]))
                  for name, network in networks.items()}
    z = torch.tensor(values(541, (STEPS, BATCH, 5)), dtype=dtype)
    real = torch.tensor(values(542, (STEPS, BATCH, 1, 12, 12)), dtype=dtype)

    file = {"z": z.numpy(), "real": real.numpy()}
    file.update({f"options/{key}": np.asarray(value) for key, value in options.items()})
    for name, network in networks.items():
        for key, tensor in tensors(network).items():
            file[f"start/{name}/{key}"] = tensor.numpy().copy()
    expected = {}

    def note(key, tensor):
        expected.setdefault("expected/" + key, []).append(tensor.detach().numpy().copy())

    for t in range(STEPS):
        fake = generator(z[t])
        d_loss = bce(discriminator(real[t]), 1.0) + bce(discriminator(fake.detach()), 0.0)
        optimizers["discriminator"].zero_grad()
        d_loss.backward()
        optimizers["discriminator"].step()
        g_loss = bce(discriminator(fake), 1.0)
        optimizers["generator"].zero_grad()
        g_loss.backward()
        optimizers["generator"].step()

        note("discriminator_loss", d_loss)
        note("generator_loss", g_loss)
        for name, network in networks.items():
            for key, tensor in tensors(network).items():
                note(f"{name}/{key}", tensor)
            for word in ("exp_avg", "exp_avg_sq"):
                for key, parameter in network.named_parameters():
                    note(f"{name}_optimizer/{word}/{key.replace('.', '/')}",
                         optimizers[name].state[parameter][word])
    file.update({key: np.stack(states) for key, states in expected.items()})
    return file


if __name__ == "__main__":
    for dtype in (torch.float64, torch.float32):
        path = os.path.join(HERE, f"dcgan_10_steps_{str(dtype).split('.')[1]}.npz")
        np.savez(path, **record(dtype))
        print(f"{path}: {os.path.getsize(path)} bytes, torch {torch.__version__}")
