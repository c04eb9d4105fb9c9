"""The two extension modules, loaded when they are first needed, and their failures as this package's exceptions."""

from __future__ import annotations

import importlib
import os
import shlex
import types
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Sequence

from .errors import Error, InternalError
from .location import Location

# What `compile` writes: text of levels 1 to 3, or files.
TEXT_KINDS = ("motley", "grouped", "plan")
FILE_KINDS = ("kernel", "llvm", "asm", "obj", "so")

Diagnostic = tuple[str, str, str, int, int]  # severity, message, file, line, column


def _load(name: str) -> types.ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Error(
            f"cannot load the extension module '{name}': {error}; build the target motley-python and put "
            f"BUILD/python on PYTHONPATH, or run 'pip install ./python'",
            None,
        ) from None


def runtime() -> types.ModuleType:
    """Return the module ``_motley``."""
    return _load("_motley")


def compiler() -> types.ModuleType:
    """Return the module ``_motley_compiler``."""
    return _load("_motley_compiler")


@contextmanager
def runtime_failures() -> Iterator[None]:
    """Turn failures of the runtime into `Error`, or `InternalError` where the mistake is ours."""
    try:
        yield
    except runtime().Failure as failure:
        text, code, origin = failure.args
        if code == "internal":
            raise InternalError(f"{text} ({origin})") from None
        raise Error(text, None) from None


@contextmanager
def compiler_failures(text: str, path: str) -> Iterator[None]:
    """Turn diagnostics into `Error` at the user's line, or `InternalError` with the way to reproduce it.

    Parameters
    ----------
    text : str
        What was compiled.
    path : str
        Its model file.
    """
    try:
        yield
    except compiler().Failure as failure:
        diagnostics, broken_pass = failure.args
        if broken_pass or not any(one[0] == "error" for one in diagnostics):
            raise internal_error(diagnostics, broken_pass, text, path) from None
        raise user_error(diagnostics, path) from None


def user_error(diagnostics: Sequence[Diagnostic], path: str) -> Error:
    """Make one exception of the errors of a compilation and their notes; the first says where."""
    first = next(index for index, one in enumerate(diagnostics) if one[0] == "error")
    severity, message, file, line, column = diagnostics[first]
    rest = [_line(one) for one in diagnostics[first + 1 :] if one[0] in ("error", "note")]
    location = Location(file, line, column) if file else None
    return Error(message if location else f"{message} ('{path}')", location, "\n".join(rest))


def _line(diagnostic: Diagnostic) -> str:
    severity, message, file, line, column = diagnostic
    if not file:
        return f"{severity}: {message}"
    location = Location(file, line, column)
    return "\n".join(part for part in (f"{location}: {severity}: {message}", location.excerpt()) if part)


def internal_error(diagnostics: Sequence[Diagnostic], broken_pass: str, text: str, path: str) -> InternalError:
    """Save the program beside the working directory's files and say how to run it again."""
    said = "; ".join(one[1] for one in diagnostics if one[0] == "error") or "the compiler gave no reason"
    where = f" after the pass {broken_pass}" if broken_pass else ""
    message = f"cannot compile '{path}'{where}: {said}"
    reproducer = f"{Path(path).stem}.reproducer.mlir"
    try:
        write_text(reproducer, text)
    except OSError as error:
        return InternalError(f"{message}; its reproducer could not be written: {error.strerror}")
    return InternalError(
        f"{message}\n  reproducer: {reproducer}\n  run again:  motley-opt --motley-to-grouped "
        f"--motley-to-plan {shlex.quote(reproducer)}"
    )


def write_text(path: str | Path, text: str) -> None:
    """Write a file beside its name and rename it: a reader never sees half of it."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def emit(text: str, name: str, kind: str, path: str) -> str:
    """Compile to a level.

    Parameters
    ----------
    text : str
        A program at level 1.
    name : str
        The model file, for messages.
    kind : str
        One of `TEXT_KINDS` and `FILE_KINDS`.
    path : str
        Where a file kind is written.

    Returns
    -------
    str
        The text, for a text kind.
    """
    with compiler_failures(text, name):
        return compiler().compile(text, name, kind, path)


def jit(text: str, name: str) -> Any:
    """Compile in this process and return the artefact."""
    with compiler_failures(text, name):
        table = compiler().jit(text, name)
    with runtime_failures():
        return runtime().Artifact.from_table(table, name)


def load(path: str) -> Any:
    """Load an artefact from its file."""
    with runtime_failures():
        return runtime().Artifact.load(path)
