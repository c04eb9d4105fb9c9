"""Pictures for people: loss curves of runs side by side; sheets of small pictures are `data.sheet`'s."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Sequence

from .data.errors import DataError, require_package
from .data.sheet import contact_sheet
from .data.writing import write_picture

__all__ = ["Curves", "contact_sheet", "plot_losses", "read_curves"]

# Distinct in hue and in lightness, also for colour-blind readers (after Okabe and Ito).
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_INK, _GRID = "#333333", "#DDDDDD"


@dataclass
class Curves:
    """The losses of one run.

    Attributes
    ----------
    name : str
        The run's directory.
    training, heldout : dict
        For each modality, the points (step, loss in nats per token) in the order of the steps.
    """

    name: str
    training: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    heldout: dict[str, list[tuple[int, float]]] = field(default_factory=dict)


def read_curves(run: Path | str, loss: str = "ce") -> Curves:
    """Read RUN/log.jsonl.

    Parameters
    ----------
    run : path
        A run directory.
    loss : str
        Which loss.

    Raises
    ------
    DataError
        There is no log, a line that is not the last is no JSON, or no line has the loss.
    """
    path = Path(run) / "log.jsonl"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"cannot read '{path}': {error.strerror}; expected the directory of a run") from error
    curves = Curves(Path(run).resolve().name)
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
        except ValueError as error:
            if number == len(lines):  # the run is writing it
                break
            raise DataError(f"{path}:{number}: is not JSON: {error}") from error
        if not isinstance(entry, dict) or not isinstance(entry.get("step"), int):
            continue
        heldout = entry.get("heldout")
        _add(curves.training, entry["step"], (entry.get("losses") or {}).get(loss))
        if isinstance(heldout, dict):
            _add(curves.heldout, entry["step"], heldout.get("losses", heldout).get(loss))
    if not curves.training and not curves.heldout:
        raise DataError(f"'{path}' has no loss '{loss}'")
    return curves


def _add(into: dict[str, list[tuple[int, float]]], step: int, by_modality: Any) -> None:
    for modality, value in by_modality.items() if isinstance(by_modality, dict) else ():
        # No value (null) where a step had no target of the modality.
        if isinstance(value, (int, float)) and math.isfinite(value):
            into.setdefault(modality, []).append((step, float(value)))


def plot_losses(
    runs: Sequence[Path | str], out: Path | str, *, names: Sequence[str] | None = None, loss: str = "ce"
) -> None:
    """Plot the losses of runs side by side: one panel for each modality.

    Training losses are thin lines under a running mean, held-out losses are lines with dots. Each run has a label at
    the end of its line.

    Parameters
    ----------
    runs : sequence of path
        Run directories, for example of a dense model and of a mixture of transformers.
    out : path
        PNG, PDF or SVG, by its suffix.
    names : sequence of str, optional
        What to call the runs; by default the names of their directories.
    loss : str
        Which loss.

    Raises
    ------
    DataError
        A log is missing or malformed, or the file cannot be written.
    """
    if not runs:
        raise DataError("no runs to plot; expected at least one run directory")
    if names is not None and len(names) != len(runs):
        raise DataError(f"{len(names)} names for {len(runs)} runs; expected one for each")
    curves = [read_curves(run, loss) for run in runs]
    for curve, name in zip(curves, names or ()):
        curve.name = name
    modalities = list(dict.fromkeys(name for one in curves for name in (*one.training, *one.heldout)))
    require_package("matplotlib", "matplotlib")
    # A figure of its own, without pyplot: no display, no global state.
    figure = require_package("matplotlib.figure", "matplotlib").Figure(
        figsize=(1.2 + 5.2 * len(modalities), 4.4), layout="constrained"
    )
    panels = figure.subplots(1, len(modalities), squeeze=False)[0]
    for panel, modality in zip(panels, modalities):
        _draw_panel(panel, modality, curves)
    panels[0].set_ylabel(f"{'cross-entropy' if loss == 'ce' else loss} (nats per token)", color=_INK)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    write_picture(Path(out), lambda file, kind: figure.savefig(file, format=kind, dpi=150))


def _draw_panel(panel: Any, modality: str, curves: Sequence[Curves]) -> None:
    ends = []
    shown: list[float] = []
    for index, curve in enumerate(curves):
        colour = _COLOURS[index % len(_COLOURS)]
        training, heldout = curve.training.get(modality, []), curve.heldout.get(modality, [])
        if training:
            steps, values = zip(*training)
            smooth = running_mean(values)
            panel.plot(steps, values, color=colour, linewidth=0.6, alpha=0.25)
            panel.plot(steps, smooth, color=colour, linewidth=1.3, alpha=0.75, label=f"{curve.name}, training")
            shown += smooth
        if heldout:
            steps, values = zip(*heldout)
            panel.plot(
                steps,
                values,
                color=colour,
                linewidth=1.6,
                marker="o",
                markersize=4.5,
                markeredgecolor="white",
                markeredgewidth=0.8,
                label=f"{curve.name}, held out",
            )
            shown += values
        last = (heldout or training)[-1:]
        ends += [(step, value, curve.name, colour) for step, value in last]
    if shown:
        margin = 0.06 * (max(shown) - min(shown)) or 0.1
        panel.set_ylim(min(shown) - margin, max(shown) + margin)
    _label_ends(panel, ends)
    panel.set_title(modality, color=_INK, fontsize=12, loc="left")
    panel.set_xlabel("step", color=_INK)
    panel.grid(color=_GRID, linewidth=0.6)
    panel.set_axisbelow(True)
    panel.tick_params(colors=_INK, length=3)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


def _label_ends(panel: Any, ends: Sequence[tuple[int, float, str, str]]) -> None:
    """Write name and value to the right of each line's end, pushed apart where they would overlap."""
    low, high = panel.get_ylim()
    gap = 0.055 * (high - low)  # height of a label
    ordered = sorted(ends, key=lambda end: end[1])
    places = spread([value for _, value, _, _ in ordered], gap)
    for (step, value, name, colour), place in zip(ordered, places):
        panel.annotate(
            f"{name} {value:.3f}",
            xy=(step, value),
            xytext=(1.01, (place - low) / (high - low)),
            textcoords="axes fraction",
            color=colour,
            fontsize=9,
            va="center",
            annotation_clip=False,
        )


def spread(values: Sequence[float], gap: float) -> list[float]:
    """Move ascending values apart, as little as needed, so that neighbours differ by ``gap`` at least.

    Examples
    --------
    >>> spread([1.0, 1.0, 5.0], 1.0)
    [0.5, 1.5, 5.0]
    """
    # Values that touch form a block, which is centred on their mean.
    blocks: list[list[float]] = []
    for value in values:
        blocks.append([value])
        while len(blocks) > 1 and _bottom(blocks[-1], gap) < _bottom(blocks[-2], gap) + gap * len(blocks[-2]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    return [_bottom(block, gap) + gap * index for block in blocks for index in range(len(block))]


def _bottom(block: Sequence[float], gap: float) -> float:
    return sum(block) / len(block) - gap * (len(block) - 1) / 2


def running_mean(values: Sequence[float], share: float = 0.05) -> list[float]:
    """Return the mean around each value, over a window of a ``share`` of all values.

    The window is narrower at the start, so that the curve doesn't lag where losses fall steeply, and cut off at the
    end, where they are flat.

    Examples
    --------
    >>> running_mean([0.0, 3.0, 6.0, 0.0], share=0.75)
    [0.0, 3.0, 3.0, 3.0]
    """
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    half = round(share * len(values)) // 2
    found = []
    for index in range(len(values)):
        begin = max(0, index - half)
        end = min(len(values), 2 * index - begin + 1)
        found.append((sums[end] - sums[begin]) / (end - begin))
    return found
