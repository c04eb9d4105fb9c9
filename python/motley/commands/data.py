"""``motley data``: data sets made from what the machine has."""

from __future__ import annotations

import argparse

VERB = "data"
HELP = "make a data set"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the data sets and their options."""
    sets = parser.add_subparsers(dest="dataset", required=True, metavar="emoji")
    emoji = sets.add_parser(
        "emoji",
        help="pictures, names and glosses",
        allow_abbrev=False,
        description="emoji as pictures, their names, and dictionary glosses, as one stream of tokens",
    )
    emoji.add_argument("--out", required=True, metavar="DIR")


def run(options: argparse.Namespace) -> None:
    """Make the data set."""
    from ..data import emoji

    emoji.run(options)
