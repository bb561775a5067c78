"""Links a program outside the tree with mnemo in every way that the README promises.

    consumer_test.py --source DIR --build DIR --compiler CXX [--flags FLAGS] [unittest's arguments]

Works in the current folder. The build in DIR must be complete.
"""
import argparse
import glob
import os
import shlex
import shutil
import subprocess
import sys
import unittest

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


def build_with_cmake(name, *arguments, flags="", compiler=None):
    """Configures, builds and runs the consumer; returns what the program printed."""
    directory = fresh(name)
    run("cmake", "-G", "Ninja", "-S", os.path.join(options.source, "tests/consumer"),
        "-B", directory, f"-DCMAKE_CXX_COMPILER={compiler or options.compiler}",
        f"-DCMAKE_CXX_FLAGS={options.flags} {flags}", *arguments)
    run("cmake", "--build", directory)
    return run(os.path.join(directory, "consumer"))


def build_with_pkg_config(prefix, name, *flags, compiler=None):
    """Compiles, links and runs the consumer by hand with the flags that pkg-config gives."""
    pc = glob.glob(os.path.join(prefix, "**/pkgconfig"), recursive=True)
    found = shlex.split(run("pkg-config", "--cflags", "--libs", "--static", "mnemo",
                            PKG_CONFIG_PATH=pc[0]))
    program = os.path.join(fresh(name), "consumer")
    run(compiler or options.compiler, *shlex.split(options.flags), "-std=c++20", *flags,
        os.path.join(options.source, "tests/consumer/main.cpp"), "-o", program, *found)
    library = os.path.dirname(pc[0])  # for a shared mnemo
    return run(program, LD_LIBRARY_PATH=library)


class Consumer(unittest.TestCase):
    def assert_trained(self, output):
        self.assertIn("slope 3.0000, offset 0.5000", output)

    def test_find_package(self):
        self.assert_trained(build_with_cmake("by_find_package",
                                             f"-DCMAKE_PREFIX_PATH={installed('prefix')}"))

    def test_find_package_and_pkg_config_after_the_prefix_moved(self):
        moved = os.path.abspath("moved/to/a folder")
        shutil.rmtree("moved", ignore_errors=True)
        os.makedirs(os.path.dirname(moved))
        os.rename(installed("before"), moved)
        self.assert_trained(build_with_cmake("by_moved", f"-DCMAKE_PREFIX_PATH={moved}"))
        self.assert_trained(build_with_pkg_config(moved, "by_moved_pc"))

    def test_pkg_config(self):
        self.assert_trained(build_with_pkg_config(installed("pc_prefix"), "by_pkg_config"))

    def test_other_standard_compiler_and_processor(self):
        prefix = installed("other_prefix")
        for flags in ("-std=c++2b", "-march=native", "-O2 -D_GLIBCXX_ASSERTIONS"):
            self.assert_trained(build_with_pkg_config(prefix, "by_flags", *flags.split(),
                                                      "-Wall", "-Wextra", "-Wpedantic",
                                                      "-Wshadow", "-Werror"))
        clang = shutil.which("clang++")
        if clang and "sanitize" not in options.flags and "coverage" not in options.flags:
            for standard in ("-std=c++20", "-std=c++2b"):
                self.assert_trained(build_with_pkg_config(prefix, "by_clang", standard,
                                                          "-Wall", "-Wextra", "-Werror",
                                                          compiler=clang))

    def test_sanitizers_in_the_consumer_alone(self):
        prefix = installed("sanitized_prefix")
        if "sanitize" not in options.flags:
            self.assert_trained(build_with_pkg_config(
                prefix, "by_sanitized", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"))

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
        self.assertIn("usage", run(sys.executable, f"{prefix}/bin/mnemo-inspect", "--help").lower())

    def test_debian_package(self):
        directory = fresh("package")
        run("cpack", "-G", "DEB", "--config", os.path.join(options.build, "CPackConfig.cmake"),
            "-B", directory)
        (package,) = glob.glob(f"{directory}/libmnemo-dev_*.deb")
        fields = run("dpkg-deb", "--field", package)
        self.assertRegex(fields, r"(?m)^Package: libmnemo-dev$")
        self.assertRegex(fields, r"(?m)^Depends: .*libopenblas-dev")
        run("dpkg-deb", "-x", package, f"{directory}/root")
        self.assert_trained(build_with_cmake("by_package",
                                             f"-DCMAKE_PREFIX_PATH={directory}/root/usr"))


class Subdirectory(unittest.TestCase):
    """mnemo as a part of another project, which compiles it once more."""

    def test_fetch_content(self):
        output = build_with_cmake("by_subdirectory", f"-DMNEMO_SOURCE={options.source}",
                                  "-DMNEMO_NATIVE=OFF")
        self.assertIn("slope 3.0000, offset 0.5000", output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("--source", "--build", "--compiler"):
        parser.add_argument(name, required=True)
    parser.add_argument("--flags", default="")
    options, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])
