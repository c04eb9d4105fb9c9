"""Pictures of emoji: drawn from the colour bitmaps of NotoColorEmoji on white, at any size and place.

The font has one strike of 136 x 128 pixels, which FreeType offers at size 109. Pillow scales with integer arithmetic,
so the pixels depend on the font, Pillow and FreeType alone.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from .draws import Draws
from .errors import DataError, require_file, require_package

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")

_STRIKE = 109  # the only size that the font has
_WIDTH, _HEIGHT = 136, 128  # of a glyph in that strike, in pixels
_STEPS = 4  # a view is 16/16, 15/16, 14/16 or 13/16 of the picture wide


class EmojiPainter:
    """Draws emoji.

    Parameters
    ----------
    font : Path
        NotoColorEmoji.ttf.

    Raises
    ------
    DataError
        Pillow, the font, or the layout of sequences (a flag, a skin tone) is missing.
    """

    def __init__(self, font: Path = FONT) -> None:
        self._image = require_package("PIL.Image", "pillow")
        self._draw = require_package("PIL.ImageDraw", "pillow")
        image_font = require_package("PIL.ImageFont", "pillow")
        require_file(font, "fonts-noto-color-emoji")
        try:
            self._font = image_font.truetype(str(font), _STRIKE)
        except OSError as error:
            raise DataError(
                f"cannot open the font '{font}' at {_STRIKE} pixels: {error}; "
                "expected NotoColorEmoji.ttf of the Debian package 'fonts-noto-color-emoji'"
            ) from error
        if not self.can_draw("\N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4}"):
            raise DataError(
                "Pillow draws an emoji with a skin tone as two pictures, because it found no libraqm or no libfribidi; "
                "install the Debian packages 'libraqm0' and 'libfribidi0'"
            )

    def can_draw(self, sequence: str) -> bool:
        """Whether the font joins the sequence to one glyph."""
        return round(self._font.getlength(sequence)) == _WIDTH

    def paint(self, sequence: str) -> np.ndarray:
        """Draw one emoji on white.

        Returns
        -------
        uint8 [136, 136, 3]
            RGB.
        """
        canvas = self._image.new("RGB", (_WIDTH, _WIDTH), "white")
        place = (0, (_WIDTH - _HEIGHT) // 2)
        self._draw.Draw(canvas).text(place, sequence, font=self._font, embedded_color=True)
        return np.asarray(canvas)

    def views(self, sequence: str, count: int, size: int, draws: Draws) -> np.ndarray:
        """Draw ``count`` views of one emoji: the first fills the picture, the others are smaller and shifted at random.

        Returns
        -------
        uint8 [count, size, size, 3]
            RGB on white.
        """
        glyph = self._image.fromarray(self.paint(sequence))
        numbers = draws.below(3 * count, 1 << 20).reshape(count, 3)
        found = np.full((count, size, size, 3), 255, np.uint8)
        for view, (step, right, down) in enumerate(numbers.tolist()):
            edge = size if view == 0 else size - size * (step % _STEPS) // 16
            left, top = right % (size - edge + 1), down % (size - edge + 1)
            scaled = glyph.resize((edge, edge), self._image.Resampling.BOX)
            found[view, top : top + edge, left : left + edge] = np.asarray(scaled)
        return found


def psnr(original: np.ndarray, rebuilt: np.ndarray) -> float:
    """Peak signal-to-noise ratio of pictures.

    Parameters
    ----------
    original, rebuilt : uint8, same shape [N, ...]

    Returns
    -------
    float
        In dB; infinite where they are equal.
    """
    if original.shape != rebuilt.shape:
        raise ValueError(f"shapes differ: {list(original.shape)} and {list(rebuilt.shape)}")
    total = 0  # in integers, so that the order of the sum doesn't matter
    for begin in range(0, len(original), 1024):
        difference = original[begin : begin + 1024].astype(np.int32) - rebuilt[begin : begin + 1024]
        total += int(np.square(difference).sum(dtype=np.int64))
    return float("inf") if total == 0 else 10 * math.log10(255.0**2 * original.size / total)
