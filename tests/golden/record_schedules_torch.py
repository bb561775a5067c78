#!/usr/bin/env python3
"""Records schedules_torch.npz from PyTorch: the learning rates of 60 steps, for two groups.

    record_schedules_torch.py        writes it beside this file (needs torch; recorded with 1.13)

`<schedule>` is [step, group]: the rates in force at step 0, 1, ... Those that reduce on a plateau were
given `metric` [step] before each step but the first. The tests read this file; they do not need PyTorch.
"""
import os
import warnings

import numpy as np
import torch
from torch.optim import lr_scheduler as s

STEPS, BASES = 60, [0.1, 0.03]
warnings.simplefilter("ignore")  # the optimizer takes no step here

SCHEDULES = {
    "constant": lambda o: s.ConstantLR(o, factor=0.5, total_iters=7),
    "step_decay": lambda o: s.StepLR(o, step_size=9, gamma=0.3),
    "multi_step": lambda o: s.MultiStepLR(o, milestones=[5, 30, 41], gamma=0.5),
    "exponential": lambda o: s.ExponentialLR(o, gamma=0.97),
    "polynomial": lambda o: s.PolynomialLR(o, total_iters=40, power=1.7),
    "cosine": lambda o: s.CosineAnnealingLR(o, T_max=STEPS, eta_min=1e-3),
    "cosine_restarts": lambda o: s.CosineAnnealingWarmRestarts(o, T_0=11, eta_min=2e-3),
    "cosine_restarts_growing": lambda o: s.CosineAnnealingWarmRestarts(o, T_0=4, T_mult=3),
    "linear_warm_up": lambda o: s.LinearLR(o, start_factor=0.1, total_iters=13),
    "one_cycle": lambda o: s.OneCycleLR(o, max_lr=BASES, total_steps=STEPS, cycle_momentum=False),
    "one_cycle_linear": lambda o: s.OneCycleLR(
        o, max_lr=BASES, total_steps=50 + STEPS, pct_start=0.2, anneal_strategy="linear", div_factor=10.0,
        final_div_factor=100.0, cycle_momentum=False),
    "function": lambda o: s.LambdaLR(o, lambda step: 1.0 / (1.0 + 0.1 * step)),
    "sequence": lambda o: s.SequentialLR(
        o, [s.LinearLR(o, start_factor=0.2, total_iters=10), s.ExponentialLR(o, gamma=0.9)], milestones=[10]),
    "combined": lambda o: s.ChainedScheduler(
        [s.LinearLR(o, start_factor=0.2, total_iters=10), s.StepLR(o, step_size=20, gamma=0.5)]),
    "plateau": lambda o: s.ReduceLROnPlateau(o, patience=2, factor=0.5),
    "plateau_absolute": lambda o: s.ReduceLROnPlateau(
        o, patience=1, factor=0.3, threshold=0.05, threshold_mode="abs", cooldown=3, min_lr=0.004),
    "plateau_maximum": lambda o: s.ReduceLROnPlateau(o, mode="max", patience=4, factor=0.7, threshold=0.01),
}


def main():
    random = np.random.RandomState(3)
    metric = np.exp(-np.arange(STEPS) / 20.0) + random.normal(0, 0.05, STEPS)
    file = {"metric": metric}
    for name, make in SCHEDULES.items():
        parameters = [torch.zeros(1, requires_grad=True) for _ in BASES]
        optimizer = torch.optim.SGD(
            [{"params": [p], "lr": base} for p, base in zip(parameters, BASES)], lr=1.0)
        schedule = make(optimizer)
        rates = []
        for step in range(STEPS):
            if step > 0:
                schedule.step(*([metric[step]] if name.startswith("plateau") else []))
            rates.append([group["lr"] for group in optimizer.param_groups])
        file[name] = np.array(rates)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "schedules_torch.npz")
    np.savez(path, **file)
    print(f"{path}: {len(file)} arrays, {os.path.getsize(path)} bytes, PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
