"""Reads mnemo's checkpoints in Python, a piece of a tensor at a time: what inspect.py and
convert.py stand on. A checkpoint is an .npz file, a folder of .npy files, or one .npy file. Nothing
is ever unpickled. (A program of your own needs none of this: `numpy.load(file, allow_pickle=False)`
does.)
"""
import ast
import difflib
import fnmatch
import math
import os
import re
import struct
import sys
import zipfile
import zlib

import numpy as np

PIECE = 1 << 20  # elements that are in memory at once, where a whole tensor is not needed
HARMLESS, MOST_EXPANSION = 32 << 20, 200  # bytes and factor, as io/FORMAT.md tells of deflate
# What reading a damaged file can throw, zipfile's decompressors included.
BROKEN = (OSError, EOFError, ValueError, RuntimeError, OverflowError, IndexError, MemoryError,
          zipfile.BadZipFile, zlib.error, struct.error) + (
              (zipfile.lzma.LZMAError,) if zipfile.lzma else ())


class Failure(Exception):
    """What goes wrong with a file or an argument: one line for the user, exit status 2."""


def printable(text):
    """`text` with everything that could confuse a terminal shown as an escape."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class Entry:
    """One named tensor in a file: what its .npy header says, and a way to its elements."""

    def __init__(self, name, open_member, member_bytes):
        self.name, self._open = name, open_member
        with open_member() as stream:
            self.dtype, self.fortran, self.shape, self._offset = read_header(stream)
        self.count = math.prod(self.shape)
        self.nbytes = self.count * self.dtype.itemsize
        found = member_bytes - self._offset
        if found < self.nbytes:
            raise Failure(f"shape {list(self.shape)} of {self.dtype} needs {self.nbytes} bytes, "
                          f"found {found}")
        self.surplus = found - self.nbytes
        self.numeric = self.dtype.kind in "biuf"

    def pieces(self, length=PIECE):
        """The elements in the order of the file, as 1-d arrays of at most `length` elements. Reads
        to the end of the member, which is what makes zipfile check its CRC-32."""
        with self._open() as stream:
            stream.read(self._offset)
            left = self.count if self.dtype.itemsize else 0
            while left:
                size = min(left, length)
                data = stream.read(size * self.dtype.itemsize)
                if len(data) != size * self.dtype.itemsize:
                    raise Failure("ends before its last element")
                yield native(np.frombuffer(data, self.dtype))
                left -= size
            while stream.read(1 << 20):
                pass

    def array(self):
        flat = np.empty(self.count, self.dtype.newbyteorder("="))
        at = 0
        for piece in self.pieces():
            flat[at:at + len(piece)] = piece
            at += len(piece)
        return flat.reshape(self.shape, order="F" if self.fortran else "C")


def native(array):
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def read_header(stream):
    """dtype, Fortran order, shape and length of the .npy header. NumPy's own reader would do, but
    only together with the data."""
    start = stream.read(8)
    if len(start) < 8 or start[:6] != b"\x93NUMPY":
        raise Failure("is no .npy data (the magic bytes are missing)")
    version = start[6]
    if version not in (1, 2, 3):
        raise Failure(f".npy version {version} is unknown")
    width = 2 if version == 1 else 4
    length = int.from_bytes(stream.read(width), "little")
    if length > 1 << 16:
        raise Failure(f"a .npy header of {length} bytes is not believable")
    text = stream.read(length)
    if len(text) < length:
        raise Failure("ends inside the .npy header")
    try:
        text = text.decode("utf-8" if version == 3 else "latin-1")
        fields = ast.literal_eval(re.sub(r"(\d)L\b", r"\1", text).strip())
        descr, fortran, shape = fields["descr"], fields["fortran_order"], fields["shape"]
        dtype = np.dtype(descr)
        sound = len(fields) == 3 and isinstance(descr, (str, list)) and dtype.subdtype is None
        sound = sound and isinstance(fortran, bool) and isinstance(shape, tuple)
        sound = sound and all(type(size) is int and size >= 0 for size in shape)
    except (ValueError, TypeError, KeyError, SyntaxError, RecursionError, MemoryError):
        sound = False
    if not sound:
        raise Failure(f"the .npy header is not valid: {printable(str(text)[:80].strip())}")
    if dtype.hasobject:
        raise Failure("holds Python objects (pickled); they are never opened")
    return dtype, fortran, shape, 8 + width + length


class Source:
    """The tensors of one file or folder by name. With `problems`, what cannot be read is added to
    that list and skipped; without, it is a Failure."""

    def __init__(self, path, problems=None):
        self.path, self.entries, self._problems = path, {}, problems
        try:
            if os.path.isdir(path):
                self._open_folder()
            else:
                with open(path, "rb") as file:
                    magic = file.read(6)
                if magic == b"\x93NUMPY":
                    self._add(name_of_file(path), lambda: open(path, "rb"), os.path.getsize(path))
                elif magic[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
                    self._open_archive()
                else:
                    raise Failure("is neither .npz nor .npy")
        except Failure as error:
            raise Failure(f"{printable(path)}: {error}") from None
        except BROKEN as error:
            raise Failure(f"{printable(path)}: {reason(error)}") from None

    def _open_archive(self):
        archive = zipfile.ZipFile(self.path)
        unpacked = sum(i.file_size for i in archive.infolist() if i.compress_type)
        if unpacked > HARMLESS and unpacked > MOST_EXPANSION * os.path.getsize(self.path):
            raise Failure(f"unpacks to {unpacked} bytes, more than {MOST_EXPANSION} times its "
                          "size, as no checkpoint does; refused as a zip bomb")
        for info in archive.infolist():
            name = info.filename
            if not name.endswith(".npy"):
                self._tell(f"member {name!r} is no .npy file")
                continue
            self._add(name[:-4], lambda info=info: archive.open(info), info.file_size)

    def _open_folder(self):
        files = []
        for folder, _, names in os.walk(self.path):
            files += [os.path.join(folder, name) for name in names if name.endswith(".npy")]
        if not files:
            raise Failure("no .npy file is in this folder")
        for file in sorted(files):
            name = os.path.relpath(file, self.path).replace(os.sep, "/")[:-4]
            self._add(name, lambda file=file: open(file, "rb"), os.path.getsize(file))

    def _add(self, name, open_member, size):
        try:
            if name in self.entries:
                raise Failure("occurs twice")
            self.entries[name] = Entry(name, open_member, size)
        except Failure as error:
            self._tell(f"{printable(name)}: {error}")
        except BROKEN as error:
            self._tell(f"{printable(name)}: {reason(error)}")

    def _tell(self, problem):
        if self._problems is None:
            raise Failure(problem)
        self._problems.append(problem)

    def read(self, name):
        """The whole tensor. Throws Failure that names file and tensor."""
        with told(self.path, name):
            return self.entries[name].array()


class told:
    """Turns what reading throws into a Failure that names the file and, if given, the tensor."""

    def __init__(self, path, name=None):
        self._where = printable(path) + (f": {printable(name)}" if name is not None else "")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, BrokenPipeError):
            return False
        if isinstance(error, (Failure,) + BROKEN):
            raise Failure(f"{self._where}: {reason(error)}") from None
        return False


def reason(error):
    if isinstance(error, MemoryError):
        return "does not fit into memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return printable(str(error)) or type(error).__name__


def name_of_file(path):
    name = os.path.basename(path)
    return name[:-4] if name.endswith(".npy") else name


def number_in(path):
    """The last run of digits in a file's name, or -1: step_00001000.npz is 1000."""
    digits = re.findall(r"\d+", os.path.basename(path))
    return int(digits[-1]) if digits else -1


def checkpoints_in(folder):
    """The .npz files of a run's folder by the number in their names."""
    try:
        files = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".npz")]
    except OSError as error:
        raise Failure(f"{printable(folder)}: {reason(error)}") from None
    return sorted(files, key=lambda path: (number_in(path), path))


def open_source(path, problems=None):
    """A checkpoint; where `path` is the folder of a run, the newest checkpoint in it."""
    if os.path.isdir(path):
        inside = checkpoints_in(path)
        if inside:
            print(f"{printable(path)}: newest checkpoint is {printable(inside[-1])}",
                  file=sys.stderr)
            path = inside[-1]
    return Source(path, problems)


def choose(source, patterns):
    """The names that match one of `patterns` ('*' also stands for '/'); all where none is given."""
    if not patterns:
        return list(source.entries)
    chosen = [
        n for n in source.entries if any(n == p or fnmatch.fnmatchcase(n, p) for p in patterns)
    ]
    for pattern in patterns:
        if not any(n == pattern or fnmatch.fnmatchcase(n, pattern) for n in chosen):
            raise Failure(f"{printable(source.path)}: no tensor is called {printable(pattern)}"
                          + guess(pattern, source.entries))
    return chosen


def guess(name, names):
    near = difflib.get_close_matches(name, list(names), 3, 0.5)
    near = near or [n for n in names if n.endswith("/" + name)][:3]
    return "; did you mean " + " or ".join(printable(n) for n in near) + "?" if near else ""


def listing(folder):
    try:
        return os.listdir(folder)
    except OSError:
        return []


def replace_file(path, write):
    """Writes beside `path` and renames, so that a failure leaves an older file whole."""
    part = f"{path}.{os.getpid()}.part"
    try:
        with open(part, "wb") as file:
            write(file)
        os.replace(part, path)
    except BROKEN as error:
        if os.path.exists(part):
            os.remove(part)
        raise Failure(f"{printable(path)}: {reason(error)}") from None


class Statistics:
    """Minimum, mean, standard deviation (divided by n) and maximum of the finite elements, and how
    many are not finite. Pieces are combined as in Chan, Golub and LeVeque (1979), which does not
    lose digits when the mean is large beside the deviation."""

    def __init__(self, entry):
        self.min = self.max = self.mean = self.std = None
        self.nonfinite = 0
        self.negative = 0
        seen, mean, squares = 0, 0.0, 0.0
        for piece in entry.pieces():
            if entry.dtype.kind in "fc":
                finite = np.isfinite(piece)
                self.nonfinite += int(piece.size - np.count_nonzero(finite))
                piece = piece[finite]
            if not entry.numeric or not piece.size:
                continue
            kind = float if entry.dtype.kind == "f" else int
            self._extend(kind(piece.min()), kind(piece.max()))
            self.negative += int(np.count_nonzero(piece < 0))
            with np.errstate(all="ignore"):
                values = piece.astype(np.float64)
                here = values.mean()
                shift, total = here - mean, seen + values.size
                squares += ((values - here) ** 2).sum() + shift * shift * seen * values.size / total
                mean += shift * values.size / total
                seen = total
        if seen:
            with np.errstate(all="ignore"):
                self.mean, self.std = float(mean), float(np.sqrt(squares / seen))
            if self.min == self.max:
                self.mean, self.std = float(self.min), 0.0

    def _extend(self, low, high):
        self.min = low if self.min is None else min(self.min, low)
        self.max = high if self.max is None else max(self.max, high)


class Difference:
    """How two tensors of equal shape differ. NaN equals NaN at the same place, and 0.0 equals -0.0.
    The relative difference of two elements is |a - b| / max(|a|, |b|)."""

    def __init__(self, a, b):
        self.different, self.absolute, self.relative = 0, 0, 0.0
        self.comparable = a.dtype.kind in "biufc" and b.dtype.kind in "biufc"
        if a.fortran == b.fortran:
            pairs = zip(a.pieces(), b.pieces())
        else:
            pairs = [(a.array().ravel(), b.array().ravel())]
        for x, y in pairs:
            self._compare(x, y)

    def _compare(self, x, y):
        if not self.comparable:
            self.different += len(x) if x.dtype != y.dtype else int(np.count_nonzero(
                (x.view(np.uint8) != y.view(np.uint8)).reshape(len(x), -1).any(axis=1)))
            return
        if {x.dtype.kind, y.dtype.kind} == {"i", "u"}:  # no integer type of NumPy holds both
            x, y = x.astype(object), y.astype(object)
        unequal = x != y
        if x.dtype.kind in "fc" and y.dtype.kind in "fc":
            unequal &= ~(np.isnan(x) & np.isnan(y))
        count = int(np.count_nonzero(unequal))
        if count:
            self.different += count
            with np.errstate(all="ignore"):
                self._measure(x[unequal], y[unequal])

    def _measure(self, x, y):
        if x.dtype.kind in "fc" or y.dtype.kind in "fc":
            wide = np.result_type(x, y, np.float64)
            x, y = x.astype(wide), y.astype(wide)
            gap = np.abs(x - y)
        elif x.dtype == object:
            gap = abs(x - y)
        else:  # as uint64, where the difference of any two int64 is exact
            x, y = (z.astype(np.uint8) if z.dtype == bool else z for z in (x, y))
            gap = np.maximum(x, y).astype(np.uint64) - np.minimum(x, y).astype(np.uint64)
        wide = x.dtype if x.dtype.kind in "fc" else np.float64
        size = np.maximum(np.abs(x.astype(wide)), np.abs(y.astype(wide)))
        relative = gap.astype(size.dtype) / size
        relative[size == np.inf] = np.inf
        self.absolute = larger(self.absolute, plain(gap.max()))
        self.relative = larger(self.relative, float(relative.max()))


def plain(value):
    return value.item() if isinstance(value, np.generic) and value.dtype.kind != "g" else value


def larger(a, b):
    """The larger one; NaN (a number against NaN) counts as the largest."""
    return a if a != a else b if b != b else max(a, b)
