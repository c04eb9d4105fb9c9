"""Text as a modality: byte-level BPE, trained on the training split."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, Sequence

import numpy as np

from .errors import DataError, require_package
from .modality import Modality

END_OF_DOCUMENT = "<|end_of_document|>"


def begin_mark(modality: str) -> str:
    """Text of the mark before a span, for example ``<|begin_image|>``."""
    return f"<|begin_{modality}|>"


def end_mark(modality: str) -> str:
    """Text of the mark behind a span, for example ``<|end_image|>``."""
    return f"<|end_{modality}|>"


class Text(Modality):
    """Text: ids of a `tokenizers` byte-level BPE, any string round-trips.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
    """

    name = "text"
    files = ("tokenizer.json",)

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    @classmethod
    def train(cls, corpus: Iterable[str], size: int, spans: Sequence[str]) -> Text:
        """Train a vocabulary.

        Parameters
        ----------
        corpus : iterable of str
            Training text.
        size : int
            Ids wanted, the marks included; a small corpus gives fewer.
        spans : sequence of str
            Names of the modalities whose spans need marks.
        """
        tokenizers = require_package("tokenizers", "tokenizers")
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = tokenizers.decoders.ByteLevel()
        marks = [END_OF_DOCUMENT] + [mark(span) for span in spans for mark in (begin_mark, end_mark)]
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=marks,
            initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator(corpus, trainer)
        return cls(tokenizer)

    @property
    def size(self) -> int:
        return self._tokenizer.get_vocab_size()

    def mark(self, text: str) -> int:
        """Return the id of a mark such as `END_OF_DOCUMENT`.

        Raises
        ------
        DataError
            The tokenizer has no such mark.
        """
        found = self._tokenizer.token_to_id(text)
        if found is None:
            raise DataError(f"the tokenizer has no mark '{text}'; build the data set again")
        return found

    def encode(self, items: Sequence[str]) -> list[np.ndarray]:
        encodings = self._tokenizer.encode_batch_fast(list(items), add_special_tokens=False)
        return [np.array(encoding.ids, np.int32) for encoding in encodings]

    def decode(self, ids: np.ndarray) -> str:
        """Turn ids into a string without the marks; bytes that are no UTF-8 (a cut character) become U+FFFD."""
        return self._tokenizer.decode(np.asarray(ids).tolist(), skip_special_tokens=True)

    def describe(self) -> dict[str, Any]:
        return {"kind": "byte-level bpe"}

    def save(self) -> dict[str, bytes]:
        return {"tokenizer.json": self._tokenizer.to_str(pretty=True).encode()}

    @classmethod
    def load(cls, folder: Path, description: dict[str, Any]) -> Text:
        tokenizers = require_package("tokenizers", "tokenizers")
        path = folder / "tokenizer.json"
        try:
            return cls(tokenizers.Tokenizer.from_str(path.read_text(encoding="utf-8")))
        except Exception as error:  # the library raises bare Exception for a malformed file
            raise DataError(f"cannot read the tokenizer '{path}': {error}") from error
