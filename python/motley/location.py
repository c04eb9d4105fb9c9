"""Where in the user's source a value, a parameter or a mistake comes from.

Every operation of the emitted text carries the place of the user's own line: the innermost frame outside this package.
"""

from __future__ import annotations

import linecache
import os
import sys
from dataclasses import dataclass
from types import FrameType

# Name of the function of this package that runs a command.
BOUNDARY = "run_command_line"

PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


@dataclass(frozen=True)
class Location:
    """A place in a source file.

    Attributes
    ----------
    file : str
        The path as Python knows it.
    line : int
        From 1.
    column, end_column : int
        From 1, the end exclusive; 0 where unknown.
    """

    file: str
    line: int
    column: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" + (f":{self.column}" if self.column else "")

    def to_mlir(self) -> str:
        """Spell the location as MLIR does.

        Examples
        --------
        >>> Location("model.py", 3, 9).to_mlir()
        'loc("model.py":3:9)'
        """
        file = self.file.replace("\\", "\\\\").replace('"', '\\"')
        return f'loc("{file}":{self.line}:{self.column})'

    def excerpt(self) -> str:
        """Return the source line with a caret under the place, or nothing if the source cannot be read."""
        source = linecache.getline(self.file, self.line).rstrip("\n")
        if not source.strip():
            return ""
        indent = len(source) - len(source.lstrip())
        begin = self.column - 1 if self.column else indent
        end = self.end_column - 1 if self.end_column > self.column else begin + 1
        caret = "^" + "~" * (min(end, len(source)) - begin - 1)
        return f"    {source.strip()}\n    {' ' * (begin - indent)}{caret}"


def frame_location(frame: FrameType) -> Location:
    """Return the place that a frame is executing."""
    return instruction_location(frame.f_code, frame.f_lasti, frame.f_lineno)


def instruction_location(code, instruction: int, line: int) -> Location:
    """Return the place of one instruction of a code object; ``line`` is used where the compiler kept no columns."""
    positions = list(code.co_positions())
    index = instruction // 2
    if 0 <= index < len(positions):
        first, last, begin, end = positions[index]
        if first is not None and begin is not None:
            # An expression over several lines: the caret stays on its first line.
            column = _characters(code.co_filename, first, begin)
            end_column = _characters(code.co_filename, first, end) if last == first else 0
            return Location(code.co_filename, first, column + 1, end_column + 1 if end_column else 0)
    return Location(code.co_filename, line or 0)


def _characters(file: str, line: int, offset: int) -> int:
    """Turn a byte offset into a line, which is what Python records, into characters."""
    source = linecache.getline(file, line).encode()
    return len(source[:offset].decode(errors="replace")) if source else offset


def is_ours(file: str) -> bool:
    """Tell whether a source file belongs to this package."""
    return file.startswith(PACKAGE)


def user_location() -> Location | None:
    """Return the place of the innermost frame outside this package, or None when there is none.

    The search ends at `BOUNDARY`: whatever started the command line is not the user's source.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not is_ours(frame.f_code.co_filename):
            return frame_location(frame)
        if frame.f_code.co_name == BOUNDARY:
            return None
        frame = frame.f_back
    return None
