"""Checkpoints of one model for another: what is copied, what is cut, what begins anew.

Each parameter of the new model takes the old one of its name. Where there is none of that name, it takes the one whose
parts stand in its own in their order, the longest of them: ``blocks.0.attn.q.text`` takes ``blocks.0.attn.q`` (towers),
``blocks.0.ffn.text.experts.2.gate`` takes ``blocks.0.ffn.text.gate`` (upcycling, arXiv 2212.05055 and 2407.21770,
section 2.5) or ``blocks.0.ffn.gate``. What finds nothing must be said to begin anew, as routers do.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Mapping, Sequence

from .errors import Error
from .hyperparameters import matches

if TYPE_CHECKING:
    import numpy as np

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Source:
    """Where a parameter of the new model comes from.

    Attributes
    ----------
    name : str or None
        Of the old parameter; None: it begins anew.
    axis : int or None
        That it is cut along; None: all of it is taken.
    begin, end : int
        The part that is taken.
    """

    name: str | None
    axis: int | None = None
    begin: int = 0
    end: int = 0

    def take(self, values: np.ndarray) -> np.ndarray:
        """Return the part of the old values."""
        if self.axis is None:
            return values
        return values[self.begin : self.end] if self.axis == 0 else values[:, self.begin : self.end]


def plan(
    old: Mapping[str, Shape],
    new: Mapping[str, Shape],
    fresh: Sequence[str] = ("router",),
    drop: Sequence[str] = (),
    rename: Sequence[tuple[str, str]] = (),
    carve: bool = False,
) -> dict[str, Source]:
    """Find the source of each new parameter.

    Parameters
    ----------
    old, new : mapping of str to shape
        The parameters of both models.
    fresh : sequence of str
        Patterns (`motley.hyperparameters.matches`) of new parameters that may begin anew.
    drop : sequence of str
        Patterns of old parameters that may be left out.
    rename : sequence of (str, str)
        Regular expressions and their replacements, applied to a new name before an old one is looked for.
    carve : bool
        Whether an old parameter may be cut into equal parts, one for each new one that takes it: the hidden neurons
        of a network over its experts. Then E experts with gates of 1 sum to the network.

    Raises
    ------
    Error
        A parameter has no source, a shape does not fit, or an old parameter is left over; the message names both.

    Examples
    --------
    >>> plan({"q": (4, 4)}, {"q.text": (4, 4), "q.image": (4, 4)})["q.image"].name
    'q'
    """
    sources: dict[str, Source] = {}
    takers: dict[str, list[str]] = {}  # of each old parameter, in order
    for name in new:
        found = _find(name, old, rename)
        may_begin = any(matches(pattern, name) for pattern in fresh)
        if found is None or (may_begin and old[found] != new[name]):
            if not may_begin:
                raise Error(
                    f"parameter '{name}' of the new model has none of the old to come from; give --map to say which, or "
                    f"--new '{name}' to let it begin anew",
                    None,
                )
            sources[name] = Source(None)
            continue
        takers.setdefault(found, []).append(name)
    for found, names in takers.items():
        for place, name in enumerate(names):
            sources[name] = _fit(name, new[name], found, old[found], place, len(names), carve)
    left = [name for name in old if name not in takers and not any(matches(pattern, name) for pattern in drop)]
    if left:
        raise Error(
            f"parameter '{left[0]}' of the old model goes nowhere in the new one"
            + (f", as {len(left) - 1} more" if len(left) > 1 else "")
            + f"; give --map to say where, or --drop '{left[0]}'",
            None,
        )
    return {name: sources[name] for name in new}


def _find(name: str, old: Mapping[str, Shape], rename: Sequence[tuple[str, str]]) -> str | None:
    for pattern, replacement in rename:
        try:
            name = re.sub(pattern, replacement, name)
        except re.error as error:
            raise Error(f"--map has '{pattern}={replacement}', which is no regular expression: {error}", None) from None
    if name in old:
        return name
    parts = name.split(".")
    best: list[tuple[tuple[int, int], str]] = []
    for candidate in old:
        theirs = candidate.split(".")
        rest = iter(parts)
        if all(part in rest for part in theirs):  # in their order
            common = next((i for i, (a, b) in enumerate(zip(parts, theirs)) if a != b), len(theirs))
            best.append(((len(theirs), common), candidate))
    best.sort(reverse=True)
    if len(best) > 1 and best[0][0] == best[1][0]:
        raise Error(
            f"parameter '{name}' of the new model may come from '{best[0][1]}' or from '{best[1][1]}'; give --map to say "
            f"which",
            None,
        )
    return best[0][1] if best else None


def _fit(name: str, shape: Shape, found: str, other: Shape, place: int, count: int, carve: bool) -> Source:
    if shape == other:
        return Source(found)
    sizes = f"'{name}' has shape {list(shape)}, '{found}' of the old model {list(other)}"
    differing = [axis for axis, (a, b) in enumerate(zip(shape, other)) if a != b]
    axis = differing[0] if len(differing) == 1 and len(shape) == len(other) else None
    if axis is None or other[axis] % shape[axis] != 0 or shape[axis] > other[axis]:
        raise Error(f"{sizes}; expected the same" + (", or one size a part of the other" if carve else ""), None)
    parts = other[axis] // shape[axis]
    if not carve or count % parts != 0:
        wanted = f"{parts} parts for {count} parameters" if carve else "the same; give --carve to cut it"
        raise Error(f"{sizes}; expected {wanted}", None)
    begin = place % parts * shape[axis]
    return Source(found, axis, begin, begin + shape[axis])


def fnv1a(name: str) -> int:
    """Return the 64-bit FNV-1a hash of a name: the site of a variable's draws."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def initial_values(name: str, shape: Shape, init: str, scale: float, seed: int) -> np.ndarray:
    """Draw a parameter as ``init`` of a compiled model does (StateOps.td), up to the rounding of its functions."""
    import numpy as np

    count = math.prod(shape)
    if init == "constant":
        return np.full(shape, scale, dtype=np.float32)
    site, index = fnv1a(name), np.arange(count, dtype=np.uint64)
    low, high = index & 0xFFFFFFFF, index >> np.uint64(32)
    counter = [low, high, np.full(count, site & 0xFFFFFFFF, np.uint64), np.full(count, site >> 32, np.uint64)]
    words = _philox(counter, seed & 0xFFFFFFFF, seed >> 32)
    first, second = (((word >> np.uint64(9)).astype(np.float64) + 0.5) * 2.0**-23 for word in words[:2])
    values = 2 * first - 1 if init == "uniform" else np.sqrt(-2 * np.log(first)) * np.cos(2 * np.pi * second)
    return (scale * values).astype(np.float32).reshape(shape)


def _philox(counter: list[np.ndarray], key0: int, key1: int) -> list[np.ndarray]:
    """Philox4x32-10 (Salmon et al., SC 2011) on words in 64-bit lanes."""
    import numpy as np

    mask, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    for _ in range(10):
        left, right = counter[0] * np.uint64(0xD2511F53), counter[2] * np.uint64(0xCD9E8D57)
        counter = [
            (right >> shift) ^ counter[1] ^ np.uint64(key0),
            right & mask,
            (left >> shift) ^ counter[3] ^ np.uint64(key1),
            left & mask,
        ]
        key0, key1 = (key0 + 0x9E3779B9) & 0xFFFFFFFF, (key1 + 0xBB67AE85) & 0xFFFFFFFF
    return counter
