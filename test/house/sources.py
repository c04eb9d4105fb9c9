"""What holds for every source file: at most 600 lines, no path of somebody's machine, no unowned work, no trailing blanks."""

import re
from pathlib import Path

from edges import tracked_files
from tablegen import ROOT, report

LONGEST = 600  # lines
TEXT = {".c", ".cc", ".cpp", ".cu", ".h", ".td", ".py", ".mlir", ".test", ".txt", ".cmake", ".md", ".cfg", ".in", ".sh", ".toml", ".yml", ".json"}
WHOLE = {"LICENSE"}  # kept as they are

# A path below somebody's own folders: what is meant to be there on every machine lies in /usr, /etc, /dev, /proc or /sys.
MACHINE_PATH = re.compile(r"(?<![\w.$}\"'/-])/(?:home|root|work|tmp|Users|mnt|scratch)/[\w.-]+")
UNOWNED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))")
# Words about how the text came to be, where only what it says belongs.
WORKSHOP = re.compile(r"\b(?:chat ?gpt|claude|copilot|sub-?agents?|ai[- ](?:agents?|assistants?|generated)|language model wrote|"
                      r"scratchpad|prompt engineering|as (?:you )?(?:requested|instructed)|the brief says)\b", re.I)


def line_problems(name, line):
    if MACHINE_PATH.search(line) or re.search(r"[\"'](/(?:home|root|work|Users|mnt|scratch)/)", line):
        yield f"{name}: a path of one machine: {line.strip()[:100]}"
    if UNOWNED.search(line):
        yield f"{name}: work without an issue number, expected TODO(#123): {line.strip()[:100]}"
    if WORKSHOP.search(line):
        yield f"{name}: says how it was written instead of what it is: {line.strip()[:100]}"
    if line != line.rstrip() and not name.endswith(".md"):
        yield f"{name}: blanks at the end of the line"


def main():
    problems, here = [], Path(__file__).resolve()
    for path in tracked_files():
        if not path.is_file() or path.name in WHOLE or path.suffix not in TEXT or path == here:
            continue
        lines = path.read_text(errors="replace").splitlines()
        name = str(path.relative_to(ROOT))
        if len(lines) > LONGEST and path.suffix != ".json":
            problems.append(f"{name}: {len(lines)} lines, at most {LONGEST} are read as one room")
        for number, line in enumerate(lines, 1):
            problems.extend(line_problems(f"{name}:{number}", line))
    report("sources", problems)


if __name__ == "__main__":
    main()
