"""Runs the corpus: right programs must be clean, each planted fault must be found.

    programs.py --build BUILD right      every program and variant: checks off, and all checks under --seeds schedules
    programs.py --build BUILD faults     every planted fault under --seeds schedules until it is killed
Exit status: 0 if all is as it should be.
"""
import os
import re
import sys

from suite import Suite, argumentParser, forAll

# Faults of the host part have no PTX of their own.
HOST_FAULTS = {"Streams": range(1, 7), "Language": (11, 12)}
# What must find a fault, where that is part of the promise: a check, or "value"; several: any of them.
EXPECTED = {
    ("VectorAdd", 1): "bounds", ("VectorAdd", 2): "bounds", ("VectorAdd", 3): "poison|value", ("VectorAdd", 4): "bounds",
    ("TiledMatmul", 1): "race", ("TiledMatmul", 2): "race", ("TiledMatmul", 3): "poison|value",
    ("TiledMatmul", 4): "divergence|barrier|deadlock|race", ("TiledMatmul", 5): "bounds|race|poison|value",
    ("Reduction", 1): "race", ("Reduction", 2): "divergence|barrier", ("Reduction", 3): "race", ("Reduction", 4): "race",
    ("Reduction", 5): "race", ("Reduction", 8): "race", ("Scan", 1): "race", ("Scan", 2): "race", ("Scan", 3): "race",
    ("Scan", 5): "deadlock|trap", ("Scan", 6): "race", ("Scan", 7): "race", ("Sort", 1): "race|poison", ("Histogram", 1): "poison",
    ("Histogram", 2): "race", ("Histogram", 3): "race", ("Histogram", 5): "race", ("Transpose", 1): "race",
    ("Pipelines", 1): "race", ("Pipelines", 3): "race", ("Pipelines", 5): "race", ("Pipelines", 6): "race",
    ("CooperativeGroups", 1): "race", ("MmaGemm", 1): "race", ("MmaGemm", 2): "race", ("MmaGemm", 7): "race",
    ("Clusters", 1): "race", ("Clusters", 4): "race", ("TensorCopy", 1): "race|proxy", ("TensorCopy", 4): "bounds|descriptor",
    ("TensorCopy", 5): "deadlock", ("TensorCopy", 9): "race|proxy", ("WgmmaGemm", 1): "race|barrier", ("WgmmaGemm", 2): "race",
    ("WgmmaGemm", 4): "deadlock", ("WgmmaGemm", 5): "race", ("WgmmaGemm", 8): "deadlock", ("ClusterGemm", 5): "race|proxy",
    ("ClusterGemm", 6): "race", ("Language", 1): "trap", ("Language", 2): "bounds", ("Language", 3): "lifetime|bounds",
    ("Language", 4): "bounds|space", ("Language", 6): "poison", ("Language", 7): "trap", ("Language", 11): "lifetime",
    ("Language", 12): "bounds", ("Locks", 1): "race", ("Locks", 2): "race", ("Locks", 3): "deadlock|trap|time",
    ("Locks", 4): "race", ("Locks", 7): "race", ("Atomics", 2): "race", ("Atomics", 3): "race",
}


def variants(suite):
    """(program, architecture, PTX or None for the runner's own choice) of everything that was compiled."""
    for program, least in sorted(suite.programs().items()):
        pattern = re.compile(re.escape(program) + r"(\.clang)?\.(sm_\d+a?)\.ptx$")
        for name in sorted(os.listdir(suite.ptx)):
            match = pattern.match(name)
            if match:
                yield program, match[2], os.path.join(suite.ptx, name)


def right(suite, options):
    seeds = range(1, options.seeds + 1)

    def work(row):
        program, architecture, ptx = row
        outcome, text = suite.run(program, architecture, checks="none", ptx=ptx)
        if outcome != "clean":
            return f"{outcome} (no checks)", text
        outcome, seed, text = suite.kill([None, *seeds], program, architecture, ptx=ptx)
        return ("clean", "") if outcome == "survived" else (f"{outcome} (seed {seed})", text)

    rows = [row for row in variants(suite) if re.search(options.only, os.path.basename(row[2]))]
    failures = 0
    for row, (outcome, text), seconds in forAll(rows, work, options.jobs):
        print(f"{os.path.basename(row[2]):40} {outcome:30} {seconds:6.1f} s", flush=True)
        failures += outcome != "clean"
        if options.verbose and outcome != "clean":
            print(text)
    print(f"{len(rows)} variants, {failures} not clean")
    return failures == 0


def faults(suite, options):
    rows = []
    for program, least in sorted(suite.programs().items()):
        pattern = re.compile(re.escape(program) + r"\.fault(\d+)\.(sm_\d+a?)\.ptx$")
        found = {(int(m[1]), m[2]) for m in map(pattern.match, os.listdir(suite.ptx)) if m}
        found |= {(fault, "sm_90a" if program != "Streams" else "sm_80") for fault in HOST_FAULTS.get(program, ())}
        rows += [(program, fault, architecture) for fault, architecture in sorted(found)]
    rows = [row for row in rows if re.search(options.only, f"{row[0]}.fault{row[1]}.{row[2]}")]

    def work(row):
        program, fault, architecture = row
        return suite.kill(range(1, options.seeds + 1), program, architecture, fault=fault)

    failures = 0
    for (program, fault, architecture), (outcome, seed, text), seconds in forAll(rows, work, options.jobs):
        wanted = EXPECTED.get((program, fault))
        bad = outcome == "survived" or outcome.startswith("crash")
        bad |= bool(wanted) and not set(outcome.split("+")) & set(wanted.split("|"))
        note = f" (expected {wanted})" if bad and wanted else ""
        print(f"{program:20} {fault:3} {architecture:7} {outcome:24} seed {seed}{note}  {seconds:.1f} s{'  <--' if bad else ''}", flush=True)
        failures += bad
        if options.verbose and bad:
            print(text)
    print(f"{len(rows)} faults, {failures} not found as they should be")
    return failures == 0


if __name__ == "__main__":
    parser = argumentParser(__doc__.splitlines()[0])
    parser.add_argument("what", choices=("right", "faults"))
    options = parser.parse_args()
    sys.exit(0 if {"right": right, "faults": faults}[options.what](Suite(options.build), options) else 1)
