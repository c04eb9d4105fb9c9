"""K-means over bytes, exact and so the same on every machine.

Points and centres are rows of at most 128 bytes. All sums below are then integers under 2**24, which float32 holds
exactly: a matrix product gives the same bits whatever the BLAS, the order of its sums and the number of threads. Means
are rounded to bytes with integer arithmetic.
"""

from __future__ import annotations

import numpy as np

from .draws import Draws

# |2 x.c| and |c.c| <= 2 * 255**2 * length must stay below 2**24.
MAX_LENGTH = 128
_CHUNK = 16384  # points per matrix product: 32 MiB of distances to 512 centres


def nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Find the nearest centre of each point; the lower index wins a tie.

    Parameters
    ----------
    points : uint8 [N, L]
    centres : uint8 [C, L]

    Returns
    -------
    int32 [N]
        Indices into ``centres``.

    Raises
    ------
    ValueError
        The arrays are not bytes, or L differs or exceeds 128.
    """
    _check(points, "points")
    _check(centres, "centres")
    if points.shape[1] != centres.shape[1]:
        raise ValueError(f"points have length {points.shape[1]} but centres have length {centres.shape[1]}")
    wide = centres.astype(np.float32)
    squares = (wide * wide).sum(axis=1)
    twice = np.ascontiguousarray(2 * wide.T)
    found = np.empty(len(points), np.int32)
    for begin in range(0, len(points), _CHUNK):
        distances = points[begin : begin + _CHUNK].astype(np.float32) @ twice
        np.subtract(squares, distances, out=distances)
        found[begin : begin + _CHUNK] = distances.argmin(axis=1)
    return found


def fit(points: np.ndarray, count: int, draws: Draws, *, rounds: int = 16) -> np.ndarray:
    """Find ``count`` centres: k-means++ (Arthur and Vassilvitskii, 2007), then Lloyd's rounds.

    Parameters
    ----------
    points : uint8 [N, L]
        N >= count.
    count : int
        Number of centres C.
    draws : Draws
        Randomness of the first centres.
    rounds : int
        Rounds of Lloyd's algorithm; fixed, so that time and result don't hang on a threshold.

    Returns
    -------
    uint8 [C, L]
        The centres. A centre that loses all its points stays where it is.

    Raises
    ------
    ValueError
        The points are not bytes, too long, or fewer than ``count``.
    """
    _check(points, "points")
    if len(points) < count:
        raise ValueError(f"cannot find {count} centres among {len(points)} points")
    centres = _first_centres(points, count, draws)
    for _ in range(rounds):
        centres = _means(points, nearest(points, centres), centres)
    return centres


def _first_centres(points: np.ndarray, count: int, draws: Draws) -> np.ndarray:
    """Draw each centre with a probability proportional to the squared distance to the centres so far."""
    wide = points.astype(np.float32)
    squares = (wide * wide).sum(axis=1)
    chosen = [int(draws.below(1, len(points))[0])]
    closest = np.full(len(points), np.inf, np.float32)
    while len(chosen) < count:
        last = chosen[-1]
        np.minimum(closest, squares - 2 * (wide @ wide[last]) + squares[last], out=closest)
        running = np.cumsum(closest, dtype=np.int64)
        # All points coincide with centres: any point will do.
        draw = draws.below(1, max(int(running[-1]), 1))[0]
        chosen.append(min(int(np.searchsorted(running, draw, side="right")), len(points) - 1))
    return points[chosen]


def _means(points: np.ndarray, owner: np.ndarray, centres: np.ndarray) -> np.ndarray:
    counts = np.bincount(owner, minlength=len(centres))
    # bincount sums in float64: exact, since the sums are integers below 2**53.
    sums = np.stack([np.bincount(owner, weights=column, minlength=len(centres)) for column in points.T], axis=1).astype(
        np.int64
    )
    divisor = np.maximum(counts, 1)[:, None]
    rounded = ((2 * sums + divisor) // (2 * divisor)).astype(np.uint8)
    return np.where(counts[:, None] > 0, rounded, centres)


def _check(array: np.ndarray, name: str) -> None:
    if array.dtype != np.uint8 or array.ndim != 2 or array.shape[1] > MAX_LENGTH:
        raise ValueError(f"{name} are {array.dtype}{list(array.shape)}; expected uint8 [N, L] with L <= {MAX_LENGTH}")
