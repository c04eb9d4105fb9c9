"""Writing files so that a reader finds them whole: all files of a data set or none, and single pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable

from .errors import DataError
from .store import INDEX

_PARTIAL = ".partial"


def prepare_folder(folder: Path, ours: set[str]) -> None:
    """Make the directory, or check that nothing of someone else's is in it.

    Parameters
    ----------
    folder : Path
    ours : set of str
        Names of the files that a data set consists of. Left-overs of a build that was killed have these names, or end
        in ``.partial``; they are replaced.

    Raises
    ------
    DataError
        The directory cannot be made, or holds other files.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = sorted(one.name for one in folder.iterdir() if one.name not in ours and one.suffix != _PARTIAL)
    except OSError as error:
        raise DataError(f"cannot make the directory '{folder}': {_reason(error)}") from error
    if others and INDEX not in {one.name for one in folder.iterdir()}:
        raise DataError(
            f"'{folder}' is not empty and no data set: it holds '{others[0]}'"
            + (f" and {len(others) - 1} more" if len(others) > 1 else "")
            + "; give another --out"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DataError(f"cannot write into '{folder}': permission denied")


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Write all files to temporary names, then rename them, dataset.json last.

    Parameters
    ----------
    folder : Path
        Exists.
    files : dict
        Contents by name; dataset.json among them.

    Raises
    ------
    DataError
        A file cannot be written: the disk is full, for example. The temporary files are removed, and an older data set
        in the directory stays as it was unless the renaming itself failed.
    """
    order = sorted(files, key=lambda name: (name == INDEX, name))
    temporary = {name: folder / f".{name}{_PARTIAL}" for name in order}
    try:
        for name in order:
            _write(temporary[name], files[name])
        # From here to the last rename the directory holds no data set.
        (folder / INDEX).unlink(missing_ok=True)
        for name in order:
            os.replace(temporary[name], folder / name)
        _sync(folder)
    except OSError as error:
        raise DataError(f"cannot write the data set into '{folder}': {_reason(error)}; no data set was made") from error
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)


def remove_if_empty(folder: Path, made: list[Path]) -> None:
    """Remove the directories in ``made`` (outermost first) again that a build made and put nothing into."""
    for one in reversed(made):
        try:
            one.rmdir()
        except OSError:
            return


def missing_folders(folder: Path) -> list[Path]:
    """Return ``folder`` and those of its parents that don't exist, outermost first."""
    return [one for one in reversed([folder, *folder.parents]) if not one.exists()]


def write_picture(out: Path, save: Callable[[Any, str], None]) -> None:
    """Write one picture to a temporary name, then rename it.

    Parameters
    ----------
    out : Path
    save : callable
        Called with the open file and the format that the suffix names, for example ``"png"``.

    Raises
    ------
    DataError
        The file cannot be written, or the format is unknown.
    """
    kind = out.suffix.lower().removeprefix(".") or "png"
    temporary = out.with_name(f".{out.name}.partial")
    try:
        with temporary.open("wb") as file:
            save(file, {"jpg": "jpeg"}.get(kind, kind))
        os.replace(temporary, out)
    except OSError as error:
        raise DataError(f"cannot write '{out}': {_reason(error)}") from error
    except (ValueError, KeyError) as error:
        raise DataError(f"cannot write '{out}' as {kind}: {error}; expected a suffix such as .png") from error
    finally:
        temporary.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    if isinstance(error, FileExistsError):
        return "a file has this name"
    return (error.strerror or str(error)).lower()
