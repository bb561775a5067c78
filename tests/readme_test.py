"""Runs the README's program twice: the second run must go on where the first one ended."""

import pathlib
import subprocess
import sys
import unittest

import numpy


class Readme(unittest.TestCase):
    def test_program_learns_and_goes_on(self):
        checkpoint = pathlib.Path("disc.npz")
        checkpoint.unlink(missing_ok=True)
        run = lambda: subprocess.run([program], check=True, capture_output=True, text=True).stdout
        first = [line.split() for line in run().splitlines()]
        second = [line.split() for line in run().splitlines()]
        self.assertEqual([int(step) for step, _ in first + second], list(range(100, 1001, 100)))
        self.assertLess(float(second[-1][1]), 0.5 * float(first[0][1]))
        with numpy.load(checkpoint, allow_pickle=False) as state:
            self.assertEqual(int(state["adam/step"]), 1000)
            self.assertEqual(state["adam/exp_avg/hidden/weight"].shape, (16, 2))
            self.assertEqual(state["random/state"].dtype, numpy.uint64)


if __name__ == "__main__":
    program = sys.argv.pop(1)
    unittest.main()
