"""``motley data``: data sets made from what the machine has, and their documents made readable again."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import Error
from . import options as common

VERB = "data"
HELP = "make a data set, or show its documents"

# Options of `motley.data.emoji.build`: type and what help says. What is not given has the default there.
SETTINGS = {
    "size": (common.positive, "pixels on each side of a picture, a multiple of 4"),
    "codebook": (common.positive, "image ids"),
    "vocabulary": (common.positive, "text ids"),
    "views": (common.positive, "pictures of each emoji"),
    "toned_views": (common.positive, "pictures of each emoji with a skin tone"),
    "text_share": (float, "share of text in all tokens"),
    "heldout_share": (float, "share that is held out"),
    "seed": (common.not_negative, "of every draw"),
    "limit": (common.positive, "take that many emoji"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the data sets and their options."""
    what = parser.add_subparsers(dest="dataset", required=True, metavar="emoji|show")
    emoji = what.add_parser(
        "emoji",
        help="make the data set of emoji",
        description="emoji as pictures, their names, and dictionary glosses, as documents of one stream of tokens",
        allow_abbrev=False,
    )
    emoji.add_argument("--out", required=True, metavar="DIR")
    emoji.add_argument("--replace", action="store_true", help="replace another data set in DIR")
    for name, (kind, said) in SETTINGS.items():
        emoji.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=said)
    show = what.add_parser(
        "show",
        help="print a document",
        description="print the texts of a document and write its pictures",
        allow_abbrev=False,
    )
    show.add_argument("directory", metavar="DIR")
    show.add_argument("--split", default="train")
    show.add_argument("--document", type=common.not_negative, default=0, metavar="N")
    show.add_argument("--out", metavar="FOLDER", help="where the pictures go, as PNG; without it they are not written")


def run(options: argparse.Namespace) -> None:
    """Make a data set or show a document."""
    if options.dataset == "emoji":
        _make(options)
    else:
        _show(options)


def _make(options: argparse.Namespace) -> None:
    from ..data import emoji

    given = {name: getattr(options, name) for name in SETTINGS if getattr(options, name) is not None}
    emoji.build(options.out, replace=options.replace, **given)


def _show(options: argparse.Namespace) -> None:
    from ..data import Dataset, decode

    dataset = Dataset(options.directory)
    split = dataset.split(options.split)
    if options.document >= len(split):
        raise Error(f"split '{options.split}' has {len(split)} documents; there is no document {options.document}", None)
    folder = Path(options.out) if options.out else None
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    for index, item in enumerate(decode(dataset, split.document(options.document), strict=False)):
        if isinstance(item, str):
            print(item)
            continue
        name = f"{options.split}-{options.document}-{index}.png"
        if folder:
            item.save(folder / name)
        print(f"[picture of {item.width}x{item.height}{f': {folder / name}' if folder else ''}]")
