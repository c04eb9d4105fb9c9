"""The data set of emoji: pictures, their names, and glosses of WordNet, interleaved.

The held-out split goes by family of emoji and by gloss (a few synsets share one); tokenizer and codebook see the
training split alone. The checksum depends on the settings, the source files, and the versions of Pillow, FreeType and
tokenizers; neither on the number of threads, nor on NumPy or its BLAS, nor on the time.
"""

from __future__ import annotations

import dataclasses
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
from .gallery import Gallery, spread_out
from .image import PATCH, Image
from .modality import Range, lay_out
from .pictures import FONT, psnr
from .registry import MODALITIES
from .text import Text
from .unicode_emoji import EMOJI_TEST, read_emoji
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
        Share of families of emoji, and of glosses, that are held out.
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
    gallery = Gallery.paint(
        spread_out(read_emoji(), chosen.limit),
        chosen.views,
        chosen.toned_views,
        chosen.size,
        chosen.seed,
        chosen.heldout_share,
    )
    report(f"drew {len(gallery.pixels)} pictures of {len(gallery.emoji)} emoji, {chosen.size} x {chosen.size} pixels")
    synsets = _split_synsets(chosen)

    image = Image.train(gallery.pixels[~gallery.is_heldout], chosen.codebook, Draws(chosen.seed, "codebook"))
    spans = np.stack(image.encode(gallery.pixels))
    quality = _quality(gallery, image, spans)
    report(
        f"codebook of {image.size} patches: PSNR {quality['train']:.2f} dB, "
        f"{quality['heldout']:.2f} dB on held-out emoji"
    )
    text = Text.train(gallery.captions() + [one.text for one in synsets["train"]], chosen.vocabulary, [image.name])
    modalities = [text, image]
    ranges = lay_out(modalities)
    assembler = Assembler(ranges, text, {image.name: list(spans)})
    streams = {}
    for name in store.SPLITS:
        emoji, numbers = gallery.side(name == "heldout")
        documents = picture_documents(emoji, numbers, Draws(chosen.seed, f"groups/{name}"))
        draws = Draws(chosen.seed, f"order/{name}")
        streams[name] = _stream(documents, synsets[name], assembler, ranges, chosen.text_share, draws)
        report(summarise(name, streams[name], ranges))
    description, files = describe("emoji", modalities, ranges, streams)
    description |= {"settings": dataclasses.asdict(chosen), "sources": sources, "psnr_db": quality}
    description["made_with"] = versions()
    return description, {**files, store.INDEX: (json.dumps(description, indent=1) + "\n").encode()}


def _split_synsets(chosen: Settings) -> dict[str, list[Synset]]:
    """Return the synsets that each split may take, in a drawn order."""
    synsets = read_synsets()
    order = Draws(chosen.seed, "synsets").order(len(synsets))[: chosen.limit and 32 * chosen.limit]
    synsets = [synsets[index] for index in order]
    heldout = hold_out([one.gloss for one in synsets], chosen.heldout_share, chosen.seed)
    return {
        "train": [one for one in synsets if one.gloss not in heldout],
        "heldout": [one for one in synsets if one.gloss in heldout],
    }


def _quality(gallery: Gallery, image: Image, spans: np.ndarray) -> dict[str, float]:
    """Return the PSNR of the decoded pictures of each split in dB."""
    sides = {"train": ~gallery.is_heldout, "heldout": gallery.is_heldout}
    return {name: round(psnr(gallery.pixels[side], image.pixels(spans[side])), 3) for name, side in sides.items()}


def _stream(
    documents: list[Document],
    synsets: list[Synset],
    assembler: Assembler,
    ranges: list[Range],
    text_share: float,
    draws: Draws,
) -> Stream:
    """Add glosses to other documents until the share of text is as wanted, and join them."""
    tokens = assembler.assemble(documents)
    joined = np.concatenate(tokens)
    others = int((joined >= ranges[0].end).sum())
    missing = others * text_share / (1 - text_share) - (len(joined) - others)
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
