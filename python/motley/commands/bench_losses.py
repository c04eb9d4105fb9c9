"""``motley bench losses``: held-out losses of models of equal FLOPs, per modality, over several seeds."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from typing import Any

from ..compiled import compile
from ..hyperparameters import Hyperparameters
from ..modalities import Data
from ..trainer import Report, Trainer
from . import bench_models
from . import options as common

HELP = "train several models of equal FLOPs on one data set over several seeds and compare their held-out losses"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    bench_models.add_arguments(parser, size="tiny")
    parser.add_argument("--data", required=True, metavar="DIR")
    parser.add_argument("--steps", type=common.positive, default=200, metavar="N")
    parser.add_argument("--rows", type=common.positive, default=2048, metavar="R", help="tokens in a step")
    parser.add_argument("--seeds", type=common.positive, default=3, metavar="N")
    parser.add_argument("--learning-rate", type=float, default=1e-3, metavar="X")
    parser.add_argument("--warmup", type=common.not_negative, metavar="N", help="by default a tenth of the steps")
    parser.add_argument("--heldout-microbatches", type=common.not_negative, default=0, metavar="N", help="0: all")
    parser.add_argument("--threads", type=common.not_negative, default=0, metavar="T", help="0: all processors")


def run(options: argparse.Namespace) -> None:
    """Train each model with each seed and print the losses as they come out."""
    kinds = bench_models.parse_kinds(options.models)
    data = Data.load(options.data, options.rows)
    warmup = options.steps // 10 if options.warmup is None else options.warmup
    settings = {"learning_rate": options.learning_rate, "warmup": warmup, "rows": options.rows}
    train = Hyperparameters.read({**settings, "precision": options.precision})
    found = {kind: [_train(kind, seed, data, train, options) for seed in range(options.seeds)] for kind in kinds}
    for kind in kinds:
        result = summarise(kind, found[kind], found[kinds[0]], options)
        print(json.dumps(result) if options.json else "\n".join(_table(result, kinds[0])))


def _train(kind: str, seed: int, data: Data, train: Hyperparameters, options: argparse.Namespace) -> Report:
    model = compile(bench_models.build(kind, data, options.size), data, options.rows, train, options.threads)
    trainer = Trainer(
        model, options.data, options.steps, train=train, seed=seed, heldout_microbatches=options.heldout_microbatches
    )
    while not trainer.is_done:
        trainer.step()
    report = trainer.evaluate()
    print(f"{kind}, seed {seed}: held-out ce {report['losses']['ce']['all']:.4f}", file=sys.stderr, flush=True)
    return report


def losses_of(report: Report) -> dict[str, float]:
    """Return the cross-entropy of an evaluation: all, then each modality."""
    return report["losses"]["ce"]


def summarise(kind: str, reports: list[Report], base: list[Report], options: argparse.Namespace) -> dict[str, Any]:
    """Return mean and values over the seeds, and the difference to the first model, paired by seed."""
    result: dict[str, Any] = {
        "model": kind,
        "size": options.size,
        "steps": options.steps,
        "tokens_per_step": options.rows,
        "seeds": options.seeds,
        "precision": options.precision,
        "heldout_ce": {},
    }
    for name in losses_of(reports[0]):
        values = [losses_of(one)[name] for one in reports]
        differences = [value - losses_of(other)[name] for value, other in zip(values, base)]
        result["heldout_ce"][name] = {
            "mean": statistics.fmean(values),
            "values": values,
            "difference": statistics.fmean(differences),
            "differences": differences,
        }
    return result


def _table(result: dict[str, Any], base: str) -> list[str]:
    lines = [
        f"{result['model']} ({result['size']}, {result['steps']} steps of {result['tokens_per_step']} tokens, "
        f"{result['seeds']} seeds)"
    ]
    for name, one in result["heldout_ce"].items():
        values = ", ".join(f"{value:.4f}" for value in one["values"])
        lines.append(f"  {name:<10} {one['mean']:.4f}  ({values})  {one['difference']:+.4f} to {base}")
    return lines
