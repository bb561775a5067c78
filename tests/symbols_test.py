"""Every symbol that libmnemo.a defines for others is in namespace mnemo.

    symbols_test.py LIBRARY

Weak symbols are also those of templates of the standard library and of xtensor that the compiler
made where they were used; every program has such, and the linker takes any one of them.
"""
import re
import subprocess
import sys
import unittest

# The mangled name of something in namespace `names`, with the prefixes of vtables, type information,
# guards, thread-local wrappers and thunks.
PREFIX = r"^_Z(?:T[VTISWHc]|GVZ?|GR|Z|Th?[nv]\d+_(?:n?\d+_)?)?"
OURS = re.compile(PREFIX + r"N[rVKRO]*5mnemo")
TEMPLATES = re.compile(PREFIX + r"(?:N?[rVKRO]*(?:S[tabsiod]|9__gnu_cxx|2xt|3xtl|5xsimd))")
COMPILER = {"__clang_call_terminate", "DW.ref.__gxx_personality_v0"}


def foreign(symbols):
    """Those of (type, name) that are nobody's business but could clash with a user's."""
    for kind, name in symbols:
        if OURS.match(name) or name in COMPILER:
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
