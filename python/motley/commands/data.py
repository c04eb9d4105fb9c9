"""``motley data``: what `motley.data.cli` says."""

from __future__ import annotations

import argparse

VERB = "data"
HELP = "make a data set, or show its documents"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the data sets and their options."""
    from ..data import cli

    cli.add_arguments(parser)


def run(options: argparse.Namespace) -> None:
    """Make a data set or show documents."""
    from ..data import cli

    cli.run(options)
