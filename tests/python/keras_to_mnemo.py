"""Converts what Keras recorded (tests/golden/record_keras.py) by io/convert.py, for keras_test.cpp:
a program's checkpoint keras_before.npz, and keras_after.npz, which also has data and results. Both
in the current folder.
"""
import os
import sys

import numpy as np

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.join(os.path.dirname(TESTS), "io"))
import convert

PICTURES = {"project": ("out", (6, 3, 3)), "score": ("in", (2, 3, 3))}


def converted(recorded):
    weights = convert.below("weights", recorded)
    state = convert.under("net", convert.from_keras(weights, PICTURES))
    adam = convert.adam_from_keras(convert.below("optimizer", recorded), weights, PICTURES)
    return dict(state, **convert.under("adam", adam))


if __name__ == "__main__":
    with np.load(os.path.join(TESTS, "golden", "keras.npz"), allow_pickle=False) as file:
        recorded = dict(file)
    np.savez("keras_before.npz", **converted(recorded))
    rest = {name: recorded[name] for name in ("x", "y", "outputs", "loss")}
    np.savez("keras_after.npz", **converted(convert.below("after", recorded)), **rest)
