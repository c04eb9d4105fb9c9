"""Compiled models: functions on NumPy arrays, parameters and gradients by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping

from . import native
from .errors import Error
from .hyperparameters import Hyperparameters
from .modalities import Data, Modalities, Modality
from .model_file import ModelText, read_model
from .nn.module import Module
from .program import trace

if TYPE_CHECKING:
    import numpy as np

Sums = dict[str, dict[str, float]]


class CompiledModel:
    """A model that runs: its machine code, its variables and its threads.

    Attributes
    ----------
    manifest : dict
        What the artefact says about itself.
    modalities : Modalities
    rows : int
        Of a microbatch.
    session
        The runtime's session, for `Trainer`.
    """

    def __init__(self, artifact: Any, threads: int = 0):
        self.manifest: dict[str, Any] = json.loads(artifact.manifest)
        self.modalities = Modalities.from_ranges(
            [Modality(one["name"], one["begin"], one["end"]) for one in self.manifest["modalities"]]
        )
        self.rows: int = self.manifest["rows"]
        self.level: str = artifact.level
        with native.runtime_failures():
            self.session = native.runtime().Session(artifact, threads)

    @classmethod
    def load(cls, path: str | Path, threads: int = 0) -> CompiledModel:
        """Load an artefact that ``motley compile`` wrote."""
        return cls(native.load(str(path)), threads)

    def initialise(self, seed: int = 0) -> None:
        """Fill every parameter as its declaration says."""
        with native.runtime_failures():
            self.session.initialise(seed)

    def eval(self, tokens: Mapping[str, np.ndarray], scalars: Mapping[str, float] | None = None) -> Sums:
        """Sum the losses of a microbatch.

        Parameters
        ----------
        tokens : mapping of str to array [rows]
            The fields of the rows and ``live``, as `motley.rows.pack` makes them.
        scalars : mapping of str to float, optional
            The coefficients that the losses take.

        Returns
        -------
        dict of str to dict of str to float
            By loss and by modality of the target: the weighted sum over the live rows.
        """
        return self._sums(self._run("eval", tokens, dict(scalars or {})))

    def accumulate(
        self,
        tokens: Mapping[str, np.ndarray],
        add: bool = False,
        normaliser: float | None = None,
        scalars: Mapping[str, float] | None = None,
    ) -> Sums:
        """Compute the gradients of a microbatch.

        Parameters
        ----------
        tokens : mapping of str to array [rows]
        add : bool
            Add to the gradients that are there, rather than overwrite them.
        normaliser : float, optional
            What the sum of the losses is divided by; by default the sum of the weights of this microbatch.
        scalars : mapping of str to float, optional
            The coefficients that the losses take; where there is noise, its ``seed`` and ``step``, by default 0 and 1.

        Returns
        -------
        dict of str to dict of str to float
            As from `eval`.
        """
        if normaliser is None:
            normaliser = _weight_sum(tokens)
        if not normaliser > 0:
            raise Error(f"normaliser is {normaliser!r}; expected a number above 0: does any row have a target?")
        known = {"seed": 0, "step": 1, **(scalars or {}), "add": int(add), "inverse_normaliser": 1.0 / normaliser}
        function = next(one for one in self.manifest["functions"] if one["name"] == "accumulate")
        takes = {one["name"] for one in function["scalars"]}
        given = {name: value for name, value in known.items() if name in takes or name in (scalars or {})}
        return self._sums(self._run("accumulate", tokens, given))

    def update(self, learning_rate: float, step: int) -> float:
        """Take one step of the optimiser and return the norm of the gradients before clipping.

        ``step`` counts from 1.
        """
        return self._call("update", {"learning_rate": learning_rate, "step": step})["gradient_norm"][0]

    def parameters(self) -> dict[str, np.ndarray]:
        """Copy every parameter out, by name; matrices are ``[inputs, outputs]``."""
        return self._read("param")

    def gradients(self) -> dict[str, np.ndarray]:
        """Copy every gradient out, by name. Parameters that never train have none."""
        return self._read("grad")

    def averages(self) -> dict[str, np.ndarray]:
        """Copy the average of every parameter out, by name, where the model keeps one."""
        return self._read("ema")

    def set_parameters(self, values: Mapping[str, np.ndarray]) -> None:
        """Copy parameters in, by name; the others stay."""
        with native.runtime_failures():
            for name, value in values.items():
                self.session.write(name, "param", value)

    def load_parameters(self, path: str | Path, averaged: bool = False) -> int:
        """Take the parameters of a checkpoint, or their averages; returns its step."""
        with native.runtime_failures():
            return self.session.load_parameters(str(path), averaged)

    @property
    def last_launches(self) -> int:
        """Kernels launched by the last call."""
        return self.session.last_launches

    def _run(
        self, function: str, tokens: Mapping[str, np.ndarray], scalars: dict[str, float | int]
    ) -> dict[str, np.ndarray]:
        fields = {name: value for name, value in tokens.items() if name != "live"}
        live = int(tokens.get("live", self.rows))
        with native.runtime_failures():
            return self.session.run(function, fields, live, scalars)

    def _call(self, function: str, scalars: dict[str, float | int]) -> dict[str, list[float]]:
        with native.runtime_failures():
            return self.session.call(function, scalars)

    def _sums(self, outputs: dict[str, np.ndarray]) -> Sums:
        return {
            loss: dict(zip(self.modalities.names, map(float, row)))
            for loss, row in zip(self.manifest["losses"], outputs["loss_sums"])
        }

    def _read(self, slot: str) -> dict[str, np.ndarray]:
        with native.runtime_failures():
            return {
                name: self.session.read(name, slot)
                for name, _, _ in self.session.variables()
                if self.session.has_slot(name, slot)
            }


def _weight_sum(tokens: Mapping[str, np.ndarray]) -> float:
    live = int(tokens.get("live", len(tokens["target"])))
    has_target = tokens["target"][:live] >= 0
    if "weight" not in tokens:
        return float(has_target.sum())
    return float(tokens["weight"][:live][has_target].sum(dtype="float64"))


def compile(
    model: Module | ModelText | str | Path,
    data: Data | None = None,
    rows: int | None = None,
    train: Hyperparameters | None = None,
    threads: int = 0,
    settings: Mapping[str, str] | None = None,
) -> CompiledModel:
    """Compile a model in this process.

    Parameters
    ----------
    model : Module, ModelText, or path of a model file or artefact
    data : Data, optional
        Needed for a module or a model file in Python.
    rows : int, optional
        Of a microbatch; by default what the model file says, or ``data.rows``.
    train : Hyperparameters, optional
        For a module.
    threads : int
        0: MOTLEY_THREADS, or else all processors.
    settings : mapping of str to str, optional
        Further arguments of ``def model`` in a model file.

    Returns
    -------
    CompiledModel
        With all parameters zero until `CompiledModel.initialise` or `CompiledModel.set_parameters`.
    """
    if isinstance(model, (str, Path)):
        if str(model).endswith(".so"):
            return CompiledModel.load(model, threads)
        model = read_model(model, data or Data(Modalities(text=4096, image=512)), settings, rows)
    if isinstance(model, Module):
        if data is None:
            raise Error("compile needs the data description of a module; expected compile(model, data)")
        model = ModelText(type(model).__name__, trace(model, data, rows, train), train or Hyperparameters())
    return CompiledModel(native.jit(model.text, model.path), threads)
