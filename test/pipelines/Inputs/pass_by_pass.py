"""Runs the passes from level 1 to level 2 one by one, and after each the interpreter on random rows: losses must stay what they
were, and once there is a backward its gradients must be those of the losses.

Arguments: the file of the model, a folder for the levels between, further options of the interpreter. Prints a line for
each pass; fails at the first that changes something.
"""

import re
import subprocess
import sys
from pathlib import Path

TOLERANCE = 1e-10  # relative: passes reorder sums of float64


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}{done.stdout}")
    return done


def passes():
    """Return the passes of the pipeline, each as a pipeline of its own."""
    dumped = run("motley-opt", "--motley-to-grouped", "--dump-pass-pipeline", file, "-o", "/dev/null").stderr
    anchors, found = [], []
    for token in re.findall(r"[\w.]+\(|[\w-]+(?:\{[^}]*\})?|\)", dumped.split("passes:", 1)[1]):
        if token.endswith("("):
            anchors.append(token)
        elif token == ")":
            anchors.pop()
        else:
            found.append("".join(anchors) + token + ")" * len(anchors))
    return found


def total(file, function):
    """Return the loss, and how close the choices were."""
    said = run("motley-interp", file, "--total", function, "--precision", "17", *options).stdout
    return float(said.split()[0])


file, folder, options = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
folder.mkdir(parents=True, exist_ok=True)
expected = total(file, "loss")
print(f"level 1: {expected:.6f}")
for index, one in enumerate(passes()):
    name = re.sub(r"[\w.]+\(|\)", "", one)
    before, file = file, folder / f"{index}.mlir"
    run("motley-opt", before, f"--pass-pipeline={one}", "-o", file)
    text = file.read_text()
    function = "eval" if "func.func @eval(" in text else "loss"
    found = total(file, function)
    if not abs(found - expected) <= TOLERANCE * abs(expected):
        sys.exit(f"{name}: the loss was {expected!r}, is {found!r}")
    checked = ""
    if "into @" in text or "into gain @" in text:
        said = run("motley-interp", file, "--gradcheck", "eval", "--samples", "2", *options).stdout
        if not re.search(r"over \d+ variables, 0 wrong, 0 unused", said):
            sys.exit(f"{name}: {said}")
        checked = ", gradients too"
    print(f"{name}: same{checked}")
