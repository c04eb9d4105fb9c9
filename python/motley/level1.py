"""Reads level-1 text for what `inspect` counts: variables, which rows meet them, multiplications.

Not a parser of MLIR: it knows the operations of the ``motley`` dialect that name variables, and skips the rest. It
serves traced text and MODEL.mlir alike, and needs neither the compiler nor the memory of a model.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from .errors import Error
from .modalities import Modalities, Modality

_LOCATION = re.compile(r'loc\((?:"(?:[^"\\]|\\.)*"(?::\d+:\d+)?|[#\w]+)\)')
_COMMENT = re.compile(r"//[^\n]*")
_ALIAS = re.compile(r"^\s*(![\w.$-]+)\s*=\s*(\S.*)$", re.MULTILINE)
_ANY_SYMBOL = r'@("(?:[^"\\]|\\.)*"|[\w.$-]+)'
_SYMBOL = r'@(?P<symbol>"(?:[^"\\]|\\.)*"|[\w.$-]+)'
_STATEMENT = re.compile(
    rf"motley\.modality\s+{_SYMBOL}\s+ids\s+(?P<begin>\d+)\s+to\s+(?P<end>\d+)"
    rf"|motley\.variable\s+{_SYMBOL.replace('symbol', 'variable')}\s*:\s*tensor<(?P<shape>[0-9x]+)xf32>"
    r"|(?P<result>%[\w.$#-]+)\s*=\s*motley\.(?P<choice>choose_\w+|limit_capacity|one_hot)\b(?P<how>[^\n]*)"
    r"|motley\.(?P<routed>experts|select_rows)\s+(?P<chosen>%[\w.$#-]+)"
    r"|motley\.(?P<by_modality>by_modality)\b"
    r"|motley\.(?P<kind>embedding|linear|norm|attention|cross_entropy)\b(?P<rest>[^\n]*)"
    r"|\bcase\s*\[(?P<case>[^\]]*)\]"
    r"|(?P<brace>[{}])"
)
_RESULT = re.compile(r"->\s*tensor<\d+x(\d+)xf32>")


@dataclass
class Use:
    """One operation that reads variables, or attends.

    Attributes
    ----------
    kind : str
        Mnemonic.
    variables : tuple of str
    modalities : tuple of str or None
        Whose rows; None means all.
    share : float
        The part of those rows that it runs on: below 1 for an expert, or under mixture-of-depths.
    width : int
        Of attention: heads times width of a head.
    is_exact : bool
        A product that asks for f32, as routers do.
    """

    kind: str
    variables: tuple[str, ...]
    modalities: tuple[str, ...] | None = None
    share: float = 1.0
    width: int = 0
    is_exact: bool = False


@dataclass
class Program:
    """What was found.

    Attributes
    ----------
    modalities : Modalities
    shapes : dict of str to tuple of int
        Of each variable.
    uses : list of Use
    rows : int
        R.
    shares_are_bounds : bool
        Whether rows decide how many experts they take, so that shares are 1 where they are less in truth.
    """

    modalities: Modalities
    shapes: dict[str, tuple[int, ...]]
    uses: list[Use] = field(default_factory=list)
    rows: int = 0
    shares_are_bounds: bool = False


@dataclass
class _Region:
    """An open brace: of a region that holds a share of the rows outside of it, or of attributes (share 1)."""

    kind: str
    share: float
    first_use: int


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
    text = _plain(text).split("func.func @loss.1(")[0]  # of several phases, the first is counted
    ranges: list[Modality] = []
    program = Program(Modalities(none=1), {})
    shares: dict[str, float] = {}  # of each expert, by the name of the choice
    regions: list[_Region] = []
    opening: tuple[str, float] | None = None  # what the next brace opens
    closed: _Region | None = None
    for match in _STATEMENT.finditer(text):
        if match["symbol"]:
            ranges.append(Modality(_name(match["symbol"]), int(match["begin"]), int(match["end"])))
        elif match["variable"]:
            program.shapes[_name(match["variable"])] = tuple(int(size) for size in match["shape"].split("x"))
        elif match["choice"]:
            shares[match["result"]] = _share(match["choice"], match["how"], shares, program)
        elif match["routed"]:
            opening = match["routed"], shares.get(match["chosen"], 1.0)
        elif match["by_modality"]:
            opening = "case", 1.0
        elif match["kind"]:
            names = re.findall(_ANY_SYMBOL, match["rest"])
            use = Use(match["kind"], tuple(_name(name) for name in names))
            use.is_exact = use.kind == "linear" and re.search(r"\bprecision\s+f32\b", match["rest"]) is not None
            use.share = math.prod(region.share for region in regions)
            if use.kind == "attention" and (result := _RESULT.search(text, match.start())):
                use.width = int(result[1])
            program.uses.append(use)
        elif match["case"] is not None and closed is not None:
            modalities = tuple(_name(name) for name in re.findall(_ANY_SYMBOL, match["case"]))
            for use in program.uses[closed.first_use :]:
                use.modalities = modalities
            opening = ("case", 1.0) if _goes_on(text, match) else None
        elif match["brace"] == "{":
            kind, share = opening or ("other", 1.0)
            regions.append(_Region(kind, share, len(program.uses)))
            opening = None
        elif match["brace"] == "}" and regions:
            closed = regions.pop()
            if closed.kind == "experts" and _goes_on(text, match):
                opening = closed.kind, closed.share
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


def _goes_on(text: str, match: re.Match[str]) -> bool:
    """Tell whether another region of the same operation follows."""
    return re.match(r"\s*,\s*\{", text[match.end() :]) is not None


def _share(choice: str, how: str, shares: dict[str, float], program: Program) -> float:
    """Return the share of the rows that one expert takes, on average over the experts."""
    columns = re.findall(r"x(\d+)xi32>", how)
    experts = int(columns[-1]) if columns else 1
    capacity = re.search(r"capacity\s*=\s*([0-9.eE+-]+)", how)
    k = re.search(r"\bk\s*=\s*(\d+)", how)
    if choice == "choose_tokens" and capacity:
        return float(capacity[1])
    if choice == "limit_capacity" and capacity:
        chosen = re.search(r"%[\w.$#-]+", how)
        return min(float(capacity[1]), shares.get(chosen[0], 1.0) if chosen else 1.0)
    if choice == "choose_experts" and k:
        return int(k[1]) / experts
    if choice == "one_hot":
        return 1 / experts
    program.shares_are_bounds = True
    return 1.0


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
