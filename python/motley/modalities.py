"""Modalities, the towers that they share, and what a model file is told about its data."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from .errors import Error, kind

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Modality:
    """A name and the token ids ``begin .. end - 1`` that it owns."""

    name: str
    begin: int
    end: int


class Modalities:
    """The modalities of a model, in order; a row's modality is an index into them.

    Parameters
    ----------
    **sizes : int
        Number of token ids of each; the ranges are laid side by side.

    Examples
    --------
    >>> modalities = Modalities(text=4096, image=512)
    >>> modalities["image"]
    Modality(name='image', begin=4096, end=4608)
    >>> modalities.sharing(image="text").towers
    {'text': ('text', 'image')}
    """

    def __init__(self, **sizes: int):
        begin, found = 0, []
        for name, size in sizes.items():
            if not isinstance(size, int) or size < 1:
                raise Error(f"modality '{name}' has {size!r} token ids; expected an integer of at least 1")
            found.append(Modality(name, begin, begin + size))
            begin += size
        self._set(found)

    @classmethod
    def from_ranges(cls, ranges: Sequence[Modality]) -> Modalities:
        """Take modalities whose ranges are known, in order of their index."""
        self = cls.__new__(cls)
        self._set(list(ranges))
        return self

    def _set(self, found: list[Modality]) -> None:
        if not found:
            raise Error("no modality is given; expected at least one, as in Modalities(text=4096)")
        for index, one in enumerate(found):
            if not _NAME.fullmatch(one.name):
                raise Error(f"modality name {one.name!r} is not a plain identifier")
            if not 0 <= one.begin < one.end:
                raise Error(f"modality '{one.name}' has ids {one.begin} to {one.end}; expected 0 <= begin < end")
            for other in found[:index]:
                if one.name == other.name:
                    raise Error(f"modality '{one.name}' is given twice")
                if one.begin < other.end and other.begin < one.end:
                    raise Error(f"the ids of modalities '{other.name}' and '{one.name}' overlap")
        self._all = tuple(found)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(one.name for one in self._all)

    @property
    def vocabulary(self) -> int:
        """Number of token ids: one more than the highest."""
        return max(one.end for one in self._all)

    def __iter__(self) -> Iterator[Modality]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, name: str) -> Modality:
        self.check(name)
        return self._all[self.names.index(name)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Modalities) and self._all == other._all

    def __hash__(self) -> int:
        return hash(self._all)

    def __repr__(self) -> str:
        return f"Modalities({', '.join(f'{one.name}={one.begin}..{one.end}' for one in self._all)})"

    def check(self, name: str) -> None:
        """Refuse a name that is not among these modalities."""
        if name not in self.names:
            raise Error(f"unknown modality '{name}'; expected one of {', '.join(self.names)}")

    def sharing(self, **tower_of: str) -> Towers:
        """Give some modalities the tower of another.

        Parameters
        ----------
        **tower_of : str
            ``speech="text"``: rows of speech meet the weights of text.
        """
        for name, tower in tower_of.items():
            self.check(name)
            self.check(tower)
        return Towers(self, {name: tower_of.get(name, name) for name in self.names})

    def only(self, *parts: str) -> dict[str, Towers]:
        """Untie only the named parts of a module, as in ``nn.Attention(..., untie=modalities.only("qkv", "o"))``."""
        return {part: as_towers(self) for part in parts}


class Towers:
    """A map from modality to tower: modalities of one tower share their weights.

    Attributes
    ----------
    modalities : Modalities
    towers : dict of str to tuple of str
        Name of each tower and its modalities; a tower is named after a modality of its own.
    """

    def __init__(self, modalities: Modalities, tower_of: Mapping[str, str]):
        self.modalities = modalities
        self.towers: dict[str, tuple[str, ...]] = {}
        for name, tower in tower_of.items():
            if tower_of[tower] != tower:
                raise Error(f"modality '{name}' takes the tower of '{tower}', which has none of its own")
            self.towers[tower] = self.towers.get(tower, ()) + (name,)


Untie = Modalities | Towers | None


def as_towers(untie: Untie) -> Towers | None:
    """Read an ``untie`` argument: modalities mean one tower each."""
    if untie is None or isinstance(untie, Towers):
        return untie
    if isinstance(untie, Modalities):
        return Towers(untie, {name: name for name in untie.names})
    raise Error(f"untie is {type(untie).__name__}; expected Modalities, Towers or None")


def parts_of(untie: Untie | Mapping[str, Untie], parts: Sequence[str]) -> dict[str, Towers | None]:
    """Read an ``untie`` argument of a module of several parts: one value for all, or a mapping by part."""
    if isinstance(untie, (set, frozenset, list, tuple)):
        raise Error(
            f"untie is {kind(untie)} of parts without modalities; "
            f"write untie=modalities.only({', '.join(repr(part) for part in untie)})"
        )
    if not isinstance(untie, Mapping):
        return {part: as_towers(untie) for part in parts}
    for part in untie:
        if part not in parts:
            raise Error(f"untie names the unknown part {part!r}; expected some of {', '.join(parts)}")
    return {part: as_towers(untie.get(part)) for part in parts}


@dataclass(frozen=True)
class Data:
    """What ``def model(data)`` is told.

    Attributes
    ----------
    modalities : Modalities
    vocabulary : int
        Number of token ids.
    rows : int
        Tokens in one microbatch.
    name : str
        Name of the data set.
    """

    modalities: Modalities
    rows: int = 2048
    name: str = "none"

    @property
    def vocabulary(self) -> int:
        return self.modalities.vocabulary

    @classmethod
    def load(cls, directory: str | Path, rows: int = 2048) -> Data:
        """Read the description of a data set directory.

        Raises
        ------
        Error
            There is no dataset.json, or it is not one.
        """
        path = Path(directory) / "dataset.json"
        description = _read_json(path)
        try:
            if description["format"] != "motley-dataset":
                raise Error(f"'{path}' has format {description['format']!r}; expected 'motley-dataset'", None)
            ranges = [Modality(one["name"], one["begin"], one["end"]) for one in description["modalities"]]
            return cls(Modalities.from_ranges(ranges), rows, description["name"])
        except (KeyError, TypeError) as error:
            raise Error(f"'{path}' is not a data set description: {error!r} is missing or malformed", None) from None


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise Error(
            f"'{path.parent}' is not a data set: it has no {path.name}; make one with 'motley data emoji --out "
            f"{path.parent}'",
            None,
        ) from None
    except OSError as error:
        raise Error(f"cannot read '{path}': {error.strerror}", None) from None
    except ValueError as error:
        raise Error(f"'{path}' is not JSON: {error}", None) from None
