"""Sheets of small pictures with captions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Sequence

from .errors import DataError, require_package
from .writing import write_picture

if TYPE_CHECKING:
    import PIL.Image

_INK, _FRAME = "#333333", "#DDDDDD"


def contact_sheet(
    images: Sequence[PIL.Image.Image],
    out: Path | str,
    *,
    captions: Sequence[str] | None = None,
    columns: int | None = None,
    cell: int = 160,
) -> None:
    """Write small pictures as one sheet, each enlarged to whole pixels, with its caption below.

    Parameters
    ----------
    images : sequence of PIL.Image
        At least one.
    out : path
        PNG or another format of Pillow, by its suffix.
    captions : sequence of str, optional
        One for each picture.
    columns : int, optional
        Pictures in a row; by default a sheet a little wider than high.
    cell : int
        Width of a picture on the sheet in pixels, about.

    Raises
    ------
    DataError
        No pictures, another number of captions, or the file cannot be written.
    """
    if not images:
        raise DataError("no pictures for a contact sheet; expected at least one")
    if captions is not None and len(captions) != len(images):
        raise DataError(f"{len(captions)} captions for {len(images)} pictures; expected one for each")
    image_module, draw_module = require_package("PIL.Image", "pillow"), require_package("PIL.ImageDraw", "pillow")
    font = require_package("PIL.ImageFont", "pillow").load_default(13)
    factor = max(1, cell // max(images[0].size))
    width, height = (factor * extent for extent in images[0].size)
    columns = columns or min(len(images), math.ceil(math.sqrt(1.6 * len(images))))
    gap, line = 14, 17
    wrapped = [_wrap(text, font, width) for text in captions or [""] * len(images)]
    below = line * max(len(lines) for lines in wrapped)
    rows = math.ceil(len(images) / columns)
    sheet = image_module.new("RGB", (gap + columns * (width + gap), gap + rows * (height + below + gap)), "white")
    draw = draw_module.Draw(sheet)
    for index, (image, lines) in enumerate(zip(images, wrapped)):
        left, top = gap + index % columns * (width + gap), gap + index // columns * (height + below + gap)
        sheet.paste(image.convert("RGB").resize((width, height), image_module.Resampling.NEAREST), (left, top))
        draw.rectangle((left - 1, top - 1, left + width, top + height), outline=_FRAME)
        for number, text in enumerate(lines):
            draw.text((left + width / 2, top + height + 3 + number * line), text, font=font, fill=_INK, anchor="ma")
    write_picture(Path(out), lambda file, kind: sheet.save(file, format=kind))


def _wrap(text: str, font: Any, width: int, most: int = 3) -> list[str]:
    """Break a caption into lines that fit the width; what doesn't fit the last line ends in dots."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    dropped = len(lines) > most
    lines = lines[:most]
    if dropped:
        lines[-1] += "..."
    for index, line in enumerate(lines):
        while font.getlength(line) > width and len(line) > 4:
            line = line.removesuffix("...")[:-1] + "..."
        lines[index] = line
    return lines if text else []
