"""Data sets: made by ``motley data``, read by the runtime, decoded back to texts and pictures.

>>> from motley.data import Dataset, decode
>>> dataset = Dataset("emoji")                                   # doctest: +SKIP
>>> decode(dataset, dataset.split("heldout").document(7))        # doctest: +SKIP
"""

from .decoding import decode, find_spans
from .errors import DataError
from .store import Dataset, Split

__all__ = ["DataError", "Dataset", "Split", "decode", "find_spans"]
