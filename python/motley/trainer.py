"""Training: the runtime's loop over a data set, with a log, held-out losses and checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

from . import native
from .compiled import CompiledModel
from .hyperparameters import Hyperparameters

Report = dict[str, Any]


class Trainer:
    """Trains a compiled model on a data set directory. A run that was killed and resumed continues bitwise.

    Parameters
    ----------
    model : CompiledModel
    data : str or Path
        Data set directory.
    steps : int
        Of the whole run; the schedule ends there.
    out : str or Path, optional
        Run directory: log.jsonl and checkpoints. Without it nothing is written.
    train : Hyperparameters, optional
        Learning rate, schedule, microbatches, coefficients, balance. The rest is compiled into the model.
    resume : bool or str
        True: from the newest checkpoint in ``out``; a path: from that one.
    seed : int
        Of the initial values and the order of the documents.
    checkpoint_interval, eval_interval : int
        In steps; 0: only at the end.
    heldout_microbatches : int
        Of an evaluation; 0: the whole split.
    keep_checkpoints : int
        0: all.
    start_from : str or Path, optional
        A checkpoint whose parameters a fresh run begins with; see `motley.convert`.
    eval_ema : bool
        Whether held-out losses are those of the averages.

    Examples
    --------
    A model file, one step at a time::

        model = mt.compile("mot.py", mt.Data.load("data"))
        trainer = mt.Trainer(model, "data", steps=100, train=mt.Hyperparameters(learning_rate=1e-3))
        print(trainer.step()["loss"])
    """

    def __init__(
        self,
        model: CompiledModel,
        data: str | Path,
        steps: int,
        out: str | Path | None = None,
        train: Hyperparameters | None = None,
        resume: bool | str | Path = False,
        seed: int = 0,
        checkpoint_interval: int = 0,
        eval_interval: int = 0,
        heldout_microbatches: int = 0,
        keep_checkpoints: int = 3,
        start_from: str | Path | None = None,
        eval_ema: bool = False,
    ):
        train = train or Hyperparameters()
        self.model = model
        settings = {
            "steps": steps,
            "schedule": train.schedule,
            "learning_rate": train.learning_rate,
            "final_learning_rate": train.final_learning_rate,
            "warmup": train.warmup,
            "microbatches": train.microbatches,
            "seed": seed,
            "checkpoint_interval": checkpoint_interval,
            "eval_interval": eval_interval,
            "heldout_microbatches": heldout_microbatches,
            "keep_checkpoints": keep_checkpoints,
            "directory": str(out or ""),
            "resume": "latest" if resume is True else str(resume or ""),
            "from": "" if resume else str(start_from or ""),
            "coefficients": {name: list(points) for name, points in train.coefficients.items()},
            "balance": dict(train.balance),
            "eval_ema": eval_ema,
        }
        with native.runtime_failures():
            dataset = native.runtime().Dataset(str(data))
            self._trainer = native.runtime().Trainer(model.session, dataset, settings)

    def step(self) -> Report:
        """Take one step; returns its losses, gradient norm, learning rate, seconds and tokens."""
        with native.runtime_failures():
            return self._trainer.step()

    def evaluate(self) -> Report:
        """Return the held-out losses."""
        with native.runtime_failures():
            return self._trainer.evaluate()

    def save(self) -> str:
        """Write a checkpoint; returns its path."""
        with native.runtime_failures():
            return self._trainer.save()

    def run(self, on_step: Callable[[Report], bool] | None = None) -> None:
        """Train to the end; ``on_step`` gets each report, and stops the run after a checkpoint by returning False."""
        with native.runtime_failures():
            self._trainer.run(on_step)

    @property
    def current_step(self) -> int:
        """Steps done."""
        return self._trainer.current_step

    @property
    def is_done(self) -> bool:
        """Whether all steps are done."""
        return self._trainer.is_done

    @property
    def notice(self) -> str:
        """What the user should know of how the run began, one line; empty: nothing."""
        return self._trainer.notice

    @property
    def has_heldout(self) -> bool:
        """Whether the data set has held-out documents."""
        return self._trainer.has_heldout
