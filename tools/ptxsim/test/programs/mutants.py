"""Breaks the PTX of the corpus in one place at a time; each mutant must be killed within --seeds schedules.

A row of mutant_table.py names a program, a kernel, a pattern (a regular expression within one line of that kernel), which
of its matches, and the replacement. A pattern that does not match is an error. Exit status: 0 if no mutant survives.
"""
import os
import re
import sys
import tempfile

from mutant_table import MUTANTS
from suite import Suite, argumentParser, forAll


def kernelRange(text, kernel):
    start = re.search(r"\.entry\s+" + re.escape(kernel) + r"\s*\(", text)
    if not start:
        raise SystemExit(f"there is no kernel {kernel}")
    following = re.search(r"\.(entry|func)\b", text[start.end():])
    return start.start(), start.end() + following.start() if following else len(text)


def mutate(text, mutant):
    begin, end = kernelRange(text, mutant.kernel)
    matches = list(re.finditer(mutant.pattern, text[begin:end], re.M))
    if len(matches) < mutant.which:
        raise SystemExit(f"{mutant.program}: '{mutant.what}': the pattern {mutant.pattern!r} has {len(matches)} matches in "
                         f"{mutant.kernel}, wanted number {mutant.which}")
    match = matches[mutant.which - 1]
    replacement = match.expand(mutant.replacement)
    if replacement == match[0]:
        raise SystemExit(f"{mutant.program}: '{mutant.what}' changes nothing")
    return text[:begin + match.start()] + replacement + text[begin + match.end():]


def main():
    options = argumentParser(__doc__.splitlines()[0]).parse_args()
    suite = Suite(options.build)
    rows = [(i, m) for i, m in enumerate(MUTANTS) if re.search(options.only, f"{m.program} {m.kernel} {m.what}")]
    with tempfile.TemporaryDirectory() as folder:

        def path(number):
            return os.path.join(folder, f"mutant{number}.ptx")

        for number, mutant in rows:
            with open(os.path.join(suite.ptx, f"{mutant.program}.{mutant.architecture}.ptx"), encoding="latin1") as file:
                text = mutate(file.read(), mutant)
            with open(path(number), "w", encoding="latin1") as file:
                file.write(text)

        def work(row):
            number, mutant = row
            return suite.kill(range(1, options.seeds + 1), mutant.program, mutant.architecture, ptx=path(number))

        survivors = 0
        for (number, mutant), (outcome, seed, text), seconds in forAll(rows, work, options.jobs):
            bad = outcome == "survived" or outcome.startswith("crash") or "CUDA_ERROR_INVALID_PTX" in text
            print(f"{mutant.program:14} {mutant.kernel:20} {mutant.what:62} {outcome:24} seed {seed}  {seconds:.1f} s"
                  f"{'  <--' if bad else ''}", flush=True)
            survivors += bad
            if options.verbose and bad:
                print(text)
    print(f"{len(rows)} mutants, {survivors} not killed")
    return 0 if survivors == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
