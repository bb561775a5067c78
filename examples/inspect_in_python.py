#!/usr/bin/env python3
"""A checkpoint in Python: open, list, plot one moment, edit it, save, train on. Needs NumPy, and
matplotlib for the picture.   inspect_in_python.py [CHECKPOINT]   (default: the newest)"""
import glob
import os
import sys
try:
    import numpy as np
except ImportError:
    sys.exit("this needs NumPy: apt install python3-numpy, then run it with /usr/bin/python3")

there = sys.argv[1:] or glob.glob("runs/demo/step_*.npz") + glob.glob("runs/dcgan/step_*.npz")
if not there:
    sys.exit("no checkpoint in runs/demo yet: run `cmake --workflow --preset demo`, or name one")
path = max(there, key=os.path.getmtime)
state = dict(np.load(path, allow_pickle=False))                 # name -> array, nothing is unpickled
for name, array in state.items():                               # every weight, moment and counter
    print(f"{name:50} {str(array.shape):18} {array.dtype}")

name = "generator_optimizer/exp_avg/up1/weight"                 # Adam's first moment of one layer
print(f"{name}: mean {state[name].mean():.3g}, standard deviation {state[name].std():.3g}")
try:
    import matplotlib.pyplot as plt
    plt.hist(state[name].ravel(), bins=100, log=True)
    plt.xlabel(f"{name} (loss per unit of weight)"), plt.ylabel("elements (log scale)")
    plt.savefig("moment.png")
except ImportError:
    print("no picture: `apt install python3-matplotlib` or `pip install matplotlib` gives one")

state[name][...] = 0                                            # forget this moment
state["generator_optimizer/learning_rate"][...] = 1e-4          # and learn more slowly from here on
os.makedirs("runs/edited", exist_ok=True)
np.savez(os.path.join("runs/edited", os.path.basename(path)), **state)
print("train on: build/release/examples/dcgan --resume --out runs/edited")
