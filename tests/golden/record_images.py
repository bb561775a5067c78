#!/usr/bin/env python3
"""Writes small pictures of every kind of PNG with Pillow (9.4 was used), and what Pillow reads from them:
images/*.png, images/expected.npz (uint8 [channels, height, width] of each, as RGB or grey without
transparency) and images/luma.npz (the one in colours as grey)."""
import os

import numpy as np
from PIL import Image

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "images")


def main():
    os.makedirs(FOLDER, exist_ok=True)
    random = np.random.default_rng(9)
    bytes_of = lambda *shape: random.integers(0, 256, shape, dtype=np.uint8)
    grey, colours = Image.fromarray(bytes_of(9, 13)), Image.fromarray(bytes_of(9, 13, 3))
    pictures = {
        "grey": (grey, {}),
        "grey_1bit": (grey.convert("1"), {}),
        "grey_4bit": (Image.fromarray(bytes_of(9, 13) // 16 * 17), {"bits": 4}),
        "grey_alpha": (Image.merge("LA", (grey, Image.fromarray(bytes_of(9, 13)))), {}),
        "grey_transparent": (grey, {"transparency": 7}),
        "grey_optimized": (Image.fromarray(np.full((40, 30), 200, np.uint8)), {"optimize": True}),
        "rgb": (colours, {}),
        "rgb_alpha": (Image.fromarray(bytes_of(9, 13, 4)), {}),
        "rgb_gamma": (colours, {"icc_profile": b"not a profile", "dpi": (72, 72)}),
        "palette": (colours.quantize(200), {}),
        "palette_2bit": (colours.quantize(4), {"bits": 2, "transparency": 1}),
    }
    expected = {}
    for name, (picture, options) in pictures.items():
        path = os.path.join(FOLDER, name + ".png")
        picture.save(path, **options)
        read = Image.open(path).convert("L" if name.startswith("grey") and "alpha" not in name
                                        else "LA" if name == "grey_alpha" else "RGB")
        array = np.atleast_3d(np.array(read))
        expected[name] = array[..., :1 if name.startswith("grey") else 3].transpose(2, 0, 1).copy()
    np.savez_compressed(os.path.join(FOLDER, "expected.npz"), **expected)
    np.savez_compressed(os.path.join(FOLDER, "luma.npz"), rgb=np.array(colours.convert("L"))[None])


if __name__ == "__main__":
    main()
