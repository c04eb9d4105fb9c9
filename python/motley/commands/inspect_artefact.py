"""``motley inspect m.so``: what the manifest of an artefact says."""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from typing import Any

from .. import native
from ..counts import human, human_bytes

Manifest = dict[str, Any]


def run(options: argparse.Namespace) -> None:
    """Print the report, or with --json the manifest itself."""
    artifact = native.load(options.model)
    print(
        artifact.manifest
        if options.json
        else "\n".join(report(json.loads(artifact.manifest), options.model, artifact.level, options.variables))
    )


def report(manifest: Manifest, path: str, level: str, variables: bool) -> list[str]:
    """Return the lines of the report."""
    lines = [
        f"artefact    {path} (ABI {manifest['abi']}, kernels for {level} on this machine)",
        f"rows        {manifest['rows']} in a microbatch",
        "modalities  "
        + ", ".join(f"{one['name']} (ids {one['begin']} to {one['end']})" for one in manifest["modalities"]),
        f"losses      {', '.join(manifest['losses'])}",
        "",
    ]
    lines += _parameters(manifest) + [""] + _steps(manifest) + [""] + _kernels(manifest) + [""] + _banks(manifest)
    if variables:
        lines += ["", "variables"]
        lines += [
            f"  {member['variable']:<40} {member['shape']} in {bank['bank']}[{member['member']}]"
            for bank in manifest["state"]
            for member in bank["members"]
        ]
    return lines


def _parameters(manifest: Manifest) -> list[str]:
    members = [member for bank in manifest["state"] for member in bank["members"]]
    matrices = sum(math.prod(member["shape"]) for member in members if len(member["shape"]) == 2)
    vectors = sum(math.prod(member["shape"]) for member in members if len(member["shape"]) == 1)
    return [
        f"parameters  {matrices:,} ({human(matrices)}) in matrices, {vectors:,} in gains and biases, "
        f"{len(members)} variables"
    ]


def _steps(manifest: Manifest) -> list[str]:
    lines = [f"{'steps':<14}{'launches':>10}{'arena':>14}{'FLOPs':>12}{'traffic':>14}"]
    for one in manifest["functions"]:
        lines.append(
            f"  {one['name']:<12}{one['launches']:>10}{human_bytes(one['arena_bytes']):>14}{human(one['flops']):>12}"
            f"{human_bytes(one['bytes']):>14}"
        )
    lines.append("  (of one call with all rows live)")
    return lines


def _kernels(manifest: Manifest) -> list[str]:
    families = Counter(one["family"] for one in manifest["kernels"])
    scratch = max((one["scratch_bytes"] for one in manifest["kernels"]), default=0)
    lines = [f"kernels     {len(manifest['kernels'])}, at most {human_bytes(scratch)} of scratch a thread"]
    return lines + [f"  {family:<28}{number:>6}" for family, number in families.most_common()]


def _banks(manifest: Manifest) -> list[str]:
    arena = max((one["arena_bytes"] for one in manifest["functions"]), default=0)
    state = sum(_bytes(bank) * len(bank["slots"]) for bank in manifest["state"])
    lines = [
        f"memory      {human_bytes(state)} of state, {human_bytes(arena)} of arena",
        f"banks       {len(manifest['state'])}",
    ]
    for bank in manifest["state"]:
        slots = f"{', '.join(bank['slots'])}  {human_bytes(_bytes(bank))} each"
        lines.append(f"  {bank['bank']:<36} {str(bank['shape']):<24} {slots}")
    return lines


def _bytes(bank: dict[str, Any]) -> int:
    return math.prod(bank["shape"]) * {"f32": 4, "bf16": 2}[bank["dtype"]]
