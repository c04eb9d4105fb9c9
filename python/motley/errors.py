"""The two exceptions: `Error` is the user's to mend, `InternalError` ours."""

from __future__ import annotations

import types
from typing import Any

from .location import Location, instruction_location, is_ours, user_location

_HERE: Any = object()


class Error(Exception):
    """A mistake of the user: what, where, got and expected, and the fix if it is known.

    Parameters
    ----------
    message : str
        Starts in lower case, no final period.
    location : Location or None
        By default the user's line that is being executed; None for mistakes that have no line.
    note : str
        Further lines, printed after the excerpt.

    Examples
    --------
    >>> print(Error("width 3 is odd; expected an even one", location=None))
    error: width 3 is odd; expected an even one
    """

    def __init__(self, message: str, location: Location | None = _HERE, note: str = ""):
        super().__init__(message)
        self.message = message
        self.location = user_location() if location is _HERE else location
        self.note = note

    def __str__(self) -> str:
        place = f"{self.location}: " if self.location else ""
        excerpt = self.location.excerpt() if self.location else ""
        return "\n".join(part for part in (f"{place}error: {self.message}", excerpt, self.note) if part)


class InternalError(Exception):
    """A mistake of this project; the text names the reproducer and the command that runs it again."""

    def __str__(self) -> str:
        return f"internal error: {self.args[0]}"


def kind(value: Any) -> str:
    """Name the type of a value with its article, for messages.

    Examples
    --------
    >>> kind(3), kind("text"), kind(None)
    ('an int', 'a str', 'None')
    """
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def at_user_line(error: Exception, file: str) -> Error:
    """Turn any exception that the user's model file raised into an `Error` at the innermost line of that file.

    Parameters
    ----------
    error : Exception
        As caught, with its traceback.
    file : str
        The model file, as it was compiled.
    """
    if isinstance(error, SyntaxError):
        location = Location(error.filename or file, error.lineno or 0, error.offset or 0)
        return Error(f"syntax error: {error.msg}", location)
    location = None
    traceback: types.TracebackType | None = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not is_ours(code.co_filename) and (code.co_filename == file or location is None):
            found = instruction_location(code, traceback.tb_lasti, traceback.tb_lineno)
            location = found if code.co_filename == file else location
        traceback = traceback.tb_next
    return Error(f"{type(error).__name__}: {error}", location)
