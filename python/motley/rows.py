"""Microbatches as dictionaries of NumPy arrays, made from documents of token ids."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from .errors import Error
from .modalities import Modalities


def pack(documents: Sequence[Sequence[int]], modalities: Modalities, rows: int) -> dict[str, np.ndarray]:
    """Lay documents one after the other into a microbatch.

    Parameters
    ----------
    documents : sequence of int [any]
        Token ids; together at most ``rows``.
    modalities : Modalities
        The first owns the marks and has no spans; a run of another modality is a span.
    rows : int
        Rows of the microbatch; those after the last document are dead.

    Returns
    -------
    dict of str to array [rows]
        All fields of a row, and ``live``, the number of live rows.

    Examples
    --------
    >>> batch = pack([[1, 2, 9, 3]], Modalities(text=8, image=8), rows=6)
    >>> batch["target"].tolist(), batch["span"].tolist(), batch["live"]
    ([2, 9, 3, -1, -1, -1], [-1, -1, 0, -1, -1, -1], 4)
    """
    lengths = [len(one) for one in documents]
    live = sum(lengths)
    if live > rows:
        raise Error(f"documents have {live} tokens together; expected at most {rows} rows")
    token = np.zeros(rows, np.int32)
    token[:live] = np.concatenate([np.asarray(one, np.int32) for one in documents]) if live else []
    document = np.zeros(rows, np.int32)
    document[:live] = np.repeat(np.arange(len(lengths)), lengths)
    order = np.zeros(rows, np.int32)
    order[:live] = np.concatenate([np.arange(length) for length in lengths]) if live else []
    last = np.cumsum(np.asarray(lengths, np.int64)) - 1
    target = np.full(rows, -1, np.int32)
    target[: max(live - 1, 0)] = token[1:live]
    target[last[last >= 0]] = -1
    modality = np.zeros(rows, np.int32)
    modality[:live] = _modality(token[:live], modalities)
    return {
        "token": token,
        "target": target,
        "weight": (target >= 0).astype(np.float32),
        "modality": modality,
        "document": document,
        "span": _spans(modality, document, live),
        "order": order,
        "position": order.copy(),
        "index": np.arange(rows, dtype=np.int32),
        "live": live,
    }


def _modality(token: np.ndarray, modalities: Modalities) -> np.ndarray:
    found = np.full(len(token), -1, np.int32)
    for index, one in enumerate(modalities):
        found[(token >= one.begin) & (token < one.end)] = index
    if (found < 0).any():
        raise Error(f"token id {token[found < 0][0]} belongs to no modality; expected one of {modalities}")
    return found


def _spans(modality: np.ndarray, document: np.ndarray, live: int) -> np.ndarray:
    spans = np.full(len(modality), -1, np.int32)
    inside = modality[:live] > 0
    starts = inside.copy()
    starts[1:] &= (modality[1:live] != modality[: live - 1]) | (document[1:live] != document[: live - 1])
    numbers = np.cumsum(starts) - 1
    spans[:live][inside] = numbers[inside]
    return spans


def random_rows(modalities: Modalities, rows: int, seed: int, document: int = 256) -> dict[str, np.ndarray]:
    """Make a full microbatch of random documents, an equal share of each modality in runs, for timing.

    Parameters
    ----------
    modalities : Modalities
    rows : int
    seed : int
    document : int
        Tokens in a document; the last may be shorter.
    """
    generator = np.random.default_rng(seed)
    made, left = [], rows
    while left > 0:
        length = min(document, left)
        # Runs of equal length, one for each modality, so that every document holds all of them.
        bounds = np.linspace(0, length, len(modalities) + 1).astype(int)
        made.append(
            np.concatenate(
                [
                    generator.integers(one.begin, one.end, end - begin)
                    for one, begin, end in zip(modalities, bounds, bounds[1:])
                ]
            )
        )
        left -= length
    return pack(made, modalities, rows)
