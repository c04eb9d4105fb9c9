"""Back from tokens to texts and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Sequence

import numpy as np

from .errors import DataError
from .modality import Range, modality_of
from .store import Dataset

if TYPE_CHECKING:
    import PIL.Image


class Span(NamedTuple):
    """A maximal run of tokens begin..end-1 of one modality (index into the ranges) inside one document."""

    modality: int
    begin: int
    end: int


def find_spans(tokens: np.ndarray, ranges: Sequence[Range], cuts: Sequence[int] = ()) -> list[Span]:
    """Cut tokens into maximal runs of one modality.

    Parameters
    ----------
    tokens : int [N]
    ranges : sequence of Range
    cuts : sequence of int
        Ids after which a run ends in any case, for example the end of a document.

    Returns
    -------
    list of Span
        They follow each other and cover all tokens.

    Raises
    ------
    DataError
        A token lies in no range.
    """
    tokens = np.asarray(tokens)
    if not len(tokens):
        return []
    modality = modality_of(tokens, ranges)
    is_last = np.isin(tokens[:-1], list(cuts)) | (modality[1:] != modality[:-1])
    ends = [*(np.flatnonzero(is_last) + 1).tolist(), len(tokens)]
    return [Span(int(modality[begin]), begin, end) for begin, end in zip([0, *ends], ends)]


def decode(
    dataset: Dataset | Path | str, tokens: Sequence[int] | np.ndarray, *, strict: bool = True
) -> list[str | PIL.Image.Image]:
    """Turn tokens into texts and pictures, in their order.

    Parameters
    ----------
    dataset : Dataset or path
        The data set, or its directory.
    tokens : int [N]
        Any stretch of tokens: a document, several, or what a model made.
    strict : bool
        Whether a span that is no item (a picture cut short) is an error; otherwise it becomes a text that says so.

    Returns
    -------
    list of str and PIL.Image
        Texts without marks, empty ones left out; a text ends where its document ends.

    Raises
    ------
    DataError
        The directory holds no data set, a token is outside the vocabulary, or (strict) a span is no item.

    Examples
    --------
    >>> decode("emoji", dataset.split("train").document(0))      # doctest: +SKIP
    ['grinning face', <PIL.Image.Image image mode=RGB size=32x32>]
    """
    if not isinstance(dataset, Dataset):
        dataset = Dataset(dataset)
    tokens = _as_ids(tokens)
    found: list[str | PIL.Image.Image] = []
    for span in find_spans(tokens, dataset.ranges, [dataset.special["end_of_document"]]):
        item = _decode_span(dataset, tokens, span, strict)
        if not isinstance(item, str) or item:
            found.append(item)
    return found


def _as_ids(tokens: Sequence[int] | np.ndarray) -> np.ndarray:
    array = np.asarray(tokens)
    if array.ndim != 1 or (len(array) and not np.issubdtype(array.dtype, np.integer)):
        raise DataError(f"tokens are {array.dtype}{list(array.shape)}; expected a list of integers")
    return array.astype(np.int64)


def _decode_span(dataset: Dataset, tokens: np.ndarray, span: Span, strict: bool) -> str | PIL.Image.Image:
    modality = dataset.modalities[span.modality]
    try:
        return modality.decode(tokens[span.begin : span.end] - dataset.ranges[span.modality].begin)
    except ValueError as error:
        if strict:
            raise DataError(f"tokens {span.begin}..{span.end - 1}: {error}") from error
        return f"[{error}]"
