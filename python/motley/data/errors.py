"""The one exception of the data tools, and the check for optional Python packages."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType


class DataError(Exception):
    """A user's mistake or a missing source: what, where, got, expected, remedy.

    The text starts in lower case and has no final period; the command line prints it after ``error: ``.
    """


def require_package(module: str, package: str) -> ModuleType:
    """Import an optional Python package, or say how to get it.

    Parameters
    ----------
    module : str
        Name to import, for example ``"PIL.Image"``.
    package : str
        Name to install, for example ``"pillow"``.

    Returns
    -------
    ModuleType
        The imported module.

    Raises
    ------
    DataError
        The package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DataError(f"cannot import '{module}': {error}; install the Python package '{package}'") from error


def require_file(path: Path, debian_package: str) -> Path:
    """Return ``path`` if it is a readable file, or name the Debian package that holds it.

    Raises
    ------
    DataError
        There is no such file.
    """
    if not path.is_file():
        raise DataError(f"source file '{path}' is missing; install the Debian package '{debian_package}'")
    return path
