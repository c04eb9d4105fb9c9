"""Documents of pictures and texts, and their tokens.

A document is a sequence of parts: texts, and items of other modalities by number. Four kinds: a caption and its
picture, a picture and its caption, a group of pictures of one subgroup with their names between them, and a gloss.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Iterable, Mapping, NamedTuple, Sequence

import numpy as np

from .draws import Draws
from .image import Image
from .modality import Range
from .text import END_OF_DOCUMENT, Text, begin_mark, end_mark
from .unicode_emoji import Emoji

CAPTION_FIRST, PICTURE_FIRST, GROUP, GLOSS = "caption first", "picture first", "group", "gloss"
_TURNS = (CAPTION_FIRST, PICTURE_FIRST, GROUP)  # the views of an emoji take these turns
_LARGEST_GROUP = 5


class Item(NamedTuple):
    """The item ``number`` of a modality, for example a picture."""

    modality: str
    number: int


@dataclass(frozen=True)
class Document:
    """One document.

    Attributes
    ----------
    kind : str
        One of the four kinds.
    parts : tuple of str or Item
    """

    kind: str
    parts: tuple[str | Item, ...]


def picture_documents(emoji: Sequence[Emoji], pictures: Sequence[range], draws: Draws) -> list[Document]:
    """Put every picture into one document.

    Parameters
    ----------
    emoji : sequence of Emoji
    pictures : sequence of range
        The numbers of the views of each emoji.
    draws : Draws
        Which pictures meet in a group, and how large it is.

    Returns
    -------
    list of Document
        In an order that means nothing.
    """
    found = []
    groups: dict[str, list[tuple[str, Item]]] = defaultdict(list)
    for one, views in zip(emoji, pictures):
        for turn, number in enumerate(views):
            picture = Item(Image.name, number)
            kind = _TURNS[turn % len(_TURNS)]
            if kind == GROUP:
                groups[one.subgroup].append((one.name, picture))
            else:
                found.append(_single(kind, one.name, picture))
    for subgroup, members in groups.items():
        found += _group_documents(subgroup, members, draws)
    return found


def _single(kind: str, name: str, picture: Item) -> Document:
    return Document(kind, (name, picture) if kind == CAPTION_FIRST else (picture, name))


def _group_documents(subgroup: str, members: list[tuple[str, Item]], draws: Draws) -> Iterable[Document]:
    shuffled = [members[index] for index in draws.order(len(members))]
    while shuffled:
        size, names_first = draws.below(2, 1 << 20).tolist()
        taken = shuffled[: 2 + size % (_LARGEST_GROUP - 1)]
        del shuffled[: len(taken)]
        if len(taken) == 1:  # the last of its subgroup
            yield _single(CAPTION_FIRST, *taken[0])
        else:
            yield _group(subgroup, taken, bool(names_first % 2))


def _group(subgroup: str, members: list[tuple[str, Item]], names_first: bool) -> Document:
    """``fruit: melon [picture], pear [picture]`` or ``fruit: [picture] melon, [picture] pear``."""
    parts: list[str | Item] = []
    last = len(members) - 1
    for index, (name, picture) in enumerate(members):
        if names_first:
            parts += [f"{', ' if index else f'{subgroup}: '}{name}", picture]
        else:
            parts += [f"{subgroup}:"] if index == 0 else []
            parts += [picture, f" {name}{',' if index < last else ''}"]
    return Document(GROUP, tuple(parts))


class Assembler:
    """Turns documents into tokens.

    Parameters
    ----------
    ranges : sequence of Range
        The vocabulary, text first: its local ids are its tokens.
    text : Text
    spans : mapping
        For each other modality, the local ids (int32 [any]) of its items.
    """

    def __init__(self, ranges: Sequence[Range], text: Text, spans: Mapping[str, Sequence[np.ndarray]]) -> None:
        self._text = text
        self._end_of_document = np.array([text.mark(END_OF_DOCUMENT)], np.int32)
        self._spans = spans
        # What to add to local ids, and the marks around them.
        self._frames = {
            one.name: (np.int32(one.begin), [text.mark(begin_mark(one.name))], [text.mark(end_mark(one.name))])
            for one in ranges[1:]
        }

    def assemble(self, documents: Sequence[Document]) -> list[np.ndarray]:
        """Return the tokens of each document (int32), the end of the document included."""
        texts = list(dict.fromkeys(part for one in documents for part in one.parts if isinstance(part, str)))
        encoded = dict(zip(texts, self._text.encode(texts)))
        found = []
        for one in documents:
            parts = [encoded[part] if isinstance(part, str) else self._span(part) for part in one.parts]
            found.append(np.concatenate([*parts, self._end_of_document]))
        return found

    def _span(self, item: Item) -> np.ndarray:
        begin, before, behind = self._frames[item.modality]
        return np.concatenate([before, self._spans[item.modality][item.number] + begin, behind], dtype=np.int32)


@dataclass(frozen=True)
class Stream:
    """The documents of one split, in their order.

    Attributes
    ----------
    tokens : int32 [N]
    document_offsets : int64 [D + 1]
    kinds : Counter
        Number of documents of each kind.
    """

    tokens: np.ndarray
    document_offsets: np.ndarray
    kinds: Counter[str]


def join(documents: Sequence[Document], tokens: Sequence[np.ndarray], draws: Draws) -> Stream:
    """Shuffle documents and put their tokens one behind the other."""
    order = draws.order(len(tokens))
    lengths = np.array([len(tokens[index]) for index in order], np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    joined = np.concatenate([tokens[index] for index in order])
    return Stream(joined, offsets, Counter(one.kind for one in documents))
