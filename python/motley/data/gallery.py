"""All views of all emoji, and which side of the held-out split each emoji is on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Sequence

import numpy as np

from .draws import Draws, hold_out
from .pictures import EmojiPainter
from .unicode_emoji import Emoji


def spread_out(emoji: list[Emoji], limit: int | None) -> list[Emoji]:
    """Take ``limit`` emoji (None: all), evenly spread over the list."""
    if limit is None or limit >= len(emoji):
        return emoji
    return [emoji[index * len(emoji) // limit] for index in range(limit)]


@dataclass(frozen=True)
class Gallery:
    """The pictures of a data set.

    Attributes
    ----------
    emoji : list of Emoji
    numbers : list of range
        The numbers of the pictures of each emoji.
    pixels : uint8 [P, S, S, 3]
        All pictures, RGB.
    is_heldout : bool [P]
        Whether a picture belongs to the held-out split.
    """

    emoji: list[Emoji]
    numbers: list[range]
    pixels: np.ndarray
    is_heldout: np.ndarray

    @classmethod
    def paint(
        cls, emoji: list[Emoji], views: int, toned_views: int, size: int, seed: int, heldout_share: float
    ) -> Gallery:
        """Draw ``views`` pictures of each emoji (``toned_views`` of one with a skin tone), ``size`` pixels wide.

        Raises
        ------
        DataError
            The font or a package is missing.
        """
        painter = EmojiPainter()
        counts = [toned_views if one.toned else views for one in emoji]
        ends = np.cumsum(counts).tolist()
        numbers = [range(end - count, end) for end, count in zip(ends, counts)]
        pixels = np.empty((ends[-1], size, size, 3), np.uint8)
        for one, own in zip(emoji, numbers):
            draws = Draws(seed, f"views/{one.sequence}")
            pixels[own.start : own.stop] = painter.views(one.sequence, len(own), size, draws)
        families = join_families(emoji, [pixels[own.start] for own in numbers])
        heldout = hold_out(families, heldout_share, seed)
        return cls(emoji, numbers, pixels, np.repeat([family in heldout for family in families], counts))

    def side(self, heldout: bool) -> tuple[list[Emoji], list[range]]:
        """Return the emoji of one side of the split, and the numbers of their pictures."""
        chosen = [
            (one, own) for one, own in zip(self.emoji, self.numbers) if bool(self.is_heldout[own.start]) == heldout
        ]
        return [one for one, _ in chosen], [own for _, own in chosen]

    def captions(self) -> list[str]:
        """Return the names of the training split, as often as they have pictures."""
        return [one.name for one, own in zip(*self.side(heldout=False)) for _ in own]


def join_families(emoji: Sequence[Emoji], looks: Sequence[np.ndarray]) -> list[str]:
    """Return the family of each emoji; families that share a picture (the flags of Norway and Svalbard) become one.

    Parameters
    ----------
    emoji : sequence of Emoji
    looks : sequence of uint8 arrays
        One picture of each, all views from the same place.
    """
    joined = {one.family: one.family for one in emoji}

    def find(family: str) -> str:
        while joined[family] != family:
            family = joined[family]
        return family

    first: dict[bytes, str] = {}
    for one, look in zip(emoji, looks):
        digest = hashlib.sha256(look.tobytes()).digest()
        pair = find(first.setdefault(digest, one.family)), find(one.family)
        joined[max(pair)] = min(pair)
    return [find(one.family) for one in emoji]
