"""``motley bench step``: the time of a training step of each model, taken in turns in one process."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from typing import Any

from ..compiled import CompiledModel, compile
from ..hyperparameters import Hyperparameters
from ..modalities import Data, Modalities
from . import bench_models
from . import options as common

HELP = "time a training step of several models, interleaved, on random rows with an equal share of each modality"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    bench_models.add_arguments(parser, size="94M")
    parser.add_argument("--rows", type=common.positive, default=2048, metavar="R", help="tokens in a step")
    parser.add_argument("--steps", type=common.positive, default=10, metavar="N", help="timed steps of each model")
    parser.add_argument("--warmup", type=common.not_negative, default=2, metavar="N", help="steps before")
    parser.add_argument("--vocabulary", type=common.positive, default=4608, metavar="V")
    parser.add_argument("--document", type=common.positive, default=256, metavar="N", help="tokens in a document")
    parser.add_argument("--threads", type=common.not_negative, default=0, metavar="T", help="0: all processors")
    parser.add_argument(
        "--profile", action="store_true", help="list the costliest kernels of each model, from further steps"
    )


class Contender:
    """One model of the comparison and its times."""

    def __init__(self, kind: str, data: Data, options: argparse.Namespace):
        self.kind = kind
        self.model: CompiledModel = compile(
            bench_models.build(kind, data, options.size),
            data,
            options.rows,
            Hyperparameters(precision=options.precision),
            options.threads,
        )
        self.model.initialise(seed=1)
        self.step = 0
        self.seconds: list[float] = []

    def train_step(self, rows: dict[str, Any]) -> float:
        """Run forward, backward and update once; returns the seconds."""
        self.step += 1
        begin = time.perf_counter()
        self.model.accumulate(rows)
        self.model.update(learning_rate=1e-4, step=self.step)
        return time.perf_counter() - begin


def run(options: argparse.Namespace) -> None:
    """Time the models and print one line for each."""
    from ..rows import random_rows

    kinds = bench_models.parse_kinds(options.models)
    image = max(1, options.vocabulary // 9)
    data = Data(Modalities(text=options.vocabulary - image, image=image), options.rows)
    contenders = [Contender(kind, data, options) for kind in kinds]
    load = os.getloadavg()
    total = options.warmup + options.steps
    for index in range(total):
        rows = random_rows(data.modalities, options.rows, seed=index, document=options.document)
        # Whoever comes first in a round comes last in the next, so that a drift of the machine meets all alike.
        for one in contenders if index % 2 else reversed(contenders):
            seconds = one.train_step(rows)
            if index >= options.warmup:
                one.seconds.append(seconds)
    base = next((one for one in contenders if one.kind == "dense"), contenders[0])
    for one in contenders:
        print(line(one, base, options, load))
        if options.profile:
            _print_profile(one, random_rows(data.modalities, options.rows, 0, options.document))


def line(one: Contender, base: Contender, options: argparse.Namespace, load: tuple[float, float, float]) -> str:
    """Spell a result. The ratio is the median over rounds of the two steps of one round."""
    step_s = statistics.median(one.seconds)
    ratio = statistics.median(own / other for own, other in zip(one.seconds, base.seconds))
    found = {
        "model": one.kind,
        "size": options.size,
        "tokens": options.rows,
        "step_s": round(step_s, 5),
        f"ratio_to_{base.kind}": round(ratio, 4),
        "tokens_per_s": round(options.rows / step_s, 1),
        "steps": options.steps,
        "threads": one.model.session.threads,
        "level": one.model.level,
        "precision": options.precision,
        "load_average": [round(value, 2) for value in load],
        "spread_s": [round(min(one.seconds), 5), round(max(one.seconds), 5)],
    }
    if options.json:
        return json.dumps(found)
    return (  # tokens a second and what is lost of the base's, as in table 2 of MoMa (arXiv 2407.21770)
        f"{one.kind:<14} {step_s:8.4f} s a step of {options.rows} tokens, {found['tokens_per_s']:>9,.0f} tokens/s, "
        f"{100 / ratio - 100:+6.1f} %, {ratio:.3f} of {base.kind}"
    )


def _print_profile(one: Contender, rows: dict[str, Any]) -> None:
    session = one.model.session
    session.set_profiling(True)
    repeats = 3
    for _ in range(repeats):
        one.train_step(rows)
    total = sum(seconds for *_, seconds in session.profile()) or 1.0
    for name, family, calls, seconds in session.profile()[:20]:
        share = f"{seconds / repeats * 1e3:9.2f} ms {100 * seconds / total:5.1f} %"
        print(f"  {share}  {calls // repeats:>4} calls  {family}  {name}", file=sys.stderr)
    session.set_profiling(False)
