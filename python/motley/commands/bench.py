"""``motley bench``: step times of models side by side, and held-out losses of models over seeds."""

from __future__ import annotations

import argparse

from . import bench_losses, bench_step

VERB = "bench"
HELP = "compare models: time of a step, or held-out losses"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of both benchmarks."""
    what = parser.add_subparsers(dest="benchmark", required=True, metavar="step|losses")
    for name, one in (("step", bench_step), ("losses", bench_losses)):
        sub = what.add_parser(name, help=one.HELP, description=one.HELP, allow_abbrev=False)
        one.add_arguments(sub)
        sub.set_defaults(run_benchmark=one.run)


def run(options: argparse.Namespace) -> None:
    """Run one benchmark."""
    options.run_benchmark(options)
