"""Links a program outside the tree with mnemo in every way that the README promises.

    consumer_test.py --source DIR --build DIR --compiler CXX [unittest's arguments]

Works in the current folder. The build in DIR must be complete.
"""
import argparse
import glob
import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
import unittest

import numpy

options = None


def run(*command, **environment):
    """Runs a command, returns what it printed; fails with all of that where it fails."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env={**os.environ, **environment},
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise AssertionError(f"{shlex.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def fresh(name):
    """The path of an empty folder."""
    path = os.path.abspath(name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def installed(name):
    """mnemo installed under a new prefix."""
    prefix = fresh(name)
    run("cmake", "--install", options.build, "--prefix", prefix)
    return prefix


def build_with_cmake(name, *arguments):
    """Configures, builds and runs the consumer; returns what the program printed."""
    directory = fresh(name)
    run("cmake", "-G", "Ninja", "-S", os.path.join(options.source, "tests/consumer"),
        "-B", directory, f"-DCMAKE_CXX_COMPILER={options.compiler}", *arguments)
    run("cmake", "--build", directory)
    return run(os.path.join(directory, "consumer"))


def build_with_pkg_config(prefix, name, *flags, compiler=None):
    """Compiles, links and runs the consumer by hand with the flags that pkg-config gives."""
    pc = glob.glob(os.path.join(prefix, "**/pkgconfig"), recursive=True)
    found = shlex.split(run("pkg-config", "--cflags", "--libs", "--static", "mnemo",
                            PKG_CONFIG_PATH=pc[0]))
    program = os.path.join(fresh(name), "consumer")
    run(compiler or options.compiler, "-std=c++20", *flags,
        os.path.join(options.source, "tests/consumer/main.cpp"), "-o", program, *found)
    library = os.path.dirname(pc[0])  # for a shared mnemo
    return run(program, LD_LIBRARY_PATH=library)


def links(compiler, *flags):
    """Whether the compiler has what the flags need: Debian's clang++ comes without its sanitizers."""
    with open("empty.cpp", "w") as file:
        file.write("int main() {}\n")
    command = [compiler, *flags, "empty.cpp", "-o", "empty"]
    return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0


class Consumer(unittest.TestCase):
    def assert_trained(self, output):
        self.assertIn("slope 3.0000, offset 0.5000", output)

    def test_find_package_as_the_readme_says(self):
        with open(os.path.join(options.source, "README.md"), encoding="utf-8") as file:
            (block,) = re.findall(r"(?ms)^```cmake\n(.*?)^```", file.read())
        prefix = installed("prefix")
        directory = fresh("by_find_package")
        shutil.copy(os.path.join(options.source, "tests/consumer/main.cpp"), directory)
        with open(os.path.join(directory, "CMakeLists.txt"), "w") as file:
            file.write("cmake_minimum_required(VERSION 3.25)\nproject(yours LANGUAGES CXX)\n"
                       f"add_executable(your_program main.cpp)\n{block}")
        run("cmake", "-G", "Ninja", "-S", directory, "-B", directory, f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DCMAKE_CXX_COMPILER={options.compiler}")
        run("cmake", "--build", directory)
        self.assert_trained(run(os.path.join(directory, "your_program")))

    def test_find_package_and_pkg_config_after_the_prefix_moved(self):
        moved = os.path.abspath("moved/to/a folder")
        shutil.rmtree("moved", ignore_errors=True)
        os.makedirs(os.path.dirname(moved))
        os.rename(installed("before"), moved)
        self.assert_trained(build_with_cmake("by_moved", f"-DCMAKE_PREFIX_PATH={moved}"))
        self.assert_trained(build_with_pkg_config(moved, "by_moved_pc"))

    def test_other_standard_compiler_and_processor(self):
        prefix = installed("other_prefix")
        for flags in ("-std=c++2b", "-march=native", "-O2 -D_GLIBCXX_ASSERTIONS"):
            self.assert_trained(build_with_pkg_config(prefix, "by_flags", *flags.split(),
                                                      "-Wall", "-Wextra", "-Wpedantic",
                                                      "-Wshadow", "-Werror"))
        clang = shutil.which("clang++")
        if clang:
            for standard in ("-std=c++20", "-std=c++2b"):
                self.assert_trained(build_with_pkg_config(prefix, "by_clang", standard,
                                                          "-Wall", "-Wextra", "-Werror",
                                                          compiler=clang))

    def test_sanitizers_in_the_consumer_alone(self):
        prefix = installed("sanitized_prefix")
        sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
        self.assert_trained(build_with_pkg_config(prefix, "by_sanitized", *sanitizers))
        self.assert_trained(build_with_cmake("by_sanitized_cmake", f"-DCMAKE_PREFIX_PATH={prefix}",
                                             "-DCMAKE_CXX_FLAGS=" + " ".join(sanitizers)))

    def test_version_is_asked_for(self):
        prefix = installed("version_prefix")
        directory = fresh("wrong_version")
        shutil.copy(os.path.join(options.source, "tests/consumer/main.cpp"), directory)
        with open(os.path.join(directory, "CMakeLists.txt"), "w") as file:
            file.write("cmake_minimum_required(VERSION 3.25)\nproject(old LANGUAGES CXX)\n"
                       "find_package(mnemo 99.0 CONFIG REQUIRED)\n")
        with self.assertRaisesRegex(AssertionError, "99.0"):
            run("cmake", "-S", directory, "-B", os.path.join(directory, "build"),
                f"-DCMAKE_PREFIX_PATH={prefix}")

    def test_installed_files(self):
        prefix = installed("listed_prefix")
        headers = [os.path.relpath(path, os.path.join(prefix, "include"))
                   for path in glob.glob(f"{prefix}/include/**/*", recursive=True)
                   if os.path.isfile(path)]
        self.assertIn("mnemo/mnemo.hpp", headers)
        self.assertIn("mnemo/core/tensor.hpp", headers)
        self.assertNotIn("mnemo/core/detail/gemm.hpp", headers)
        for path in glob.glob(f"{prefix}/**/*.cmake", recursive=True) + glob.glob(
                f"{prefix}/**/*.pc", recursive=True):
            with open(path) as file:
                text = file.read()
            self.assertNotIn(options.source, text, path)
            self.assertNotIn("xtensor", text, path)

    def test_the_main_example_is_small(self):
        """Beside OpenBLAS, which is shared; tests/bench/light.py measures what else is promised."""
        program = os.path.join(options.build, "examples/dcgan")
        if os.path.exists(program):
            run("strip", "-o", "stripped", program)
            self.assertLessEqual(os.path.getsize("stripped"), 3 * 2**20)

    def test_inspector(self):
        prefix = installed("inspector_prefix")
        numpy.savez("weights.npz", weight=numpy.arange(6.0).reshape(2, 3))
        listing = run(sys.executable, f"{prefix}/bin/mnemo-inspect", "ls", "weights.npz")
        self.assertRegex(listing, r"weight\s.*2.*3.*float64")
        run(sys.executable, f"{prefix}/bin/mnemo-inspect", "plot", "weights.npz", "-o", "plot.png")
        run(sys.executable, f"{prefix}/share/mnemo/python/convert.py", "to-safetensors",
            "weights.npz", "weights.safetensors")

    def test_debian_package(self):
        directory = fresh("package")
        run("cpack", "-G", "DEB", "--config", os.path.join(options.build, "CPackConfig.cmake"),
            "-B", directory)
        (package,) = glob.glob(f"{directory}/libmnemo-dev_*.deb")
        fields = run("dpkg-deb", "--field", package)
        self.assertRegex(fields, r"(?m)^Package: libmnemo-dev$")
        self.assertRegex(fields, r"(?m)^Depends: .*python3.*libopenblas-dev \(>= [0-9]")
        run("dpkg-deb", "-x", package, f"{directory}/root")
        share = f"{directory}/root/usr/share"
        with gzip.open(f"{share}/doc/libmnemo-dev/changelog.gz", "rt") as file:
            self.assertRegex(file.readline(), r"^libmnemo-dev \([0-9.]+\) ")
        with gzip.open(f"{share}/man/man1/mnemo-inspect.1.gz", "rt") as file:
            page = file.read()
        helped = run(sys.executable, os.path.join(options.source, "io/inspect.py"), "--help")
        for command in re.findall(r"(?m)^    (\w+) ", helped):
            self.assertIn(f"mnemo-inspect {command} ", page)
        self.assert_trained(build_with_cmake("by_package",
                                             f"-DCMAKE_PREFIX_PATH={directory}/root/usr"))

    def test_each_header_stands_alone(self):
        """Each installed header compiles by itself, without a warning, and brings no heavy one."""
        include = os.path.join(installed("header_prefix"), "include")
        headers = sorted(glob.glob(f"{include}/mnemo/**/*.hpp", recursive=True))
        self.assertGreater(len(headers), 10)
        for header in headers:
            name = os.path.relpath(header, include)
            with open(header) as file:
                text = file.read()
            self.assertEqual(text.count("#pragma once"), 1, name)
            if name == "mnemo/core/xtensor.hpp" or "/detail/" in name:
                continue  # the opt-in header, and parts of headers that were compiled with them
            with open("alone.cpp", "w") as file:
                file.write(f"#include <{name}>\n#include <{name}>\n")
            found = run(options.compiler, "-std=c++20", "-fsyntax-only", "-H", "-Wall", "-Wextra",
                        "-Wpedantic", "-Wshadow", "-Werror", f"-I{include}", "alone.cpp")
            self.assertNotRegex(found, r"/(xtensor|xtl|xsimd)/|/(cblas|zip|zlib)\.h", name)


class Rebuilt(unittest.TestCase):
    """What compiles the library once more, and so as differently as can be: as a part of another
    project, under its sanitizers, in C++23, shared, not tuned for this processor, by clang++ where it
    is there (g++ takes three times as long with sanitizers, and is spared them)."""

    def test_fetch_content_and_shared_library_with_sanitizers(self):
        compiler, flags = options.compiler, ["-O0"]
        sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
        if shutil.which("clang++"):
            compiler = "clang++"
            if links(compiler, *sanitizers):
                flags += sanitizers
        flags_for_cmake = [f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_CXX_FLAGS=" + " ".join(flags)]
        prefix = fresh("shared_prefix")
        trained = "slope 3.0000, offset 0.5000"
        self.assertIn(trained, build_with_cmake(
            "by_fetch_content", f"-DMNEMO_SOURCE={options.source}", "-DCMAKE_BUILD_TYPE=None",
            "-DMNEMO_NATIVE=OFF", "-DBUILD_SHARED_LIBS=ON", "-DCMAKE_CXX_STANDARD=23",
            "-DMNEMO_INSTALL=ON", *flags_for_cmake))
        run("cmake", "--install", "by_fetch_content", "--prefix", prefix)
        self.assertEqual(glob.glob(f"{prefix}/**/*.a", recursive=True), [])
        self.assertIn(trained, build_with_cmake("by_shared", f"-DCMAKE_PREFIX_PATH={prefix}",
                                                *flags_for_cmake))
        self.assertIn(trained, build_with_pkg_config(prefix, "by_shared_pc", *flags,
                                                     compiler=compiler))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("--source", "--build", "--compiler"):
        parser.add_argument(name, required=True)
    options, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])
