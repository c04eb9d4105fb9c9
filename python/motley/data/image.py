"""Pictures as a modality: patches of 4 x 4 pixels, each replaced by the nearest patch of a codebook.

A picture of size x size pixels is (size / 4)**2 ids in raster order. Centre 0 is pure white, the ground of all
pictures; the others come from k-means over the patches of the training split.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

import numpy as np

from . import kmeans
from .draws import Draws
from .errors import DataError, require_package
from .modality import Modality

PATCH = 4  # pixels on each side
_LENGTH = PATCH * PATCH * 3  # numbers in a patch
_SAMPLE = 49152  # patches that k-means sees


def to_patches(pictures: np.ndarray) -> np.ndarray:
    """Cut pictures into patches.

    Parameters
    ----------
    pictures : uint8 [N, S, S, 3]
        S divisible by 4.

    Returns
    -------
    uint8 [N * (S / 4)**2, 48]
        Patches in raster order; a patch is rows, columns, RGB.
    """
    count, size = pictures.shape[:2]
    side = size // PATCH
    cut = pictures.reshape(count, side, PATCH, side, PATCH, 3).transpose(0, 1, 3, 2, 4, 5)
    return np.ascontiguousarray(cut).reshape(-1, _LENGTH)


def from_patches(patches: np.ndarray, size: int) -> np.ndarray:
    """Join patches (uint8 [N * (S / 4)**2, 48]) to pictures (uint8 [N, S, S, 3]): the inverse of `to_patches`."""
    side = size // PATCH
    cut = patches.reshape(-1, side, side, PATCH, PATCH, 3).transpose(0, 1, 3, 2, 4, 5)
    return np.ascontiguousarray(cut).reshape(-1, size, size, 3)


class Image(Modality):
    """Pictures of one size.

    Parameters
    ----------
    codebook : uint8 [C, 48]
        The patch of each id.
    size : int
        Pixels on each side of a picture.
    """

    name = "image"
    files = ("codebook.safetensors",)

    def __init__(self, codebook: np.ndarray, size: int) -> None:
        self.codebook = codebook
        self.picture_size = size
        self.span_length = (size // PATCH) ** 2

    @classmethod
    def train(cls, pictures: np.ndarray, codebook: int, draws: Draws) -> Image:
        """Find a codebook for pictures (uint8 [N, S, S, 3]).

        Raises
        ------
        DataError
            The pictures have fewer patches than the codebook wants.
        """
        patches = to_patches(pictures)
        coloured = patches[(patches != 255).any(axis=1)]
        coloured = coloured[draws.order(len(coloured))[:_SAMPLE]]
        if len(coloured) < codebook:
            raise DataError(
                f"a codebook of {codebook} needs as many patches, and the pictures have {len(coloured)}; "
                "take more pictures or a smaller codebook"
            )
        centres = kmeans.fit(coloured, codebook - 1, draws)
        return cls(np.concatenate([np.full((1, _LENGTH), 255, np.uint8), centres]), pictures.shape[1])

    @property
    def size(self) -> int:
        return len(self.codebook)

    def encode(self, items: Sequence[np.ndarray] | np.ndarray) -> list[np.ndarray]:
        """Turn pictures (uint8 [S, S, 3] each) into ids (int32 [(S / 4)**2] each).

        Raises
        ------
        ValueError
            A picture has another shape.
        """
        pictures = np.asarray(items, np.uint8)
        expected = (self.picture_size, self.picture_size, 3)
        if pictures.shape[1:] != expected:
            raise ValueError(f"pictures have shape {list(pictures.shape[1:])}; expected {list(expected)}")
        return list(kmeans.nearest(to_patches(pictures), self.codebook).reshape(len(pictures), -1))

    def pixels(self, ids: np.ndarray) -> np.ndarray:
        """Turn ids (int [N, (S / 4)**2]) into pixels (uint8 [N, S, S, 3])."""
        return from_patches(self.codebook[ids].reshape(-1, _LENGTH), self.picture_size)

    def decode(self, ids: np.ndarray) -> Any:
        """Turn the ids of one picture into a PIL.Image."""
        if len(ids) != self.span_length:
            raise ValueError(f"a span of {len(ids)} image tokens is no picture; expected {self.span_length}")
        return require_package("PIL.Image", "pillow").fromarray(self.pixels(np.asarray(ids)[None])[0])

    def describe(self) -> dict[str, Any]:
        return {"kind": "patch codebook", "size": self.picture_size, "patch": PATCH, "span": self.span_length}

    def save(self) -> dict[str, bytes]:
        safetensors = require_package("safetensors.numpy", "safetensors")
        return {"codebook.safetensors": safetensors.save({"patches": self.codebook.astype(np.float32) / 255})}

    @classmethod
    def load(cls, folder: Path, description: dict[str, Any]) -> Image:
        safetensors = require_package("safetensors.numpy", "safetensors")
        path = folder / "codebook.safetensors"
        try:
            patches = safetensors.load(path.read_bytes())["patches"]
            size = int(description["size"])
        except Exception as error:  # missing, truncated, or without the tensor
            raise DataError(f"cannot read the codebook '{path}': {error}") from error
        if patches.ndim != 2 or patches.shape[1] != _LENGTH:
            raise DataError(f"{path}: 'patches' has shape {list(patches.shape)}; expected [any, {_LENGTH}]")
        return cls(np.rint(patches * 255).astype(np.uint8), size)
