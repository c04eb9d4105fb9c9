"""Reads the operations of the dialects from their TableGen files, as far as their documentation goes."""

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# A definition starts in column 0 and ends with a brace in column 0.
DEFINITION = re.compile(r"^def (\w+) : (\w+)<\"([\w.]+)\"(.*?)^\}", re.M | re.S)
SUMMARY = re.compile(r'let summary = "((?:[^"\\]|\\.)*)"')
DESCRIPTION = re.compile(r"let description = \[\{(.*?)\}\]", re.S)
EXAMPLE = re.compile(r"^( *)```mlir\n(.*?)^ *```$", re.M | re.S)
CONSTRAINT = re.compile(r"^ *\* C(\d+)( \([^)]*\))?: ", re.M)


@dataclass
class Operation:
    """One operation: `name` has the dialect's prefix, `constraints` maps a number to its condition ("" or "when it runs")."""

    name: str
    mnemonic: str
    file: Path
    summary: str
    description: str
    examples: list = field(default_factory=list)
    constraints: dict = field(default_factory=dict)


def dedent(text, indent):
    return "".join(line[len(indent):] if line.startswith(indent) else line for line in text.splitlines(keepends=True))


def read_operations():
    """All operations, in the order of the files."""
    operations = []
    for path in sorted((ROOT / "dialect").glob("*Ops.td")):
        text = path.read_text()
        dialect = "plan" if path.name.startswith("Plan") else "motley"
        found = list(DEFINITION.finditer(text))
        expected = re.findall(r"^def (\w+Op) ", text, re.M)
        if [match.group(1) for match in found] != expected:
            raise SystemExit(f"{path.name}: definitions that this script does not understand: "
                             f"{sorted(set(expected) - {match.group(1) for match in found})}")
        for match in found:
            body = match.group(4)
            summary = SUMMARY.search(body)
            description = DESCRIPTION.search(body)
            description = description.group(1) if description else ""
            operations.append(Operation(
                name=f"{dialect}.{match.group(3)}", mnemonic=match.group(3), file=path,
                summary=summary.group(1) if summary else "", description=description,
                examples=[dedent(e.group(2), e.group(1)) for e in EXAMPLE.finditer(description)],
                constraints={int(c.group(1)): (c.group(2) or "").strip(" ()") for c in CONSTRAINT.finditer(description)}))
    return operations


def report(title, problems):
    """Ends the script: with the problems, or with one line that says that there are none."""
    for problem in problems:
        print(f"error: {problem}")
    if problems:
        raise SystemExit(f"{title}: {len(problems)} failed")
    print(f"{title}: ok")
