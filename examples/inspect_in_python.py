#!/usr/bin/env python3
"""A checkpoint in Python: open, list, plot one moment, edit, save, train on. Needs NumPy only."""
import os
import sys
import numpy as np

path = sys.argv[1] if len(sys.argv) > 1 else "runs/dcgan/step_00000400.npz"
state = dict(np.load(path, allow_pickle=False))                 # name -> array, nothing is unpickled
for name, array in state.items():                               # every weight, moment and counter
    print(f"{name:50} {str(array.shape):18} {array.dtype}")

name = "generator_optimizer/exp_avg/up1/weight"                 # Adam's first moment of one layer
print(name, "has the standard deviation", state[name].std())
try:
    import matplotlib.pyplot as plt
    plt.hist(state[name].ravel(), bins=100)
    plt.xlabel(name), plt.ylabel("elements"), plt.savefig("moment.png")
except ImportError:
    print("no picture: matplotlib is not installed")

state[name][...] = 0                                            # forget this moment
state["generator_optimizer/learning_rate"][...] = 1e-4          # and learn more slowly from here on
os.makedirs("runs/edited", exist_ok=True)
np.savez(os.path.join("runs/edited", os.path.basename(path)), **state)
print("train on: dcgan --resume --out runs/edited")
