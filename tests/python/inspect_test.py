"""mnemo-inspect: what it prints, its exit statuses, and that no bad file gets past it."""
import contextlib
import importlib.util
import io
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "io", "inspect.py")


def load():
    spec = importlib.util.spec_from_file_location("mnemo_inspect", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = load()


def run(*arguments):
    """Exit status, standard output and standard error of one command, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = TOOL.main([str(a) for a in arguments])
    return status, out.getvalue(), err.getvalue()


def start(*arguments, python=(sys.executable,), **options):
    """One command in a process of its own."""
    return subprocess.run([*python, SCRIPT, *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=120, **options)


def training_state(step=3, seed=0):
    random = np.random.default_rng(seed)
    state = {}
    for network in ("generator", "discriminator"):
        for name, shape in (("up1/weight", (6, 4, 4, 4)), ("up1/bias", (4,))):
            state[f"{network}/{name}"] = random.normal(size=shape).astype(np.float32)
        state[f"{network}/norm/running_mean"] = random.normal(size=6).astype(np.float32)
        for name, shape in (("up1/weight", (6, 4, 4, 4)), ("up1/bias", (4,))):
            state[f"{network}_optimizer/exp_avg/{name}"] = random.normal(size=shape).astype(
                np.float32)
            state[f"{network}_optimizer/exp_avg_sq/{name}"] = random.random(shape).astype(
                np.float32)
        state[f"{network}_optimizer/step"] = np.array(step)
        state[f"{network}_optimizer/learning_rate"] = np.array(2e-4)
    state["random/latent/state"] = np.array([2**64 - 1, 3], np.uint64)
    return state


ODD = {
    "flag": np.array(True), "flags": np.array([[True, False], [False, False]]),
    "empty": np.zeros((0, 3)), "empty/int": np.zeros(0, np.int32), "zero_d": np.array(2.5),
    "i8": np.array([-128, 127], np.int8), "i64": np.array([-2**63, 2**63 - 1]),
    "u64": np.array([2**64 - 1, 0], np.uint64), "half": np.array([0.5, -65504], np.float16),
    "big": np.arange(5, dtype=">i4"), "big_float": np.linspace(0, 1, 7).astype(">f8"),
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "text": np.array(["a", "bc"]), "complex": np.array([1 + 2j, np.nan]),
    "broken": np.array([1.0, np.nan, np.inf, -np.inf, 3.0]), "all_nan": np.full(3, np.nan),
    "constant": np.full(1000, 0.1, np.float32),
    "snowman/\u2603": np.array([1.0]),
}


class InFolder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="inspect_test.")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def save(self, name, tensors, save=np.savez):
        save(self.path(name), **tensors)
        return self.path(name)

    def save_folder(self, name, tensors):
        for tensor, array in tensors.items():
            file = os.path.join(self.path(name), tensor + ".npy")
            os.makedirs(os.path.dirname(file), exist_ok=True)
            np.save(file, array)
        return self.path(name)

    def refused(self, *arguments):
        """Checks for exit status 2 and one line on standard error; returns that line."""
        status, _, err = run(*arguments)
        self.assertEqual((status, err.count("\n")), (2, 1), (arguments, err))
        return err


class Listing(InFolder):
    def listed(self, path):
        status, out, _ = run("ls", "--json", path)
        self.assertEqual(status, 0)
        return json.loads(out)

    def test_statistics_are_those_of_numpy_for_every_dtype(self):
        for save in (np.savez, np.savez_compressed):
            tensors = {
                t["name"]: t for t in self.listed(self.save("odd.npz", ODD, save))["tensors"]
            }
            self.assertEqual(list(tensors), list(ODD))
            for name, array in ODD.items():
                t = tensors[name]
                self.assertEqual((t["shape"], t["dtype"], t["bytes"]),
                                 (list(array.shape), str(array.dtype), array.nbytes))
                if array.dtype.kind not in "biuf":
                    self.assertIsNone(t["mean"])
                    continue
                finite = array[np.isfinite(array)]
                self.assertEqual(t["nonfinite"], array.size - finite.size, name)
                if not finite.size:
                    self.assertIsNone(t["min"])
                    continue
                self.assertEqual((t["min"], t["max"]), (finite.min().item(), finite.max().item()))
                wide = finite.astype(np.float64)
                np.testing.assert_allclose([t["mean"], t["std"]], [wide.mean(), wide.std()],
                                           rtol=1e-12, atol=1e-9, err_msg=name)
            self.assertEqual(tensors["complex"]["nonfinite"], 1)

    def test_statistics_over_several_pieces(self):
        array = np.random.default_rng(1).normal(1000.0, 0.01, 3_500_000).astype(np.float32)
        t = self.listed(self.save("large.npz", {"x": array}))["tensors"][0]
        wide = array.astype(np.float64)
        np.testing.assert_allclose([t["mean"], t["std"]], [wide.mean(), wide.std()], rtol=1e-9)

    def test_table_is_aligned_and_totals_add_up(self):
        status, out, err = run("ls", self.save("state.npz", training_state()))
        self.assertEqual((status, err), (0, ""))
        tensors, groups = (part.split("\n") for part in out.rstrip("\n").split("\n\n"))
        column = tensors[0].index("shape")
        for line in tensors[1:]:
            self.assertEqual((line[column - 1], line[column]), (" ", "["))
        self.assertEqual(len({len(line) for line in tensors}), 1)
        rows = {line.split()[0]: line.split()[1:] for line in groups[1:]}
        self.assertEqual(list(rows), ["generator", "generator_optimizer", "discriminator",
                                      "discriminator_optimizer", "random", "all"])
        self.assertEqual(rows["generator"][:2], ["3", str(384 + 4 + 6)])
        self.assertEqual(int(rows["all"][1]), sum(a.size for a in training_state().values()))

    def test_names_select(self):
        path = self.save("state.npz", training_state())
        _, out, _ = run("ls", path, "*_optimizer/step", "random/*")
        self.assertEqual(out.split("\n\n")[0].count("\n"), 3)
        self.assertIn("did you mean generator/up1/weight",
                      self.refused("ls", path, "generator/up/weight"))

    def test_every_form_of_a_checkpoint_reads_the_same(self):
        state = training_state()
        archive, folder = self.save("a.npz", state), self.save_folder("tree", state)
        key = lambda t: t["name"]
        self.assertEqual(sorted(self.listed(archive)["tensors"], key=key),
                         sorted(self.listed(folder)["tensors"], key=key))
        one = self.listed(os.path.join(folder, "generator", "up1", "weight.npy"))["tensors"]
        self.assertEqual([t["name"] for t in one], ["weight"])

    def test_the_newest_checkpoint_of_a_run(self):
        os.mkdir(self.path("run"))
        for step in (9, 10, 100):
            self.save(f"run/step_{step}.npz", {"step": np.array(step)})
        status, out, err = run("show", self.path("run"))
        self.assertEqual((status, out.strip().split("\n")[-1]), (0, "100"))
        self.assertIn("step_100.npz", err)

    def test_unprintable_names_do_not_reach_the_terminal(self):
        _, out, _ = run("ls", self.save("odd.npz", {"a\x1b[31m": np.zeros(2)}))
        self.assertNotIn("\x1b", out)
        self.assertIn("a\\x1b[31m", out)

    def test_huge_files_are_not_held_in_memory(self):
        with open(self.path("huge.npy"), "wb") as file:  # 1 GiB, sparse
            np.lib.format.write_array_header_1_0(
                file, {"descr": "<f4", "fortran_order": False, "shape": (1 << 28,)})
            file.truncate(file.tell() + (1 << 30))
        found = start("ls", self.path("huge.npy"))
        self.assertEqual(found.returncode, 0, found.stderr)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        self.assertLess(peak, 400 * 1024, "KiB")


class Comparing(InFolder):
    def differ(self, a, b):
        status, out, err = run("diff", self.save("a.npz", a), self.save("b.npz", b))
        self.assertEqual(err, "")
        rows = [re.split(r"\s{2,}", line.strip()) for line in out.strip().split("\n")]
        return status, {row[0]: row[1:] for row in rows}, out

    def test_equal(self):
        status, _, out = self.differ(ODD, ODD)
        self.assertEqual((status, out), (0, f"{len(ODD)} tensors equal, 0 not\n"))
        state = training_state()
        status, out, _ = run("diff", self.save("s.npz", state), self.save_folder("tree", state))
        self.assertEqual(status, 0, out)

    def test_nan_and_memory_order_make_no_difference(self):
        a = {"x": np.array([np.nan, 1.0]), "y": np.arange(12.0).reshape(3, 4), "z": np.array([0.0])}
        b = {"x": np.array([np.nan, 1.0]), "y": np.asfortranarray(a["y"]), "z": np.array([-0.0])}
        self.assertEqual(self.differ(a, b)[0], 0)
        b["x"][0] = 5.0
        status, rows, _ = self.differ(a, b)
        self.assertEqual((status, rows["x"][:3]), (1, ["1", "2", "nan"]))
        b = dict(a, y=np.asfortranarray(a["y"] + np.eye(3, 4)))
        self.assertEqual(self.differ(a, b)[1]["y"], ["3", "12", "1", "1"])

    def test_largest_differences(self):
        a = {"x": np.array([1.0, 100.0, 0.0]), "i": np.array([-2**63, 5]),
             "u": np.array([2**64 - 1, 7], np.uint64), "inf": np.array([np.inf, 1.0])}
        b = {"x": np.array([1.5, 100.9, 0.0]), "i": np.array([2**63 - 1, 5]),
             "u": np.array([2**64 - 2, 7], np.uint64), "inf": np.array([-np.inf, 1.0])}
        status, rows, _ = self.differ(a, b)
        self.assertEqual(status, 1)
        self.assertEqual(rows["x"], ["2", "3", "0.9", "0.3333"])
        self.assertEqual(rows["i"][:3], ["1", "2", str(2**64 - 1)])
        self.assertEqual(rows["u"][:3], ["1", "2", "1"])
        self.assertEqual(rows["inf"], ["1", "2", "inf", "inf"])

    def test_names_shapes_and_dtypes(self):
        a = {
            "same": np.zeros(2), "gone": np.zeros(2), "shape": np.zeros((2, 3)), "type": np.ones(2),
            "text": np.array(["a"])
        }
        b = {"same": np.zeros(2), "new": np.zeros(2), "shape": np.zeros(6),
             "type": np.ones(2, np.float32), "text": np.array(["b"])}
        status, rows, out = self.differ(a, b)
        self.assertEqual(status, 1)
        self.assertRegex(out, r"only in \S*a.npz: gone \[2\] float64")
        self.assertRegex(out, r"only in \S*b.npz: new \[2\] float64")
        self.assertIn("shape differs: shape [2, 3] and [6]", out)
        self.assertEqual(rows["type"], ["0", "2", "0", "0", "dtype float64 and float32"])
        self.assertEqual(rows["text"][:2], ["1", "1"])
        self.assertIn("1 tensors equal, 5 not", out)

    def test_mixed_integers_beyond_float64(self):
        status, rows, _ = self.differ({"x": np.array([2**53 + 1])},
                                      {"x": np.array([2**53], np.uint64)})
        self.assertEqual((status, rows["x"][:3]), (1, ["1", "1", "1"]))


class Extracting(InFolder):
    def test_export_gives_the_same_array(self):
        path = self.save("odd.npz", ODD)
        for name in ("fortran", "big", "zero_d", "empty", "broken", "text"):
            self.assertEqual(run("export", path, name, self.path("out.npy"))[0], 0)
            back = np.load(self.path("out.npy"), allow_pickle=False)
            self.assertEqual((back.shape, back.dtype.kind), (ODD[name].shape, ODD[name].dtype.kind))
            np.testing.assert_array_equal(back, ODD[name])
        self.assertEqual([n for n in os.listdir(self.folder) if n.endswith(".part")], [])
        self.refused("export", path, "b*", self.path("out.npy"))
        self.refused("export", path, "big", self.path("no/such/folder/out.npy"))

    def test_show(self):
        path = self.save("odd.npz", ODD)
        status, out, _ = run("show", path, "big", "zero_d")
        self.assertEqual(status, 0)
        self.assertIn("[0 1 2 3 4]", out)
        self.assertIn("zero_d  [] float64  8 B", out)
        self.assertIn("18 tensors: say which", self.refused("show", path))
        _, out, _ = run("show", "--all", path, "constant")
        self.assertEqual(out.count("0.1"), 1000 + 3)

    def test_show_of_a_name_takes_the_newest_checkpoint(self):
        os.makedirs(self.path("runs/dcgan"))
        self.save("runs/dcgan/step_7.npz", {"generator/scale": np.array([7.25])})
        found = start("show", "generator/scale", cwd=self.folder)
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertIn("[7.25]", found.stdout)
        self.assertEqual(start("show", "generator/scale", cwd=ROOT).returncode, 2)


class Verifying(InFolder):
    def problems(self, path):
        status, out, _ = run("verify", path)
        self.assertIn(status, (0, 1))
        lines = out.strip().split("\n")
        self.assertEqual(status, 0 if lines[-1].endswith("sound") else 1)
        return lines[:-1]

    def test_sound(self):
        self.assertEqual(self.problems(self.save("a.npz", training_state())), [])
        self.assertEqual(self.problems(self.save_folder("tree", training_state())), [])

    def test_each_damaged_tensor_is_told(self):
        state = training_state()
        state["generator/up1/bias"][2] = np.nan
        state["generator_optimizer/exp_avg_sq/up1/bias"][0] = -1e-9
        found = self.problems(self.save("a.npz", state))
        self.assertEqual(len(found), 2)
        self.assertIn("generator/up1/bias: 1 of 4 elements are not finite", found[0])
        self.assertIn("exp_avg_sq/up1/bias: 1 of 4 elements are negative", found[1])

    def test_a_flipped_bit_anywhere_in_the_data(self):
        for save in (np.savez, np.savez_compressed):
            path = self.save("a.npz", {"x": np.arange(1000.0), "y": np.arange(9)}, save)
            with zipfile.ZipFile(path) as archive:
                size = archive.getinfo("x.npy").compress_size
            with open(path, "rb") as file:
                data = bytearray(file.read())
            for at in range(300, size - 50, 97):
                data[at] ^= 4
                with open(self.path("flipped.npz"), "wb") as file:
                    file.write(data)
                data[at] ^= 4
                found = self.problems(self.path("flipped.npz"))
                self.assertEqual(len(found), 1, (save, at))
                self.assertIn("x: ", found[0])

    def test_names_pickles_and_surplus(self):
        with zipfile.ZipFile(self.path("a.npz"), "w") as archive:
            def member(name, array, more=b""):
                data = io.BytesIO()
                np.save(data, array, allow_pickle=True)
                archive.writestr(name, data.getvalue() + more)
            member("fine.npy", np.zeros(2))
            member("pickle.npy", np.array([{"a": 1}], object))
            member("longer.npy", np.zeros(2), b"surplus")
            member("../up.npy", np.zeros(2))
            archive.writestr("readme.txt", "no array")
        found = "\n".join(self.problems(self.path("a.npz")))
        self.assertIn("pickle: holds Python objects", found)
        self.assertIn("longer: 7 bytes follow its last element", found)
        self.assertIn("../up: is a name that mnemo refuses", found)
        self.assertIn("member 'readme.txt' is no .npy file", found)
        self.assertNotIn("fine", found)
        self.assertIn("pickle", self.refused("ls", self.path("a.npz")))


class BadFiles(InFolder):
    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def header(self, text, version=1):
        text = text.encode("latin-1")
        length = len(text).to_bytes(2 if version == 1 else 4, "little")
        return b"\x93NUMPY" + bytes([version, 0]) + length + text

    def test_one_line_and_status_2(self):
        os.mkdir(self.path("nothing"))
        whole = self.header("{'descr':'<f4','fortran_order':False,'shape':(2,)}") + bytes(8)
        good = self.write("good.npy", whole)
        self.assertEqual(run("ls", good)[0], 0)
        bad = {
            "missing": self.path("missing.npz"), "folder": self.path("nothing"),
            "empty": self.write("empty.npz", b""), "text": self.write("a.npz", b"hello"),
            "zip": self.write("b.npz", b"PK\x03\x04 and no more"),
            "short": self.write("c.npy", whole[:-1]),
            "negative": self.write("d.npy", whole.replace(b"(2,)", b"(-2,)")),
            "absurd": self.write("e.npy", whole.replace(b"(2,)", b"(9999999999999,)")),
            "object": self.write("f.npy", whole.replace(b"<f4", b"|O")),
            "code": self.write("g.npy", self.header("__import__('os').system('echo')")),
            "nested": self.write("h.npy", self.header("(" * 5000)),
            "version": self.write("i.npy", whole.replace(b"NUMPY\x01", b"NUMPY\x09")),
            "no key": self.write("j.npy", whole.replace(b"'shape'", b"'shap'")),
        }
        for command in ("ls", "verify", "show"):
            for name, path in bad.items():
                if command == "verify" and path.endswith(".npy"):
                    continue
                with self.subTest(command=command, file=name):
                    self.assertIn(path, self.refused(command, path))
        for path in bad.values():
            self.refused("diff", good, path)
            self.refused("export", path, "x", self.path("out.npy"))

    def test_bombs(self):
        path = self.save("bomb.npz", {"x": np.zeros(6 << 20)}, np.savez_compressed)  # 48 MiB
        for command in ("ls", "verify", "show"):
            self.assertIn("zip bomb", self.refused(command, path))

    def test_legal_spellings_of_the_header(self):
        for text in ("{ 'shape' : (2 ,) ,\"fortran_order\":False, 'descr':'<f4' , }\n",
                     "{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }   \n"):
            for version in (1, 2, 3):
                path = self.write("x.npy",
                                  self.header(text, version) + np.float32([3, 4]).tobytes())
                self.assertIn("[3. 4.]", run("show", path)[1])

    def test_cut_and_damaged_files_never_give_a_traceback(self):
        random = np.random.default_rng(5)
        for save in (np.savez, np.savez_compressed):
            with open(self.save("whole.npz", training_state(), save), "rb") as file:
                data = file.read()
            damaged = [data[:length] for length in random.integers(0, len(data), 40)]
            for _ in range(60):
                flipped = bytearray(data)
                flipped[random.integers(len(data))] ^= 1 << random.integers(8)
                damaged.append(bytes(flipped))
            for content in damaged:
                path = self.write("damaged.npz", content)
                for command in ("ls", "verify"):
                    status, _, err = run(command, path)
                    self.assertLessEqual(err.count("\n"), 1)
                    self.assertEqual(status == 2, err != "")


class AsAProgram(InFolder):
    def test_its_name_does_not_hide_the_standard_module(self):
        path = self.save("a.npz", {"x": np.zeros(2)})
        for folder in (os.path.dirname(SCRIPT), self.folder):
            found = start("ls", path, cwd=folder)
            self.assertEqual((found.returncode, found.stderr), (0, ""))
        code = (
            "import inspect, numpy; inspect.signature(numpy.sum); import sys; "
            "assert inspect is sys.modules['inspect'] and 'mnemo' not in (inspect.__doc__ or '')")
        found = subprocess.run([sys.executable, "-B", "-c", code], cwd=os.path.dirname(SCRIPT),
                               stderr=subprocess.PIPE, text=True)
        self.assertEqual((found.returncode, found.stderr), (0, ""))

    def test_without_numpy_it_finds_the_systems_or_says_what_to_install(self):
        path = self.save("a.npz", {"x": np.zeros(2)})
        found = start("ls", path, python=(sys.executable, "-S"))
        system = "/usr/bin/python3"
        elsewhere = os.path.realpath(sys.executable) != os.path.realpath(system) \
            and os.path.exists(system) \
            and subprocess.run([system, "-c", "import numpy"],
                               stderr=subprocess.DEVNULL).returncode == 0
        if elsewhere:
            self.assertEqual(found.returncode, 0, found.stderr)
        else:
            self.assertEqual((found.returncode, found.stderr.count("\n")), (2, 1), found.stderr)
            self.assertIn("apt install python3-numpy", found.stderr)
        self.assertEqual(start("--help", python=(sys.executable, "-S")).returncode, 0)

    def test_a_reader_that_goes_away(self):
        path = self.save("many.npz", {f"tensor{i:05}": np.zeros(1) for i in range(3000)})
        found = subprocess.run(f"{sys.executable} {SCRIPT} ls {path} | head -1", shell=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual((found.stdout.count("\n"), found.stderr), (1, ""))

    def test_usage(self):
        found = start("--help")
        self.assertEqual(found.returncode, 0)
        self.assertIn("np.savez", found.stdout)
        self.assertEqual(start().returncode, 2)
        self.assertEqual(start("ls").returncode, 2)

    def test_the_recipes_in_the_help_run(self):
        path = self.save("step_00001000.npz", training_state())
        recipes = "\n".join(line.strip() if not line.startswith("      ") else "    " + line.strip()
                            for line in TOOL.RECIPES.split("\n") if line.startswith("  "))
        recipes = recipes.replace("new/name", "generator/renamed").replace("old/name",
                                                                          "generator/up1/bias")
        found = subprocess.run([sys.executable, "-c", recipes], cwd=self.folder,
                               stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.assertEqual((found.returncode, found.stdout), (0, "True\n"), found.stderr)
        before, after = np.load(path), np.load(self.path("edited.npz"))
        self.assertEqual(after["generator_optimizer/learning_rate"].shape, ())
        self.assertEqual(float(after["generator_optimizer/learning_rate"]), 1e-4)
        self.assertFalse(after["generator_optimizer/exp_avg/up1/weight"].any())
        np.testing.assert_array_equal(before["generator/up1/bias"], after["generator/renamed"])

    def test_the_example_runs(self):
        path = self.save("step_00000400.npz", training_state())
        example = os.path.join(ROOT, "examples", "inspect_in_python.py")
        with open(self.path("matplotlib.py"), "w") as file:  # as if there were none
            file.write("raise ImportError('none here')")
        for without in (True, False):
            environment = dict(os.environ, PYTHONPATH=self.folder if without else "")
            found = subprocess.run([sys.executable, example, path], cwd=self.folder, text=True,
                                   env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
            self.assertEqual(found.returncode, 0, found.stderr)
            self.assertEqual("apt install python3-matplotlib" in found.stdout, without)
            self.assertEqual(os.path.exists(self.path("moment.png")), not without)
        status, out, _ = run("diff", path, self.path("runs/edited/step_00000400.npz"))
        self.assertEqual(status, 1)
        self.assertIn("generator_optimizer/exp_avg/up1/weight", out)
        self.assertTrue(out.endswith(f"{len(training_state()) - 2} tensors equal, 2 not\n"), out)
        found = subprocess.run([sys.executable, example], cwd=self.folder, text=True,
                               stderr=subprocess.PIPE)
        self.assertEqual((found.returncode, found.stderr.count("\n")), (1, 1), found.stderr)
        self.assertIn("cmake --workflow --preset demo", found.stderr)


if __name__ == "__main__":
    unittest.main()
