"""A data set as a directory: dataset.json, one safetensors file per split, and the files of the modalities.

dataset.json is written last. A directory without it holds no data set, so a set that was interrupted is never taken for
a whole one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .errors import DataError, require_package
from .modality import Modality, Range
from .registry import load_modality

FORMAT = "motley-dataset"
VERSION = 1
INDEX = "dataset.json"
SPLITS = ("train", "heldout")


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def pack_split(tokens: np.ndarray, document_offsets: np.ndarray) -> bytes:
    """Return the safetensors file of a split.

    Parameters
    ----------
    tokens : int32 [N]
    document_offsets : int64 [D + 1]
        First token of each document, then N.
    """
    safetensors = require_package("safetensors.numpy", "safetensors")
    return safetensors.save(
        {
            "tokens": tokens.astype(np.int32, copy=False),
            "document_offsets": document_offsets.astype(np.int64, copy=False),
        }
    )


@dataclass(frozen=True)
class Split:
    """One split in memory.

    Attributes
    ----------
    tokens : int32 [N]
    document_offsets : int64 [D + 1]
    """

    tokens: np.ndarray
    document_offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.document_offsets) - 1

    def document(self, number: int) -> np.ndarray:
        """Return the tokens (int32) of one document, counted from 0.

        Raises
        ------
        DataError
            There is no such document.
        """
        if not 0 <= number < len(self):
            raise DataError(f"there is no document {number}; expected 0..{len(self) - 1}")
        return self.tokens[self.document_offsets[number] : self.document_offsets[number + 1]]


class Dataset:
    """A data set that was checked.

    Parameters
    ----------
    folder : Path
        The directory that holds dataset.json.

    Raises
    ------
    DataError
        There is no dataset.json, or it is malformed; the message lists everything that is wrong with it.

    Examples
    --------
    >>> dataset = Dataset(Path("emoji"))             # doctest: +SKIP
    >>> dataset.split("train").document(0)           # doctest: +SKIP
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.description = read_index(self.folder)
        self.ranges = [Range(one["name"], one["begin"], one["end"]) for one in self.description["modalities"]]
        self.special: dict[str, int] = self.description["special"]

    @cached_property
    def modalities(self) -> list[Modality]:
        """The encoders and decoders, in the order of `ranges`."""
        encoders = self.description.get("encoders", {})
        loaded = [load_modality(one.name, self.folder, encoders.get(one.name, {})) for one in self.ranges]
        for modality, one in zip(loaded, self.ranges):
            if modality.size != one.end - one.begin:
                raise DataError(
                    f"{self.folder}: '{', '.join(modality.files)}' has {modality.size} ids, but {INDEX} gives modality "
                    f"'{one.name}' {one.end - one.begin}; build the data set again"
                )
        return loaded

    def split(self, name: str) -> Split:
        """Read a split ("train" or "heldout") and check it against its SHA-256.

        Raises
        ------
        DataError
            There is no such split, or its file is missing or damaged.
        """
        splits = self.description["splits"]
        if name not in splits:
            raise DataError(f"there is no split '{name}' in '{self.folder}'; expected one of {', '.join(splits)}")
        content = _checked_content(self.folder, splits[name]["file"], splits[name]["sha256"])
        tensors = require_package("safetensors.numpy", "safetensors").load(content)
        return Split(tensors["tokens"], tensors["document_offsets"])

    def check_files(self) -> None:
        """Check every file against its SHA-256; raise `DataError` at the first that differs."""
        entries = [(one["file"], one["sha256"]) for one in self.description["splits"].values()]
        for file, digest in entries + list(self.description.get("files", {}).items()):
            _checked_content(self.folder, file, digest)


def _checked_content(folder: Path, file: str, digest: str) -> bytes:
    path = folder / file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read '{path}': {error.strerror}; build the data set again") from error
    if sha256(content) != digest:
        raise DataError(
            f"'{path}' is damaged: its SHA-256 is {sha256(content)[:16]}..., {INDEX} says {digest[:16]}...; "
            "build the data set again with --replace"
        )
    return content


def read_index(folder: Path) -> dict[str, Any]:
    """Read and check dataset.json.

    Raises
    ------
    DataError
        The file is missing or malformed.
    """
    path = folder / INDEX
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(
            f"'{folder}' is not a data set: it has no {INDEX}; make one with 'motley data emoji --out {folder}'"
        ) from error
    except OSError as error:
        raise DataError(f"cannot read '{path}': {error.strerror}") from error
    except ValueError as error:  # not JSON, or not UTF-8
        raise DataError(f"'{path}' is not JSON: {error}") from error
    problems = find_problems(description)
    if problems:
        raise DataError(f"'{path}' is malformed: " + "; ".join(problems))
    return description


def find_problems(description: Any) -> list[str]:
    """List everything that is wrong with the contents of dataset.json."""
    if not isinstance(description, dict):
        return [f"got {type(description).__name__}, expected an object"]
    got = (description.get("format"), description.get("version"))
    if got != (FORMAT, VERSION):
        return [f"got format {got[0]!r} version {got[1]!r}, expected {FORMAT!r} version {VERSION}"]
    return (
        _range_problems(description)
        + _special_problems(description)
        + _split_problems(description)
        + _type_problems(description, {"name": str, "checksum": str}, "")
    )


def _type_problems(entry: Any, expected: dict[str, type], where: str) -> list[str]:
    if not isinstance(entry, dict):
        return [f"{where or 'the file'} is {entry!r}, expected an object"]
    names = {int: "an integer", str: "a string", dict: "an object", list: "a list"}
    return [
        f"'{where}{'.' if where else ''}{key}' is {entry.get(key)!r}, expected {names[kind]}"
        for key, kind in expected.items()
        if not isinstance(entry.get(key), kind) or isinstance(entry.get(key), bool)
    ]


def _range_problems(description: dict[str, Any]) -> list[str]:
    problems = _type_problems(description, {"vocabulary": int, "modalities": list}, "")
    if problems:
        return problems
    end = 0
    for number, one in enumerate(description["modalities"]):
        found = _type_problems(one, {"name": str, "begin": int, "end": int}, f"modalities[{number}]")
        if found:
            return problems + found
        if one["begin"] != end or one["end"] < one["begin"]:
            problems.append(f"modality '{one['name']}' has ids {one['begin']}..{one['end'] - 1}, expected from {end}")
        end = one["end"]
    if end != description["vocabulary"]:
        problems.append(f"the modalities end at id {end}, expected 'vocabulary' {description['vocabulary']}")
    return problems


def _special_problems(description: dict[str, Any]) -> list[str]:
    special: Any = description.get("special")
    problems = _type_problems(special, {"end_of_document": int}, "special")
    size = description.get("vocabulary")
    if problems or not isinstance(size, int):
        return problems
    return [
        f"'special.{name}' is {token!r}, expected an id below {size}"
        for name, token in special.items()
        if not isinstance(token, int) or not 0 <= token < size
    ]


def _split_problems(description: dict[str, Any]) -> list[str]:
    problems = _type_problems(description, {"splits": dict}, "")
    if problems:
        return problems
    expected = {"file": str, "tokens": int, "documents": int, "sha256": str}
    for name, one in description["splits"].items():
        problems += _type_problems(one, expected, f"splits.{name}")
    return problems
