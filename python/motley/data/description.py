"""dataset.json of a data set that was just made, the files beside it, and the lines that tell the user about them."""

from __future__ import annotations

import dataclasses
from typing import Any, Sequence

import numpy as np

from . import store
from .documents import Stream
from .errors import require_package
from .modality import Modality, Range, modality_of
from .text import END_OF_DOCUMENT, Text, begin_mark, end_mark

SPLIT_FILES = {name: f"{name}.safetensors" for name in store.SPLITS}


def _counts(stream: Stream, ranges: Sequence[Range]) -> dict[str, int]:
    counts = np.bincount(modality_of(stream.tokens, ranges), minlength=len(ranges))
    return {one.name: int(count) for one, count in zip(ranges, counts)}


def summarise(name: str, stream: Stream, ranges: Sequence[Range]) -> str:
    """Spell the tokens by modality and the documents by kind of one split."""
    tokens = ", ".join(f"{count:,} {modality}" for modality, count in _counts(stream, ranges).items())
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(stream.kinds.items()))
    return f"{name:<8} {len(stream.tokens):>9,} tokens ({tokens}); {sum(stream.kinds.values()):,} documents ({kinds})"


def describe(
    name: str, modalities: Sequence[Modality], ranges: Sequence[Range], streams: dict[str, Stream]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return what dataset.json says of the data, and the contents of the other files by name.

    Parameters
    ----------
    name : str
        Name of the data set.
    modalities : sequence of Modality
        Text first.
    ranges : sequence of Range
        Of the modalities.
    streams : dict
        A stream for each of `store.SPLITS`.
    """
    text = modalities[0]
    assert isinstance(text, Text)
    special = {"end_of_document": text.mark(END_OF_DOCUMENT)}
    for one in modalities[1:]:
        special |= {
            f"begin_{one.name}": text.mark(begin_mark(one.name)),
            f"end_{one.name}": text.mark(end_mark(one.name)),
        }
    files = {split: store.pack_split(one.tokens, one.document_offsets) for split, one in streams.items()}
    side_files = {file: content for one in modalities for file, content in one.save().items()}
    description = {
        "format": store.FORMAT,
        "version": store.VERSION,
        "name": name,
        "vocabulary": ranges[-1].end,
        "modalities": [dataclasses.asdict(one) for one in ranges],
        "special": special,
        "splits": {
            split: {
                "file": SPLIT_FILES[split],
                "tokens": len(stream.tokens),
                "documents": len(stream.document_offsets) - 1,
                "sha256": store.sha256(files[split]),
                "tokens_by_modality": _counts(stream, ranges),
                "documents_by_kind": dict(sorted(stream.kinds.items())),
            }
            for split, stream in streams.items()
        },
        "checksum": store.sha256(b"".join(files[split] for split in store.SPLITS)),
        "encoders": {one.name: one.describe() for one in modalities},
        "files": {file: store.sha256(content) for file, content in side_files.items()},
    }
    return description, {**side_files, **{SPLIT_FILES[split]: content for split, content in files.items()}}


def versions() -> dict[str, str]:
    """Return the versions of the packages and libraries that made the data."""
    features = require_package("PIL.features", "pillow")
    modules = {"numpy": "numpy", "PIL": "pillow", "tokenizers": "tokenizers", "safetensors": "safetensors"}
    found = {package: require_package(module, package).__version__ for module, package in modules.items()}
    return {**found, "freetype": str(features.version("freetype2")), "raqm": str(features.version("raqm"))}
