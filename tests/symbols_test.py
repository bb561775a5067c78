"""Every symbol that libmnemo.a defines for others is in namespace mnemo.

    symbols_test.py LIBRARY

Weak symbols may also be templates of the standard library, of xtensor and of its helpers, made where
the library used them; every program has such, and the linker takes any one of them.
"""
import re
import subprocess
import sys
import unittest

# The mangled name of something in namespace `names`, with the prefixes of vtables, type information,
# guards, thread-local wrappers and thunks.
PREFIX = r"^_Z(?:T[VTISWHc]|GVZ?|GR|Z|Th?[nv]\d+_(?:n?\d+_)?)?"
OURS = re.compile(PREFIX + r"N[rVKRO]*5mnemo")
TEMPLATES = re.compile(PREFIX + r"(?:N?[rVKRO]*(?:S[tabsiod]|9__gnu_cxx|2xt|3xtl|5mpark|5xsimd))")
COMPILER = re.compile(r"^(__clang_call_terminate|DW\.ref\..*)$")


def foreign(symbols):
    """Those of (type, name) that are nobody's business but could clash with a user's."""
    for kind, name in symbols:
        if OURS.match(name) or COMPILER.match(name):
            continue
        if kind in "WVu" and TEMPLATES.match(name):
            continue
        yield f"{kind} {name}"


def read_symbols(library):
    listing = subprocess.run(["nm", "--defined-only", "--extern-only", "--no-demangle", library],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
    return re.findall(r"(?m)^[0-9a-f]+ (\w) (\S+)$", listing)


class Symbols(unittest.TestCase):
    library = None
    maxDiff = None

    def test_the_rule(self):
        good = [("T", "_ZN5mnemo7versionEv"), ("T", "_ZN5mnemoplERKNS_6TensorES2_"),
                ("V", "_ZTVN5mnemo5ErrorE"), ("T", "_ZNK5mnemo6Tensor4itemEv"),
                ("W", "_ZNSt6vectorIiSaIiEED2Ev"), ("W", "_ZSt4moveIRiEONSt16remove_referenceIT_E4typeEOS2_"),
                ("u", "_ZGVZN5mnemo4poolEvE4pool"), ("u", "_ZZN5mnemo4poolEvE4pool")]
        bad = [("T", "main"), ("T", "gemm"), ("T", "_Z4gemmi"), ("B", "counter"),
               ("W", "_ZN5other4sizeEv"), ("T", "_ZN6mnemos4sizeEv"), ("T", "_ZNSt6vectorIiSaIiEED2Ev")]
        self.assertEqual(list(foreign(good)), [])
        self.assertEqual(list(foreign(bad)), [f"{kind} {name}" for kind, name in bad])

    def test_library(self):
        symbols = read_symbols(self.library)
        self.assertGreater(len(symbols), 100)
        self.assertEqual(sorted(set(foreign(symbols))), [])


if __name__ == "__main__":
    Symbols.library = sys.argv.pop(1)
    unittest.main()
