#!/usr/bin/env python3
"""A checkpoint of the DCGAN example in Python: open, list, plot a moment, edit, save, train on."""
import sys
import numpy as np

path = sys.argv[1] if len(sys.argv) > 1 else "runs/dcgan/step_00000400.npz"
state = dict(np.load(path, allow_pickle=False))                 # name -> array, nothing is pickled

for name, array in state.items():                               # every weight, moment and counter
    print(f"{name:55} {str(array.shape):18} {array.dtype}")

name = "generator_optimizer/exp_avg/up1/weight"                 # Adam's first moment of one layer
print(name, "has standard deviation", state[name].std())
try:
    import matplotlib.pyplot as plt
    plt.hist(state[name].ravel(), bins=100)
    plt.xlabel(name), plt.ylabel("elements"), plt.savefig("moment.png")
except ImportError:
    print("no matplotlib: no picture")

state[name][:] = 0                                              # forget that moment
state["generator_optimizer/learning_rate"][...] = 1e-4          # and go on more slowly
np.savez(path.replace(".npz", "_edited.npz"), **state)
print("train on: give the program the edited file where it looks for its newest checkpoint")
