"""Reproducible draws.

Only raw Philox words are used, because NumPy promises that stream for ever, and not the streams of `Generator.integers`
or `permutation`. Every purpose ("site") has its own key, so a new purpose never moves the numbers of an old one.
"""

from __future__ import annotations

import hashlib

import numpy as np


class Draws:
    """The stream of random numbers of one (seed, site).

    Parameters
    ----------
    seed : int
        The user's seed.
    site : str
        What the numbers are for, for example ``"kmeans"``.

    Examples
    --------
    >>> Draws(0, "example").below(4, bound=10).tolist() == Draws(0, "example").below(4, bound=10).tolist()
    True
    """

    def __init__(self, seed: int, site: str) -> None:
        key = hashlib.sha256(f"{seed}/{site}".encode()).digest()[:16]
        self._bits = np.random.Philox(key=int.from_bytes(key, "little"))

    def below(self, count: int, bound: int) -> np.ndarray:
        """Draw ``count`` integers in 0..bound-1 (int64; modulo bias below bound / 2**64)."""
        return (self._bits.random_raw(count) % np.uint64(bound)).astype(np.int64)

    def order(self, count: int) -> np.ndarray:
        """Draw a permutation of 0..count-1 (int64)."""
        return np.argsort(self._bits.random_raw(count), kind="stable")


def hold_out(keys: list[str], share: float, seed: int) -> set[str]:
    """Choose which keys belong to the held-out split.

    A key stands for everything that must stay on one side: a family of emoji, a gloss. Keys are ordered by a hash of
    (seed, key), so the choice depends neither on their order nor on how often each occurs.

    Parameters
    ----------
    keys : list of str
        Keys, repeats allowed.
    share : float
        Share of the distinct keys to hold out; at least one is held out and at least one is not.
    seed : int
        The user's seed.

    Returns
    -------
    set of str
        The keys that are held out.

    Raises
    ------
    ValueError
        There are fewer than two distinct keys.
    """
    distinct = set(keys)
    if len(distinct) < 2:
        raise ValueError(f"cannot split {len(distinct)} distinct keys; expected at least 2")
    ordered = sorted(distinct, key=lambda key: (hashlib.sha256(f"{seed}/hold-out/{key}".encode()).digest(), key))
    count = min(max(1, round(share * len(ordered))), len(ordered) - 1)
    return set(ordered[:count])
