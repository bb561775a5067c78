#!/usr/bin/env python3
"""Writes the golden values (*.npz) that tests/golden_test.cpp holds mnemo against.

    generate.py            writes them beside this file generate.py --check    compares what it
    would write with what is there; exit status 1 if they differ

Every file is a flat list of arrays. Inputs and options come first, what is expected is under
`expected/`. Everything is computed in float64 by definitions.py. dcgan_10_steps_*.npz is another
matter: record_dcgan.py records it from PyTorch.
"""
import os
import sys

import numpy as np

import definitions as d

HERE = os.path.dirname(os.path.abspath(__file__))


def values(seed, shape, low=-1.0, high=1.0):
    """Numbers without pattern that no NumPy version draws differently: fractions of Weyl sequences
    (n * root mod 1) mixed once more by a square."""
    n = np.arange(1, int(np.prod(shape)) + 1, dtype=np.float64)
    x = np.modf((n + 17 * seed) * 0.6180339887498949 + seed * 0.7548776662466927)[0]
    x = np.modf(x * x * 1009.25 + n * 0.5698402909980532)[0]
    return (low + (high - low) * np.round(x * 2**20) / 2**20).reshape(shape)


def put(file, prefix, **arrays):
    for name, array in arrays.items():
        file[f"{prefix}/{name}" if prefix else name] = np.asarray(array)


def pair(value):
    return np.array(value, np.int64)


def conv2d():
    """name: x, w, stride, padding, dilation, groups"""
    cases = {
        "dcgan_down": ((2, 3, 8, 8), (4, 3, 4, 4), (2, 2), (1, 1), (1, 1), 1),
        "same_3x3": ((2, 2, 5, 6), (3, 2, 3, 3), (1, 1), (1, 1), (1, 1), 1),
        "lost_rows": ((1, 2, 8, 7), (2, 2, 3, 3), (2, 2), (0, 0), (1, 1), 1),
        "uneven": ((2, 1, 7, 5), (3, 1, 3, 2), (2, 3), (2, 1), (1, 1), 1),
        "pointwise": ((2, 4, 3, 3), (5, 4, 1, 1), (1, 1), (0, 0), (1, 1), 1),
        "whole_image": ((3, 2, 4, 4), (2, 2, 4, 4), (1, 1), (0, 0), (1, 1), 1),
        "dilated": ((1, 2, 9, 8), (2, 2, 3, 3), (1, 2), (2, 2), (2, 3), 1),
        "grouped": ((2, 4, 5, 5), (6, 2, 3, 3), (2, 1), (1, 0), (1, 1), 2),
    }
    file = {}
    for seed, (name, (xs, ws, stride, padding, dilation, groups)) in enumerate(cases.items(), 1):
        x, w, bias = values(seed, xs), values(seed + 20, ws), values(seed + 40, ws[:1])
        y = d.conv2d(x, w, bias, stride, padding, dilation, groups)
        u = values(seed + 60, y.shape)
        dx, dw, dbias = d.conv2d_gradients(x, w, u, stride, padding, dilation, groups)
        put(file, name, x=x, weight=w, bias=bias, upstream=u, stride=pair(stride),
            padding=pair(padding), dilation=pair(dilation), groups=np.int64(groups))
        put(file, name + "/expected", y=y, x_gradient=dx, weight_gradient=dw, bias_gradient=dbias)
    return file


def conv_transpose2d():
    """name: x, w, stride, padding, output_padding"""
    cases = {
        "dcgan_up": ((2, 4, 4, 4), (4, 3, 4, 4), (2, 2), (1, 1), (0, 0)),
        "plain": ((1, 2, 3, 4), (2, 3, 3, 3), (1, 1), (0, 0), (0, 0)),
        "uneven": ((2, 2, 3, 2), (2, 2, 3, 2), (3, 2), (1, 0), (0, 0)),
        "output_padding": ((2, 3, 4, 3), (3, 2, 3, 3), (2, 2), (1, 1), (1, 1)),
        "from_one_pixel": ((3, 5, 1, 1), (5, 2, 4, 4), (1, 1), (0, 0), (0, 0)),
    }
    file = {}
    for seed, (name, (xs, ws, stride, padding, extra)) in enumerate(cases.items(), 101):
        x, w, bias = values(seed, xs), values(seed + 20, ws), values(seed + 40, ws[1:2])
        y = d.conv_transpose2d(x, w, bias, stride, padding, extra)
        u = values(seed + 60, y.shape)
        dx, dw, dbias = d.conv_transpose2d_gradients(x, w, u, stride, padding)
        put(file, name, x=x, weight=w, bias=bias, upstream=u, stride=pair(stride),
            padding=pair(padding), output_padding=pair(extra))
        put(file, name + "/expected", y=y, x_gradient=dx, weight_gradient=dw, bias_gradient=dbias)
    return file


def batch_norm():
    file = {}
    shapes = {"images": (4, 3, 5, 2), "one_channel": (3, 1, 2, 2), "far_from_zero": (6, 2, 3, 3)}
    for seed, (name, shape) in enumerate(shapes.items(), 201):
        channels, eps, momentum = shape[1], 1e-5, 0.1
        offset = 100.0 if name == "far_from_zero" else 0.5
        first, x = values(seed, shape) + offset, values(seed + 20, shape, -2, 2) + offset
        gamma, beta = values(seed + 40, (channels,), 0.5, 1.5), values(seed + 60, (channels,))
        mean, variance = np.zeros(channels), np.ones(channels)
        for batch in (first, x):  # two passes: the running statistics have a history
            y, m, v = d.batch_norm(batch, gamma, beta, eps)
            mean, variance = d.running_statistics(batch, m, v, momentum, mean, variance)
        u = values(seed + 80, shape)
        dx, dgamma, dbeta = d.batch_norm_gradients(x, gamma, eps, u)
        put(file, name, first_x=first, x=x, weight=gamma, bias=beta, upstream=u, epsilon=eps,
            momentum=momentum)
        put(file, name + "/expected", y=y, running_mean=mean, running_var=variance, x_gradient=dx,
            weight_gradient=dgamma, bias_gradient=dbeta,
            eval_y=d.batch_norm(x, gamma, beta, eps, mean, variance)[0])
    return file


def losses():
    file = {}
    for seed, (name, scale) in enumerate({"moderate": 3.0, "extreme": 800.0}.items(), 301):
        logits = values(seed, (5, 4), -scale, scale)
        labels = np.array([0, 3, 1, 2, 1], np.int64)
        loss, gradient = d.softmax_cross_entropy(logits, labels)
        put(file, "softmax_cross_entropy/" + name, logits=logits, labels=labels)
        put(file, f"softmax_cross_entropy/{name}/expected", loss=loss, logits_gradient=gradient)

        logits, targets = values(seed + 20, (6, 2), -scale, scale), values(seed + 40, (6, 2), 0, 1)
        logits[0, 0] = 0.0
        targets[:2] = [[1, 0], [0, 1]]
        loss, gradient = d.bce_with_logits(logits, targets)
        put(file, "bce_with_logits/" + name, logits=logits, targets=targets)
        put(file, f"bce_with_logits/{name}/expected", loss=loss, logits_gradient=gradient)
    return file


STEPS = 20
SGD = dict(learning_rate=0.05, momentum=0.0, dampening=0.0, nesterov=False, weight_decay=0.0)
ADAM = dict(learning_rate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.0,
            decoupled=False, amsgrad=False)
RMSPROP = dict(learning_rate=0.01, alpha=0.99, epsilon=1e-8, weight_decay=0.0, momentum=0.0,
               centered=False)
ADAGRAD = dict(learning_rate=0.05, learning_rate_decay=0.0, epsilon=1e-10, weight_decay=0.0,
               initial_accumulator=0.0)
LION = dict(learning_rate=0.003, beta1=0.9, beta2=0.99, weight_decay=0.0)

TRAJECTORIES = {  # name: rule, options, state
    "sgd": (d.sgd, SGD, ()),
    "sgd_weight_decay": (d.sgd, dict(SGD, weight_decay=0.1), ()),
    "sgd_maximize": (d.sgd, dict(SGD, maximize=True), ()),
    "sgd_momentum": (d.sgd, dict(SGD, momentum=0.9), ("momentum_buffer",)),
    "sgd_dampening": (d.sgd, dict(SGD, momentum=0.9, dampening=0.3), ("momentum_buffer",)),
    "sgd_nesterov": (d.sgd, dict(SGD, momentum=0.9, nesterov=True), ("momentum_buffer",)),
    "sgd_nesterov_weight_decay": (d.sgd, dict(SGD, momentum=0.8, nesterov=True, weight_decay=0.05),
                                  ("momentum_buffer",)),
    "adam": (d.adam, ADAM, ("exp_avg", "exp_avg_sq")),
    "adam_gan": (d.adam, dict(ADAM, learning_rate=2e-4, beta1=0.5), ("exp_avg", "exp_avg_sq")),
    "adam_weight_decay": (d.adam, dict(ADAM, weight_decay=0.1), ("exp_avg", "exp_avg_sq")),
    "adam_maximize": (d.adam, dict(ADAM, maximize=True), ("exp_avg", "exp_avg_sq")),
    "adam_large_epsilon": (d.adam, dict(ADAM, epsilon=0.1), ("exp_avg", "exp_avg_sq")),
    "amsgrad": (d.adam, dict(ADAM, beta2=0.9, amsgrad=True),
                ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")),
    "adamw": (d.adam, dict(ADAM, weight_decay=0.1, decoupled=True), ("exp_avg", "exp_avg_sq")),
    "adamw_amsgrad": (d.adam, dict(ADAM, beta2=0.9, weight_decay=0.1, decoupled=True, amsgrad=True),
                      ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")),
    "rmsprop": (d.rmsprop, RMSPROP, ("square_avg",)),
    "rmsprop_weight_decay": (d.rmsprop, dict(RMSPROP, weight_decay=0.1), ("square_avg",)),
    "rmsprop_centered": (d.rmsprop, dict(RMSPROP, alpha=0.9, centered=True),
                         ("square_avg", "grad_avg")),
    "rmsprop_momentum": (d.rmsprop, dict(RMSPROP, momentum=0.9), ("square_avg", "momentum_buffer")),
    "rmsprop_centered_momentum": (d.rmsprop, dict(RMSPROP, alpha=0.9, centered=True, momentum=0.9),
                                  ("square_avg", "grad_avg", "momentum_buffer")),
    "adagrad": (d.adagrad, ADAGRAD, ("sum",)),
    "adagrad_decays": (d.adagrad, dict(ADAGRAD, learning_rate_decay=0.1, weight_decay=0.05,
                                       initial_accumulator=0.2), ("sum",)),
    "lion": (d.lion, LION, ("exp_avg",)),
    "lion_weight_decay": (d.lion, dict(LION, weight_decay=0.5), ("exp_avg",)),
}


def trajectories():
    """Two parameters, 20 gradients each; `expected/...[t]` is the state after step t + 1."""
    file = {}
    start = {"weight": values(401, (3, 4)), "bias": values(402, (4,))}
    gradients = {"weight": values(403, (STEPS, 3, 4)), "bias": values(404, (STEPS, 4), -0.01, 0.01)}
    gradients["bias"][5:9, 1] = 0.0     # an element without gradient for a while
    gradients["bias"][:, 2] *= 1e-5     # one whose gradients are near epsilon
    gradients["bias"][:, 3] = 0.0       # and one that never has any
    for name in start:
        put(file, "", **{f"start/{name}": start[name], f"gradients/{name}": gradients[name]})
    for name, (rule, options, words) in TRAJECTORIES.items():
        for key, value in options.items():
            file[f"{name}/options/{key}"] = np.asarray(float(value))
        for parameter in start:
            p, sign = start[parameter], -1.0 if options.get("maximize") else 1.0
            state = {word: np.zeros(p.shape) for word in words}
            if "sum" in state:
                state["sum"] += options["initial_accumulator"]
            record = {"": []} | {word: [] for word in words}
            for t in range(1, STEPS + 1):
                p = rule(p, sign * gradients[parameter][t - 1], state, t, options)
                record[""].append(p)
                for word in words:
                    record[word].append(state[word])
            for word, list_of_states in record.items():
                key = "/".join(part for part in (name, "expected", word, parameter) if part)
                file[key] = np.stack(list_of_states)
    return file


FILES = {"conv2d": conv2d, "conv_transpose2d": conv_transpose2d, "batch_norm": batch_norm,
         "losses": losses, "optimizers": trajectories}


def differences(path, made):
    """What keeps the file from being what this program makes; NumPy versions may round
    differently."""
    if not os.path.exists(path):
        return ["is missing"]
    with np.load(path, allow_pickle=False) as stored:
        if list(stored) != list(made):
            odd = sorted(set(stored) ^ set(made))
            return ["has other names or another order: " + ", ".join(odd[:5])]
        found = []
        for name, array in made.items():
            there = stored[name]
            if there.shape != array.shape or there.dtype != array.dtype:
                found.append(
                    f"{name}: {there.dtype} {there.shape}, expected {array.dtype} {array.shape}")
            elif not np.allclose(there, array, rtol=1e-12, atol=1e-13):
                found.append(f"{name}: differs by up to {np.abs(there - array).max():.3g}")
        return found


def main(arguments):
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    status = 0
    for name, make in FILES.items():
        path, made = os.path.join(HERE, name + ".npz"), make()
        if arguments:
            found = differences(path, made)
            print(f"{name}.npz: " + ("as generated" if not found else "; ".join(found[:5])))
            status = 1 if found else status
        else:
            np.savez(path, **made)
            print(f"{name}.npz: {len(made)} arrays, {os.path.getsize(path)} bytes")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
