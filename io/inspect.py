#!/usr/bin/env python3
"""Lists, compares, checks, extracts and plots the checkpoints of mnemo.

A checkpoint is an .npz file, a folder of .npy files, or one .npy file; this program needs Python
3.9 or newer and NumPy, and matplotlib for pictures. It never unpickles anything, reads one piece of
a tensor at a time, and needs no mnemo.
"""
import os
import sys

# This file is called inspect.py, and NumPy imports the standard module `inspect`. Run as a script,
# Python searches the script's own folder first, so that folder leaves the search path. And if
# somebody starts Python in this folder and imports NumPy there, then it is we who are imported as
# `inspect`: the standard module is put in our place.
_HERE = os.path.dirname(os.path.realpath(__file__))


def _elsewhere():
    return [entry for entry in sys.path if os.path.realpath(entry) != _HERE]


if __name__ == "__main__":
    sys.path[:] = _elsewhere()
    sys.dont_write_bytecode = True  # no files beside an installed program that no package owns
elif __name__ == "inspect":
    _search_path = sys.path[:]
    sys.path[:] = _elsewhere()
    del sys.modules["inspect"]
    import inspect  # noqa: F401  (the standard one: it is what the importer asked for)
    sys.path[:] = _search_path

import argparse
import csv
import importlib
import json
import math
import re
import warnings
from importlib import util

np = None  # NumPy
files = None  # checkpoint.py beside this file; main() fetches both, so that --help works without

RECIPES = """\
Recipes for editing a checkpoint (any of them loads back into the program):

  import numpy as np
  state = dict(np.load("step_00001000.npz", allow_pickle=False))     # name -> array

  state["generator_optimizer/exp_avg/up1/weight"][:] = 0              # reset one moment
  state["generator_optimizer/learning_rate"][...] = 1e-4              # change the learning rate
  for name in state:                                                  # reset every first moment
      if "/exp_avg/" in name: state[name][:] = 0
  state["new/name"] = state.pop("old/name")                           # rename
  print(np.isfinite(state["generator/up1/weight"]).all())             # look at one tensor

  np.savez("edited.npz", **state)                                     # uncompressed, as mnemo does

Keep shapes and dtypes as they are (`mnemo-inspect diff OLD NEW` tells if not): loading is strict.
Assign with [...] so that a 0-d array stays an array of its dtype.
"""


def need(module, name):
    """Imports `module`; where this Python lacks it, starts over with the system's Python, once."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        system = "/usr/bin/python3"
        is_system = (sys.prefix == sys.base_prefix
                     and os.path.realpath(sys.executable) == os.path.realpath(system))
        if __name__ == "__main__" and not is_system and os.access(system, os.X_OK):
            os.execv(system, [system] + sys.argv)
        print(f"mnemo-inspect: {name} is needed ({error}): install it with `apt install "
              f"python3-{module}` or `{sys.executable} -m pip install {module}`", file=sys.stderr)
        raise SystemExit(2) from None


def beside(name):
    """A module of mnemo's that lies beside this file, or in share/mnemo/python once installed."""
    for folder in (_HERE, os.path.join(os.path.dirname(_HERE), "share", "mnemo", "python")):
        path = os.path.join(folder, name + ".py")
        if os.path.exists(path):
            spec = util.spec_from_file_location("mnemo_" + name, path)
            module = util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    print(f"mnemo-inspect: {name}.py is missing beside {__file__}; it belongs to this program",
          file=sys.stderr)
    raise SystemExit(2)


def number(value):
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def shape_text(shape):
    return "[" + ", ".join(str(size) for size in shape) + "]"


def bytes_text(count):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024


def print_table(rows, left):
    """Aligned columns; the first row is the header; the columns in `left` are flush left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = (
            c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths)))
        print("  ".join(cells).rstrip())


# --------------------------------------------------------------------------------------- commands

def command_ls(options):
    source = files.open_source(options.file)
    found = []
    for name in files.choose(source, options.names):
        entry = source.entries[name]
        with files.told(source.path, name):
            found.append((entry, files.Statistics(entry)))
    if options.json:
        print_json(source, found)
        return 0
    rows = [("name", "shape", "dtype", "min", "mean", "std", "max", "nonfinite")]
    for entry, s in found:
        rows.append((files.printable(entry.name), shape_text(entry.shape), str(entry.dtype),
                     number(s.min), number(s.mean), number(s.std), number(s.max), str(s.nonfinite)))
    print_table(rows, left=(0, 1, 2))
    print()
    rows = [("group", "tensors", "elements", "size", "nonfinite")]
    for group, members in groups_of(found) + [("all", found)]:
        rows.append((files.printable(group), str(len(members)),
                     str(sum(e.count for e, _ in members)),
                     bytes_text(sum(e.nbytes for e, _ in members)),
                     str(sum(s.nonfinite for _, s in members))))
    print_table(rows, left=(0,))
    return 0


def groups_of(found):
    """The entries by the first part of their names, in the order of the file."""
    groups = {}
    for entry, statistics in found:
        groups.setdefault(entry.name.split("/")[0], []).append((entry, statistics))
    return list(groups.items())


def print_json(source, found):
    def value(x):
        return None if isinstance(x, float) and not math.isfinite(x) else x
    tensors = [{"name": e.name, "shape": list(e.shape), "dtype": str(e.dtype), "bytes": e.nbytes,
                "min": value(s.min), "mean": value(s.mean), "std": value(s.std),
                "max": value(s.max), "nonfinite": s.nonfinite} for e, s in found]
    groups = {group: {"tensors": len(members), "elements": sum(e.count for e, _ in members),
                      "bytes": sum(e.nbytes for e, _ in members),
                      "nonfinite": sum(s.nonfinite for _, s in members)}
              for group, members in groups_of(found)}
    print(json.dumps({"file": source.path, "tensors": tensors, "groups": groups}, indent=1))


def command_diff(options):
    a, b = files.open_source(options.a), files.open_source(options.b)
    rows, equal, lines = [("name", "different", "of", "max abs", "max rel", "remark")], 0, []
    for name in list(a.entries) + [n for n in b.entries if n not in a.entries]:
        x, y = a.entries.get(name), b.entries.get(name)
        if x is None or y is None:
            only = a if y is None else b
            lines.append(f"only in {files.printable(only.path)}: {files.printable(name)} "
                         f"{shape_text(only.entries[name].shape)} {only.entries[name].dtype}")
            continue
        if x.shape != y.shape:
            lines.append(f"shape differs: {files.printable(name)} {shape_text(x.shape)} and "
                         f"{shape_text(y.shape)}")
            continue
        with files.told(f"{a.path} and {b.path}", name):
            d = files.Difference(x, y)
        type_differs = x.dtype.newbyteorder("=") != y.dtype.newbyteorder("=")
        if not type_differs and not d.different:
            equal += 1
            continue
        remark = f"dtype {x.dtype} and {y.dtype}" if type_differs else ""
        known = d.comparable or not d.different
        rows.append((files.printable(name), str(d.different), str(x.count),
                     number(d.absolute) if known else "-",
                     number(d.relative) if known else "-", remark))
    for line in lines:
        print(line)
    if len(rows) > 1:
        print_table(rows, left=(0, 5))
    print(f"{equal} tensors equal, {len(rows) - 1 + len(lines)} not")
    return 1 if lines or len(rows) > 1 else 0


def command_show(options):
    path, names = options.file, options.names
    if not names and not os.path.exists(path):
        path, names = newest_checkpoint(path), [path]
    source = files.open_source(path)
    if not names and len(source.entries) > 1:
        raise files.Failure(
            f"{files.printable(path)} holds {len(source.entries)} tensors: say which "
            "(`mnemo-inspect ls` lists them)")
    chosen = files.choose(source, names)
    for name in chosen:
        entry = source.entries[name]
        with files.told(source.path, name):
            s = files.Statistics(entry)
        array = source.read(name)
        print(f"{files.printable(name)}  {shape_text(entry.shape)} {entry.dtype}  "
              f"{bytes_text(entry.nbytes)}")
        if entry.numeric:
            print(f"min {number(s.min)}  mean {number(s.mean)}  std {number(s.std)}  "
                  f"max {number(s.max)}  nonfinite {s.nonfinite}")
        with np.printoptions(threshold=sys.maxsize if options.all else 400, linewidth=100,
                             precision=6):
            print(array)
    return 0


def newest_checkpoint(wanted):
    """For `show NAME`: the newest checkpoint here, or in a run's folder right below."""
    folders = [".", "runs"] + sorted(os.path.join("runs", n) for n in files.listing("runs"))
    found = [f for folder in folders if os.path.isdir(folder) for f in files.checkpoints_in(folder)]
    if not found:
        raise files.Failure(
            f"{files.printable(wanted)}: no such file, and no checkpoint (*.npz) that "
            "could hold a tensor of that name is in this folder or in runs/*")
    newest = max(found, key=lambda path: (os.path.getmtime(path), files.number_in(path)))
    print(f"newest checkpoint: {files.printable(newest)}", file=sys.stderr)
    return newest


def command_export(options):
    source = files.open_source(options.file)
    if options.name not in source.entries:
        files.choose(source, [options.name])  # tells near names
        raise files.Failure(f"{files.printable(options.name)} is a pattern: export takes one name")
    array = source.read(options.name)
    files.replace_file(options.out, lambda file: np.save(file, array, allow_pickle=False))
    print(f"{files.printable(options.out)}: {shape_text(array.shape)} {array.dtype}")
    return 0


def command_verify(options):
    worst = 0
    for path in options.files:
        problems = []
        source = files.open_source(path, problems)
        for name, entry in source.entries.items():
            problems += [f"{files.printable(name)}: {problem}" for problem in problems_of(entry)]
        for problem in problems:
            print(f"{files.printable(source.path)}: {problem}")
        total = bytes_text(sum(e.nbytes for e in source.entries.values()))
        verdict = f"{len(problems)} problems" if problems else "sound"
        print(f"{files.printable(source.path)}: {len(source.entries)} tensors, {total}: {verdict}")
        worst = max(worst, 1 if problems else 0)
    return worst


def problems_of(entry):
    try:
        s = files.Statistics(entry)
    except (files.Failure,) + files.BROKEN as error:
        yield files.reason(error)
        return
    if s.nonfinite:
        yield f"{s.nonfinite} of {entry.count} elements are not finite"
    if s.negative and re.search(r"(^|/)(max_exp_avg_sq|exp_avg_sq|square_avg)/", entry.name):
        yield f"{s.negative} of {entry.count} elements are negative, which no second moment can be"
    if entry.surplus:
        yield f"{entry.surplus} bytes follow its last element"
    parts = re.split(r"[/\\]", entry.name)
    if entry.name in ("file", "allow_pickle") or entry.name.endswith(".npy") \
            or any(part in ("", ".", "..") or part.endswith(":") for part in parts):
        yield "is a name that mnemo refuses"


def command_plot(options):
    paths, losses, pictures, title, page_in = [], None, [], "", ""
    for path in options.files:
        if is_run(path):
            paths += files.checkpoints_in(path)
            losses = losses or losses_in(path)
            pictures = pictures or pictures_in(path)
            title = title or os.path.basename(os.path.abspath(path))
            page_in = page_in or path
        else:
            paths.append(path)
    out = options.out or (os.path.join(page_in, "report.png") if page_in else "inspect.png")
    kind = os.path.splitext(out)[1][1:].lower()
    if kind not in ("png", "pdf", "svg"):
        raise files.Failure(f"{files.printable(out)}: a picture ends in .png, .pdf or .svg")
    need("matplotlib", "matplotlib")
    plots = beside("inspect_plot")
    plots.run = beside("inspect_run")
    checkpoints = [(files.number_in(path), files.Source(path))
                   for path in plots.spread(paths, options.checkpoints)]
    for _, source in checkpoints:
        files.choose(source, options.only)
    page = plots.Page(title or files.printable(" ".join(map(os.path.basename, options.files))[:80]),
                      checkpoints, len(paths), losses, pictures, options.only,
                      options.rows, options.betas)
    files.replace_file(out, lambda file: page.write(file, kind))
    print(f"{files.printable(out)}: {page.summary()}")
    return 0


def is_run(path):
    """Whether `path` is the folder of a run and not a checkpoint in the form of a folder."""
    return os.path.isdir(path) and (os.path.exists(os.path.join(path, "losses.csv"))
                                    or bool(files.checkpoints_in(path)))


def losses_in(folder):
    """The columns of losses.csv by name, and how many lines are damaged; None if there is none."""
    path = os.path.join(folder, "losses.csv")
    if not os.path.exists(path):
        return None
    try:
        with open(path, newline="", encoding="utf-8", errors="replace") as file:
            rows = list(csv.reader(file))
    except (OSError, csv.Error) as error:
        raise files.Failure(f"{files.printable(path)}: {files.reason(error)}") from None
    if not rows or len(rows[0]) < 2:
        raise files.Failure(f"{files.printable(path)}: the first line has to name the columns")
    columns, damaged = [[] for _ in rows[0]], 0
    for row in rows[1:]:
        try:
            values = [float(cell) for cell in row]
        except ValueError:
            values = []
        if len(values) != len(columns):
            damaged += 1
            continue
        for column, value in zip(columns, values):
            column.append(value)
    return {"file": path, "damaged": damaged,
            "columns": {name.strip(): column for name, column in zip(rows[0], columns)}}


def pictures_in(folder):
    """The sample pictures of a run by the number in their names; pages of this program are none."""
    names = [
        n for n in files.listing(folder) if n.lower().endswith(".png") and files.number_in(n) >= 0
    ]
    return sorted((files.number_in(n), os.path.join(folder, n)) for n in names)


# ----------------------------------------------------------------------------------- command line

def parser():
    top = argparse.ArgumentParser(
        prog="mnemo-inspect", formatter_class=argparse.RawDescriptionHelpFormatter, epilog=RECIPES,
        description="Lists, compares, checks, extracts and plots checkpoints. FILE is an .npz "
        "file, a .npy file, a folder\nof .npy files, or a run's folder (its newest "
        "checkpoint). Exit status 2 means that something cannot be read.")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name, function, text):
        command = commands.add_parser(name, help=text, description=text + ".")
        command.set_defaults(run=function)
        return command

    ls = add("ls", command_ls, "list tensors with statistics of their finite elements")
    ls.add_argument("file", metavar="FILE")
    ls.add_argument("names", metavar="NAME", nargs="*", help="only these; * and ? are wildcards")
    ls.add_argument("--json", action="store_true", help="for programs: one JSON object")
    diff = add("diff", command_diff, "compare two checkpoints; exit status 1 when they differ")
    diff.add_argument("a", metavar="A")
    diff.add_argument("b", metavar="B")
    show = add("show", command_show, "print tensors (`show NAME`: of the newest checkpoint here or "
                                     "in runs/*)")
    show.add_argument("file", metavar="FILE")
    show.add_argument("names", metavar="NAME", nargs="*")
    show.add_argument("--all", action="store_true", help="every element, however many")
    export = add("export", command_export, "write one tensor to a .npy file")
    export.add_argument("file", metavar="FILE")
    export.add_argument("name", metavar="NAME")
    export.add_argument("out", metavar="OUT.npy")
    verify = add(
        "verify", command_verify, "read everything, check CRC and finiteness; exit status 1 "
        "when something is wrong")
    verify.add_argument("files", metavar="FILE", nargs="+")
    plot = add(
        "plot", command_plot, "draw histograms of weights and moments, of several checkpoints "
        "their evolution, and of a run's folder a page of the whole run")
    plot.add_argument("files", metavar="FILE|RUNFOLDER", nargs="+")
    plot.add_argument(
        "-o", "--out", metavar="PICTURE", help=".png, .pdf or .svg (default: inspect.png, "
        "or report.png in the run's folder)")
    plot.add_argument("--only", metavar="NAME", action="append", default=[],
                      help="only these weights; * and ? are wildcards; may be repeated")
    plot.add_argument("--rows", metavar="N", type=int, default=40, help="at most so many rows of "
                      "histograms (default 40)")
    plot.add_argument("--betas", metavar=("B1", "B2"), type=decay, nargs=2, default=[0.9, 0.999],
                      help="Adam's, where a checkpoint made elsewhere does not hold them "
                      "(default 0.9 0.999)")
    plot.add_argument("--checkpoints", metavar="N", type=int, default=6,
                      help="at most so many checkpoints, spread evenly (default 6)")
    return top


def decay(text):
    value = float(text)
    if not 0 <= value < 1:
        raise ValueError(text)
    return value


def main(arguments=None):
    """Runs one command. Returns the exit status."""
    global np, files
    options = parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    warnings.simplefilter("ignore")  # NumPy's on odd headers and values: they are told in our words
    np = need("numpy", "NumPy")
    files = beside("checkpoint")
    try:
        np.seterr(all="ignore")
        status = options.run(options)
        sys.stdout.flush()
        return status
    except files.Failure as error:
        print(f"mnemo-inspect: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader went away (`| head`); what a shell reports for SIGPIPE
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
