#!/usr/bin/env python3
"""How light mnemo is: prints the three figures that it promises, each beside its limit; fails beyond one.

    light.py BUILD [CXX]      BUILD is a complete release build; nothing else should be running

- compiling a program that includes all of mnemo (best of 5; without optimisation and with -O2)
- the DCGAN example, stripped (OpenBLAS is a shared library and not in it)
- from starting it, on generated data, until its first training step is in the table of losses (best of 10);
  beside it, without a limit, the same on Fashion-MNIST where that is installed: most is unpacking 47 MB
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

FASHION_MNIST = "/usr/share/datasets/fashion-mnist"
PROGRAM = """#include <mnemo/mnemo.hpp>
int main() { return mnemo::zeros({2}).elements() == 2 ? 0 : 1; }
"""


def seconds(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def compile_seconds(build, compiler, folder, *flags):
    source = os.path.join(folder, "all.cpp")
    with open(source, "w") as file:
        file.write(PROGRAM)
    command = [compiler, "-std=c++20", *flags, f"-I{build}/include", "-c", source, "-o", source + ".o"]
    return min(seconds(lambda: subprocess.run(command, check=True)) for _ in range(5))


def stripped_bytes(program, folder):
    stripped = os.path.join(folder, "dcgan")
    subprocess.run(["strip", "-o", stripped, program], check=True)
    return os.path.getsize(stripped)


def first_step_seconds(program, folder, *options):
    """From exec until the row of step 1 has been written, which happens right after that step."""
    table = os.path.join(folder, "run", "losses.csv")
    shutil.rmtree(os.path.dirname(table), ignore_errors=True)
    begin = time.perf_counter()
    with subprocess.Popen([program, *options, "--steps", "1", "--out", os.path.dirname(table)],
                          stdout=subprocess.DEVNULL) as process:
        while True:
            ended = process.poll() is not None
            if os.path.exists(table):
                with open(table) as file:
                    if file.read().count("\n") >= 2:
                        return time.perf_counter() - begin
            if ended:
                sys.exit(f"light.py: {program} made no step")
            time.sleep(0.001)  # oftener would take the processor from the program


def main():
    build, compiler = sys.argv[1], (sys.argv[2:] or ["c++"])[0]
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(build, "examples/dcgan")
        figures = [
            ("compile a program with all of mnemo", compile_seconds(build, compiler, folder), 1.5, "s"),
            ("the same with -O2", compile_seconds(build, compiler, folder, "-O2"), 1.5, "s"),
            ("dcgan, stripped", stripped_bytes(program, folder) / 2**20, 3.0, "MiB"),
        ]
        for name, limit, options in (("dcgan, start to first step", 50.0, ["--data", "synthetic"]),
                                     ("the same on Fashion-MNIST", None, [])):
            if limit or os.path.isdir(FASHION_MNIST):
                best = min(first_step_seconds(program, folder, *options) for _ in range(10))
                figures.append((name, 1e3 * best, limit, "ms"))
    for name, value, limit, unit in figures:
        print(f"{name:38} {value:8.2f} {unit:3}" + (f"  (at most {limit:g})" if limit else ""))
    sys.exit(any(limit and value > limit for _, value, limit, _ in figures))


if __name__ == "__main__":
    main()
