"""Prints the held-out losses of finished runs side by side, by modality of the target, and draws their curves.

compare_runs.py RUN RUN ... --out losses.png
"""

import argparse
import json
from pathlib import Path

from motley.plot import plot_losses


def read_log(run: Path) -> list[dict]:
    with open(run / "log.jsonl", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def last_heldout(log: list[dict]) -> dict:
    return [line for line in log if "heldout" in line][-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="PNG of the curves")
    options = parser.parse_args()

    logs = {run.name: read_log(run) for run in options.runs}
    modalities = list(last_heldout(next(iter(logs.values())))["heldout"]["losses"]["ce"])
    print(f"{'held-out cross-entropy, nats per token':40}" + "".join(f"{name:>10}" for name in modalities))
    for name, log in logs.items():
        line = last_heldout(log)
        losses = line["heldout"]["losses"]["ce"]
        cells = "".join(f"{losses[modality]:10.4f}" for modality in modalities)
        print(f"{name + ', step ' + str(line['step']):40}{cells}")
    plot_losses(options.runs, options.out)
    print(f"curves: {options.out}")


if __name__ == "__main__":
    main()
