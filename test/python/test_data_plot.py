"""Loss curves and contact sheets."""

import json

import pytest

pytest.importorskip("PIL")

from motley import plot
from motley.data.errors import DataError
from PIL import Image


def write_run(folder, offset=0.0, tail=""):
    """Write a log of 20 steps with two evaluations, one in each of the two forms."""
    folder.mkdir()
    lines = []
    for step in range(1, 21):
        ce = {"text": 5 - step / 10 + offset, "image": None if step == 3 else 4 - step / 20 + offset}
        lines.append({"step": step, "losses": {"ce": ce, "z": {"text": 1.0}}, "seconds": 0.1})
    lines.append({"step": 10, "heldout": {"losses": {"ce": {"text": 4.5 + offset, "image": 3.5}}}})
    lines.append({"step": 20, "heldout": {"ce": {"text": 4.0 + offset, "image": 3.25}}})
    lines.append({"note": "no step"})
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + tail)
    return folder


def test_read_curves(tmp_path):
    curves = plot.read_curves(write_run(tmp_path / "dense", tail='{"step": 21, "los'))
    assert curves.name == "dense"
    assert curves.heldout == {"text": [(10, 4.5), (20, 4.0)], "image": [(10, 3.5), (20, 3.25)]}
    assert len(curves.training["text"]) == 20
    assert [step for step, _ in curves.training["image"]][:3] == [1, 2, 4]


def test_read_curves_names_the_broken_line(tmp_path):
    path = write_run(tmp_path / "dense") / "log.jsonl"
    path.write_text("{\n" + path.read_text())
    with pytest.raises(DataError, match="log.jsonl:1: is not JSON"):
        plot.read_curves(path.parent)


def test_missing_log_and_loss(tmp_path):
    with pytest.raises(DataError, match="cannot read .*log.jsonl.*expected the directory of a run"):
        plot.read_curves(tmp_path)
    with pytest.raises(DataError, match="log.jsonl' has no loss 'balance'"):
        plot.read_curves(write_run(tmp_path / "dense"), "balance")


def test_plot_has_a_panel_for_each_modality(tmp_path):
    pytest.importorskip("matplotlib")
    out = tmp_path / "losses.svg"
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none"}):  # text stays text
        plot.plot_losses([write_run(tmp_path / "dense"), write_run(tmp_path / "mot", -0.1)], out)
    drawn = out.read_text()
    for words in (">text<", ">image<", ">step<", "(nats per token)", "dense 4.000", "mot 3.900", "mot, held out"):
        assert words in drawn


def test_plot_errors(tmp_path):
    pytest.importorskip("matplotlib")
    run = write_run(tmp_path / "dense")
    with pytest.raises(DataError, match="no runs to plot"):
        plot.plot_losses([], tmp_path / "x.png")
    with pytest.raises(DataError, match="2 names for 1 runs"):
        plot.plot_losses([run], tmp_path / "x.png", names=["a", "b"])
    with pytest.raises(DataError, match="cannot write .*none/x.png': no such file or directory"):
        plot.plot_losses([run], tmp_path / "none" / "x.png")
    with pytest.raises(DataError, match="cannot write .*x.doc' as doc"):
        plot.plot_losses([run], tmp_path / "x.doc")
    assert [path.name for path in tmp_path.iterdir()] == ["dense"]


def test_labels_are_spread_apart():
    assert plot.spread([1.0, 1.0, 1.2, 5.0], 1.0) == pytest.approx([1.2 / 3 + 2 / 3 - 1, 3.2 / 3, 3.2 / 3 + 1, 5.0])
    assert plot.spread([0.0, 2.0], 1.0) == [0.0, 2.0]
    assert plot.spread([], 1.0) == []


def test_running_mean_lags_nowhere():
    # On a straight line it is the line itself, but for the end, where its window is cut off.
    values = [float(value) for value in range(40)]
    assert plot.running_mean(values, 0.2)[:36] == pytest.approx(values[:36])
    assert plot.running_mean([0.0, 9.0, 0.0, 3.0], 0.75) == [0.0, 3.0, 4.0, 1.5]


def test_contact_sheet_shows_every_picture(tmp_path):
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    plot.contact_sheet(
        [Image.new("RGB", (32, 32), one) for one in colours],
        tmp_path / "sheet.png",
        columns=2,
        captions=["red", "a green square with a caption that is far too long for three lines of it", ""],
    )
    with Image.open(tmp_path / "sheet.png") as sheet:
        found = {colour: count for count, colour in sheet.convert("RGB").getcolors(1 << 20)}
    assert [found.get(colour) for colour in colours] == [160 * 160] * 3


def test_contact_sheet_errors(tmp_path):
    with pytest.raises(DataError, match="no pictures for a contact sheet"):
        plot.contact_sheet([], tmp_path / "x.png")
    with pytest.raises(DataError, match="1 captions for 2 pictures"):
        plot.contact_sheet([Image.new("RGB", (4, 4))] * 2, tmp_path / "x.png", captions=["one"])
