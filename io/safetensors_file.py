"""Reads and writes safetensors files: the length of a header (8 bytes, little-endian), the header
in JSON (name -> dtype, shape and place in the data), the data without gaps. Only NumPy is needed.
"""
import json
import math
import os
import struct

import numpy as np

# In the order in which the format's own library writes: the largest first, so that all are aligned.
TYPES = {"U64": "<u8", "I64": "<i8", "F64": "<f8", "F32": "<f4", "U32": "<u4", "I32": "<i4",
         "BF16": "<u2",  # bfloat16: the upper half of a float32
         "F16": "<f2", "U16": "<u2", "I16": "<i2", "I8": "|i1", "U8": "|u1", "BOOL": "|b1"}
MOST_HEADER = 100_000_000  # as the format's own library


def read(path):
    """All arrays by name; bfloat16 becomes float32. ValueError where the file is not sound."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > min(size - 8, MOST_HEADER):
            raise ValueError("is no safetensors file (its header is longer than the file)")
        try:
            header = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=_unique)
        except RecursionError:
            raise ValueError("the header is nested too deeply") from None
        if not isinstance(header, dict):
            raise ValueError("the header is no JSON object")
        header.pop("__metadata__", None)
        places = {name: _place(name, entry) for name, entry in header.items()}
        end = 0
        for name, (_, _, _, begin, stop) in sorted(places.items(), key=lambda item: item[1][3:]):
            if begin != end:
                raise ValueError(f"{name!r}: begins at {begin}, expected {end}")
            end = stop
        if 8 + length + end != size:
            raise ValueError(f"is {size} bytes long, expected {8 + length + end}")
        found = {}
        for name, (kind, dtype, shape, begin, stop) in places.items():
            file.seek(8 + length + begin)
            array = np.frombuffer(file.read(stop - begin), dtype).reshape(shape)
            if kind == "BF16":
                array = (array.astype(np.uint32) << 16).view(np.float32)
            elif kind == "BOOL":
                array = array.view(np.uint8) != 0
            found[name] = array.copy()
        return found


def _unique(pairs):
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a name occurs twice in the header")
    return dict(pairs)


def _place(name, entry):
    """The type, NumPy's dtype, shape and place of one array."""
    try:
        kind, shape, (begin, stop) = entry["dtype"], entry["shape"], entry["data_offsets"]
        sound = all(type(n) is int and 0 <= n < 1 << 60 for n in [*shape, begin, stop])
    except (TypeError, KeyError, ValueError):
        sound = False
    if not sound:
        raise ValueError(f"{name!r}: its entry in the header is not valid")
    if kind not in TYPES:
        raise ValueError(f"{name!r}: the type {kind!r} is not one of {', '.join(TYPES)}")
    dtype = np.dtype(TYPES[kind])
    if len(shape) > 32 or math.prod(shape) * dtype.itemsize != stop - begin:
        raise ValueError(f"{name!r}: {stop - begin} bytes for the shape {shape} of {kind}")
    return kind, dtype, shape, begin, stop


def encoded(arrays):
    """The bytes of a file."""
    kinds = {np.dtype(code): kind for kind, code in TYPES.items() if kind != "BF16"}
    kind_of = {}
    for name, array in arrays.items():
        kind_of[name] = kinds.get(array.dtype.newbyteorder("<"))
        if kind_of[name] is None:
            raise ValueError(f"{name!r}: safetensors cannot hold {array.dtype}")
    header, data, at = {}, [], 0
    order = list(TYPES)
    for name in sorted(arrays, key=lambda name: (order.index(kind_of[name]), name)):
        data.append(arrays[name].astype(TYPES[kind_of[name]], order="C").tobytes())
        header[name] = {"dtype": kind_of[name], "shape": list(arrays[name].shape),
                        "data_offsets": [at, at + len(data[-1])]}
        at += len(data[-1])
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *data])
