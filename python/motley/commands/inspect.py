"""``motley inspect``: what a model costs, before anything is allocated, and what an artefact holds."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..counts import Count, Counts, count, human, human_bytes
from ..level1 import Program, read_program
from . import options as common

VERB = "inspect"
HELP = "show parameters (total, active), steps, kernels, banks, memory plan, FLOPs and bytes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("model", metavar="MODEL.py|MODEL.mlir|m.so")
    common.add_model_options(parser, data="optional")
    parser.add_argument("--variables", action="store_true", help="list every variable")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: argparse.Namespace) -> None:
    """Inspect a model file or an artefact."""
    if options.model.endswith(".so"):
        from . import inspect_artefact

        inspect_artefact.run(options)
        return
    model = common.load(options, options.model)
    program = read_program(model.text, model.path)
    counts = count(program)
    print(
        json.dumps(as_json(model.path, program, counts))
        if options.json
        else "\n".join(report(model.path, program, counts, options.variables))
    )


def as_json(path: str, program: Program, counts: Counts) -> dict[str, Any]:
    """Return everything that the report says."""
    return {
        "model": path,
        "rows": counts.rows,
        "modalities": [{"name": one.name, "begin": one.begin, "end": one.end} for one in program.modalities],
        "parameters": {
            "total": _count_json(counts.total),
            "routers": _count_json(counts.routers),
            "active": {name: _count_json(one) for name, one in counts.active.items()},
            "active_is_bound": counts.is_bound,
        },
        "flops_per_row": {"matrices": counts.matrix_flops, "attention": counts.attention_flops},
        "state_bytes": counts.state_bytes,
        "variables": {name: list(shape) for name, shape in program.shapes.items()},
    }


def _count_json(one: Count) -> dict[str, int]:
    return {"matrices": one.matrices, "vectors": one.vectors}


def report(path: str, program: Program, counts: Counts, variables: bool) -> list[str]:
    """Return the lines of the report."""
    lines = [
        f"model       {path}",
        f"rows        {counts.rows} in a microbatch",
        "modalities  " + ", ".join(f"{one.name} (ids {one.begin} to {one.end})" for one in program.modalities),
        "",
        f"{'parameters':<24}{'matrices':>18}{'':>9}{'gains, biases':>16}",
        _row("total", counts.total),
    ]
    if counts.routers.matrices:
        lines.append(_row("of them in routers", counts.routers))
    active = "at most" if counts.is_bound else "active"  # rows decide how many experts they take
    lines += [_row(f"{active} for {name}", one) for name, one in counts.active.items()]
    lines += ["", f"{'FLOPs of a row, forward':<24}{'matrices':>18}{'':>9}{'attention':>16}"]
    lines += [
        f"  {name:<22}{flops:>18,}{_short(flops)}{counts.attention_flops:>16,}"
        for name, flops in counts.matrix_flops.items()
    ]
    lines += [
        "  (attention: mean over one causal document of all rows; a training step is three times the forward)",
    ]
    if counts.is_bound:
        lines.append("  (rows decide how many experts they take: counted as if they took all of them)")
    lines += [
        "",
        f"state       {human_bytes(counts.state_bytes)}: parameters, gradients and two moments in fp32",
        "steps, kernels, banks and memory plan: compile the model and inspect the artefact",
    ]
    if variables:
        lines += ["", "variables"]
        lines += [f"  {name:<40} [{', '.join(map(str, shape))}]" for name, shape in program.shapes.items()]
    return lines


def _row(name: str, one: Count) -> str:
    return f"  {name:<22}{one.matrices:>18,}{_short(one.matrices)}{one.vectors:>16,}"


def _short(number: int) -> str:
    return f"{f'({human(number, 2 if number >= 1e9 else 1)})':>9}"
