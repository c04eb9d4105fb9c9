"""``motley train``: a model file and a data set to a run directory with log and checkpoints."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import re
import sys
from pathlib import Path
from typing import Any

from .. import native
from ..compiled import CompiledModel
from ..errors import Error
from ..hyperparameters import SCHEDULES, Hyperparameters, Points, read_points
from ..trainer import Report, Trainer
from . import options as common

VERB = "train"
HELP = "train a model on a data set"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("model", metavar="MODEL.py|MODEL.mlir|m.so")
    common.add_model_options(parser, data="required")
    parser.add_argument("--steps", type=common.positive, required=True, metavar="N", help="of the whole run")
    parser.add_argument("--out", required=True, metavar="RUN", help="directory of log and checkpoints")
    parser.add_argument(
        "--from", dest="start_from", metavar="CHECKPOINT", help="begin with its parameters; see motley convert"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint in RUN")
    parser.add_argument(
        "--seed", type=common.not_negative, default=0, metavar="S", help="of initial values and data order"
    )
    parser.add_argument("--threads", type=common.not_negative, default=0, metavar="T", help="0: all processors")
    parser.add_argument(
        "--learning-rate",
        type=float,
        metavar="X",
        help="at the peak; by default what the model file says, or said when it was compiled",
    )
    parser.add_argument("--warmup", type=common.not_negative, metavar="N", help="steps of linear warm-up")
    parser.add_argument("--schedule", choices=SCHEDULES)
    parser.add_argument("--microbatches", type=common.positive, metavar="N", help="in a step")
    parser.add_argument(
        "--checkpoint-interval", type=common.not_negative, default=0, metavar="N", help="steps; 0: only at the end"
    )
    parser.add_argument("--keep-checkpoints", type=common.not_negative, default=3, metavar="N", help="0: all")
    parser.add_argument(
        "--eval-interval", type=common.not_negative, default=0, metavar="N", help="steps; 0: only at the end"
    )
    parser.add_argument(
        "--heldout-microbatches", type=common.not_negative, default=0, metavar="N", help="in an evaluation; 0: all"
    )
    parser.add_argument("--eval-ema", action="store_true", help="held-out losses of the averages (ema in 'train')")
    parser.add_argument(
        "--coefficient",
        action="append",
        default=[],
        metavar="NAME=X|NAME=STEP:X,...",
        help="of a loss, over the steps; by default what the model file says; may be repeated",
    )
    parser.add_argument(
        "--balance", metavar="NAME=SHARE,...", help="wished shares of tokens by modality; by default what the model says"
    )
    parser.add_argument(
        "--log-interval", type=common.positive, default=10, metavar="N", help="steps between printed lines"
    )


def run(options: argparse.Namespace) -> None:
    """Compile in this process and train."""
    out = Path(options.out)
    resume = _resume_from(out, options.resume)
    model, train = prepare(options)
    trainer = Trainer(
        model,
        options.data,
        options.steps,
        out,
        train,
        resume,
        options.seed,
        options.checkpoint_interval,
        options.eval_interval,
        options.heldout_microbatches,
        options.keep_checkpoints,
        options.start_from,
        options.eval_ema,
    )
    if trainer.notice:
        print(trainer.notice, file=sys.stderr)
    if trainer.is_done:
        print(f"'{out}' is done: {trainer.current_step} steps", file=sys.stderr)
        return

    def show(report: Report) -> bool:
        if report["step"] == 1 or report["step"] % options.log_interval == 0 or report["step"] == options.steps:
            print(describe_step(report), flush=True)
        return True

    trainer.run(show)
    if trainer.has_heldout:
        print(describe_evaluation(out / "log.jsonl"))


def _resume_from(out: Path, resume: bool) -> str | bool:
    """Return what `Trainer` resumes from, and refuse to begin where a run is.

    A run may have been killed before its first checkpoint, or between a checkpoint and the file that names it.
    """
    checkpoints = sorted(out.glob("checkpoint-*.safetensors"), key=lambda path: int(path.stem.split("-")[1]))
    if not resume:
        if checkpoints:
            raise Error(f"'{out}' already holds a run; give --resume to go on with it, or another --out", None)
        return False
    if (out / "latest").exists():
        return True
    if checkpoints:
        return str(checkpoints[-1])
    if (out / "log.jsonl").exists():
        print(f"'{out}' has no checkpoint yet: beginning again", file=sys.stderr)
        return False
    raise Error(f"'{out}' holds no run to resume; leave --resume out to begin one", None)


def _keep_model(path: Path, text: str, resume: bool) -> None:
    """Store what is trained with the run, since the model file may change afterwards; refuse to resume another model."""
    if resume and path.exists():
        if _meaning(path.read_text(encoding="utf-8")) != _meaning(text):
            raise Error(
                f"the model is not the one that this run trains, which is '{path}'; "
                "give the same model file, --set and --rows, or another --out",
                None,
            )
        return
    native.write_text(path, text)


def _meaning(text: str) -> str:
    """Leave out where a model was written, the memory of its steps, which changes no number, and settings of a run,
    which are compared one by one where it resumes.
    """
    text = re.sub(r', motley\.settings = "(?:[^"\\]|\\.)*"', "", text)
    return re.sub(r' loc\((?:"[^"]*":\d+:\d+|unknown)\)|, plan\.memory = \d+', "", text)


def prepare(options: argparse.Namespace) -> tuple[CompiledModel, Hyperparameters]:
    """Load or compile the model; the options override what its file says about training."""
    if options.model.endswith(".so"):
        if options.settings or options.rows or options.precision or options.memory:
            raise Error(
                f"'{options.model}' is compiled already; --set, --rows, --precision and --memory are for model files",
                None,
            )
        model = CompiledModel.load(options.model, options.threads)
    else:
        text = common.load(options, options.model)
        os.makedirs(options.out, exist_ok=True)
        _keep_model(Path(options.out) / "model.mlir", text.text, options.resume)
        model = CompiledModel(native.jit(text.text, text.path), options.threads)
    train = Hyperparameters.read(model.manifest.get("settings", {}))
    given: dict[str, Any] = {
        name: getattr(options, name) for name in ("learning_rate", "warmup", "schedule", "microbatches")
    }
    train = dataclasses.replace(train, **{name: value for name, value in given.items() if value is not None})
    if options.coefficient:
        train = dataclasses.replace(train, coefficients={**train.coefficients, **parse_coefficients(options.coefficient)})
    if options.balance is not None:
        train = dataclasses.replace(train, balance=parse_balance(options.balance))
    if options.warmup is None and train.warmup > options.steps:
        print(f"warm-up cut from {train.warmup} to the {options.steps} steps of the run", file=sys.stderr)
        train = dataclasses.replace(train, warmup=options.steps)
    return model, train


def parse_coefficients(given: list[str]) -> dict[str, Points]:
    """Parse ``NAME=X`` and ``NAME=STEP:X,STEP:X``.

    Examples
    --------
    >>> parse_coefficients(["balance=0.01", "other=0:0,100:0.5"])
    {'balance': ((0, 0.01),), 'other': ((0, 0.0), (100, 0.5))}
    """
    found = {}
    for one in given:
        name, equals, text = one.partition("=")
        try:
            points: Any = [
                (int(step), float(value)) for step, colon, value in (part.partition(":") for part in text.split(","))
            ] if ":" in text else float(text)
        except ValueError:
            points = None
        if not equals or not name or points is None:
            raise Error(f"--coefficient has '{one}'; expected NAME=X or NAME=STEP:X,STEP:X", None)
        found[name] = read_points(points, f"coefficient '{name}'")
    return found


def parse_balance(text: str) -> dict[str, float]:
    """Parse ``text=1,image=1``; an empty text means none."""
    shares: dict[str, float] = {}
    for part in text.split(",") if text else []:
        name, equals, share = part.partition("=")
        try:
            shares[name] = float(share)
        except ValueError:
            equals = ""
        if not equals or not shares[name] > 0:
            raise Error(f"--balance has '{part}'; expected NAME=SHARE with a share above 0", None)
    return shares


def describe_losses(losses: dict[str, dict[str, float | None]]) -> str:
    """Spell losses, each with its value for every modality that had a target."""
    parts = []
    for name, values in losses.items():
        known = {one: value for one, value in values.items() if value is not None and not math.isnan(value)}
        by_modality = ", ".join(f"{one} {value:.4f}" for one, value in known.items() if one != "all")
        parts.append(f"{name} {known.get('all', math.nan):.4f} ({by_modality})")
    return "  ".join(parts)


def describe_step(report: Report) -> str:
    """Spell the report of a step in one line."""
    return (
        f"step {report['step']:>6}  {describe_losses(report['losses'])}  norm {report['gradient_norm']:.3f}  "
        f"lr {report['learning_rate']:.2e}  {report['tokens_per_second']:,.0f} tokens/s"
    )


def describe_evaluation(log: Path) -> str:
    """Spell the last evaluation in a run's log in one line; nothing where there is none."""
    found = [json.loads(line) for line in log.read_text().splitlines() if '"heldout"' in line]
    if not found:
        return ""
    heldout = found[-1]["heldout"]
    return (
        f"held out after step {found[-1]['step']}  {describe_losses(heldout['losses'])}  {heldout['tokens']:,} tokens"
    )
