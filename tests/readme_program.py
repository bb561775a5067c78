"""Prints the first C++ program of README.md, so that the tests can compile and run it."""

import re
import sys

with open(sys.argv[1], encoding="utf-8") as readme:
    blocks = re.findall(r"^```cpp\n(.*?)^```$", readme.read(), re.MULTILINE | re.DOTALL)
if not blocks or "int main()" not in blocks[0]:
    sys.exit("README.md has no C++ program any more")
sys.stdout.write(blocks[0])
