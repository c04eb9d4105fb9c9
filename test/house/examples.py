"""Round trip of every example in the dialects' documentation: the text of the description, inside the module that
examples_prelude.mlir gives for its operation.

    python3 examples.py motley-opt
"""

import re
import subprocess
import sys
from pathlib import Path

from tablegen import read_operations, report

PRELUDE = Path(__file__).with_name("examples_prelude.mlir")
SPLIT = "// -----\n"


def read_preludes():
    """The module around the examples of each operation, by its name."""
    preludes = {}
    for section in PRELUDE.read_text().split(SPLIT)[1:]:
        names, module = section.split("\n", 1)
        for name in names.removeprefix("//").split():
            preludes[name] = module
    return preludes


def round_trip(tool, text):
    """What the tool prints for the text, twice over; or its error."""
    for _ in range(2):
        done = subprocess.run([tool, "-"], input=text, capture_output=True, text=True)
        if done.returncode:
            return None, done.stderr.strip()
        text, before = done.stdout, text
    return (text, "") if text == before else (None, f"printed differently the second time:\n{before}\n{text}")


def main(tool):
    preludes, modules, problems = read_preludes(), [], []
    for operation in read_operations():
        if not operation.examples:
            problems.append(f"{operation.name} has no example in {operation.file.name}")
        for example in operation.examples:
            if not re.search(rf"\b{re.escape(operation.name)}\b", example):
                problems.append(f"{operation.name}: its example does not show it")
            prelude = preludes.get(operation.name)
            if prelude is None or "EXAMPLE\n" not in prelude:
                problems.append(f"{operation.name} has no module around its examples in {PRELUDE.name}")
                continue
            modules.append((operation, prelude.replace("EXAMPLE\n", example)))
    for name in preludes.keys() - {operation.name for operation in read_operations()}:
        problems.append(f"{PRELUDE.name} has a module for {name}, which does not exist")

    # All at once; one by one only to say which example it was.
    wrapped = "".join(f"module {{\n{module}}}\n" for _, module in modules)
    printed, error = round_trip(tool, wrapped)
    if error:
        for operation, module in modules:
            printed, error = round_trip(tool, module)
            if error:
                problems.append(f"{operation.name} ({operation.file.name}): {error}")
    else:
        for operation, _ in modules:
            if operation.name not in printed:
                problems.append(f"{operation.name} is not in what {tool} printed")
    report(f"{len(modules)} examples", problems)


if __name__ == "__main__":
    main(sys.argv[1])
