"""``motley data``: make a data set, or show what is in one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from .errors import DataError
from .store import Dataset

if TYPE_CHECKING:
    import PIL.Image


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``emoji`` and ``show`` with their options."""
    verbs = parser.add_subparsers(dest="dataset", required=True, metavar="emoji|show")
    _add_emoji(
        verbs.add_parser(
            "emoji",
            help="make a data set of emoji, their names, and glosses",
            description="emoji as pictures, their names, and dictionary glosses, as one stream of tokens",
            allow_abbrev=False,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
    )
    _add_show(
        verbs.add_parser(
            "show",
            help="decode a document to text and pictures",
            description="decode a document of a data set: text to standard output, pictures to a PNG",
            allow_abbrev=False,
        )
    )


def run(options: argparse.Namespace) -> None:
    """Run ``emoji`` or ``show``; mistakes of the user raise `DataError`."""
    options.run_data(options)


def _add_emoji(parser: argparse.ArgumentParser) -> None:
    from .emoji import Settings

    default = Settings()
    # No help is no default in the help either; SUPPRESS keeps "(default: None)" away.
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", default=argparse.SUPPRESS, help="directory")
    whole = [
        ("--size", default.size, "pixels on each side of a picture, a multiple of 4"),
        ("--codebook", default.codebook, "image ids"),
        ("--vocabulary", default.vocabulary, "text ids"),
        ("--views", default.views, "pictures of each emoji"),
        ("--toned-views", default.toned_views, "pictures of each emoji with a skin tone"),
        ("--seed", default.seed, "of all draws"),
    ]
    for flag, value, text in whole:
        parser.add_argument(flag, type=int, default=value, metavar="N", help=text)
    parser.add_argument("--text-share", type=float, default=default.text_share, metavar="X", help="of all tokens")
    parser.add_argument(
        "--heldout-share",
        type=float,
        default=default.heldout_share,
        metavar="X",
        help="of the families of emoji and of the glosses",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="take N emoji only, and 32 glosses for each")
    parser.add_argument("--replace", action="store_true", help="replace another data set in DIR")
    parser.set_defaults(run_data=_run_emoji)


def _add_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--split", default="train", help="train or heldout; by default train")
    parser.add_argument("--document", type=int, default=0, metavar="N", help="first document, from 0; by default 0")
    parser.add_argument("--count", type=int, default=1, metavar="N", help="number of documents; by default 1")
    parser.add_argument("--png", type=Path, metavar="FILE", help="write the pictures, in their order, with captions")
    parser.set_defaults(run_data=_run_show)


def _run_emoji(options: argparse.Namespace) -> None:
    import dataclasses

    from . import emoji

    settings = {field.name: getattr(options, field.name) for field in dataclasses.fields(emoji.Settings)}
    emoji.build(options.out, replace=options.replace, **settings)


def _run_show(options: argparse.Namespace) -> None:
    from .decoding import decode
    from .sheet import contact_sheet

    if options.count < 1:
        raise DataError(f"--count is {options.count}, expected at least 1")
    dataset = Dataset(options.folder)
    split = dataset.split(options.split)
    last = min(options.document + options.count, len(split))
    pictures: list[PIL.Image.Image] = []
    captions: list[str] = []
    for number in [options.document, *range(options.document + 1, last)]:
        items = decode(dataset, split.document(number))
        print(f"{number}: {spell(items)}")
        pictures += [item for item in items if not isinstance(item, str)]
        captions += captions_of(items)
    if options.png is None:
        return
    if not pictures:
        raise DataError("these documents have no pictures, so there is nothing to write to --png")
    contact_sheet(pictures, options.png, captions=captions)
    print(f"wrote {len(pictures)} pictures to '{options.png}'")


def spell(items: Sequence[str | PIL.Image.Image]) -> str:
    """Spell a document in one line, with ``[picture]`` for each picture."""
    joined = " ".join(item.strip() if isinstance(item, str) else "[picture]" for item in items)
    return joined.replace(" ,", ",")


def captions_of(items: Sequence[str | PIL.Image.Image]) -> list[str]:
    """Return the text that belongs to each picture of a document: the one before it, or else behind it."""
    behind = not isinstance(items[0], str) or items[0].endswith(":")
    found = []
    for index, item in enumerate(items):
        if isinstance(item, str):
            continue
        near = index + 1 if behind else index - 1
        text = items[near] if 0 <= near < len(items) else ""
        found.append(text.strip(" ,") if isinstance(text, str) else "")
    return found
