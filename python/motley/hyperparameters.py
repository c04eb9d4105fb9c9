"""What ``train = dict(...)`` in a model file, and the options of ``motley train``, may say."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Any, Mapping, Sequence

from .errors import Error

SCHEDULES = ("constant", "cosine", "linear")
PRECISIONS = ("bf16", "f32")
# What is not compiled into a model: a run reads it, and its options may say otherwise.
OF_RUNS = ("learning_rate", "final_learning_rate", "warmup", "schedule", "microbatches", "coefficients", "balance")


Points = tuple[tuple[int, float], ...]  # (step, value), ascending


def matches(pattern: str, name: str) -> bool:
    """Tell whether a pattern means a parameter: as in a shell, the ends of the name counting as dots.

    Without ``*``, ``?`` and ``[`` it means every name that has these parts in a row.

    Examples
    --------
    >>> matches("*.text.*", "blocks.0.attn.q.text"), matches("router", "blocks.0.ffn.router"), matches("q*", "norm")
    (True, True, False)
    """
    if any(one in pattern for one in "*?["):
        return fnmatchcase(name, pattern) or fnmatchcase(f".{name}.", pattern)
    return f".{pattern}." in f".{name}."


@dataclass(frozen=True)
class Group:
    """Parameters that are trained otherwise than the rest: an entry of ``groups``.

    Attributes
    ----------
    match : str
        Which; see `matches`.
    learning_rate : float or None
        A factor of the run's; 0 freezes.
    weight_decay : float or None
        Instead of the run's.
    """

    match: str
    learning_rate: float | None = None
    weight_decay: float | None = None


@dataclass(frozen=True)
class Phase:
    """A part of a run: an entry of ``phases``.

    Attributes
    ----------
    until : int or None
        Its last step; only the last phase may leave it out.
    trainable : tuple of str or None
        What trains in it; see `matches`. None: all.
    learning_rate : float
        A factor of the run's.
    set : dict
        Arguments of ``def model`` that are others in it; the parameters must stay the same.
    """

    until: int | None = None
    trainable: tuple[str, ...] | None = None
    learning_rate: float = 1.0
    set: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Hyperparameters:
    """How a model is trained.

    Attributes
    ----------
    learning_rate, final_learning_rate : float
        At the peak and at the last step.
    warmup : int
        Steps of linear warm-up.
    schedule : {"constant", "cosine", "linear"}
    beta1, beta2, epsilon, weight_decay : float
        Of AdamW (arXiv 1711.05101).
    clip : float
        Global gradient norm; 0 switches clipping off.
    rows : int
        Tokens in a microbatch.
    microbatches : int
        Per step.
    precision : {"bf16", "f32"}
        What products round their operands to. Everything is stored and summed in f32.
    memory : str or int
        What the activations of a step may take, as "2GB", "1.5GiB" or a number of bytes: what does not fit is computed
        again in the backward, with the same gradients. None: everything is kept.
    ema : float
        Of the average of each parameter, as 0.9999; 0: there is none.
    coefficients : dict
        Of losses, by name: a number, or a list of (step, number) with straight lines between.
    groups : tuple of Group
        The last that matches a parameter and says something about it counts.
    phases : tuple of Phase
    balance : dict
        Wished shares of tokens by modality; see the loader in runtime/data.h.

    Examples
    --------
    >>> Hyperparameters.read({"learning_rate": 1e-3}).learning_rate
    0.001
    """

    learning_rate: float = 3e-4
    final_learning_rate: float = 0.0
    warmup: int = 0
    schedule: str = "cosine"
    beta1: float = 0.9
    beta2: float = 0.95
    epsilon: float = 1e-8
    weight_decay: float = 0.1
    clip: float = 1.0
    rows: int = 2048
    microbatches: int = 1
    precision: str = "bf16"
    memory: int | None = None
    ema: float = 0.0
    coefficients: Mapping[str, Points] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    phases: tuple[Phase, ...] = ()
    balance: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Hyperparameters:
        """Take the defaults for what is not said.

        Raises
        ------
        Error
            Something is unknown, of the wrong type or out of range.
        """
        known = {one.name: one.type for one in dataclasses.fields(cls)}
        read = {
            "coefficients": _read_coefficients,
            "groups": _read_groups,
            "phases": _read_phases,
            "balance": _read_balance,
            "memory": lambda value: read_bytes(value, "training setting 'memory'"),
        }
        settings = dict(settings)
        for name, value in settings.items():
            if name not in known:
                raise Error(f"unknown training setting '{name}'; expected one of {', '.join(known)}", None)
            if name in read:
                settings[name] = read[name](value)
                continue
            types, what = {"float": ((int, float), "a number"), "int": (int, "an integer"), "str": (str, "a string")}[
                str(known[name])
            ]
            if isinstance(value, bool) or not isinstance(value, types):
                raise Error(f"training setting '{name}' is {value!r}; expected {what}", None)
        self = cls(**settings)
        self._check()
        return self

    def _check(self) -> None:
        at_least = {
            "learning_rate": 0,
            "final_learning_rate": 0,
            "warmup": 0,
            "weight_decay": 0,
            "clip": 0,
            "beta1": 0,
            "beta2": 0,
            "rows": 1,
            "microbatches": 1,
            "ema": 0,
        }
        for name, low in at_least.items():
            if not getattr(self, name) >= low:
                raise Error(f"training setting '{name}' is {getattr(self, name)!r}; expected at least {low}", None)
        for name in ("beta1", "beta2", "ema"):
            if not getattr(self, name) < 1:
                raise Error(f"training setting '{name}' is {getattr(self, name)!r}; expected less than 1", None)
        if not self.epsilon > 0:
            raise Error(f"training setting 'epsilon' is {self.epsilon!r}; expected a number above 0", None)
        for name, known in (("schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise Error(
                    f"training setting '{name}' is {getattr(self, name)!r}; expected one of {', '.join(known)}", None
                )

    def of_run(self) -> dict[str, Any]:
        """Return what a run reads and is not by default, as `read` takes it and JSON can hold it.

        Examples
        --------
        >>> Hyperparameters(warmup=3, coefficients={"z": ((0, 0.1),)}).of_run()
        {'warmup': 3, 'coefficients': {'z': [(0, 0.1)]}}
        """
        said = {name: getattr(self, name) for name in OF_RUNS if getattr(self, name) != getattr(type(self)(), name)}
        for name in ("coefficients", "balance"):
            if name in said:
                said[name] = {key: list(one) if isinstance(one, tuple) else one for key, one in said[name].items()}
        return said

    def rule_of(self, name: str) -> tuple[float, float | None]:
        """Return the factor of the learning rate of a parameter, and its weight decay where a group says one."""
        rate, decay = 1.0, None
        for group in self.groups:
            if matches(group.match, name):
                rate = rate if group.learning_rate is None else group.learning_rate
                decay = decay if group.weight_decay is None else group.weight_decay
        return rate, decay

    def check_names(self, names: Sequence[str]) -> None:
        """Refuse a pattern that means no parameter."""
        patterns = [("groups", group.match) for group in self.groups]
        patterns += [("phases", pattern) for phase in self.phases for pattern in phase.trainable or ()]
        for setting, pattern in patterns:
            if not any(matches(pattern, name) for name in names):
                raise Error(
                    f"'{pattern}' in training setting '{setting}' matches no parameter; they are called like "
                    f"'{names[len(names) // 2]}'",
                    None,
                )


BYTES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
BYTES |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def read_bytes(value: Any, what: str) -> int | None:
    """Read a size in bytes: a number, or a text with a unit.

    Examples
    --------
    >>> read_bytes("2GB", "memory"), read_bytes("1.5 GiB", "memory"), read_bytes(4096, "memory")
    (2000000000, 1610612736, 4096)
    """
    if value is None:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", str(value))
    if isinstance(value, (str, int)) and not isinstance(value, bool) and match and match[2] in BYTES:
        size = int(Fraction(match[1]) * BYTES[match[2]])
        if 0 < size < 2**63:
            return size
    units = ", ".join(name for name in BYTES if name)
    raise Error(f"{what} is {value!r}; expected a size above 0 in bytes, or with a unit of {units}, as in '2GB'", None)


def _number(value: Any, what: str, low: float = 0.0, strict: bool = False) -> float:
    fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not fits or not (value > low if strict else value >= low) or value == float("inf"):
        raise Error(f"{what} is {value!r}; expected a number {'above' if strict else 'of at least'} {low:g}", None)
    return float(value)


def _entries(value: Any, setting: str, kind: type) -> list[dict[str, Any]]:
    known = [one.name for one in dataclasses.fields(kind)]
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, dict) for one in value):
        raise Error(f"training setting '{setting}' is {value!r}; expected a list of dict({', '.join(known)})", None)
    for one in value:
        for name in one:
            if name not in known:
                raise Error(f"unknown '{name}' in training setting '{setting}'; expected {', '.join(known)}", None)
    return list(value)


def _read_groups(value: Any) -> tuple[Group, ...]:
    groups = []
    for one in _entries(value, "groups", Group):
        if not isinstance(one.get("match"), str):
            raise Error(f"'match' of a group is {one.get('match')!r}; expected a pattern of parameter names", None)
        numbers = {
            name: _number(one[name], f"'{name}' of the group '{one['match']}'")
            for name in ("learning_rate", "weight_decay")
            if name in one
        }
        if not numbers:
            raise Error(f"the group '{one['match']}' says nothing; expected learning_rate or weight_decay", None)
        groups.append(Group(one["match"], **numbers))
    return tuple(groups)


def _read_phases(value: Any) -> tuple[Phase, ...]:
    phases: list[Phase] = []
    entries = _entries(value, "phases", Phase)
    for index, one in enumerate(entries):
        until, before = one.get("until"), phases[-1].until or 0 if phases else 0
        if until is None and index + 1 < len(entries):
            raise Error(f"phase {index} does not say 'until' which step it lasts; only the last may leave it out", None)
        if until is not None and (not isinstance(until, int) or isinstance(until, bool) or until <= before):
            raise Error(f"'until' of phase {index} is {until!r}; expected a step above {before}", None)
        trainable = one.get("trainable")
        if isinstance(trainable, str):
            trainable = [trainable]
        if trainable is not None and not (trainable and all(isinstance(name, str) for name in trainable)):
            raise Error(f"'trainable' of phase {index} is {trainable!r}; expected patterns of parameter names", None)
        arguments = one.get("set", {})
        if not isinstance(arguments, dict) or not all(isinstance(name, str) for name in arguments):
            raise Error(f"'set' of phase {index} is {arguments!r}; expected a dict of arguments of 'def model'", None)
        rate = _number(one.get("learning_rate", 1.0), f"'learning_rate' of phase {index}", strict=True)
        phases.append(Phase(until, None if trainable is None else tuple(trainable), rate, dict(arguments)))
    return tuple(phases)


def _read_coefficients(value: Any) -> dict[str, Points]:
    if not isinstance(value, dict):
        raise Error(f"training setting 'coefficients' is {value!r}; expected a dict by name", None)
    return {name: read_points(points, f"coefficient '{name}'") for name, points in value.items()}


def read_points(value: Any, what: str) -> Points:
    """Read a number, or a list of (step, number)."""
    if not isinstance(value, (list, tuple)):
        return ((0, _number(value, what, float("-inf"))),)
    if not value or not all(isinstance(one, (list, tuple)) and len(one) == 2 for one in value):
        raise Error(f"{what} is {value!r}; expected a number, or a list of (step, number)", None)
    points = []
    for step, number in value:
        if not isinstance(step, int) or isinstance(step, bool) or step < 0 or (points and step <= points[-1][0]):
            raise Error(f"{what} has the step {step!r}; expected steps that ascend from 0", None)
        points.append((step, _number(number, f"{what} at step {step}", float("-inf"))))
    return tuple(points)


def _read_balance(value: Any) -> dict[str, float]:
    if not isinstance(value, dict):
        raise Error(f"training setting 'balance' is {value!r}; expected a dict of shares by modality", None)
    return {name: _number(share, f"balance of '{name}'", strict=True) for name, share in value.items()}
