"""The modalities that a data set may contain, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .errors import DataError
from .image import Image
from .modality import Modality
from .text import Text

MODALITIES: dict[str, type[Modality]] = {one.name: one for one in (Text, Image)}


def load_modality(name: str, folder: Path, description: dict[str, Any]) -> Modality:
    """Load the encoder and decoder of one modality of a data set.

    Raises
    ------
    DataError
        There is no such modality, or its files are missing or malformed.
    """
    if name not in MODALITIES:
        raise DataError(f"unknown modality '{name}'; expected one of {', '.join(MODALITIES)}")
    return MODALITIES[name].load(folder, description)
