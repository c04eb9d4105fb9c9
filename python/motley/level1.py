"""Reads level-1 text for what `inspect` counts: variables, which rows meet them, multiplications.

Not a parser of MLIR: it knows the operations of the ``motley`` dialect that name variables, and skips the rest. It
serves traced text and MODEL.mlir alike, and needs neither the compiler nor the memory of a model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .errors import Error
from .modalities import Modalities, Modality

_LOCATION = re.compile(r'loc\((?:"(?:[^"\\]|\\.)*"(?::\d+:\d+)?|[#\w]+)\)')
_COMMENT = re.compile(r"//[^\n]*")
_ALIAS = re.compile(r"^\s*(![\w.$-]+)\s*=\s*(\S.*)$", re.MULTILINE)
_SYMBOL = r'@("(?:[^"\\]|\\.)*"|[\w.$-]+)'
_STATEMENT = re.compile(
    rf"motley\.modality\s+{_SYMBOL}\s+ids\s+(\d+)\s+to\s+(\d+)"
    rf"|motley\.variable\s+{_SYMBOL}\s*:\s*tensor<([0-9x]+)xf32>"
    r"|motley\.(by_modality|embedding|linear|norm|attention|cross_entropy)\b([^\n]*)"
    r"|\bcase\s*\[([^\]]*)\]\s*(,?)"
    r"|motley\.field\s*=\s*#motley\.field<"
)


@dataclass
class Use:
    """One operation that reads variables.

    Attributes
    ----------
    kind : str
        Mnemonic.
    variables : tuple of str
    modalities : tuple of str or None
        Whose rows; None means all.
    """

    kind: str
    variables: tuple[str, ...]
    modalities: tuple[str, ...] | None = None


@dataclass
class Program:
    """What was found.

    Attributes
    ----------
    modalities : Modalities
    shapes : dict of str to tuple of int
        Of each variable.
    uses : list of Use
    attention_widths : list of int
        heads times width of a head, for each attention.
    rows : int
        R.
    """

    modalities: Modalities
    shapes: dict[str, tuple[int, ...]]
    uses: list[Use] = field(default_factory=list)
    attention_widths: list[int] = field(default_factory=list)
    rows: int = 0


def read_program(text: str, path: str = "model") -> Program:
    """Read level-1 text.

    Parameters
    ----------
    text : str
    path : str
        For messages.

    Raises
    ------
    Error
        The text holds no modality or no variable, or names one that is not there.
    """
    text = _plain(text)
    ranges: list[Modality] = []
    program = Program(Modalities(none=1), {})
    pending: list[Use] | None = None  # uses of the open case of by_modality
    for match in _STATEMENT.finditer(text):
        modality, begin, end, variable, shape, kind, rest, case, more = match.groups()
        if modality:
            ranges.append(Modality(modality, int(begin), int(end)))
        elif variable:
            program.shapes[_name(variable)] = tuple(int(size) for size in shape.split("x"))
        elif kind == "by_modality":
            pending = []
        elif kind:
            uses = _uses(kind, rest, program)
            (program.uses if pending is None else pending).extend(uses)
        elif case is not None and pending is not None:
            names = tuple(_name(name) for name in re.findall(_SYMBOL, case))
            program.uses += [Use(use.kind, use.variables, names) for use in pending]
            pending = [] if more else None
    if not ranges or not program.shapes:
        missing = "motley.modality" if not ranges else "motley.variable"
        raise Error(f"'{path}' has no {missing}; expected a model at level 1", None)
    program.modalities = Modalities.from_ranges(ranges)
    program.rows = _rows(text)
    _check(program, path)
    return program


def _plain(text: str) -> str:
    """Drop locations and comments, and spell type aliases out."""
    text = _COMMENT.sub("", _LOCATION.sub("", text))
    aliases = dict(_ALIAS.findall(text))
    return re.sub(r"![\w.$-]+", lambda match: aliases.get(match[0], match[0]), _ALIAS.sub("", text))


def _name(symbol: str) -> str:
    return symbol.strip('"')


def _uses(kind: str, rest: str, program: Program) -> list[Use]:
    if kind == "attention":
        result = re.search(r"->\s*tensor<\d+x(\d+)xf32>", rest)
        program.attention_widths.append(int(result[1]) if result else 0)
        return []
    return [Use(kind, tuple(_name(name) for name in re.findall(_SYMBOL, rest)))]


def _rows(text: str) -> int:
    match = re.search(r"tensor<(\d+)x(?:i32|f32)>\s*\{\s*motley\.field", text)
    return int(match[1]) if match else 0


def _check(program: Program, path: str) -> None:
    for use in program.uses:
        for name in use.variables:
            if name not in program.shapes:
                raise Error(f"'{path}' uses the variable '{name}', which it does not declare", None)
        for name in use.modalities or ():
            program.modalities.check(name)
