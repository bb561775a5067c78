"""mnemo-inspect plot: that pictures are drawn, and that what they say about a run is true."""
import math
import os
import unittest

import matplotlib.image
import numpy as np

from inspect_test import InFolder, TOOL, run, training_state

PLOTS, RUN = TOOL.beside("inspect_plot"), TOOL.beside("inspect_run")


class Plotting(InFolder):
    def plot(self, *arguments):
        """Runs the command; returns the picture and what was printed."""
        status, out, err = run("plot", *arguments)
        self.assertEqual((status, err), (0, ""))
        picture = matplotlib.image.imread(out.split(": ")[0])
        self.assertGreater(picture[..., :3].std(), 0.02, "a blank picture")
        return picture, out

    def run_folder(self, losses=None, states=(), pictures=0):
        os.makedirs(self.path("run"), exist_ok=True)
        if losses is not None:
            with open(self.path("run/losses.csv"), "w") as file:
                file.write("step,discriminator_loss,generator_loss\n")
                file.writelines(f"{i + 1},{d},{g}\n" for i, (d, g) in enumerate(losses))
        for step, state in states:
            self.save(f"run/step_{step:08}.npz", state)
        for i in range(pictures):
            matplotlib.image.imsave(self.path(f"run/samples_{i:08}.png"),
                                    np.random.default_rng(i).random((32, 32)))
        return self.path("run")

    def test_one_checkpoint_and_several(self):
        first = self.save("step_1.npz", training_state(1, 1))
        second = self.save("step_2.npz", training_state(2, 2))
        small, out = self.plot(first, "-o", self.path("one.png"))
        self.assertIn("1 of 1 checkpoints, 4 weights with moments, 2 without", out)
        _, out = self.plot(first, second, "-o", self.path("two.png"), "--only", "generator/*")
        self.assertIn("2 of 2 checkpoints, 2 weights with moments, 1 without", out)
        _, out = self.plot(first, "-o", self.path("rows.png"), "--rows", "3")
        self.assertIn("3 left out", out)
        for kind, magic in (("svg", b"<?xml"), ("pdf", b"%PDF")):
            self.assertEqual(run("plot", first, "-o", self.path("x." + kind), "--rows", "2")[0], 0)
            with open(self.path("x." + kind), "rb") as file:
                self.assertTrue(file.read(8).startswith(magic))

    def test_the_page_of_a_run(self):
        states = [(step, training_state(step, step)) for step in (10, 20, 30)]
        folder = self.run_folder([(1.3 + 0.1 * math.sin(i), 0.9) for i in range(300)], states, 12)
        picture, out = self.plot(folder)
        self.assertTrue(out.startswith(os.path.join(folder, "report.png")))
        self.assertIn("3 of 3 checkpoints", out)
        self.assertIn("losses, 10 sample pictures", out)
        again, _ = self.plot(folder)  # its own page is no sample picture
        np.testing.assert_array_equal(picture, again)

    def test_columns_that_are_no_losses(self):
        folder = self.run_folder(losses=[])
        with open(os.path.join(folder, "losses.csv"), "w") as file:
            file.write("step,loss,train_accuracy\n")
            file.writelines(f"{i},{2.0 / (i + 1)},{i / 200}\n" for i in range(200))
        self.plot(folder)
        with open(os.path.join(folder, "losses.csv"), "w") as file:
            file.write("step,train_accuracy\n1,0.5\n2,0.75\n")
        self.plot(folder)

    def test_a_run_that_has_barely_begun(self):
        self.plot(self.run_folder(losses=[(1.4, 0.7)]))
        self.plot(self.run_folder(losses=[]))

    def test_odd_tensors_and_damaged_lines(self):
        state = training_state()
        state["generator/up1/weight"][:] = np.nan
        state["generator_optimizer/exp_avg_sq/up1/weight"][:] = 0
        state["generator/empty"] = np.zeros((0, 3))
        state["discriminator/constant"] = np.full(5, 2.0)
        state["discriminator/huge"] = np.array([1e300, -1e300, 1.0])
        state["a$b/x_{"] = np.arange(5.0)
        folder = self.run_folder([(1.0, float("nan")), (float("inf"), 2.0), (1.0, 2.0)],
                                 [(1, state)])
        with open(os.path.join(folder, "losses.csv"), "a") as file:
            file.write("4,1.2")
        with open(os.path.join(folder, "samples_00000001.png"), "wb") as file:
            file.write(b"no picture")
        self.plot(folder)

    def test_the_betas_of_the_file_come_before_those_that_are_told(self):
        state, name = training_state(5, 5), "exp_avg/up1/weight"
        first = state[f"generator_optimizer/{name}"].ravel().astype(float)
        second = state["generator_optimizer/exp_avg_sq/up1/weight"].ravel().astype(float)
        steps, rate = (float(state[f"generator_optimizer/{n}"]) for n in ("step", "learning_rate"))

        def drawn():
            source = TOOL.beside("checkpoint").Source(self.save("step_5.npz", state))
            return RUN.collect([(5, source)], ["generator/up1/weight"], (0.9, 0.999))[0].steps[0]
        np.testing.assert_array_equal(drawn(), RUN.adam_step(first, second, steps, rate, (0.9, 0.999)))
        state["generator_optimizer/beta1"] = np.array(0.0)
        state["generator_optimizer/beta2"] = np.array(0.9)
        np.testing.assert_array_equal(drawn(), RUN.adam_step(first, second, steps, rate, (0.0, 0.9)))

    def test_groups_are_not_passed_over(self):
        state = {"net/w": np.ones((2, 2)), "adam/exp_avg/w": np.ones((2, 2)),
                 "adam/exp_avg_sq/w": np.ones((2, 2)), "adam/step": np.int64(1),
                 "adam/learning_rate": np.float64(0.1)}
        for groups, told in (({}, False), ({"adam/learning_rate/head": np.float64(1.0)}, True)):
            path = self.save("step_1.npz", {**state, **groups})
            self.assertEqual(run("plot", path, "-o", self.path("x.svg"))[0], 0)
            with open(self.path("x.svg")) as file:
                self.assertEqual("as if in no group" in file.read(), told)

    def test_refusals(self):
        first = self.save("step_1.npz", training_state())
        self.refused("plot", first, "-o", self.path("x.jpeg"))
        self.refused("plot", first, "-o", self.path("no/such/folder/x.png"))
        self.refused("plot", self.path("missing.npz"), "-o", self.path("x.png"))
        self.refused("plot", first, "--only", "nothing/like/it", "-o", self.path("x.png"))
        with self.assertRaises(SystemExit):
            run("plot", first, "--betas", "0.9", "1.0")
        os.mkdir(self.path("empty"))
        self.refused("plot", self.path("empty"), "-o", self.path("x.png"))
        self.assertEqual([n for n in os.listdir(self.folder) if ".png" in n], [])


class Judging(unittest.TestCase):
    def verdict(self, discriminator, generator, weights=(), damaged=0):
        return RUN.judge({"damaged": damaged, "columns": {
            "step": list(range(1, len(discriminator) + 1)), "discriminator_loss": discriminator,
            "generator_loss": generator}}, weights)

    def expect(self, verdict, bad, headline, *reasons):
        self.assertEqual(verdict.bad, bad)
        self.assertIn(headline, verdict.headline)
        for reason in reasons:
            self.assertIn(reason, "\n".join(verdict.reasons))

    def test_a_game_of_two(self):
        self.expect(self.verdict([1.4] * 50 + [0.02] * 50, [0.7] * 50 + [8.0] * 50), True,
                    "has won", "last tenth: 0.02", "99.005 %", "since step 51", "0.034 % of being real")
        self.expect(self.verdict([1.4] * 50 + [0.2] * 50, [0.7] * 100), True, "far ahead")
        self.expect(self.verdict([1.4] * 20 + [0.01] * 30 + [0.8] * 50, [0.7] * 50 + [2.6] * 50), True,
                    "far ahead", "7.4 % of being real", "won at step 30 to 51", "lower learning rate")
        self.expect(self.verdict([1.4] * 50 + [0.8] * 50, [0.7] * 50 + [1.5] * 50), False,
                    "Balanced", "67.0 %")
        self.expect(self.verdict([1.39] * 100, [0.69] * 100), None, "only guesses")
        self.expect(self.verdict([0.01] * 50 + [0.8] * 50, [1.0] * 100), False, "Balanced")
        self.expect(self.verdict([0.5] * 90 + [5.0, 0.5, 0.5] * 10, [1.5] * 120), True, "Unstable",
                    "above 5")
        self.expect(self.verdict([0.01], [1.0], damaged=2), True, "has won", "2 damaged lines")

    def test_other_runs(self):
        def judged(**columns):
            steps = list(range(len(next(iter(columns.values())))))
            return RUN.judge({"damaged": 0, "columns": {"step": steps, **columns}}, [])
        falls = [2.0 / (1 + i / 10) for i in range(100)]
        self.expect(judged(loss=falls, accuracy=falls[::-1]), False, "Learning: loss has fallen",
                    "accuracy: 0.")
        self.expect(judged(loss=falls[::-1]), True, "Not learning")
        self.expect(judged(loss=[1.0, float("nan")]), True, "diverged", "first at step 1")
        self.expect(judged(distance=falls), None, "No alarm", "distance: 1.")
        self.assertEqual(RUN.judge(None, []).headline, "")

    def test_weights(self):
        weight = RUN.Weight("net/up1")
        weight.silent = [(0, 1, 64), (1, 7, 64)]
        self.expect(self.verdict([0.9] * 9, [1.0] * 9, [weight]), False, "Balanced",
                    "7 of 64 slices of net/up1 (axis 1)")
        alone = RUN.judge({"damaged": 0, "columns": {"step": [1, 2], "distance": [2.0, 1.0]}}, [weight])
        self.expect(alone, True, "Some units are dead", "7 of 64 slices")
        weight.nonfinite = 3
        self.expect(self.verdict([0.9] * 9, [1.0] * 9, [weight]), True, "diverged",
                    "net/up1: 3 elements not finite")

    def test_adams_step_is_that_of_the_formula(self):
        random, betas, rate = np.random.default_rng(3), (0.5, 0.9), 0.02
        p, m, v = np.zeros(500), np.zeros(500), np.zeros(500)
        for t in range(1, 8):
            g = random.normal(size=500)
            m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g * g
            change = rate * m / (1 - betas[0]**t) / (np.sqrt(v / (1 - betas[1]**t)) + 1e-8)
            p -= change
        np.testing.assert_allclose(RUN.adam_step(m, v, 7, rate, betas),
                                   np.percentile(np.abs(change), (5, 50, 95)), rtol=1e-12)
        self.assertIsNone(RUN.adam_step(m, v, 0, rate, betas))

    def test_slices_without_gradient(self):
        first = np.random.default_rng(1).random((6, 4, 3, 3)) - 0.5
        self.assertEqual(RUN.silent_slices(first), [(0, 0, 6), (1, 0, 4)])
        first[2] *= 1e-12
        first[5] = 0
        first[:, 1] = 0
        self.assertEqual(RUN.silent_slices(first), [(0, 2, 6), (1, 1, 4)])

    def test_moments_find_their_weights(self):
        weights = {
            "generator/up1/weight": (3, 4), "discriminator/up1/weight": (3, 4), "net/w": (2,)
        }
        owner = RUN.owner
        self.assertEqual(owner("generator_optimizer", "up1/weight", (3, 4), weights),
                         "generator/up1/weight")
        self.assertEqual(owner("discriminator_optimizer", "up1/weight", (3, 4), weights),
                         "discriminator/up1/weight")
        self.assertIsNone(owner("adam", "up1/weight", (3, 4), weights))  # either could be meant
        self.assertEqual(owner("adam", "w", (2,), weights), "net/w")
        self.assertIsNone(owner("adam", "w", (3,), weights))

    def test_spread(self):
        self.assertEqual(PLOTS.spread(list(range(10)), 4), [0, 3, 6, 9])
        self.assertEqual(PLOTS.spread([1, 2], 4), [1, 2])
        self.assertEqual(PLOTS.spread([1, 2, 3], 1), [3])


if __name__ == "__main__":
    unittest.main()
