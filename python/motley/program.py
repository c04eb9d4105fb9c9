"""From a module to the text of a whole program: modalities, variables, ``@loss`` and how it is trained."""

from __future__ import annotations

import json
from typing import Any, Sequence

from .errors import Error, kind
from .hyperparameters import Hyperparameters, Phase, matches
from .location import Location
from .modalities import Data
from .nn.module import Module, Parameter, walk
from .trace import Tensor, Tokens, Tracer, number


def trace(
    model: Module,
    data: Data,
    rows: int | None = None,
    train: Hyperparameters | None = None,
    phases: Sequence[Module] = (),
) -> str:
    """Trace ``model.loss(tokens)`` into MLIR text.

    Parameters
    ----------
    model : Module
        With a method ``loss(tokens)`` that returns a tensor [R] of one loss for each row, or a dictionary of them by
        name.
    data : Data
        Its modalities.
    rows : int, optional
        R; by default ``data.rows``.
    train : Hyperparameters, optional
        Of the optimiser, the precision, and the phases.
    phases : sequence of Module, optional
        The model of each phase, where they differ: with the same parameters.

    Returns
    -------
    str
        Level 1 of the compiler.

    Raises
    ------
    Error
        At the user's line.
    """
    train = train or Hyperparameters()
    models = list(phases) or [model] * max(1, len(train.phases))
    distinct = list({id(one): one for one in models}.values())
    functions: list[str] = []
    for index, one in enumerate(distinct):
        found = _trace_one(one, data, rows or data.rows, "loss" if index == 0 else f"loss.{index}")
        if index == 0:
            parameters = found[0]
        else:
            _check_same(parameters, found[0])
        functions += found[1]
    train.check_names(list(parameters))
    memory = f", plan.memory = {train.memory}" if train.memory else ""
    precision = f"motley.precision = #motley<precision {train.precision}>"
    lines = [f"module attributes {{{precision}{memory}{_settings(train)}}} {{"]
    lines += [f"motley.modality @{one.name} ids {one.begin} to {one.end}" for one in data.modalities]
    lines += [_variable(name, parameter, *train.rule_of(name)) for name, parameter in parameters.items()]
    lines += functions
    for phase, one in zip(train.phases or (None,), models):
        number_of = next(index for index, other in enumerate(distinct) if other is one)
        lines.append(_train(train, "loss" if number_of == 0 else f"loss.{number_of}", phase, list(parameters)))
    return "\n".join(lines + ["}"]) + "\n"


def _trace_one(model: Module, data: Data, rows: int, name: str) -> tuple[dict[str, Parameter], list[str]]:
    """Return the parameters of a model and the text of its loss function."""
    if not isinstance(model, Module):
        raise Error(f"model is {kind(model)}; expected an nn.Module")
    if not callable(getattr(model, "loss", None)):
        raise Error(f"{type(model).__name__} has no method loss(tokens)", model.location)
    parameters = _named(model, data)
    tracer = Tracer(data.modalities, rows, {id(value): name for name, value in walk(model)})
    losses = _losses(model.loss(Tokens(tracer)), model, tracer)
    for key, parameter in parameters.items():
        if id(parameter) not in tracer.used:
            raise Error(f"parameter '{key}' is never used by loss; use its module or remove it", parameter.location)
    return parameters, _function(tracer, losses, _line_of(model.loss), name)


def _check_same(first: dict[str, Parameter], other: dict[str, Parameter]) -> None:
    """Refuse a phase whose model has other parameters: they are one run's."""
    for name in list(first) + list(other):
        shapes = [found[name].shape if name in found else None for found in (first, other)]
        if shapes[0] != shapes[1]:
            said = " and ".join("not there" if one is None else str(list(one)) for one in shapes)
            raise Error(
                f"parameter '{name}' differs between phases: {said}; 'set' of a phase must not change parameters",
                (first.get(name) or other[name]).location,
            )


def _named(model: Module, data: Data) -> dict[str, Parameter]:
    taken: dict[str, Parameter | None] = {name: None for name in data.modalities.names}
    taken["loss"] = None
    found: dict[str, Parameter] = {}
    for name, parameter in model.named_parameters():
        if name in taken:
            other = taken[name]
            what = "another parameter" if other else "a modality" if name != "loss" else "the function"
            raise Error(
                f"parameter '{name}' has the name of {what}; rename the attribute that holds it", parameter.location
            )
        if not all(part.isidentifier() or part.isdigit() for part in name.split(".")) or not name[0].isidentifier():
            raise Error(f"parameter name '{name}' is not made of plain identifiers", parameter.location)
        taken[name] = found[name] = parameter
    return found


def _losses(returned: Any, model: Module, tracer: Tracer) -> dict[str, Tensor]:
    place = _line_of(model.loss)
    losses = {"loss": returned} if isinstance(returned, Tensor) else returned
    if not isinstance(losses, dict) or not losses:
        raise Error(
            f"loss returned {returned!r}; expected a tensor [R] or a dictionary of them by name, as nn.CrossEntropy "
            f"makes",
            place,
        )
    for name, value in losses.items():
        if not isinstance(value, Tensor) or value.shape != (tracer.rows,) or value.dtype != "f32":
            raise Error(f"loss '{name}' is {value!r}; expected one f32 for each row, tensor<{tracer.rows}xf32>", place)
        tracer.check_visible(value)
    _check_added_losses(losses, tracer, place)
    return losses


def _check_added_losses(losses: dict[str, Tensor], tracer: Tracer, place: Location | None) -> None:
    """Refuse a loss function that leaves out what its modules add, which would otherwise not be trained."""
    for key, loss in tracer.losses[0].items():
        name = key[0]
        if name not in losses or tracer.returned_losses.get(key) is not loss:
            what = "is not among what loss returns" if name not in losses else "was added to after it was read"
            raise Error(
                f"the loss '{name}' of a module {what}; return nn.CrossEntropy's losses, or add **tokens.losses at the "
                f"end",
                place,
            )


def _line_of(method: Any) -> Location | None:
    code = getattr(getattr(method, "__func__", method), "__code__", None)
    return Location(code.co_filename, code.co_firstlineno) if code else None


def _settings(train: Hyperparameters) -> str:
    """Return the attribute that takes what the model file says about runs through the compiler."""
    said = train.of_run()
    text = json.dumps(said).replace("\\", "\\\\").replace('"', '\\"')
    return f', motley.settings = "{text}"' if said else ""


def _place(location: Location | None) -> str:
    return f" {location.to_mlir()}" if location else ""


def _variable(name: str, parameter: Parameter, rate: float = 1.0, decay: float | None = None) -> str:
    shape = "x".join(map(str, parameter.shape))
    rule = "" if rate == 1 else f" rate {number(rate)}"
    rule += "" if decay is None else f" decay {number(decay)}"
    return (
        f"motley.variable @{name} : tensor<{shape}xf32> init {parameter.init} {number(parameter.scale)}{rule}"
        + _place(parameter.location)
    )


def _function(tracer: Tracer, losses: dict[str, Tensor], location: Location | None, name: str) -> list[str]:
    arguments = ", ".join(
        f"{tensor.name}: {tensor.type} {{motley.field = #motley.field<{field}>}}{_place(place)}"
        for field, (tensor, place) in tracer.fields.items()
    )
    arguments += "".join(
        f', %scheduled.{name}: f32 {{motley.scalar = "{name}"}}{_place(place)}'
        for name, place in tracer.scalars.items()
    )
    results = ", ".join(f'{value.type} {{motley.loss = "{name}"}}' for name, value in losses.items())
    values = ", ".join(value.name for value in losses.values())
    types = ", ".join(value.type for value in losses.values())
    return [
        f"func.func @{name}({arguments}) -> ({results}) {{",
        *tracer.lines,
        f"  return {values} : {types}{_place(location)}",
        f"}}{_place(location)}",
    ]


def _train(train: Hyperparameters, function: str, phase: Phase | None, names: list[str]) -> str:
    settings = " ".join(
        f"{name} {number(getattr(train, name))}" for name in ("beta1", "beta2", "epsilon", "weight_decay", "clip")
    )
    text = f"motley.train @{function} adamw {settings}" + (f" ema {number(train.ema)}" if train.ema else "")
    if phase is None:
        return text
    text += "" if phase.learning_rate == 1 else f" rate {number(phase.learning_rate)}"
    text += "" if phase.until is None else f" until {phase.until}"
    frozen = [
        name
        for name in names
        if phase.trainable is not None
        and train.rule_of(name)[0] != 0
        and not any(matches(pattern, name) for pattern in phase.trainable)
    ]
    return text + (f" frozen [{', '.join('@' + name for name in frozen)}]" if frozen else "")
