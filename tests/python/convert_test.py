"""convert.py: names, layouts and moments between mnemo, PyTorch, Keras 3 and safetensors. What
Keras and safetensors make has been recorded in golden/. With PyTorch itself it is tried where that
is installed; where MNEMO_ALL_TESTS is set, it has to be. """
import contextlib
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GOLDEN = os.path.join(ROOT, "tests", "golden")
SCRIPT = os.path.join(ROOT, "io", "convert.py")


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


convert = load("mnemo_convert", SCRIPT)


def importable(name):
    return importlib.util.find_spec(name) is not None


def equal(test, a, b):
    """Two dictionaries of arrays with equal names, dtypes, shapes and bits."""
    test.assertEqual(sorted(a), sorted(b))
    for name in a:
        x, y = convert.as_array(a[name]), convert.as_array(b[name])
        test.assertEqual((x.shape, x.dtype), (y.shape, y.dtype), name)
        np.testing.assert_array_equal(x, y, err_msg=name)


def checkpoint(step=5, kind="float64"):
    """What a mnemo program holds after `step` steps of the recorded DCGAN."""
    with np.load(os.path.join(GOLDEN, f"dcgan_10_steps_{kind}.npz"), allow_pickle=False) as file:
        state = {name[len("expected/"):]: file[name][step - 1] for name in file
                 if name.startswith("expected/") and not name.endswith("_loss")}
        for network in ("generator", "discriminator"):
            state[f"{network}_optimizer/step"] = np.array(step)
            state[f"{network}_optimizer/learning_rate"] = np.array(
                float(file["options/learning_rate"]))
            for beta in ("beta1", "beta2"):
                state[f"{network}_optimizer/{beta}"] = np.array(float(file[f"options/{beta}"]))
    return state


NAMES = ["up1.weight", "up1.bias"]
SHAPES = {"up1.weight": (2, 3), "up1.bias": (3,)}


def adam_state(step=4):
    """As torch.optim.Adam.state_dict() gives it, in NumPy."""
    entry = {name: {"step": np.float32(step), "exp_avg": np.full(SHAPES[name], i + 0.5),
                    "exp_avg_sq": np.full(SHAPES[name], i + 0.25)} for i, name in enumerate(NAMES)}
    return {"state": {i: entry[name] for i, name in enumerate(NAMES)},
            "param_groups": [{"lr": 0.01, "betas": (0.5, 0.999), "eps": 1e-8, "params": [0, 1]}]}


class Names(unittest.TestCase):
    def test_a_model(self):
        torch_state = {"up1.weight": np.ones((2, 3)), "norm.running_mean": np.zeros(3),
                       "norm.running_var": np.ones(3), "norm.num_batches_tracked": np.array(7)}
        state = convert.model_from_torch(torch_state)
        self.assertEqual(list(state), ["up1/weight", "norm/running_mean", "norm/running_var"])
        back = convert.model_to_torch(state)
        equal(self, back, dict(torch_state, **{"norm.num_batches_tracked": np.array(0)}))
        self.assertEqual(convert.parameter_names(torch_state), ["up1.weight"])

    def test_prefixes(self):
        state = convert.under("generator", {"a/b": np.ones(1)})
        self.assertEqual(list(state), ["generator/a/b"])
        self.assertEqual(list(convert.below("generator", dict(state, other=1))), ["a/b"])
        with self.assertRaisesRegex(convert.Failure, "there are generator"):
            convert.below("gen", state)

    def test_an_optimizer_there_and_back(self):
        state = convert.optimizer_from_torch(adam_state(), NAMES)
        self.assertEqual(list(state), [
            "step", "learning_rate", "beta1", "beta2", "exp_avg/up1/weight", "exp_avg/up1/bias",
            "exp_avg_sq/up1/weight", "exp_avg_sq/up1/bias"])
        counted = convert.optimizer_from_torch(adam_state(), NAMES, skipped=True)
        self.assertEqual(sorted(set(counted) - set(state)),
                         ["skipped/up1/bias", "skipped/up1/weight"])
        self.assertEqual((counted["skipped/up1/bias"], counted["skipped/up1/bias"].dtype),
                         (0, np.int64))
        self.assertEqual((state["step"].dtype, int(state["step"])), (np.int64, 4))
        self.assertEqual((state["learning_rate"].dtype, float(state["learning_rate"])),
                         (np.float64, 0.01))
        np.testing.assert_array_equal(state["exp_avg_sq/up1/bias"], np.full(3, 1.25))

        self.assertEqual((float(state["beta1"]), float(state["beta2"])), (0.5, 0.999))
        state["learning_rate"], state["beta1"] = np.array(0.5), np.array(0.25)
        back = convert.optimizer_to_torch(state, NAMES, like=adam_state(step=0))
        self.assertEqual(back["param_groups"][0]["lr"], 0.5)
        self.assertEqual(back["param_groups"][0]["betas"], (0.25, 0.999))
        for position in (0, 1):
            equal(self, back["state"][position], adam_state()["state"][position])

    def test_positions_follow_the_names_not_the_order_of_the_file(self):
        swapped = convert.optimizer_to_torch(convert.optimizer_from_torch(adam_state(), NAMES),
                                             NAMES[::-1], like=adam_state())
        np.testing.assert_array_equal(swapped["state"][0]["exp_avg"], np.full(3, 1.5))

    def test_a_parameter_without_state_gets_zeros(self):
        torch_state = adam_state()
        del torch_state["state"][1]
        state = convert.optimizer_from_torch(torch_state, NAMES, SHAPES)
        np.testing.assert_array_equal(state["exp_avg_sq/up1/bias"], np.zeros(3))
        self.assertEqual((state["skipped/up1/weight"], state["skipped/up1/bias"]), (0, 4))
        equal(self, {"0": np.array(1)}, {str(position): np.array(1) for position in
                     convert.optimizer_to_torch(state, NAMES, adam_state())["state"]})
        with self.assertRaisesRegex(convert.Failure, "up1/bias has no exp_avg"):
            convert.optimizer_from_torch(torch_state, NAMES)

    def test_parameters_that_missed_steps(self):
        torch_state = adam_state()
        torch_state["state"][1]["step"] = np.float32(1)
        state = convert.optimizer_from_torch(torch_state, NAMES)
        counts = [int(state[n]) for n in ("step", "skipped/up1/weight", "skipped/up1/bias")]
        self.assertEqual(counts, [4, 0, 3])
        back = convert.optimizer_to_torch(state, NAMES, adam_state())
        self.assertEqual([float(back["state"][i]["step"]) for i in (0, 1)], [4.0, 1.0])

    def test_groups_with_rates_of_their_own(self):
        torch_state = adam_state()
        torch_state["param_groups"] = [{"lr": 0.1, "betas": (0.9, 0.999), "params": [0]},
                                       {"lr": 0.2, "betas": (0.5, 0.999), "params": [1]}]
        state = convert.optimizer_from_torch(torch_state, NAMES, groups=["", "biases"])
        self.assertEqual((float(state["learning_rate"]), float(state["learning_rate/biases"])),
                         (0.1, 0.2))
        self.assertEqual((float(state["beta1"]), float(state["beta1/biases"])), (0.9, 0.5))
        state["learning_rate/biases"] = np.array(0.3)
        back = convert.optimizer_to_torch(state, NAMES, torch_state, groups=["", "biases"])
        self.assertEqual([group["lr"] for group in back["param_groups"]], [0.1, 0.3])
        self.assertEqual([group["betas"][0] for group in back["param_groups"]], [0.9, 0.5])

    def test_what_does_not_fit_is_told(self):
        fails = lambda text: self.assertRaisesRegex(convert.Failure, text)
        with fails("2 parameters, 1 names"):
            convert.optimizer_from_torch(adam_state(), NAMES[:1])
        with fails("the names are in another order"):
            convert.optimizer_from_torch(adam_state(), NAMES[::-1], SHAPES)
        odd = {"state": {0: {"step": 1, "sum": np.ones(1)}, 1: {"step": 2, "sum": np.ones(1)}},
               "param_groups": adam_state()["param_groups"]}
        with fails("different step counts"):
            convert.optimizer_from_torch(odd, NAMES)
        odd = adam_state()
        odd["param_groups"] = [{"lr": 0.1, "params": [0]}, {"lr": 0.2, "params": [1]}]
        with fails("different learning rates"):
            convert.optimizer_from_torch(odd, NAMES)
        state = convert.optimizer_from_torch(adam_state(), NAMES)
        moment = state.pop("exp_avg_sq/up1/bias")
        with fails("up1/bias has no exp_avg_sq"):
            convert.optimizer_to_torch(state, NAMES, adam_state())
        with fails("no parameter up2/bias"):
            convert.optimizer_to_torch(dict(state, **{"exp_avg_sq/up2/bias": moment}), NAMES,
                                       adam_state())


PICTURES = {"project": ("out", (6, 3, 3)), "score": ("in", (2, 3, 3))}
KERAS = {"net/project/kernel": (5, 54), "net/project/bias": (54,), "net/norm1/gamma": (6,),
         "net/norm1/beta": (6,), "net/norm1/moving_mean": (6,), "net/norm1/moving_variance": (6,),
         "net/up1/kernel": (4, 4, 3, 6), "net/down1/kernel": (4, 4, 3, 2), "net/down1/bias": (2,),
         "net/score/kernel": (18, 1), "net/score/bias": (1,)}


def numbered(shapes):
    return {path: np.arange(np.prod(shape), dtype=np.float32).reshape(shape) for path, shape in
            shapes.items()}


class KerasNames(unittest.TestCase):
    def test_names_and_layouts(self):
        variables = numbered(KERAS)
        state = convert.from_keras(variables, PICTURES)
        self.assertEqual({name: array.shape for name, array in state.items()}, {
            "project/weight": (54, 5), "project/bias": (54,), "norm1/weight": (6,), "norm1/bias":
                (6,), "norm1/running_mean": (6,), "norm1/running_var": (6,), "up1/weight":
                    (6, 3, 4, 4), "down1/weight": (2, 3, 4, 4), "down1/bias": (2,), "score/weight":
                        (1, 18), "score/bias": (1,)
        })
        for i, o, a, b in ((0, 1, 2, 3), (2, 1, 3, 0)):
            self.assertEqual(state["down1/weight"][o, i, a, b], variables["net/down1/kernel"][a, b,
                                                                                              i, o])
            self.assertEqual(state["up1/weight"][i, o, a, b], variables["net/up1/kernel"][a, b, o,
                                                                                          i])
        for c, h, w in ((0, 1, 2), (5, 2, 0)):
            self.assertEqual(state["project/bias"][c * 9 + h * 3 + w], (h * 3 + w) * 6 + c)
            self.assertEqual(state["project/weight"][c * 9 + h * 3 + w, 4],
                             variables["net/project/kernel"][4, (h * 3 + w) * 6 + c])
        self.assertEqual(state["score/weight"][0, 1 * 9 + 2 * 3 + 0],
                         variables["net/score/kernel"][(2 * 3 + 0) * 2 + 1, 0])
        equal(self, convert.to_keras(state, variables, PICTURES), variables)

    def test_other_kernels_and_embeddings(self):
        variables = numbered({"words/embeddings": (7, 3), "conv/kernel": (5, 2, 4)})
        state = convert.from_keras(variables)
        np.testing.assert_array_equal(state["words/weight"], variables["words/embeddings"])
        self.assertEqual(state["conv/weight"].shape, (4, 2, 5))
        self.assertEqual(state["conv/weight"][3, 1, 2], variables["conv/kernel"][2, 1, 3])
        equal(self, convert.to_keras(state, variables), variables)

    def test_moments(self):
        parameters = {p: s for p, s in KERAS.items() if "moving" not in p}
        optimizer = {
            "adam/iteration": np.array(7, np.int32), "adam/learning_rate": np.float32(0.25)
        }
        for path, shape in parameters.items():
            for i, word in enumerate(("momentum", "velocity")):
                optimizer[f"adam/{path.replace('/', '_')}_{word}"] = numbered({"": shape})[""] + i
        state = convert.adam_from_keras(optimizer, KERAS, PICTURES)
        self.assertEqual([float(state[name]) for name in ("step", "learning_rate", "beta1", "beta2")],
                         [7, 0.25, 0.9, 0.999])
        self.assertEqual((state["step"].dtype, state["learning_rate"].dtype),
                         (np.int64, np.float64))
        weights = convert.from_keras(numbered(KERAS), PICTURES)
        for path in parameters:
            name = convert._keras_layers(KERAS)[path]
            np.testing.assert_array_equal(state["exp_avg/" + name], weights[name])
            np.testing.assert_array_equal(state["exp_avg_sq/" + name], weights[name] + 1)
        back = convert.adam_to_keras(state, optimizer, KERAS, PICTURES)
        self.assertEqual(set(back), set(optimizer))
        for path in optimizer:
            np.testing.assert_array_equal(back[path], optimizer[path])

    def test_what_does_not_fit_is_told(self):
        fails = lambda text: self.assertRaisesRegex(convert.Failure, text)
        with fails("no counterpart of 'recurrent_kernel'"):
            convert.from_keras({"net/words/recurrent_kernel": np.zeros((3, 4))})
        with fails("are 27 features, the weight has 54"):
            convert.from_keras(numbered(KERAS), {"project": ("out", (3, 3, 3))})
        state = convert.from_keras(numbered(KERAS), PICTURES)
        state["scores/bias"] = state.pop("score/bias")
        with fails("did you mean scores/bias"):
            convert.to_keras(state, numbered(KERAS), PICTURES)
        with fails("neither a counter nor a moment"):
            convert.adam_from_keras({"adam/other_kernel_momentum": np.zeros(1)}, KERAS)


class InFolder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="convert_test.")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_command(self, *arguments):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = convert.main([str(a) for a in arguments])
        return status, err.getvalue()

    def succeed(self, *arguments):
        self.assertEqual(self.run_command(*arguments), (0, ""))

    def refuse(self, *arguments):
        status, err = self.run_command(*arguments)
        self.assertEqual((status, err.count("\n")), (2, 1), err)
        return err


class AsAProgram(InFolder):
    def test_beside_inspect_py(self):
        found = subprocess.run([sys.executable, "-B", SCRIPT, "--help"],
                               cwd=os.path.dirname(SCRIPT), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
        self.assertEqual((found.returncode, found.stderr), (0, ""))
        code = (f"import sys; sys.path.insert(0, {os.path.dirname(SCRIPT)!r}); import convert; "
                "import inspect; inspect.signature(convert.under)")
        found = subprocess.run([sys.executable, "-B", "-c", code], stderr=subprocess.PIPE,
                               text=True)
        self.assertEqual((found.returncode, found.stderr), (0, ""))


@unittest.skipUnless(importable("torch") or os.environ.get("MNEMO_ALL_TESTS"),
                     "torch is not installed")
class WithTorch(InFolder):
    def setUp(self):
        super().setUp()
        import torch
        self.torch = torch
        torch.set_num_threads(1)
        if GOLDEN not in sys.path:
            sys.path.insert(0, GOLDEN)
        import record_dcgan
        self.dcgan = record_dcgan

    def networks(self, dtype):
        return {"generator": self.dcgan.Generator().to(dtype),
                "discriminator": self.dcgan.Discriminator().to(dtype)}

    def adam(self, network):
        return self.torch.optim.Adam(network.parameters(), 0.123, (0.5, 0.999))

    def state_of(self, networks, optimizers):
        state = {}
        for name, network in networks.items():
            state.update(convert.under(name, convert.model_from_torch(network.state_dict())))
            state.update(convert.under(name + "_optimizer", convert.optimizer_from_torch(
                optimizers[name].state_dict(), [n for n, _ in network.named_parameters()])))
        return state

    def restored(self, state, dtype):
        """Fresh networks and optimizers that take over a checkpoint."""
        networks = self.networks(dtype)
        optimizers = {name: self.adam(network) for name, network in networks.items()}
        for name, network in networks.items():
            network.load_state_dict(convert.tensors(convert.model_to_torch(
                convert.below(name, state))))
            optimizers[name].load_state_dict(convert.tensors(convert.optimizer_to_torch(
                convert.below(name + "_optimizer", state),
                [n for n, _ in network.named_parameters()], like=optimizers[name].state_dict())))
        return networks, optimizers

    def train(self, networks, optimizers, steps, kind):
        with np.load(os.path.join(GOLDEN, f"dcgan_10_steps_{kind}.npz")) as file:
            for t in steps:
                self.step(networks, optimizers, self.torch.tensor(file["z"][t]),
                          self.torch.tensor(file["real"][t]))

    def test_torch_goes_on_from_a_mnemo_checkpoint(self):
        state = checkpoint(5)
        run = self.restored(state, self.torch.float64)
        equal(self, self.state_of(*run), state)  # and the other way
        self.train(*run, range(5, 10), "float64")
        expected, found = checkpoint(10), self.state_of(*run)
        self.assertEqual(sorted(expected), sorted(found))
        for name in expected:
            np.testing.assert_allclose(found[name], expected[name], rtol=0,
                                       atol=1e-12 * np.abs(expected[name]).max(), err_msg=name)

    def test_a_run_that_goes_through_a_mnemo_checkpoint_gives_the_same_bits(self):
        """In float32 another PyTorch or processor may round otherwise than the recorded run did,
        most visibly in gradients whose summands nearly cancel. One that is not interrupted, here
        and now, may not."""
        for kind in ("float32", "float64"):
            dtype = getattr(self.torch, kind)
            whole = self.restored(checkpoint(1, kind), dtype)
            self.train(*whole, range(1, 5), kind)
            np.savez(self.path("torch.npz"), **self.state_of(*whole))
            with np.load(self.path("torch.npz"), allow_pickle=False) as state:
                halves = self.restored(state, dtype)
            for run in (whole, halves):
                self.train(*run, range(5, 10), kind)
            equal(self, self.state_of(*whole), self.state_of(*halves))
            fresh = self.restored(checkpoint(1, kind), dtype)
            self.assertFalse(np.array_equal(self.state_of(*fresh)["generator/up1/weight"],
                                            self.state_of(*whole)["generator/up1/weight"]))

    def step(self, networks, optimizers, z, real):
        generator, discriminator = networks.values()
        fake = generator(z)
        loss = self.dcgan.bce(discriminator(real), 1.0) + self.dcgan.bce(
            discriminator(fake.detach()), 0.0)
        optimizers["discriminator"].zero_grad()
        loss.backward()
        optimizers["discriminator"].step()
        loss = self.dcgan.bce(discriminator(fake), 1.0)
        optimizers["generator"].zero_grad()
        loss.backward()
        optimizers["generator"].step()

    def test_every_optimizer_there_and_back(self):
        torch = self.torch
        makers = [
            lambda p: torch.optim.SGD(p, 0.1), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
            lambda p: torch.optim.Adam(p, 0.1, amsgrad=True), lambda p: torch.optim.AdamW(p, 0.1),
            lambda p: torch.optim.RMSprop(p, 0.1, centered=True, momentum=0.5),
            lambda p: torch.optim.Adagrad(p, 0.1)
        ]
        for make in makers:
            models = []
            for _ in range(2):
                torch.manual_seed(1)
                models.append(torch.nn.Linear(3, 2))
            names = [n for n, _ in models[0].named_parameters()]
            first, second = make(models[0].parameters()), make(models[1].parameters())
            x = torch.arange(12.0).reshape(4, 3) / 7

            def train(model, optimizer):
                optimizer.zero_grad()
                (model(x) ** 2).mean().backward()
                optimizer.step()
            for _ in range(3):
                train(models[0], first)
            state = convert.optimizer_from_torch(first.state_dict(), names, step=3)
            models[1].load_state_dict(models[0].state_dict())
            second.load_state_dict(convert.tensors(convert.optimizer_to_torch(
                state, names, like=second.state_dict())))
            for _ in range(3):
                train(models[0], first)
                train(models[1], second)
            equal(self, models[0].state_dict(), models[1].state_dict())

    def test_files(self):
        torch = self.torch
        networks = self.networks(torch.float64)
        generator, optimizer = networks["generator"], self.adam(networks["generator"])
        state = checkpoint(5)
        np.savez(self.path("mnemo.npz"), **state)
        torch.save(optimizer.state_dict(), self.path("fresh.pt"))
        self.succeed("to-torch", self.path("mnemo.npz"), self.path("model.pt"), "--prefix",
                     "generator", "--optimizer", self.path("adam.pt"), "--like",
                     self.path("fresh.pt"), "--trusted")
        generator.load_state_dict(torch.load(self.path("model.pt")))
        optimizer.load_state_dict(torch.load(self.path("adam.pt")))
        torch.save(generator.state_dict(), self.path("model2.pt"))
        torch.save(optimizer.state_dict(), self.path("adam2.pt"))
        self.succeed("from-torch", self.path("model2.pt"), self.path("back.npz"), "--prefix",
                     "generator", "--optimizer", self.path("adam2.pt"), "--into",
                     self.path("mnemo.npz"), "--trusted")
        with np.load(self.path("back.npz"), allow_pickle=False) as back:
            equal(self, dict(back), state)
        self.assertIn(
            "--like",
            self.refuse("to-torch", self.path("mnemo.npz"), self.path("x.pt"), "--prefix",
                        "generator", "--optimizer", self.path("y.pt")))
        self.assertIn(
            "there are",
            self.refuse("to-torch", self.path("mnemo.npz"), self.path("x.pt"), "--prefix", "gen"))
        self.refuse("to-torch", self.path("missing.npz"), self.path("x.pt"))
        with open(self.path("bad.pt"), "wb") as file:
            file.write(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
        self.refuse("from-torch", self.path("bad.pt"), self.path("x.npz"))
        self.refuse("from-torch", self.path("model2.pt"), self.path("x.npz"), "--prefix", "critic",
                    "--into", self.path("mnemo.npz"))
        self.assertFalse(os.path.exists(self.path("x.npz")))


class Safetensors(InFolder):
    def setUp(self):
        super().setUp()
        self.golden = load("record_safetensors", os.path.join(GOLDEN, "record_safetensors.py"))

    def recorded(self, name="sample"):
        with open(os.path.join(GOLDEN, name + ".safetensors"), "rb") as file:
            return file.read()

    def test_what_the_formats_own_library_writes(self):
        found = convert.safetensors_file.read(os.path.join(GOLDEN, "types.safetensors"))
        bfloat16 = found.pop("bfloat16")
        equal(self, found, self.golden.sample())
        np.testing.assert_array_equal(bfloat16, np.float32([1, -2.5, 255 * 2.0**120]))

    def test_the_same_bytes_as_the_formats_own_library(self):
        arrays = self.golden.sample()
        self.assertEqual(convert.safetensors_file.encoded(arrays), self.recorded())
        arrays["float64"] = np.asfortranarray(arrays["float64"])
        arrays["int32"] = arrays["int32"].astype(">i4")
        self.assertEqual(convert.safetensors_file.encoded(arrays), self.recorded())

    def test_there_and_back(self):
        state = checkpoint()
        np.savez(self.path("a.npz"), **state)
        self.succeed("to-safetensors", self.path("a.npz"), self.path("a.safetensors"),
                     "--keep-names")
        self.succeed("from-safetensors", self.path("a.safetensors"), self.path("b.npz"),
                     "--keep-names")
        with np.load(self.path("b.npz")) as back:
            equal(self, dict(back), state)
        self.succeed("to-safetensors", self.path("a.npz"), self.path("g.safetensors"), "--prefix",
                     "generator")
        self.succeed("from-safetensors", self.path("g.safetensors"), self.path("g.npz"), "--prefix",
                     "generator")
        with np.load(self.path("g.npz")) as back:
            equal(self, dict(back), {n: a for n, a in state.items() if n.startswith("generator/")})

    def refuse_bytes(self, data):
        with open(self.path("bad.safetensors"), "wb") as file:
            file.write(data)
        return self.refuse("from-safetensors", self.path("bad.safetensors"), self.path("x.npz"))

    def test_files_that_are_not_sound(self):
        data = self.recorded()
        for length in range(len(data)):
            self.refuse_bytes(data[:length])
        self.refuse_bytes(data + b"x")
        self.refuse_bytes(b"\xff" * 20)

        def with_header(text):
            return self.refuse_bytes(len(text).to_bytes(8, "little") + text + bytes(8))
        one = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
        self.assertIn("twice", with_header(one + b"," + one[1:] + b"}"))
        self.assertIn("begins at 0, expected 8", with_header(one + b"," + one[1:].replace(
            b'"a"', b'"b"') + b"}"))
        self.assertIn("8 bytes for the shape [3]", with_header(one.replace(b"[2]", b"[3]") + b"}"))
        for odd in (b"[-2]", b"[true]", b"[2.0]", b"2", b"[9999999999999999999999]"):
            self.assertIn("not valid", with_header(one.replace(b"[2]", odd) + b"}"))
        self.assertIn("F8_E5M2", with_header(one.replace(b"F32", b"F8_E5M2") + b"}"))
        self.assertIn("nested", with_header(b"[" * 100000))
        with_header(b"[]")
        with_header(b'{"a":1}')
        with_header(b'{"a":')
        self.assertFalse(os.path.exists(self.path("x.npz")))


class RecordedKeras(unittest.TestCase):
    """The names, shapes and numbers of a real Keras. (keras_test.cpp goes on from them.)"""

    def setUp(self):
        with np.load(os.path.join(GOLDEN, "keras.npz"), allow_pickle=False) as file:
            self.file = dict(file)
        self.weights = convert.below("weights", self.file)
        self.moments = convert.below("optimizer", self.file)

    def forward(self, state, x):
        """The same network by definitions.py, channels first."""
        d = load("definitions", os.path.join(GOLDEN, "definitions.py"))
        y = (x @ state["project/weight"].T + state["project/bias"]).reshape(-1, 6, 3, 3)
        y = np.tanh(d.batch_norm(y, state["norm1/weight"], state["norm1/bias"], 1e-3,
                                 state["norm1/running_mean"], state["norm1/running_var"])[0])
        y = d.conv_transpose2d(y, state["up1/weight"], np.zeros(3), (2, 2), (1, 1))
        y = np.tanh(d.conv2d(y, state["down1/weight"], state["down1/bias"], (2, 2), (1, 1)))
        return y.reshape(len(x), -1) @ state["score/weight"].T + state["score/bias"]

    def test_the_same_outputs(self):
        state = convert.from_keras(self.weights, PICTURES)
        np.testing.assert_allclose(self.forward(state, self.file["x"]), self.file["outputs"],
                                   rtol=0, atol=1e-6)

    def test_and_back(self):
        state = convert.from_keras(self.weights, PICTURES)
        adam = convert.adam_from_keras(self.moments, self.weights, PICTURES)
        self.assertEqual(int(adam["step"]), 4)
        for name in state:
            if "running" not in name:
                self.assertEqual(adam["exp_avg_sq/" + name].shape, state[name].shape)
        equal(self, convert.to_keras(state, self.weights, PICTURES), self.weights)
        back = convert.adam_to_keras(adam, self.moments, self.weights, PICTURES)
        self.assertEqual(sorted(back), sorted(self.moments))
        for path in self.moments:
            np.testing.assert_array_equal(back[path], self.moments[path], err_msg=path)


if __name__ == "__main__":
    unittest.main()
