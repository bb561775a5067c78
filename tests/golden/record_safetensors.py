#!/usr/bin/env python3
"""Records files of the package safetensors (0.8 was used, with ml_dtypes): sample.safetensors, which
holds sample(), and types.safetensors, which also holds, as `bfloat16`, 1.0, -2.5 and the largest
number of that type."""
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def sample():
    """One array of every type but bfloat16, and odd shapes."""
    arrays = {dtype: np.arange(6).reshape(2, 3).astype(dtype) for dtype in (
        "float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint64", "uint32",
        "uint16", "uint8", "bool")}
    return dict(arrays, **{"up1.weight": np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 1, 4),
                           "step": np.array(7), "empty": np.zeros((0, 3), np.float32),
                           "schön": np.array([0.5])})


def main():
    import ml_dtypes
    from safetensors.numpy import save_file
    bfloat16 = np.array([1.0, -2.5, ml_dtypes.finfo("bfloat16").max], ml_dtypes.bfloat16)
    save_file(dict(sample(), bfloat16=bfloat16), os.path.join(HERE, "types.safetensors"),
              {"made by": "record_safetensors.py"})
    save_file(sample(), os.path.join(HERE, "sample.safetensors"))


if __name__ == "__main__":
    main()
