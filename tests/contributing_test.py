"""The diffs in CONTRIBUTING.md still fit the files that they change.

    contributing_test.py ROOT
"""
import os
import re
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


class Contributing(unittest.TestCase):
    root = None

    def test_diffs(self):
        with open(os.path.join(self.root, "CONTRIBUTING.md"), encoding="utf-8") as file:
            found = list(hunks(file.read()))
        self.assertGreater(len(found), 6)
        for path, lines in found:
            with open(os.path.join(self.root, path), encoding="utf-8") as file:
                text = file.read()
            self.assertIn("\n".join(lines) + "\n", text, path)

    def test_a_diff_that_does_not_fit_is_seen(self):
        text = "```diff\n--- a/LICENSE\n+++ b/LICENSE\n@@ -1 +1,2 @@\n No such line\n+x\n```\n"
        self.assertEqual(list(hunks(text)), [("LICENSE", ["No such line"])])


if __name__ == "__main__":
    Contributing.root = sys.argv.pop(1)
    unittest.main()
