"""What a modality is to a data set, and how modalities share one vocabulary.

A modality turns its items (a text, a picture) into local ids 0..size-1 and back. The vocabulary lays the modalities
side by side, text first. Text also owns the marks: the end of a document and, for each further modality, the begin and
end of a span of it. To add speech: write one more `Modality`, add it to `registry.MODALITIES`, and list it after the
image.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Sequence

import numpy as np

from .errors import DataError


class Modality(abc.ABC):
    """An encoder and decoder between items and local ids.

    Attributes
    ----------
    name : str
        The modality's name in dataset.json, the model and the losses.
    files : tuple of str
        The files that `save` makes, by name.
    """

    name: ClassVar[str]
    files: ClassVar[tuple[str, ...]]

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """Number of local ids."""

    @abc.abstractmethod
    def encode(self, items: Sequence[Any]) -> list[np.ndarray]:
        """Turn each item into local ids (int32 [any])."""

    @abc.abstractmethod
    def decode(self, ids: np.ndarray) -> Any:
        """Turn the local ids (int [N]) of one span into an item; raise `ValueError` for ids that are no item."""

    @abc.abstractmethod
    def describe(self) -> dict[str, Any]:
        """Settings that `load` needs beside the files, as JSON."""

    @abc.abstractmethod
    def save(self) -> dict[str, bytes]:
        """Contents of `files`, by name."""

    @classmethod
    @abc.abstractmethod
    def load(cls, folder: Path, description: dict[str, Any]) -> Modality:
        """Rebuild the modality from its files in ``folder`` and what `describe` said."""


@dataclass(frozen=True)
class Range:
    """The ids begin..end-1 of one modality."""

    name: str
    begin: int
    end: int


def lay_out(modalities: Sequence[Modality]) -> list[Range]:
    """Lay the modalities side by side, in order: disjoint ranges without gaps.

    Examples
    --------
    Text of 4096 ids and pictures of 512 give ``[Range("text", 0, 4096), Range("image", 4096, 4608)]``.
    """
    ranges = []
    begin = 0
    for modality in modalities:
        ranges.append(Range(modality.name, begin, begin + modality.size))
        begin += modality.size
    return ranges


def modality_of(tokens: np.ndarray, ranges: Sequence[Range]) -> np.ndarray:
    """Find the modality of each token.

    Parameters
    ----------
    tokens : int [N]
    ranges : sequence of Range
        Adjacent and ascending, as `lay_out` makes them.

    Returns
    -------
    int32 [N]
        Indices into ``ranges``.

    Raises
    ------
    DataError
        A token lies in no range.
    """
    tokens = np.asarray(tokens)
    low, high = ranges[0].begin, ranges[-1].end
    wrong = np.flatnonzero((tokens < low) | (tokens >= high))
    if len(wrong):
        index = int(wrong[0])
        raise DataError(f"token {index} is {int(tokens[index])}; expected an id of the vocabulary, {low}..{high - 1}")
    ends = np.array([one.end for one in ranges])
    return np.searchsorted(ends, tokens, side="right").astype(np.int32)
