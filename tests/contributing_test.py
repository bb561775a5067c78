"""The diffs in CONTRIBUTING.md still fit the files that they change; and applied to a copy, they compile
and the tests that they extend pass.

    contributing_test.py ROOT BUILD
"""
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import unittest


def hunks(text):
    """(file before, lines before) of each hunk of the diffs in a Markdown text."""
    for block in re.findall(r"(?ms)^```diff\n(.*?)^```", text):
        path, lines = None, []
        for line in block.splitlines() + ["@@"]:
            if line.startswith(("--- ", "+++ ", "@@")):
                if lines:
                    yield path, lines
                lines = []
                if line.startswith("--- "):
                    path = line[4:].removeprefix("a/")
            elif not line.startswith("+"):
                lines.append(line[1:])


def run(command, input="", **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, input=input,
                          **options)
    if done.returncode != 0:
        raise AssertionError(f"{shlex.join(command)}\n{done.stdout}")


class Contributing(unittest.TestCase):
    root = build = None

    def test_diffs(self):
        with open(os.path.join(self.root, "CONTRIBUTING.md"), encoding="utf-8") as file:
            found = list(hunks(file.read()))
        self.assertGreater(len(found), 6)
        for path, lines in found:
            with open(os.path.join(self.root, path), encoding="utf-8") as file:
                text = file.read()
            self.assertIn("\n".join(lines) + "\n", text, path)

    def test_diffs_applied(self):
        copy = os.path.abspath("copy")
        shutil.rmtree(copy, ignore_errors=True)
        os.makedirs(f"{copy}/include/mnemo")
        for folder in ("core", "nn", "optim", "io", "tests"):
            shutil.copytree(f"{self.root}/{folder}", f"{copy}/{folder}")
            os.symlink(f"../../{folder}", f"{copy}/include/mnemo/{folder}")
        with open(f"{self.root}/CONTRIBUTING.md", encoding="utf-8") as file:
            diff = "".join(re.findall(r"(?ms)^```diff\n(.*?)^```", file.read()))
        patched = subprocess.run(["patch", "-p1", "-d", copy], input=diff, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(patched.returncode, 0, patched.stdout)

        changed = re.findall(r"(?m)^\+\+\+ b/(\S+\.cpp)$", diff)
        tests = [path for path in changed if path.startswith("tests/")]
        self.assertEqual(len(tests), 3)
        objects = [self.compile(copy, path) for path in changed if path not in tests]
        with open(f"{self.build}/mnemo.pc") as file:
            libraries = re.search(r"(?m)^Libs: .*?-lmnemo(.*)$", file.read())[1].split()
        for path in tests:
            name = os.path.basename(path)[:-4]
            with self.subTest(name):
                run([*self.words[:1], *[word for word in self.words if word.startswith("-f")], "-o", name,
                     self.compile(copy, path), *objects,
                     f"{self.build}/tests/CMakeFiles/mnemo_test_main.dir/main.cpp.o",
                     f"{self.build}/libmnemo.a", *libraries])
                run([os.path.abspath(name)], env={**os.environ, "MNEMO_TESTS_DIR": f"{copy}/tests"})

        # What is added has comments that Doxygen is content with.
        settings = os.path.join(self.build, "Doxyfile.docs")
        if os.path.exists(settings):
            self.assertEqual(len(re.findall(r"(?m)^\+\+\+ b/\S+\.hpp$", diff)), 3)
            with open(settings) as file:
                config = re.sub(r"(?m)^(INPUT|STRIP_FROM_PATH|IMAGE_PATH|USE_MDFILE_AS_MAINPAGE) .*", "",
                                file.read())
            config += "\nOUTPUT_DIRECTORY = ../documentation\nINPUT = " + " ".join(
                f"{folder}/{name}" for folder in ("core", "nn", "optim", "io")
                for name in sorted(os.listdir(f"{copy}/{folder}")) if name.endswith(".hpp"))
            run(["doxygen", "-"], input=config, cwd=copy)

    def compile(self, copy, path):
        """Compiles a file of the copy as the build has compiled its like; returns the object."""
        like = "tests/math_test.cpp" if path.startswith("tests/") else "core/math.cpp"
        with open(f"{self.build}/compile_commands.json") as file:
            (entry,) = [entry for entry in json.load(file) if entry["file"].endswith("/" + like)]
        words = shlex.split(entry["command"])
        self.words = words[words.index("ccache") + 1:] if "ccache" in words else words
        kept = " ".join(self.words).replace(f"{self.build}/include", f"{copy}/include")
        kept = re.sub(r" (-M[TF] \S+|-M?[DOWc]\S*|-o \S+|\S+\.cpp)(?= |$)", "", kept).split()
        made = path.replace("/", "_") + ".o"
        run([*kept, "-O1", "-w", "-c", f"{copy}/{path}", "-o", made])
        return made

    def test_a_diff_that_does_not_fit_is_seen(self):
        text = "```diff\n--- a/LICENSE\n+++ b/LICENSE\n@@ -1 +1,2 @@\n No such line\n+x\n```\n"
        self.assertEqual(list(hunks(text)), [("LICENSE", ["No such line"])])


if __name__ == "__main__":
    Contributing.build = sys.argv.pop(2)
    Contributing.root = sys.argv.pop(1)
    unittest.main()
