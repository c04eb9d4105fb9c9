"""The emoji of Unicode: code points, names, subgroups and families, from emoji-test.txt of the package unicode-data.

A *family* joins everything that shows nearly the same drawing: skin tones, and the woman, man and person who do the
same thing. The held-out split goes by family, so that no held-out drawing has a twin in the training split.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .errors import DataError, require_file

EMOJI_TEST = Path("/usr/share/unicode/emoji/emoji-test.txt")

_SKIN_TONES = range(0x1F3FB, 0x1F400)
_HAIR = range(0x1F9B0, 0x1F9B4)
_VARIATION_SELECTOR = 0xFE0F
_ZERO_WIDTH_JOINER = 0x200D
_GENDER_SIGNS = {0x2640, 0x2642}
_PERSON = 0x1F9D1
# Adults, children, elders, and the figures that Unicode drew once per gender before it joined them by sequences.
_SAME_FIGURE = {
    0x1F468: _PERSON,
    0x1F469: _PERSON,  # man, woman -> person
    0x1F466: 0x1F9D2,
    0x1F467: 0x1F9D2,  # boy, girl -> child
    0x1F474: 0x1F9D3,
    0x1F475: 0x1F9D3,  # old man, old woman -> older person
    0x1F934: 0x1FAC5,
    0x1F478: 0x1FAC5,  # prince, princess -> person with crown
    0x1F385: 0x1F936,  # Santa Claus, Mrs. Claus
    0x1F57A: 0x1F483,  # man dancing, woman dancing
    0x1F46B: 0x1F46D,
    0x1F46C: 0x1F46D,  # two people holding hands
    0x1FAC3: 0x1F930,
    0x1FAC4: 0x1F930,  # pregnant
}
# What is one code point in yellow and a joined sequence otherwise.
_SAME_SCENE = {
    "1F9D1-2764-1F9D1": "1F491",  # couple with heart
    "1F9D1-2764-1F48B-1F9D1": "1F48F",  # kiss
    "1F9D1-1F91D-1F9D1": "1F46D",  # two people holding hands
    "1FAF1-1FAF2": "1F91D",  # handshake
    "1F9D1-1F384": "1F936",  # mx claus
}


@dataclass(frozen=True)
class Emoji:
    """One fully qualified emoji.

    Attributes
    ----------
    sequence : str
        Its code points.
    name : str
        Its CLDR name, for example ``"woman running: dark skin tone"``.
    subgroup : str
        Its subgroup with spaces, for example ``"food fruit"``.
    family : str
        Code points (hexadecimal, joined by ``-``) without tone, hair and gender: the key of the held-out split.
    toned : bool
        Whether it has a skin tone.
    """

    sequence: str
    name: str
    subgroup: str
    family: str
    toned: bool


def family_of(sequence: str) -> str:
    """Return the family of an emoji.

    Examples
    --------
    >>> family_of("\\U0001F44D\\U0001F3FD") == family_of("\\U0001F44D")    # thumbs up, with and without a tone
    True
    >>> family_of("\\U0001F469\\u200D\\U0001F680")                         # woman astronaut: person, rocket
    '1F9D1-1F680'
    """
    points = [ord(character) for character in sequence]
    kept: list[int] = []
    for point in points:
        if point in _SKIN_TONES or point in (_VARIATION_SELECTOR, _ZERO_WIDTH_JOINER):
            continue
        # A gender sign, or hair, joined to a figure; alone it is an emoji of its own.
        if (point in _GENDER_SIGNS or point in _HAIR) and kept:
            continue
        kept.append(_SAME_FIGURE.get(point, point))
    if len(kept) > 1 and set(kept) <= {_PERSON, 0x1F9D2}:
        return "1F46A"  # a family of any members
    family = "-".join(f"{point:04X}" for point in kept)
    return _SAME_SCENE.get(family, family)


def read_emoji(path: Path = EMOJI_TEST) -> list[Emoji]:
    """Read all fully qualified emoji, in the order of the file.

    Parameters
    ----------
    path : Path
        An emoji-test.txt.

    Returns
    -------
    list of Emoji
        3655 of them in Unicode 15.0.

    Raises
    ------
    DataError
        The file is missing, or a line has another form than ``points ; status # emoji version name``.
    """
    require_file(path, "unicode-data")
    found = []
    subgroup = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("# subgroup:"):
            subgroup = line.split(":", 1)[1].strip().replace("-", " ")
        if not line.strip() or line.startswith("#"):
            continue
        try:
            points, rest = line.split(";", 1)
            status, comment = rest.split("#", 1)
            _, _, name = comment.strip().split(" ", 2)
            sequence = "".join(chr(int(point, 16)) for point in points.split())
        except ValueError as error:
            raise DataError(
                f"{path}:{number}: got '{line[:60]}', expected 'code points ; status # emoji version name'"
            ) from error
        if status.strip() == "fully-qualified":
            toned = any(ord(character) in _SKIN_TONES for character in sequence)
            found.append(Emoji(sequence, name, subgroup, family_of(sequence), toned))
    if not found:
        raise DataError(f"{path}: no fully qualified emoji found; expected an emoji-test.txt of Unicode")
    return found
