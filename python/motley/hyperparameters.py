"""What ``train = dict(...)`` in a model file, and the options of ``motley train``, may say."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Mapping

from .errors import Error

SCHEDULES = ("constant", "cosine", "linear")
PRECISIONS = ("bf16", "f32")


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

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Hyperparameters:
        """Take the defaults for what is not said.

        Raises
        ------
        Error
            Something is unknown, of the wrong type or out of range.
        """
        known = {field.name: field.type for field in dataclasses.fields(cls)}
        for name, value in settings.items():
            if name not in known:
                raise Error(f"unknown training setting '{name}'; expected one of {', '.join(known)}", None)
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
        }
        for name, low in at_least.items():
            if not getattr(self, name) >= low:
                raise Error(f"training setting '{name}' is {getattr(self, name)!r}; expected at least {low}", None)
        for name in ("beta1", "beta2"):
            if not getattr(self, name) < 1:
                raise Error(f"training setting '{name}' is {getattr(self, name)!r}; expected less than 1", None)
        if not self.epsilon > 0:
            raise Error(f"training setting 'epsilon' is {self.epsilon!r}; expected a number above 0", None)
        for name, known in (("schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise Error(
                    f"training setting '{name}' is {getattr(self, name)!r}; expected one of {', '.join(known)}", None
                )
