"""Model files: MODEL.py with ``def model(data, ...)``, or MODEL.mlir."""

from __future__ import annotations

import dataclasses
import inspect
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from .errors import Error, InternalError, at_user_line, kind
from .hyperparameters import Hyperparameters
from .location import Location
from .modalities import Data
from .nn.module import Module
from .program import trace


@dataclass(frozen=True)
class ModelText:
    """A model as the compiler takes it.

    Attributes
    ----------
    path : str
        Of the model file.
    text : str
        Level 1.
    train : Hyperparameters
        What the file says; the defaults for MODEL.mlir.
    """

    path: str
    text: str
    train: Hyperparameters


def read_model(
    path: str | Path,
    data: Data,
    settings: Mapping[str, str] | None = None,
    rows: int | None = None,
    precision: str | None = None,
    memory: int | None = None,
) -> ModelText:
    """Read a model file and trace it.

    Parameters
    ----------
    path : str or Path
        MODEL.py or MODEL.mlir.
    data : Data
        Given to ``def model(data, ...)``.
    settings : mapping of str to str, optional
        Further arguments of ``def model``, as the command line spells them.
    rows : int, optional
        Of a microbatch; by default what ``train`` in the file says.
    precision : {"bf16", "f32"}, optional
        Of products; by default what ``train`` in the file says.

    memory : int, optional
        Bytes of activations; by default what ``train`` in the file says.

    Raises
    ------
    Error
        At the line of the file that is wrong.
    """
    path = Path(path)
    if path.suffix not in (".py", ".mlir"):
        raise Error(f"'{path}' is not a model file; expected MODEL.py or MODEL.mlir", None)
    try:
        source = path.read_text()
    except OSError as error:
        raise Error(f"cannot read '{path}': {error.strerror}", None) from None
    except UnicodeDecodeError as error:
        raise Error(f"'{path}' is not text: {error}", None) from None
    if path.suffix == ".mlir":
        if settings:
            raise Error(f"'{path}' takes no settings; '{next(iter(settings))}' is for a model file in Python", None)
        if rows is not None:
            raise Error(f"'{path}' says its rows itself, in its types; --rows is for a model file in Python", None)
        if precision:
            raise Error(f"'{path}' says its precision itself, as the attribute motley.precision of the module", None)
        if memory:
            raise Error(f"'{path}' says its memory itself, as the attribute plan.memory of the module, in bytes", None)
        return ModelText(str(path), source, Hyperparameters())
    module = execute(source, str(path))
    build = getattr(module, "model", None)
    if not isinstance(build, types.FunctionType):
        raise Error(f"'{path}' does not define model(data)", None)
    train = _hyperparameters(module, str(path))
    if rows is not None:
        train = dataclasses.replace(train, rows=rows)
    if precision is not None:
        train = dataclasses.replace(train, precision=precision)
    if memory is not None:
        train = dataclasses.replace(train, memory=memory)
    data = dataclasses.replace(data, rows=train.rows)
    arguments = parse_settings(build, settings or {})
    variants = _phase_arguments(build, arguments, train, str(path))
    return _guarded(lambda: ModelText(str(path), _trace(build, data, variants, train), train), str(path))


def _trace(build: types.FunctionType, data: Data, variants: list[dict[str, Any]], train: Hyperparameters) -> str:
    """Trace the model of each phase; phases of equal arguments share one."""
    models: list[Module] = []
    for index, arguments in enumerate(variants):
        known = variants.index(arguments)
        models.append(models[known] if known < index else _call(build, data, arguments))
    return trace(models[0], data, train.rows, train, models)


def _phase_arguments(
    build: types.FunctionType, arguments: dict[str, Any], train: Hyperparameters, path: str
) -> list[dict[str, Any]]:
    """Return the arguments of ``def model`` in each phase."""
    known = list(inspect.signature(build).parameters)[1:]
    for phase in train.phases:
        for name in phase.set:
            if name not in known:
                takes = f"expected one of {', '.join(known)}" if known else "model(data) takes none"
                raise Error(f"unknown setting '{name}' in a phase of 'train' in '{path}'; {takes}", None)
    return [{**arguments, **phase.set} for phase in train.phases] or [arguments]


def execute(source: str, file: str) -> types.ModuleType:
    """Run a model file's source and return it as a module."""
    module = types.ModuleType(Path(file).stem)
    module.__file__ = file
    _guarded(lambda: exec(compile(source, file, "exec"), module.__dict__), file)
    return module


def _guarded(action: Any, file: str) -> Any:
    """Run user code; whatever it raises becomes an `Error` at its line."""
    try:
        return action()
    except (Error, InternalError):
        raise
    except SystemExit as error:
        raise Error(f"'{file}' called exit({error.code!r})", None) from None
    except Exception as error:  # the user's code may raise anything
        raise at_user_line(error, file) from error


def _call(build: types.FunctionType, data: Data, arguments: dict[str, Any]) -> Module:
    if not inspect.signature(build).parameters:
        raise Error("model takes no argument; expected def model(data)", _line(build))
    model = build(data, **arguments)
    if not isinstance(model, Module):
        raise Error(f"model(data) returned {kind(model)}; expected an nn.Module", _line(build))
    return model


def _line(function: types.FunctionType) -> Location:
    return Location(function.__code__.co_filename, function.__code__.co_firstlineno)


def _hyperparameters(module: types.ModuleType, path: str) -> Hyperparameters:
    said = getattr(module, "train", {})
    if not isinstance(said, dict):
        raise Error(f"'train' in '{path}' is {kind(said)}; expected a dict", None)
    try:
        return Hyperparameters.read(said)
    except Error as error:
        raise Error(f"{error.message} ('train' in '{path}')", None) from None


def parse_settings(build: types.FunctionType, settings: Mapping[str, str]) -> dict[str, Any]:
    """Turn ``--set name=value`` into arguments of ``def model``, by the type of each default.

    Examples
    --------
    >>> parse_settings(lambda data, layers=8: None, {"layers": "4"})
    {'layers': 4}
    """
    parameters = list(inspect.signature(build).parameters.values())[1:]
    known = {one.name: one.default for one in parameters}
    found: dict[str, Any] = {}
    for name, text in settings.items():
        if name not in known:
            takes = f"expected one of {', '.join(known)}" if known else "model(data) takes none"
            raise Error(f"unknown setting '{name}'; {takes}", None)
        found[name] = _parse(name, text, known[name])
    for name, default in known.items():
        if default is inspect.Parameter.empty and name not in found:
            raise Error(f"model needs a value for '{name}'; give --set {name}=VALUE", _line(build))
    return found


def _parse(name: str, text: str, default: Any) -> Any:
    if isinstance(default, bool):
        if text.lower() in ("true", "false", "1", "0"):
            return text.lower() in ("true", "1")
        raise Error(f"setting '{name}' is {text!r}; expected true or false", None)
    for kind in (int, float):
        if isinstance(default, kind):
            try:
                return kind(text)
            except ValueError:
                raise Error(f"setting '{name}' is {text!r}; expected a value of type {kind.__name__}", None) from None
    return text
