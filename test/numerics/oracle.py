"""Compiled models against the float64 interpreter: the same parameters, the same rows, the same functions.

`Case` takes a model at level 1 through both: the compiler of this process at one level of instructions, and
motley-interp on the text of level 2 (all functions) and of level 1 (the loss). `Case.check` compares the sums of the
losses, the gradient of every variable and one update.

Tolerances have the form |error| <= c * EPS * scale, EPS the unit roundoff of float32. The scale stands for the sum of
the magnitudes that went in, which the interpreter does not report:

loss sums   sum over the rows of weight * |loss|, from the losses by row at level 1; a loss that is a small difference of
            large numbers (cross-entropy: log-sum-exp minus a logit) counts with 1 + |loss|
gradients   |gradient| + the root mean square of the variable's non-zero gradients. Sums over rows are as likely to
            cancel in one element as in another, so what is typical of the variable is what goes into each of its
            elements. Some gradients cancel as a whole: what reaches queries and keys is the difference between a
            row's gradients of its scores and their mean, 0 where a row sees one key alone, and 0 for a bias of keys.
            They also count the gradients of the values, which are made of the terms of that difference.
update      exact input, few operations: |value| + what was added, element by element
"""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

import motley as mt
from motley import native

ROOT = Path(__file__).resolve().parents[2]
EPS = 2.0**-24

# Losses: the logits of a row pass some ten operations with errors of a few EPS each, scaled up by the slopes of the
# softmax and of the norms between them; rows add up like independent errors.
C_LOSS = 16
# Gradients, for each block and the head: forward and back a row passes some thirty operations, whose errors the next
# block hands on beside its own; the length of the sums enters with its root. The scale is typical, not the sum of
# magnitudes, which is sqrt(rows) to rows times as large.
C_GRADIENT = 128
# Moments, parameters and norms: less than ten operations, one of them a reciprocal square root.
C_UPDATE = 16


def levels() -> list[str]:
    """Levels of instructions of this machine."""
    flags = set(Path("/proc/cpuinfo").read_text().split("flags", 1)[1].split("\n", 1)[0].split())
    if not {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags:
        return ["avx2"]
    return ["avx2", "avx512", "avx512_bf16"] if "avx512_bf16" in flags else ["avx2", "avx512"]


LEVELS = levels()


def trace(model: mt.nn.Module, data: mt.Data) -> str:
    """Level 1 of a model whose products are exact to f32, as the tolerances here expect."""
    return mt.trace(model, data, train=mt.Hyperparameters(precision="f32"))


@contextmanager
def environment(**values: str):
    """Set environment variables for as long as the block runs."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


class Compiler:
    """Compiles ahead, on all processors: tests ask in order, and the next models are made while one is checked."""

    def __init__(self):
        self.pool = ThreadPoolExecutor(os.cpu_count())
        self.made: dict[tuple[str, str], Future] = {}

    def prefetch(self, text: str, level: str = LEVELS[-1]) -> None:
        """Begin to compile."""
        if (text, level) not in self.made:
            self.made[text, level] = self.pool.submit(native.compiler().jit, text, "model.mlir", level)

    def table(self, text: str, level: str):
        """Return the machine code."""
        self.prefetch(text, level)
        with native.compiler_failures(text, "model.mlir"):
            return self.made[text, level].result()


compiler = Compiler()


def compiled(text: str, level: str = LEVELS[-1], threads: int = 2) -> mt.CompiledModel:
    """Return a new session of a model at level 1."""
    table = compiler.table(text, level)
    with environment(MOTLEY_LEVEL=level), native.runtime_failures():
        model = mt.CompiledModel(native.runtime().Artifact.from_table(table, "model"), threads)
    assert model.level == level
    return model


def run_tool(name: str, *arguments) -> str:
    """Run a compiler tool; fails with what it said."""
    command = [str(ROOT / "build" / "bin" / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}\n{done.stdout}"
    return done.stdout


def check_differences(text: str, folder: Path, *options: str) -> int:
    """Compare the gradients of level 2 with finite differences in float64, relative to 1e-6; returns how many variables.

    Parameters
    ----------
    text : str
        Level 1.
    options : str
        Of motley-interp; without any, the losses are those of eval.
    """
    source, grouped = folder / "level1.mlir", folder / "level2.mlir"
    source.write_text(text)
    run_tool("motley-opt", "--motley-to-grouped", source, "-o", grouped)
    options = options or ("--gradcheck=eval",)
    said = run_tool("motley-interp", grouped, *options, "--jitter=0.2", "--seed=4", "--tolerance=1e-6")
    summary = re.search(r"largest error (\S+) over (\d+) variables, 0 wrong, 0 unused", said)
    assert summary, said
    report({"gradcheck": float(summary[1])})
    return int(summary[2])


def random_rows(modalities: mt.Modalities, rows: int, live: int, seed: int = 0, among=None) -> dict:
    """Make a microbatch of several documents and spans with random weights; some rows have no target.

    Parameters
    ----------
    among : sequence of int, optional
        Modalities that occur; by default all.
    """
    generator = np.random.default_rng(seed)
    among = list(range(len(modalities)) if among is None else among)
    ranges = [(one.begin, one.end) for one in modalities]
    field = {
        name: np.full(rows, -7, np.int32)
        for name in ("token", "target", "modality", "document", "span", "order", "position", "index")
    }
    document, order, position, span, modality = -1, 0, 0, -1, among[0]
    for row in range(live):
        begins = row == 0 or generator.random() < 0.1
        if begins:
            document, order, position = document + 1, 0, 0
        if begins or generator.random() < 0.25:
            modality = among[row % len(among)] if row < len(among) else int(generator.choice(among))
            span += modality > 0
        field["token"][row] = generator.integers(*ranges[modality])
        field["modality"][row] = modality
        field["document"][row] = document
        field["span"][row] = span if modality > 0 else -1
        field["order"][row], field["position"][row] = order, position
        field["index"][row] = 1000 + row
        order += 1
        position += int(generator.integers(1, 3))  # positions need not be the order
    target = field["target"]
    for row in range(live):
        last = row + 1 == live or field["document"][row + 1] != field["document"][row]
        target[row] = -1 if last or generator.random() < 0.1 else field["token"][row + 1]
    weight = np.full(rows, np.nan, np.float32)
    weight[:live] = 0.5 + generator.random(live, np.float32)
    return {**field, "weight": weight, "live": live}


@dataclass
class Ratio:
    """The largest |error| / (EPS * scale) of a quantity, and where."""

    quantity: str
    value: float
    where: str


class Case:
    """One model and one microbatch, compiled and interpreted.

    Parameters
    ----------
    text : str
        Level 1.
    modalities : Modalities
    rows : dict
        A microbatch.
    folder : Path
        For the files of the interpreter.
    level : str
        Of the instructions.
    blocks : int
        Depth of the model.
    scalars : dict of str to number, optional
        Coefficients of the losses; where there is noise, the ``seed`` and ``step`` of accumulate.
    """

    def __init__(
        self, text, modalities, rows, folder, level=LEVELS[-1], blocks=1, threads=2, seed=3, scalars=None
    ):
        self.scalars = dict(scalars or {})
        self.is_noisy = "seed" in self.scalars
        self.coefficients = {name: value for name, value in self.scalars.items() if name not in ("seed", "step")}
        self.c_gradient = C_GRADIENT * (blocks + 1)
        self.text, self.modalities, self.rows, self.folder = text, modalities, rows, Path(folder)
        with environment(MOTLEY_POISON="1"):
            self.model = compiled(text, level, threads)
        self.model.initialise(seed)
        self.perturb(seed)
        self.normaliser = weight_sum(rows)
        (self.folder / "args").mkdir(parents=True, exist_ok=True)
        (self.folder / "level1.mlir").write_text(text)

    def perturb(self, seed: int) -> None:
        """Move gains off 1 and biases off 0, where a wrong use of them would not show."""
        generator = np.random.default_rng(seed)
        self.parameters = self.model.parameters()
        for name, value in self.parameters.items():
            if value.ndim == 1:
                value += generator.uniform(-0.3, 0.3, value.shape).astype(np.float32)
        self.model.set_parameters(self.parameters)

    @cached_property
    def level2(self) -> Path:
        """The file of level 2."""
        path = self.folder / "level2.mlir"
        run_tool("motley-opt", "--motley-to-grouped", self.folder / "level1.mlir", "-o", path)
        return path

    def interpret(self, function: str, file: Path | None = None, state=None, **scalars) -> dict:
        """Run a function of the interpreter: its results as a list under "results", and the slots of the variables."""
        source = file or self.level2
        inputs, outputs = self.folder / "in", self.folder / "out"
        for folder in (inputs, outputs):
            run(["rm", "-rf", folder])
        (inputs / "args").mkdir(parents=True)
        for slot, values in (state or {"param": self.parameters}).items():
            (inputs / slot).mkdir()
            for name, value in values.items():
                np.save(inputs / slot / f"{name}.npy", np.ascontiguousarray(value))
        for name, value in self.rows.items():
            np.save(inputs / "args" / f"{name}.npy", np.int32(value) if name == "live" else value)
        signature = signature_of(source.read_text(), function)
        for index, name in enumerate(signature):
            if name in scalars:
                np.save(inputs / "args" / f"{index}.npy", scalars[name])
            elif name in self.scalars:
                kind = np.int64 if name in ("seed", "step") else np.float32
                np.save(inputs / "args" / f"{index}.npy", kind(self.scalars[name]))
        run_tool("motley-interp", source, f"--function={function}", f"--inputs={inputs}", f"--outputs={outputs}")
        found = {"results": []}
        while (outputs / "results" / f"{len(found['results'])}.npy").exists():
            found["results"].append(np.load(outputs / "results" / f"{len(found['results'])}.npy"))
        for slot in ("param", "grad", "m", "v"):
            found[slot] = {name: np.load(outputs / slot / f"{name}.npy") for name in self.parameters}
        return found

    # Losses

    @cached_property
    def losses_by_row(self) -> np.ndarray:
        """Losses of level 1, [loss, live]."""
        live = self.rows["live"]
        file = self.folder / "level1.live.mlir"
        argument = "%live: i32 {motley.field = #motley.field<live>}, "
        file.write_text((self.folder / "level1.mlir").read_text().replace("@loss(", "@loss(" + argument, 1))
        results = self.interpret("loss", file)["results"]
        return np.stack([one[:live] for one in results])

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Weighted sums [loss, modality of the target] of values by row."""
        live = self.rows["live"]
        target, weight = self.rows["target"][:live], self.rows["weight"][:live].astype(np.float64)
        columns = [(target >= one.begin) & (target < one.end) for one in self.modalities]
        return np.stack([(values[:, rows] * weight[rows]).sum(-1) for rows in columns], -1)

    def check_losses(self) -> list[Ratio]:
        """Compare the sums of eval with both levels of the oracle."""
        expected = self.sums(self.losses_by_row)
        (level2,) = self.interpret("eval")["results"]
        np.testing.assert_allclose(level2, expected, rtol=1e-12, atol=1e-12, err_msg="level 2 against level 1")
        scale = self.sums(np.abs(self.losses_by_row) + 1)
        return [self.ratio_of_sums("eval", self.model.eval(self.rows, self.coefficients), expected, scale)]

    def ratio_of_sums(self, what, found, expected, scale) -> Ratio:
        found = np.array([list(one.values()) for one in found.values()])
        return largest(f"losses of {what}", found - expected, scale, C_LOSS, "losses by modality")

    # Gradients

    def check_gradients(self) -> list[Ratio]:
        """Compare what accumulate writes: overwriting what was there (NaN), then adding to it."""
        if self.normaliser == 0:
            return []
        scalars = {"add": np.bool_(False), "inverse_normaliser": np.float32(1 / self.normaliser)}
        results = self.interpret("accumulate", **scalars)
        self.expected = results["grad"]
        for name, value in self.parameters.items():
            self.model.session.write(name, "grad", np.full(value.shape, np.nan, np.float32))
        sums = self.model.accumulate(self.rows, normaliser=self.normaliser, scalars=self.scalars)
        same = sums == self.model.eval(self.rows, self.coefficients)
        assert same != self.is_noisy, "eval and accumulate report different sums, or the same with noise"
        self.found = self.model.gradients()
        ratios = [self.ratio_of_gradient(name, self.found[name]) for name in self.parameters]
        scale = self.sums(np.abs(self.losses_by_row) + 1)
        ratios.append(self.ratio_of_sums("accumulate", sums, results["results"][0], scale))
        self.model.accumulate(self.rows, add=True, normaliser=self.normaliser, scalars=self.scalars)
        for name, twice in self.model.gradients().items():
            # The second microbatch is the same as the first: each element is rounded once or, where rows are added to
            # the sum one after the other, as often as the sum is long.
            error = twice.astype(np.float64) - 2 * self.found[name].astype(np.float64)
            ratios.append(largest("sum of two gradients", error, self.scale(name) * 2, self.c_gradient, name))
        return ratios

    def scale(self, name: str) -> np.ndarray:
        """What goes into the gradient of a variable, about."""
        expected = np.abs(self.expected[name])
        typical = typical_size(expected)
        score = re.fullmatch(r"(.*\b)[qk](_norm)?(\..*)?", name)
        if score:
            values = [other for other in self.expected if re.fullmatch(rf"{re.escape(score[1])}v(\..*)?", other)]
            typical += max(typical_size(np.abs(self.expected[other])) for other in values)
        return expected + typical

    def ratio_of_gradient(self, name: str, found: np.ndarray) -> Ratio:
        error = found.astype(np.float64) - self.expected[name]
        return largest("gradients", error, self.scale(name), self.c_gradient, name)

    # Update

    def check_update(self, learning_rate=0.01, step=3, seed=11) -> list[Ratio]:
        """Compare one step of AdamW from random gradients and moments."""
        generator = np.random.default_rng(seed)
        state = {"param": self.parameters, "grad": {}, "m": {}, "v": {}}
        for name, value in self.parameters.items():
            state["grad"][name] = generator.normal(size=value.shape).astype(np.float32)
            state["m"][name] = generator.normal(size=value.shape).astype(np.float32)
            state["v"][name] = (generator.random(size=value.shape) + 1e-3).astype(np.float32)
        for slot, values in state.items():
            for name, value in values.items():
                self.model.session.write(name, slot, value)
        rate = np.float32(learning_rate)
        expected = self.interpret("update", state=state, learning_rate=rate, step=np.int64(step))
        norm = self.model.update(float(rate), step)
        (expected_norm,) = expected["results"][0]
        ratios = [largest("norm", np.array([norm - expected_norm]), np.array([expected_norm]), C_UPDATE, "")]
        for slot in ("param", "m", "v"):
            for name in self.parameters:
                before, after = state[slot][name].astype(np.float64), expected[slot][name]
                found = self.model.session.read(name, slot).astype(np.float64)
                # m and v: a product and a sum of both. The parameter: its own size, and that of the step.
                scale = np.abs(before) + np.abs(after - before)
                ratios.append(largest(f"update of {slot}", found - after, scale, C_UPDATE, name))
        self.model.set_parameters(self.parameters)
        return ratios

    def check(self) -> dict[str, float]:
        """Compare everything; returns the largest ratio of each quantity."""
        ratios = self.check_losses() + self.check_gradients() + self.check_update()
        found: dict[str, float] = {}
        for one in ratios:
            found[one.quantity] = max(found.get(one.quantity, 0.0), one.value)
        report(found)
        return found


def run(command) -> None:
    """Run a plain command."""
    subprocess.run(list(map(str, command)), check=True)


def weight_sum(rows: dict) -> float:
    """Sum of the weights of the live rows with a target."""
    live = rows["live"]
    return float(rows["weight"][:live][rows["target"][:live] >= 0].sum(dtype=np.float64))


def typical_size(magnitudes) -> float:
    """Root mean square of what is not 0."""
    magnitudes = np.asarray(magnitudes)
    some = magnitudes[magnitudes > 0]
    return float(np.sqrt((some**2).mean())) if some.size else 0.0


def largest(quantity: str, error: np.ndarray, scale: np.ndarray, c: float, where: str) -> Ratio:
    """Check |error| <= c * EPS * scale element by element, exact zeros included."""
    assert np.isfinite(error).all(), f"{quantity} {where}: not finite at {np.argwhere(~np.isfinite(error))[0]}"
    error = np.abs(error)
    exact = scale == 0
    assert (error[exact] == 0).all(), f"{quantity} {where}: expected 0, got {error[exact].max()}"
    if exact.all():
        return Ratio(quantity, 0.0, where)
    ratios = error[~exact] / (EPS * scale[~exact])
    worst = float(ratios.max())
    assert worst <= c, (
        f"{quantity} {where}: error {error[~exact][ratios.argmax()]:.3e} of scale {scale[~exact][ratios.argmax()]:.3e} "
        f"is {worst:.1f} roundings, expected at most {c}"
    )
    return Ratio(quantity, worst, where)


def signature_of(text: str, function: str) -> list[str]:
    """Names of the arguments of a function: fields and scalars in order."""
    header = text.split(f"func.func @{function}(", 1)[1].split("{\n", 1)[0]
    names = []
    for argument in header.split("%")[1:]:
        field = argument.partition("motley.field<")[2].partition(">")[0]
        scalar = argument.partition('motley.scalar = "')[2].partition('"')[0]
        names.append(field or scalar)
    return names


REPORT: dict[str, float] = {}


def report(found: dict[str, float]) -> None:
    """Remember the largest ratios of the whole run, for the summary."""
    for quantity, value in found.items():
        REPORT[quantity] = max(REPORT.get(quantity, 0.0), value)
