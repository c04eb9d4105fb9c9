"""Words and glosses of WordNet, from data.{noun,verb,adj,adv} of the package wordnet-base (format: man 5 wndb)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .errors import DataError, require_file

WORDNET = Path("/usr/share/wordnet")
PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")

# Adjectives carry their syntactic place behind the word: "galore(ip)".
_PLACE = re.compile(r"\((a|p|ip)\)$")


@dataclass(frozen=True)
class Synset:
    """One meaning: key (part of speech and byte offset), words, and gloss (the unit of the held-out split)."""

    key: str
    words: tuple[str, ...]
    gloss: str

    @property
    def text(self) -> str:
        """The document, for example ``"thing: a separate and self-contained entity"``."""
        return f"{', '.join(self.words)}: {self.gloss}"


def wordnet_files(folder: Path = WORDNET) -> list[Path]:
    """Return the four data files, in a fixed order.

    Raises
    ------
    DataError
        One of them is missing.
    """
    return [require_file(folder / f"data.{part}", "wordnet-base") for part in PARTS_OF_SPEECH]


def read_synsets(folder: Path = WORDNET) -> list[Synset]:
    """Read every synset of WordNet.

    Parameters
    ----------
    folder : Path
        The folder that holds data.noun and its three siblings.

    Returns
    -------
    list of Synset
        117,659 of them in WordNet 3.0, in the order of the files.

    Raises
    ------
    DataError
        A file is missing or a line is malformed.
    """
    found = []
    for path in wordnet_files(folder):
        part = path.suffix[1:]
        with path.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, start=1):
                if line.startswith("  "):  # the licence on top
                    continue
                try:
                    found.append(_parse(line, part))
                except (ValueError, IndexError) as error:
                    raise DataError(
                        f"{path}:{number}: got '{line[:60].rstrip()}', expected a synset of WordNet ({error})"
                    ) from error
    return found


def _parse(line: str, part: str) -> Synset:
    """Parse ``offset file type count word id [word id]... pointers | gloss``; the count is hexadecimal."""
    fields, gloss = line.split("|", 1)
    offset, _, _, count, *rest = fields.split()
    words = [_PLACE.sub("", rest[2 * index]).replace("_", " ") for index in range(int(count, 16))]
    return Synset(f"{part}/{offset}", tuple(dict.fromkeys(words)), " ".join(gloss.split()))
