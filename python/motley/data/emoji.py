"""The data set of emoji: pictures, their names, and glosses of WordNet, interleaved.

The held-out split goes by family of emoji and by synset; tokenizer and codebook see the training split alone. The
checksum depends on the settings, the source files, and the versions of Pillow, FreeType and tokenizers; neither on the
number of threads, nor on NumPy or its BLAS, nor on the time.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import numpy as np

from . import store, writing
from .description import SPLIT_FILES, describe, summarise, versions
from .documents import GLOSS, Assembler, Document, Stream, join, picture_documents
from .draws import Draws, hold_out
from .errors import DataError, require_file
from .image import PATCH, Image
from .modality import Range, lay_out
from .pictures import FONT, EmojiPainter, psnr
from .registry import MODALITIES
from .text import Text
from .unicode_emoji import EMOJI_TEST, Emoji, read_emoji
from .wordnet import Synset, read_synsets, wordnet_files

_CHUNK = 2048  # glosses encoded at a time, until there are enough


@dataclass(frozen=True)
class Settings:
    """What the data set is made of; see `build`."""

    size: int = 32
    codebook: int = 512
    vocabulary: int = 4096
    views: int = 10
    toned_views: int = 4
    text_share: float = 0.5
    heldout_share: float = 0.05
    seed: int = 0
    limit: int | None = None

    def check(self) -> None:
        """Raise one `DataError` that names every setting out of its range."""
        rules = [
            ("size", PATCH <= self.size <= 128 and self.size % PATCH == 0, f"a multiple of {PATCH} up to 128"),
            ("codebook", 2 <= self.codebook <= 16384, "2..16384"),
            ("vocabulary", 512 <= self.vocabulary <= 65536, "512..65536"),
            ("views", 1 <= self.views <= 64, "1..64"),
            ("toned_views", 1 <= self.toned_views <= 64, "1..64"),
            ("text_share", 0 < self.text_share < 1, "between 0 and 1"),
            ("heldout_share", 0 < self.heldout_share < 1, "between 0 and 1"),
            ("seed", self.seed >= 0, "at least 0"),
            ("limit", self.limit is None or self.limit >= 8, "at least 8"),
        ]
        wrong = [f"{name} is {getattr(self, name)}, expected {what}" for name, right, what in rules if not right]
        if wrong:
            raise DataError("; ".join(wrong))


def build(
    out: Path | str, *, replace: bool = False, report: Callable[[str], None] = print, **settings: Any
) -> dict[str, Any]:
    """Make the data set, unless it is there already.

    Parameters
    ----------
    out : path
        Directory; made if missing.
    replace : bool
        Whether to replace another data set in ``out``.
    report : callable
        Called with each line of progress.
    size : int
        Pixels on each side of a picture, a multiple of 4; a picture is (size / 4)**2 tokens.
    codebook : int
        Image ids.
    vocabulary : int
        Text ids, marks included (fewer if the corpus is small).
    views, toned_views : int
        Pictures of each emoji, without and with a skin tone.
    text_share : float
        Share of text in all tokens; as many glosses are taken as it needs.
    heldout_share : float
        Share of families of emoji, and of synsets, that are held out.
    seed : int
        Of every draw.
    limit : int, optional
        Take that many emoji, spread over all, and 32 synsets for each.

    Returns
    -------
    dict
        The contents of dataset.json.

    Raises
    ------
    DataError
        A setting is out of range, a source or package is missing, ``out`` holds something else or cannot be written.
    """
    began = time.monotonic()
    chosen = Settings(**settings)
    chosen.check()
    out = Path(out)
    sources = _source_digests()
    existing = _existing(out, chosen, sources, replace)
    if existing:
        report(f"'{out}' holds this data set already, nothing to do; checksum {existing['checksum']}")
        return existing
    made = writing.missing_folders(out)
    names = {store.INDEX, *SPLIT_FILES.values(), *(file for one in MODALITIES.values() for file in one.files)}
    try:
        writing.prepare_folder(out, names)
        description, files = _make(chosen, sources, report)
        writing.write_files(out, files)
    except BaseException:  # an interruption too
        writing.remove_if_empty(out, made)
        raise
    report(f"wrote '{out}' in {time.monotonic() - began:.0f} s; checksum {description['checksum']}")
    return description


def _source_digests() -> dict[str, str]:
    require_file(FONT, "fonts-noto-color-emoji")
    require_file(EMOJI_TEST, "unicode-data")
    return {path.name: store.sha256(path.read_bytes()) for path in [FONT, EMOJI_TEST, *wordnet_files()]}


def _existing(out: Path, chosen: Settings, sources: dict[str, str], replace: bool) -> dict[str, Any] | None:
    if replace or not (out / store.INDEX).exists():
        return None
    dataset = store.Dataset(out)
    old = {**dataset.description.get("settings", {}), "sources": dataset.description.get("sources")}
    new = {**dataclasses.asdict(chosen), "sources": sources}
    other = [
        f"{key} {old.get(key)!r} instead of {new[key]!r}" if key != "sources" else "other versions of the source files"
        for key in new
        if old.get(key, "none") != new[key]
    ]
    if other:
        raise DataError(f"'{out}' holds another data set ({'; '.join(other)}); give another --out, or --replace")
    dataset.check_files()
    return dataset.description


def _make(
    chosen: Settings, sources: dict[str, str], report: Callable[[str], None]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the contents of dataset.json and of all files."""
    emoji = _choose(read_emoji(), chosen.limit)
    synsets = read_synsets()
    pool = Draws(chosen.seed, "synsets").order(len(synsets))[: chosen.limit and 32 * chosen.limit]
    synsets = [synsets[index] for index in pool]
    pictures, ranges = _paint(emoji, chosen)
    report(f"drew {len(pictures)} pictures of {len(emoji)} emoji, {chosen.size} x {chosen.size} pixels")

    families = _families(emoji, pictures, ranges)
    heldout_families = hold_out(families, chosen.heldout_share, chosen.seed)
    heldout_synsets = hold_out([one.key for one in synsets], chosen.heldout_share, chosen.seed)
    sides = np.array([family in heldout_families for family in families])
    in_heldout = np.repeat(sides, [len(one) for one in ranges])

    image = Image.train(pictures[~in_heldout], chosen.codebook, Draws(chosen.seed, "codebook"))
    spans = np.stack(image.encode(pictures))
    quality = {
        name: round(psnr(pictures[mask], image.pixels(spans[mask])), 3)
        for name, mask in (("train", ~in_heldout), ("heldout", in_heldout))
    }
    report(
        f"codebook of {image.size} patches: PSNR {quality['train']:.2f} dB, "
        f"{quality['heldout']:.2f} dB on held-out emoji"
    )

    captions = [one.name for one, side in zip(emoji, sides) if not side for _ in range(chosen.views)]
    glosses = [one.text for one in synsets if one.key not in heldout_synsets]
    text = Text.train(captions + glosses, chosen.vocabulary, [image.name])
    modalities = [text, image]
    laid_out = lay_out(modalities)
    assembler = Assembler(text, spans, laid_out[1].begin, image.name)
    streams = {}
    for name, held in (("train", False), ("heldout", True)):
        documents = picture_documents(
            [one for one, side in zip(emoji, sides) if side == held],
            [one for one, side in zip(ranges, sides) if side == held],
            Draws(chosen.seed, f"groups/{name}"),
        )
        candidates = [one for one in synsets if (one.key in heldout_synsets) == held]
        streams[name] = _stream(documents, candidates, assembler, laid_out, chosen, Draws(chosen.seed, f"order/{name}"))
        report(summarise(name, streams[name], laid_out))
    description, files = describe("emoji", modalities, laid_out, streams)
    description |= {"settings": dataclasses.asdict(chosen), "sources": sources, "psnr_db": quality}
    description["made_with"] = versions()
    return description, {**files, store.INDEX: (json.dumps(description, indent=1) + "\n").encode()}


def _choose(emoji: list[Emoji], limit: int | None) -> list[Emoji]:
    """Take ``limit`` emoji, evenly spread over the list."""
    if limit is None or limit >= len(emoji):
        return emoji
    return [emoji[index * len(emoji) // limit] for index in range(limit)]


def _paint(emoji: list[Emoji], chosen: Settings) -> tuple[np.ndarray, list[range]]:
    """Draw all views (uint8 [P, S, S, 3]), and say which numbers each emoji has."""
    painter = EmojiPainter()
    counts = [chosen.toned_views if one.toned else chosen.views for one in emoji]
    ends = np.cumsum(counts).tolist()
    pictures = np.empty((ends[-1], chosen.size, chosen.size, 3), np.uint8)
    ranges = [range(end - count, end) for end, count in zip(ends, counts)]
    for one, numbers in zip(emoji, ranges):
        draws = Draws(chosen.seed, f"views/{one.sequence}")
        pictures[numbers.start : numbers.stop] = painter.views(one.sequence, len(numbers), chosen.size, draws)
    return pictures, ranges


def _families(emoji: list[Emoji], pictures: np.ndarray, ranges: list[range]) -> list[str]:
    """Return the family of each emoji; families that share a picture (the flags of Norway and Svalbard) are one."""
    representative: dict[str, str] = {one.family: one.family for one in emoji}

    def find(family: str) -> str:
        while representative[family] != family:
            family = representative[family]
        return family

    first: dict[bytes, str] = {}
    for one, numbers in zip(emoji, ranges):
        look = hashlib.sha256(pictures[numbers.start].tobytes()).digest()
        a, b = find(first.setdefault(look, one.family)), find(one.family)
        representative[max(a, b)] = min(a, b)
    return [find(one.family) for one in emoji]


def _stream(
    documents: list[Document], synsets: list[Synset], assembler: Assembler, ranges: list[Range], chosen: Settings,
    draws: Draws,
) -> Stream:
    """Add glosses to documents of pictures until the share of text is as wanted, and join them."""
    tokens = assembler.assemble(documents)
    joined = np.concatenate(tokens)
    images = int((joined >= ranges[1].begin).sum())
    missing = images * chosen.text_share / (1 - chosen.text_share) - (len(joined) - images)
    taken = list(documents)
    for begin in range(0, len(synsets), _CHUNK):
        if missing <= 0:
            break
        chunk = [Document(GLOSS, (one.text,)) for one in synsets[begin : begin + _CHUNK]]
        encoded = assembler.assemble(chunk)
        filled = np.cumsum([len(one) for one in encoded])
        count = min(int(np.searchsorted(filled, missing)) + 1, len(chunk))
        taken += chunk[:count]
        tokens += encoded[:count]
        missing -= int(filled[count - 1])
    return join(taken, tokens, draws)
