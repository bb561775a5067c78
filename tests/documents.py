"""The code blocks of the documents and of the public headers' comments, as C++ that can be compiled.

    documents.py ROOT HEADER... -o FOLDER     writes FOLDER/documents.cpp and FOLDER/readme_program.cpp

A block with main() is a program, and stands in README.md alone. Any other C++ block is run as the body of
a function that sees the names of tests/documents.hpp; if it begins with a function of its own, that one
is put before. Of a table with a column "mnemo" the code spans of that column are run as statements, row
by row, each row after the last block above the table, which is run anew; spans that begin with '#'
or '.' are not. documents_test.py runs the other languages.
"""
import argparse
import pathlib
import re

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "examples/README.md", "io/FORMAT.md")


def markdown_blocks(text):
    """(language, line number, code) of each fenced block."""
    for match in re.finditer(r"(?ms)^```(\w+)\n(.*?)^```$", text):
        yield match[1], text.count("\n", 0, match.start()) + 2, match[2]


def header_blocks(text):
    """The same of the blocks in a header's comments: four spaces more, after an empty line."""
    lines, number = text.splitlines(), 0
    while number < len(lines):
        begin = number
        while number < len(lines) and re.match(r"\s*///(     .*|)$", lines[number]):
            number += 1
        code = [line.split("///", 1)[1][5:] for line in lines[begin:number]]
        if any(code) and not code[0]:
            yield "cpp", begin + 2, "\n".join(code).strip("\n") + "\n"
        number += 1


def tables(text):
    """(line number, code of each row) of each table with a column "mnemo"."""
    column, first, rows = None, 0, []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if not line.startswith("|"):
            if rows:
                yield first, rows
            column, rows = None, []
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if column is None:
            column, first = cells.index("mnemo") if "mnemo" in cells else -1, number
        elif column >= 0:
            spans = [span for span in re.findall(r"`([^`]+)`", cells[column]) if span[0] not in "#."]
            statements = [span if span.endswith(("}", ";")) else span + ";" for span in spans]
            if statements:
                rows.append(f"line = {number};\n" + "\n".join(statements) + "\n")


def table_code(before, rows):
    cases = "".join(f"case {i}: {{\n{code}break; }}\n" for i, code in enumerate(rows))
    return f"for (int row = 0; row < {len(rows)}; ++row) {{\n{before}switch (row) {{\n{cases}}}\n}}\n"


def split_function(code):
    """A function at the beginning of a block, and the rest."""
    match = re.match(r"(?ms)\w+ \w+\([^;{]*\) \{$.*?^\}\n", code)
    return (match[0], code[match.end():]) if match else ("", code)


class Fragments:
    def __init__(self):
        self.functions, self.calls = [], []

    def add(self, name, line, code):
        before, body = split_function(code)
        number = len(self.calls)
        self.functions.append(
            f"namespace fragment_{number} {{\n{before}"
            f"struct Fragment : documents::Names {{ void run(int& line); }};\n"
            f"void Fragment::run([[maybe_unused]] int& line) {{\n{body}}}\n}}\n")
        self.calls.append(f'{{"{name}", {line}, [](int& line) '
                          f"{{ fragment_{number}::Fragment().run(line); }}}},\n")

    def source(self):
        return ('#include "documents.hpp"\nusing namespace mnemo;\n' + "".join(self.functions) +
                "const std::vector<documents::Entry> documents::entries{\n" +
                "".join(self.calls) + "};\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("headers", nargs="*")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    arguments = parser.parse_args()

    fragments, programs = Fragments(), []
    for name in (*DOCUMENTS, *arguments.headers):
        text = (arguments.root / name).read_text(encoding="utf-8")
        found = header_blocks(text) if name.endswith(".hpp") else markdown_blocks(text)
        blocks = [(line, code) for language, line, code in found if language == "cpp"]
        for line, code in blocks:
            if "int main(" in code:
                programs.append((name, code))
            else:
                fragments.add(name, line, code)
        for line, rows in tables(text):
            before = [block for at, block in blocks if at < line][-1]
            fragments.add(name, line, table_code(before, rows))
    if [name for name, _ in programs] != ["README.md"]:
        parser.error(f"there should be one whole program, in README.md: {programs}")
    (arguments.output / "readme_program.cpp").write_text(programs[0][1], encoding="utf-8")
    (arguments.output / "documents.cpp").write_text(fragments.source(), encoding="utf-8")


if __name__ == "__main__":
    main()
