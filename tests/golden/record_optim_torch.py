#!/usr/bin/env python3
"""Records optim_torch.npz from PyTorch: what its optimizers make of two parameters in 20 steps.

    record_optim_torch.py        writes it beside this file (needs torch; recorded with 1.13)

`start/<parameter>` and `gradients/<parameter>` [step, ...] are common to all. Of each variant there is
its `<variant>/family`, `<variant>/options/<word>` in the words of mnemo, `<variant>/missing/<parameter>`
(the steps in which that parameter had no gradient) and, in both precisions, the parameter and every
state tensor after each step: `<variant>/<dtype>/parameter/<parameter>`,
`<variant>/<dtype>/exp_avg/<parameter>`. The tests read this file; they do not need PyTorch.
"""
import os

import numpy as np
import torch

STEPS = 20
FAMILIES = ["sgd", "adam", "adamw", "rmsprop", "adagrad"]  # `family` is the index
CLASSES = [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adagrad]
# The words that differ. `betas` becomes beta1 and beta2.
WORDS = {"lr": "learning_rate", "eps": "epsilon", "lr_decay": "learning_rate_decay",
         "initial_accumulator_value": "initial_accumulator"}

VARIANTS = {
    "sgd": ("sgd", dict(lr=0.05)),
    "sgd_weight_decay": ("sgd", dict(lr=0.05, weight_decay=0.1)),
    "sgd_maximize": ("sgd", dict(lr=0.05, maximize=True)),
    "sgd_momentum": ("sgd", dict(lr=0.05, momentum=0.9)),
    "sgd_momentum_weight_decay_maximize": (
        "sgd", dict(lr=0.05, momentum=0.9, weight_decay=0.1, maximize=True)),
    "sgd_dampening": ("sgd", dict(lr=0.05, momentum=0.9, dampening=0.3)),
    "sgd_nesterov": ("sgd", dict(lr=0.05, momentum=0.9, nesterov=True)),
    "sgd_nesterov_weight_decay": ("sgd", dict(lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.05)),
    "sgd_dampening_missing": ("sgd", dict(lr=0.05, momentum=0.9, dampening=0.3)),
    "adam": ("adam", dict(lr=0.01)),
    "adam_gan": ("adam", dict(lr=2e-4, betas=(0.5, 0.999))),
    "adam_weight_decay": ("adam", dict(lr=0.01, weight_decay=0.1)),
    "adam_maximize": ("adam", dict(lr=0.01, maximize=True)),
    "adam_epsilon": ("adam", dict(lr=0.01, eps=0.1)),
    "adam_missing": ("adam", dict(lr=0.01)),
    "amsgrad": ("adam", dict(lr=0.01, betas=(0.9, 0.9), amsgrad=True)),
    "amsgrad_weight_decay_missing": (
        "adam", dict(lr=0.01, betas=(0.9, 0.8), amsgrad=True, weight_decay=0.1)),
    "adamw": ("adamw", dict(lr=0.01)),
    "adamw_decay_maximize": ("adamw", dict(lr=0.01, weight_decay=0.5, maximize=True)),
    "adamw_amsgrad": ("adamw", dict(lr=0.01, betas=(0.9, 0.9), weight_decay=0.2, amsgrad=True)),
    "rmsprop": ("rmsprop", dict(lr=0.01)),
    "rmsprop_weight_decay": ("rmsprop", dict(lr=0.01, weight_decay=0.1)),
    "rmsprop_centered": ("rmsprop", dict(lr=0.01, alpha=0.9, eps=1e-3, centered=True)),
    "rmsprop_momentum": ("rmsprop", dict(lr=0.01, momentum=0.9)),
    "rmsprop_centered_momentum_maximize": (
        "rmsprop", dict(lr=0.01, alpha=0.9, eps=1e-3, centered=True, momentum=0.9, maximize=True)),
    "adagrad": ("adagrad", dict(lr=0.05)),
    "adagrad_decays": (
        "adagrad", dict(lr=0.05, lr_decay=0.1, weight_decay=0.05, initial_accumulator_value=0.2)),
    "adagrad_decay_missing": ("adagrad", dict(lr=0.05, lr_decay=0.1, maximize=True)),
}
MISSING = {"bias": [0, 1, 2, 7, 12], "weight": [4]}  # in the variants of that name


def inputs():
    random = np.random.RandomState(7)
    start = {"weight": random.uniform(-1, 1, (2, 3)), "bias": random.uniform(-1, 1, 3)}
    gradients = {name: random.normal(0, 0.5, (STEPS, *array.shape)) for name, array in start.items()}
    gradients["bias"][:, 0] *= 1e-4   # small, but not small against epsilon times 100
    gradients["bias"][6:10, 1] = 0.0  # none for a while
    return start, gradients


def record(family, options, missing, dtype, start, gradients):
    parameters = {name: torch.tensor(array, dtype=dtype, requires_grad=True) for name, array in start.items()}
    optimizer = CLASSES[FAMILIES.index(family)](list(parameters.values()), **options)
    history = []
    for step in range(STEPS):
        for name, parameter in parameters.items():
            gradient = torch.tensor(gradients[name][step], dtype=dtype)
            parameter.grad = None if step in missing.get(name, ()) else gradient
        optimizer.step()
        now = {}
        for name, parameter in parameters.items():
            now[f"parameter/{name}"] = parameter
            now |= {f"{word}/{name}": state for word, state in optimizer.state[parameter].items()
                    if word != "step" and torch.is_tensor(state)}
        history.append({key: tensor.detach().numpy().copy() for key, tensor in now.items()})
    # PyTorch makes most states at the first gradient; until then mnemo's are zero.
    return {key: np.stack([now.get(key, np.zeros_like(last)) for now in history])
            for key, last in history[-1].items()}


def main():
    start, gradients = inputs()
    file = {f"start/{name}": array for name, array in start.items()}
    file |= {f"gradients/{name}": array for name, array in gradients.items()}
    for variant, (family, options) in VARIANTS.items():
        missing = MISSING if variant.endswith("missing") else {}
        file[f"{variant}/family"] = np.int64(FAMILIES.index(family))
        for word, value in options.items():
            pairs = zip(("beta1", "beta2"), value) if word == "betas" else [(WORDS.get(word, word), value)]
            file |= {f"{variant}/options/{name}": np.float64(number) for name, number in pairs}
        file |= {f"{variant}/missing/{name}": np.array(steps, np.int64) for name, steps in missing.items()}
        for dtype in (torch.float64, torch.float32):
            kept = record(family, options, missing, dtype, start, gradients)
            file |= {f"{variant}/{str(dtype)[6:]}/{key}": array for key, array in kept.items()}
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "optim_torch.npz")
    np.savez(path, **file)
    print(f"{path}: {len(file)} arrays, {os.path.getsize(path)} bytes, PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
