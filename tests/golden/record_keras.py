#!/usr/bin/env python3
"""Records one step of a small network from Keras 3: keras.npz. Needs keras (3.15 was used) and a
backend (JAX), so the tests do not run it; convert_test.py and keras_test.cpp read the file.

The network, channels last, after four steps of Adam(0.01, epsilon=1e-3) on batches of 8. Variables are
float64, but batch normalisation computes in float32:

  x [16, 5] -> project: Dense(54) -> Reshape((3, 3, 6)) -> norm1: BatchNormalization -> tanh
  -> up1: Conv2DTranspose(3, 4, stride 2, same, no bias) -> down1: Conv2D(2, 4, stride 2, same)
  -> tanh -> Flatten -> score: Dense(1); loss: mean squared error against y [16, 1]

The arrays: x, y, outputs (of inference), loss (of the step); weights/<path> and optimizer/<path>
before, after/weights/<path> and after/optimizer/<path> after one more step on all of x.
"""
import os

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_ENABLE_X64", "1")

import keras
import numpy as np
from keras import layers

HERE = os.path.dirname(os.path.abspath(__file__))


def state(model, prefix=""):
    found = {f"{prefix}weights/{v.path}": np.array(v) for v in model.weights}
    found.update({f"{prefix}optimizer/{v.path}": np.array(v) for v in model.optimizer.variables})
    return found


def main():
    keras.config.set_floatx("float64")
    keras.utils.set_random_seed(1)
    model = keras.Sequential([
        keras.Input((5,)), layers.Dense(54, name="project"), layers.Reshape((3, 3, 6)),
        layers.BatchNormalization(name="norm1"), layers.Activation("tanh"),
        layers.Conv2DTranspose(3, 4, strides=2, padding="same", use_bias=False, name="up1"),
        layers.Conv2D(2, 4, strides=2, padding="same", name="down1"), layers.Activation("tanh"),
        layers.Flatten(), layers.Dense(1, name="score")], name="net")
    model.compile(keras.optimizers.Adam(0.01, epsilon=1e-3), "mse")
    x = np.random.default_rng(2).normal(size=(16, 5))
    y = np.sin(x.sum(axis=1, keepdims=True))
    model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
    file = {"x": x, "y": y, "outputs": np.array(model(x, training=False)), **state(model)}
    file["loss"] = np.array(model.train_on_batch(x, y), np.float64)
    file.update(state(model, "after/"))
    np.savez(os.path.join(HERE, "keras.npz"), **file)


if __name__ == "__main__":
    main()
