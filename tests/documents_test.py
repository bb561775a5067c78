"""What documents.py leaves: the README's program goes on where it ended, blocks in Python run, and every
command is one that works: examples and Python tools are run, shortened; presets and scripts are there.

    documents_test.py ROOT BUILD
"""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import unittest

import numpy

import documents

ROOT = BUILD = None


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise AssertionError(f"{shlex.join(map(str, command))}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def blocks(*languages):
    for name in documents.DOCUMENTS:
        text = (ROOT / name).read_text(encoding="utf-8")
        for language, line, code in documents.markdown_blocks(text):
            if language in languages:
                yield f"{name}:{line}", code


def is_preset(kind, name):
    presets = json.loads((ROOT / "CMakePresets.json").read_text())[f"{kind}Presets"]
    return name in [preset["name"] for preset in presets]


def example(words):
    """Runs an example on generated data for a few steps."""
    program = BUILD / "examples" / words[0].rsplit("/", 1)[1]
    arguments, known = words[1:], run(program, "--help") if words[0][-9:] != "/fit_line" else ""
    if "--epochs" in arguments:  # steps take their place
        at = arguments.index("--epochs")
        arguments = [*arguments[:at], *arguments[at + 2:]]
    for option, value in (("--data", "synthetic"), ("--steps", "4" if "--resume" in words else "2")):
        if option in known and option not in arguments:
            arguments = [*arguments, option, value]
    if "--out" in known and "--resume" not in words:
        out = arguments[arguments.index("--out") + 1] if "--out" in arguments else None
        shutil.rmtree(out or f"runs/{program.name}", ignore_errors=True)
    run(program, *arguments)


def check(command):
    words = shlex.split(command)
    while words and (words[0] == "sudo" or "=" in words[0]):
        words.pop(0)
    if not words:
        return
    first = words[0]
    if first == "./install-deps.sh":
        run(ROOT / first, "--list", *words[1:])
    elif words[:3] == ["cmake", "--workflow", "--preset"]:
        assert is_preset("workflow", words[3]), command
    elif words[:2] == ["ctest", "--preset"]:
        assert is_preset("test", words[2]), command
    elif words[:2] == ["cmake", "--preset"]:
        assert is_preset("configure", words[2]), command
    elif words[:3] == ["cmake", "--build", "build/release"]:
        pass  # has just been done
    elif words[:3] == ["cmake", "--install", "build/release"]:
        run("cmake", "--install", BUILD, "--prefix", "prefix")
    elif first == "g++":
        (found,) = pathlib.Path("prefix").resolve().glob("**/pkgconfig")
        shutil.copy(BUILD / "tests/readme_program.cpp", "disc.cpp")
        run("sh", "-c", f"PKG_CONFIG_PATH='{found}'; export PKG_CONFIG_PATH; {command}")
    elif first.startswith("./") and pathlib.Path(first).exists():
        run(first, *words[1:])
    elif first.startswith("build/release/examples/"):
        example(words)
    elif first.endswith(".py"):
        assert os.access(ROOT / first, os.X_OK), command
        run(sys.executable, "-B", ROOT / first, *words[1:])
    elif first.startswith(".ci/"):
        assert os.access(ROOT / first, os.X_OK), command
    else:
        raise AssertionError(f"documents_test.py does not know how to check: {command}")


class Documents(unittest.TestCase):
    def test_program_learns_and_goes_on(self):
        checkpoint = pathlib.Path("disc.npz")
        checkpoint.unlink(missing_ok=True)
        outputs = [run(BUILD / "tests/readme_program").splitlines() for _ in range(2)]
        first, second = ([line.split() for line in lines] for lines in outputs)
        self.assertEqual([int(step) for step, _ in first + second], list(range(100, 1001, 100)))
        self.assertLess(float(second[-1][1]), 0.5 * float(first[0][1]))
        with numpy.load(checkpoint, allow_pickle=False) as state:
            self.assertEqual(int(state["adam/step"]), 1000)
            self.assertEqual(state["adam/exp_avg/hidden/weight"].shape, (16, 2))
            self.assertEqual(state["random/state"].dtype, numpy.uint64)

    def test_python(self):
        checkpoints = []
        for where, code in blocks("python"):
            checkpoints += re.findall(r'"(runs/demo/step_\d+\.npz)"', code)
        self.assertTrue(checkpoints)
        shutil.rmtree("runs/demo", ignore_errors=True)
        run(BUILD / "examples/dcgan", "--data", "synthetic", "--steps", "2", "--out", "runs/demo")
        for name in checkpoints:
            shutil.copy("runs/demo/step_00000002.npz", name)
        for where, code in blocks("python"):
            with self.subTest(where):
                run(sys.executable, "-B", "-c", code)

    def test_shell(self):
        commands = [(where, command) for where, code in blocks("sh")
                    for line in code.replace("\\\n", " ").splitlines()
                    for command in line.split("#")[0].split("&&")]
        self.assertGreater(len(commands), 10)
        for where, command in commands:
            with self.subTest(where, command=command):
                check(command)

    def test_an_unknown_command_is_seen(self):
        for command in ("no-such-program --help", "cmake --workflow --preset nonsense", ".ci/none"):
            with self.assertRaises(AssertionError):
                check(command)


if __name__ == "__main__":
    BUILD = pathlib.Path(sys.argv.pop(2))
    ROOT = pathlib.Path(sys.argv.pop(1))
    unittest.main()
