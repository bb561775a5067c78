"""Fails where an include runs upward between the folders, or a heavy header leaks to users.

    include_direction_test.py ROOT

The allowed arrows: nn, optim and io see core, and none of the three sees another; examples and
tests see everything. An installed header (one in a list mnemo_headers or mnemo_other_headers of its
folder) includes only installed ones, and none of the libraries that mnemo is built with, but for the
opt-in header core/xtensor.hpp. Every header outside detail/ is installed, every source is listed.
"""
import os
import re
import sys
import tempfile
import unittest

SEES = {
    "core": {"core"},
    "nn": {"core", "nn"},
    "optim": {"core", "optim"},
    "io": {"core", "io"},
    "examples": {"core", "nn", "optim", "io", "examples"},
}
HEAVY = re.compile(r"^(xtensor|xtl|xsimd|cblas|lapack|openblas|f77blas|zip|zlib|zconf|libdeflate|minizip|png|CLI)\b")
OPT_IN = {"core/xtensor.hpp"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def source_files(root, folder):
    """Paths below `folder`, relative to `root`, of its headers and sources."""
    for directory, _, names in sorted(os.walk(os.path.join(root, folder))):
        for name in sorted(names):
            if name.endswith((".hpp", ".cpp", ".h", ".cpp.in")):
                path = os.path.relpath(os.path.join(directory, name), root)
                yield path.replace(os.sep, "/")


def includes(root, path):
    """The includes of one file as (line number, '<' or '"', what is included)."""
    with open(os.path.join(root, path), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match.group(1), match.group(2)


def project_path(root, path, bracket, target):
    """Where in the project an include leads, or None where it leads outside."""
    if target.startswith("mnemo/"):
        return target[len("mnemo/"):]
    if bracket == '"':
        beside = os.path.normpath(os.path.join(os.path.dirname(path), target)).replace(os.sep, "/")
        if os.path.exists(os.path.join(root, beside)):
            return beside
    return None


def read_lists(root, folder):
    """The words in the calls of the folder's CMakeLists.txt: {"mnemo_headers": {"a.hpp"}, ...}."""
    with open(os.path.join(root, folder, "CMakeLists.txt"), encoding="utf-8") as file:
        text = re.sub(r"#.*", "", file.read())
    lists = {}
    for call, words in re.findall(r"(\w+)\s*\(([^()]*)\)", text):
        lists.setdefault(call, set()).update(words.split())
    return lists


def installed_headers(root):
    found = set()
    for folder in SEES:
        lists = read_lists(root, folder)
        for call in ("mnemo_headers", "mnemo_other_headers"):
            found.update(f"{folder}/{name}" for name in lists.get(call, ()))
    return found


def complaints_of_file(root, path, installed):
    folder = path.split("/")[0]
    for number, bracket, target in includes(root, path):
        where = f"{path}:{number}"
        inside = project_path(root, path, bracket, target)
        if inside is None:
            if path in installed and path not in OPT_IN and HEAVY.match(target):
                yield f"{where}: an installed header includes {target}"
            continue
        if inside == "mnemo.hpp":
            if folder != "examples":
                yield f"{where}: the library includes <mnemo/mnemo.hpp>"
            continue
        if not os.path.exists(os.path.join(root, inside)):
            yield f"{where}: there is no {inside}"
        if inside.split("/")[0] not in SEES[folder]:
            yield f"{where}: {folder} must not see {inside}"
        if path in installed and inside in OPT_IN:
            yield f"{where}: an installed header includes the opt-in header {inside}"
        is_user = path in installed or folder == "examples"
        if is_user and not inside.startswith("examples/") and inside not in installed:
            yield f"{where}: users do not get {inside}"


def complaints_of_lists(root, folder, installed):
    """Files that the folder's CMakeLists.txt has forgotten."""
    sources = read_lists(root, folder).get("target_sources", set())
    for path in source_files(root, folder):
        if path.endswith(".hpp") and "/detail/" not in path and path not in installed:
            yield f"{path} is in no list of headers of {folder}/CMakeLists.txt"
        if path.endswith(".cpp") and path[len(folder) + 1:] not in sources:
            yield f"{path} is in no list of sources of {folder}/CMakeLists.txt"


def complaints(root):
    found = []
    installed = installed_headers(root)
    for folder in SEES:
        for path in source_files(root, folder):
            found.extend(complaints_of_file(root, path, installed))
        if folder != "examples":
            found.extend(complaints_of_lists(root, folder, installed))
    return found


class Rules(unittest.TestCase):
    """The checker itself, on small trees with one thing wrong each."""

    def complaints_about(self, **files):
        """Complaints about a tree with these files; `__` stands for '/', `_hpp` for '.hpp'."""
        with tempfile.TemporaryDirectory() as root:
            for folder in SEES:
                os.makedirs(os.path.join(root, folder, "detail"))
                with open(os.path.join(root, folder, "CMakeLists.txt"), "w") as file:
                    file.write("# a list\nmnemo_headers(\n  a.hpp\n)\nmnemo_other_headers(\n"
                               "  detail/t.hpp\n  xtensor.hpp\n)\n"
                               "target_sources(mnemo PRIVATE\n  b.cpp\n)\n")
            for name, text in {"core__a_hpp": "", **files}.items():
                path = name.replace("__", "/").replace("_hpp", ".hpp").replace("_cpp", ".cpp")
                with open(os.path.join(root, path), "w") as file:
                    file.write(text)
            return complaints(root)

    def test_a_good_tree(self):
        found = self.complaints_about(
            nn__a_hpp='#include <vector>\n#include "mnemo/core/detail/t.hpp"\n',
            core__detail__t_hpp='#include "mnemo/core/a.hpp"\n',
            nn__b_cpp='#include "mnemo/nn/a.hpp"\n#include "mnemo/core/detail/k.hpp"\n#include <cblas.h>\n',
            core__detail__k_hpp="#include <xtensor/xarray.hpp>\n",
            core__xtensor_hpp="#include <xtensor/xarray.hpp>\n",
            examples__e_cpp="#include <mnemo/mnemo.hpp>\n#include <mnemo/nn/a.hpp>\n")
        self.assertEqual(found, [])

    def test_upward(self):
        self.assertIn("core must not see nn/a.hpp", self.complaints_about(
            nn__a_hpp="", core__b_cpp="// a comment\n#include <mnemo/nn/a.hpp>\n")[0])

    def test_upward_by_relative_path(self):
        self.assertIn("core must not see nn/a.hpp", self.complaints_about(
            nn__a_hpp="", core__b_cpp='#include "../nn/a.hpp"\n')[0])

    def test_sideways(self):
        for one, other in (("nn", "optim"), ("optim", "io"), ("io", "nn")):
            found = self.complaints_about(**{
                f"{other}__a_hpp": "", f"{one}__b_cpp": f'#include "mnemo/{other}/a.hpp"\n'})
            self.assertEqual(found, [f"{one}/b.cpp:1: {one} must not see {other}/a.hpp"])

    def test_heavy_header(self):
        for header in ("xtensor/xarray.hpp", "xsimd/xsimd.hpp", "cblas.h", "zip.h", "zlib.h"):
            found = self.complaints_about(core__a_hpp=f"#  include <{header}>\n")
            self.assertEqual(found, [f"core/a.hpp:1: an installed header includes {header}"])

    def test_detail_and_opt_in_header(self):
        self.assertEqual(len(self.complaints_about(
            core__detail__k_hpp="", core__a_hpp='#include "mnemo/core/detail/k.hpp"\n')), 1)
        self.assertEqual(len(self.complaints_about(
            core__xtensor_hpp="", core__a_hpp='#include "mnemo/core/xtensor.hpp"\n')), 1)

    def test_missing_and_unlisted(self):
        self.assertEqual(self.complaints_about(core__b_cpp='#include "mnemo/core/gone.hpp"\n'),
                         ["core/b.cpp:1: there is no core/gone.hpp"])
        self.assertEqual(self.complaints_about(core__c_hpp=""),
                         ["core/c.hpp is in no list of headers of core/CMakeLists.txt"])
        self.assertEqual(self.complaints_about(core__c_cpp=""),
                         ["core/c.cpp is in no list of sources of core/CMakeLists.txt"])


class Project(unittest.TestCase):
    root = None

    def test_project(self):
        paths = [path for folder in SEES for path in source_files(self.root, folder)]
        self.assertGreater(len(paths), 10, f"{self.root} is not the project's root")
        self.assertEqual(complaints(self.root), [])


if __name__ == "__main__":
    Project.root = os.path.abspath(sys.argv.pop(1))
    unittest.main()
