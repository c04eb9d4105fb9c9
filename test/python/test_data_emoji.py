"""The emoji data set: what is in it, that it is reproducible, that nothing leaks, and what goes wrong."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
for package in ("PIL", "tokenizers", "safetensors"):
    pytest.importorskip(package)

from motley.data import Dataset, cli, decode, emoji, find_spans
from motley.data.errors import DataError
from motley.data.gallery import Gallery, join_families, spread_out
from motley.data.pictures import FONT, EmojiPainter, psnr
from motley.data.unicode_emoji import EMOJI_TEST, read_emoji
from motley.data.wordnet import WORDNET, read_synsets

SOURCES = {"fonts-noto-color-emoji": FONT, "unicode-data": EMOJI_TEST, "wordnet-base": WORDNET / "data.noun"}
MISSING = [package for package, path in SOURCES.items() if not path.exists()]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"needs the Debian packages {', '.join(MISSING)}")

PYTHON = Path(__file__).resolve().parents[2] / "python"
SMALL = {"limit": 60, "codebook": 64, "views": 4, "toned_views": 3, "vocabulary": 1024}


def quiet(line):
    """Report nothing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("emoji") / "small"
    emoji.build(out, report=quiet, **SMALL)
    return out


@pytest.fixture(scope="module")
def dataset(folder):
    return Dataset(folder)


def documents(dataset, name):
    """Return every document of a split as texts and pictures."""
    split = dataset.split(name)
    return [decode(dataset, split.document(number)) for number in range(len(split))]


def run_in_process(code, **environment):
    """Run Python in a process of its own and return it."""
    variables = {**os.environ, "PYTHONPATH": str(PYTHON), **environment}
    return subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True)


def test_other_process_with_other_threads_gives_the_same_checksum(dataset, tmp_path):
    build = f"emoji.build({str(tmp_path / 'again')!r}, report=lambda line: 0, **{SMALL})"
    code = f"from motley.data import emoji; print({build}['checksum'])"
    again = run_in_process(code, OPENBLAS_NUM_THREADS="1", RAYON_NUM_THREADS="1", PYTHONHASHSEED="7")
    assert again.stdout.strip() == dataset.description["checksum"], again.stderr
    other = Dataset(tmp_path / "again").description
    assert other["files"] == dataset.description["files"]


def test_ranges_are_disjoint_and_complete(dataset):
    text, image = dataset.ranges
    assert (text.name, text.begin, image.name) == ("text", 0, "image")
    assert text.end == image.begin
    assert image.end == dataset.description["vocabulary"]
    assert image.end - image.begin == SMALL["codebook"]
    assert all(text.begin <= token < text.end for token in dataset.special.values())


@pytest.mark.parametrize("name", ["train", "heldout"])
def test_counts_and_spans(dataset, name):
    split, entry = dataset.split(name), dataset.description["splits"][name]
    assert (len(split.tokens), len(split)) == (entry["tokens"], entry["documents"])
    spans = find_spans(split.tokens, dataset.ranges)
    pictures = [span for span in spans if span.modality == 1]
    assert {span.end - span.begin for span in pictures} == {64}
    assert all(split.tokens[span.begin - 1] == dataset.special["begin_image"] for span in pictures)
    assert all(split.tokens[span.end] == dataset.special["end_image"] for span in pictures)
    assert 64 * len(pictures) == entry["tokens_by_modality"]["image"]
    # Each document ends with its mark, which is nowhere else.
    ends = np.flatnonzero(split.tokens == dataset.special["end_of_document"]) + 1
    assert np.array_equal(ends, split.document_offsets[1:])


def test_share_of_text_is_as_wanted(dataset):
    counts = dataset.description["splits"]["train"]["tokens_by_modality"]
    # The last gloss may go beyond the share: less than 300 tokens.
    assert abs(counts["text"] - counts["image"]) < 300


def test_all_kinds_of_documents(dataset):
    kinds = dataset.description["splits"]["train"]["documents_by_kind"]
    assert set(kinds) == {"caption first", "picture first", "group", "gloss"}
    shapes = {"".join("t" if isinstance(item, str) else "p" for item in one) for one in documents(dataset, "train")}
    assert {"t", "tp", "pt", "tptp", "tptpt"} <= shapes


def test_no_family_and_no_gloss_is_on_both_sides(dataset):
    by_name = {one.name: one for one in read_emoji()}
    subgroups = {one.subgroup for one in by_name.values()}
    gloss_of = {one.text: one.gloss for one in read_synsets()}
    families, glosses = {}, {}
    for name in ("train", "heldout"):
        families[name], glosses[name] = set(), set()
        for one in documents(dataset, name):
            if len(one) == 1:
                glosses[name].add(gloss_of[one[0]])
                continue
            for text in [item.strip(" ,") for item in one if isinstance(item, str)]:
                if text.endswith(":"):  # the subgroup of a group
                    assert text[:-1] in subgroups
                    continue
                before, _, after = text.partition(": ")
                assert text in by_name or before in subgroups
                families[name].add(by_name[text if text in by_name else after].family)
    assert families["heldout"] and not families["train"] & families["heldout"]
    assert glosses["heldout"] and not glosses["train"] & glosses["heldout"]


def test_twins_stay_on_one_side():
    # Every tone and gender of a few subgroups: most families have several members.
    emoji_here = [
        one for one in read_emoji() if one.subgroup in ("hand fingers closed", "person gesture", "country flag")
    ]
    gallery = Gallery.paint(emoji_here, views=1, toned_views=1, size=16, seed=0, heldout_share=0.3)
    sides = {held: gallery.side(held)[0] for held in (False, True)}
    families = {held: {one.family for one in side} for held, side in sides.items()}
    assert len(sides[True]) > len(families[True]) > 10
    assert not families[True] & families[False]
    looks = {held: {gallery.pixels[own.start].tobytes() for own in gallery.side(held)[1]} for held in (False, True)}
    assert not looks[True] & looks[False]


def test_equal_pictures_are_one_family():
    flags = [one for one in read_emoji() if one.name in ("flag: Norway", "flag: Bouvet Island", "flag: Sweden")]
    painter = EmojiPainter()
    families = join_families(flags, [painter.paint(one.sequence) for one in flags])
    families = dict(zip([one.name for one in flags], families))
    assert families["flag: Norway"] == families["flag: Bouvet Island"] != families["flag: Sweden"]


def test_round_trip_is_as_good_as_reported(dataset):
    image = dataset.modalities[1]
    chosen = emoji.Settings(**SMALL)
    gallery = Gallery.paint(
        spread_out(read_emoji(), chosen.limit),
        chosen.views,
        chosen.toned_views,
        chosen.size,
        chosen.seed,
        chosen.heldout_share,
    )
    rebuilt = image.pixels(np.stack(image.encode(gallery.pixels)))
    for name, side in (("train", ~gallery.is_heldout), ("heldout", gallery.is_heldout)):
        found = psnr(gallery.pixels[side], rebuilt[side])
        assert found == pytest.approx(dataset.description["psnr_db"][name], abs=1e-3) and 14 < found < 40
    # What was decoded once is a fixed point.
    assert np.array_equal(image.pixels(np.stack(image.encode(rebuilt))), rebuilt)


def test_any_text_round_trips(dataset):
    text = dataset.modalities[0]
    for sample in ["flag: C\u00f4te d\u2019Ivoire", "a\tb\n  c", "\U0001f600 na\u00efve \u6f22\u5b57", ""]:
        assert text.decode(text.encode([sample])[0]) == sample


def test_painter_needs_the_font(tmp_path):
    with pytest.raises(DataError, match="missing; install the Debian package 'fonts-noto-color-emoji'"):
        EmojiPainter(tmp_path / "none.ttf")
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    with pytest.raises(DataError, match="cannot open the font .*broken.ttf.*expected NotoColorEmoji.ttf"):
        EmojiPainter(broken)


def test_existing_data_set_is_left_alone(folder):
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    lines = []
    emoji.build(folder, report=lines.append, **SMALL)
    assert len(lines) == 1 and "holds this data set already, nothing to do; checksum " in lines[0]
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_other_settings_need_replace(folder):
    with pytest.raises(DataError, match=r"holds another data set \(seed 0 instead of 1\); .* or --replace"):
        emoji.build(folder, report=quiet, **SMALL, seed=1)


def test_damaged_file_is_found(folder, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    content = bytearray((copy / "train.safetensors").read_bytes())
    content[-1] ^= 1
    (copy / "train.safetensors").write_bytes(content)
    with pytest.raises(DataError, match="train.safetensors' is damaged: its SHA-256 is .* --replace"):
        emoji.build(copy, report=quiet, **SMALL)
    with pytest.raises(DataError, match="train.safetensors' is damaged"):
        Dataset(copy).split("train")


def test_left_overs_of_a_killed_build_are_replaced(dataset, tmp_path):
    (tmp_path / "train.safetensors").write_bytes(b"half")
    (tmp_path / ".heldout.safetensors.partial").write_bytes(b"half")
    assert emoji.build(tmp_path, report=quiet, **SMALL)["checksum"] == dataset.description["checksum"]
    assert not list(tmp_path.glob(".*"))


def test_foreign_directory_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="is not empty and no data set: it holds 'thesis.txt'; give another --out"):
        emoji.build(tmp_path, report=quiet, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot make the directory .*file/deep/er': not a directory"):
        emoji.build(tmp_path / "file" / "deep" / "er", report=quiet, **SMALL)


def test_full_disk_leaves_nothing_behind(tmp_path):
    # A limit on the size of files stands for the full disk: the write itself fails.
    out = tmp_path / "deep" / "set"
    code = f"""
import resource
from motley.data import emoji, DataError
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    emoji.build({str(out)!r}, report=lambda line: 0, **{SMALL})
except DataError as error:
    print(error)
"""
    done = run_in_process(code, PYTHONDONTWRITEBYTECODE="1")
    assert "cannot write the data set into" in done.stdout and "no data set was made" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_wrong_setting_is_named(tmp_path):
    with pytest.raises(DataError, match="size is 30, expected a multiple of 4 up to 128; text_share is 1.5, expected"):
        emoji.build(tmp_path, report=quiet, size=30, text_share=1.5)


def run_command(*arguments):
    """Run ``motley data`` with arguments."""
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    cli.run(parser.parse_args([str(one) for one in arguments]))


def test_command_builds_and_shows(dataset, folder, tmp_path, capsys):
    options = [word for key, value in SMALL.items() for word in (f"--{key.replace('_', '-')}", value)]
    run_command("emoji", "--out", folder, *options)
    assert dataset.description["checksum"] in capsys.readouterr().out
    split = dataset.split("heldout")
    number = next(n for n in range(len(split)) if dataset.special["begin_image"] in split.document(n))
    png = tmp_path / "pictures.png"
    run_command("show", folder, "--split", "heldout", "--document", number, "--png", png)
    shown = capsys.readouterr().out
    assert shown.startswith(f"{number}: ") and "[picture]" in shown and f"to '{png}'" in shown
    assert png.read_bytes().startswith(b"\x89PNG")


def test_command_refuses_a_document_that_is_not_there(folder):
    with pytest.raises(DataError, match=r"there is no document 99999; expected 0\.\."):
        run_command("show", folder, "--document", 99999)


def test_description_is_what_the_file_says(folder, dataset):
    assert json.loads((folder / "dataset.json").read_text()) == dataset.description
