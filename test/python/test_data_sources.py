"""The sources of data sets, the draws, the split and k-means."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")

from motley.data import kmeans
from motley.data.draws import Draws, hold_out
from motley.data.errors import DataError, require_package
from motley.data.unicode_emoji import EMOJI_TEST, family_of, read_emoji
from motley.data.wordnet import WORDNET, PARTS_OF_SPEECH, read_synsets

PYTHON = Path(__file__).resolve().parents[2] / "python"


def philox(counter, key):
    """Return a block of Philox4x64-10 (Salmon et al., 2011)."""
    mask = 2**64 - 1
    for _ in range(10):
        first, second = counter[0] * 0xD2E7470EE14C6C93, counter[2] * 0xCA5A826395121157
        counter = [second >> 64 ^ counter[1] ^ key[0], second & mask, first >> 64 ^ counter[3] ^ key[1], first & mask]
        key = [(key[0] + 0x9E3779B97F4A7C15) & mask, (key[1] + 0xBB67AE8584CAA73B) & mask]
    return counter


def test_draws_are_philox_keyed_by_seed_and_site():
    digest = hashlib.sha256(b"0/test").digest()
    key = [int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little")]
    words = philox([1, 0, 0, 0], key) + philox([2, 0, 0, 0], key)
    assert Draws(0, "test").below(8, 1000).tolist() == [word % 1000 for word in words]
    assert Draws(0, "test").below(4, 1000).tolist() != Draws(1, "test").below(4, 1000).tolist()
    assert sorted(Draws(0, "order").order(100).tolist()) == list(range(100))


def test_hold_out_depends_on_neither_order_nor_repeats():
    keys = [f"key {index}" for index in range(200)]
    held = hold_out(keys, 0.05, seed=0)
    assert len(held) == 10
    assert hold_out(list(reversed(keys)) + keys[:50], 0.05, seed=0) == held
    assert hold_out(keys, 0.05, seed=1) != held


@pytest.mark.parametrize("share", [0.0001, 0.9999])
def test_hold_out_leaves_neither_side_empty(share):
    assert len(hold_out(["a", "b"], share, seed=0)) == 1


def test_hold_out_rejects_one_key():
    with pytest.raises(ValueError, match="cannot split 1 distinct keys"):
        hold_out(["a", "a"], 0.5, seed=0)


@pytest.mark.parametrize(
    "one, other",
    [
        ("\U0001f44d\U0001f3fd", "\U0001f44d"),  # thumbs up: medium skin tone
        ("\U0001f469\u200d\U0001f680", "\U0001f468\U0001f3ff\u200d\U0001f680"),  # woman and man astronaut
        ("\U0001f3c3\u200d\u2640\ufe0f", "\U0001f3c3"),  # woman running, person running
        ("\U0001f469\u200d\U0001f9b0", "\U0001f9d1"),  # woman: red hair, person
        ("\U0001f468\u200d\u2764\ufe0f\u200d\U0001f468", "\U0001f491"),  # couple with heart
        ("\U0001f468\u200d\U0001f466", "\U0001f46a"),  # family
        ("\U0001faf1\U0001f3fb\u200d\U0001faf2\U0001f3ff", "\U0001f91d"),  # handshake
    ],
)
def test_twins_are_one_family(one, other):
    assert family_of(one) == family_of(other)


def test_signs_alone_keep_their_families():
    # Female and male sign; the flags of Norway and Sweden.
    assert family_of("\u2640\ufe0f") != family_of("\u2642\ufe0f")
    assert family_of("\U0001f1f3\U0001f1f4") != family_of("\U0001f1f8\U0001f1ea")


@pytest.mark.skipif(not EMOJI_TEST.exists(), reason="needs the Debian package unicode-data")
def test_read_emoji_finds_names_and_subgroups():
    emoji = {one.name: one for one in read_emoji()}
    assert emoji["grapes"].subgroup == "food fruit"
    assert emoji["waving hand: dark skin tone"].toned and not emoji["waving hand"].toned
    assert emoji["flag: C\u00f4te d\u2019Ivoire"].sequence == "\U0001f1e8\U0001f1ee"


def test_read_emoji_names_the_malformed_line(tmp_path):
    path = tmp_path / "emoji-test.txt"
    path.write_text("# subgroup: x\n1F600 ; fully-qualified # \U0001f600 E1.0 grinning face\nnonsense\n")
    with pytest.raises(DataError, match=r"emoji-test.txt:3: got 'nonsense', expected 'code points ; status"):
        read_emoji(path)


def test_missing_sources_name_their_package(tmp_path):
    with pytest.raises(DataError, match="missing; install the Debian package 'unicode-data'"):
        read_emoji(tmp_path / "none.txt")
    with pytest.raises(DataError, match="missing; install the Debian package 'wordnet-base'"):
        read_synsets(tmp_path)
    with pytest.raises(DataError, match="cannot import 'no_such_module'.*install the Python package 'pillow'"):
        require_package("no_such_module", "pillow")


def _wordnet(folder, adjective):
    for part in PARTS_OF_SPEECH:
        (folder / f"data.{part}").write_text("  1 a licence\n" + (adjective if part == "adj" else ""))


def test_read_synsets_cleans_words(tmp_path):
    _wordnet(tmp_path, "00001740 00 a 02 able_bodied(p) 0 fit 0 001 ! 00002098 a 0101 | in  good health  \n")
    (synset,) = read_synsets(tmp_path)
    assert synset.key == "adj/00001740"
    assert synset.text == "able bodied, fit: in good health"


def test_read_synsets_names_the_malformed_line(tmp_path):
    _wordnet(tmp_path, "00001740 00 a zz able 0 | gloss\n")
    with pytest.raises(DataError, match=r"data.adj:2: got '00001740 00 a zz able 0 \| gloss', expected a synset"):
        read_synsets(tmp_path)


@pytest.mark.skipif(not (WORDNET / "data.noun").exists(), reason="needs the Debian package wordnet-base")
def test_read_synsets_reads_all_of_wordnet():
    synsets = read_synsets()
    assert len({one.key for one in synsets}) == len(synsets) > 100_000


def _points(count, length=48):
    return Draws(0, "points").below(count * length, 256).astype(np.uint8).reshape(count, length)


def test_nearest_agrees_with_integers():
    points, centres = _points(300), _points(340)[300:]
    exact = ((points[:, None].astype(np.int64) - centres[None]) ** 2).sum(axis=2)
    assert np.array_equal(kmeans.nearest(points, centres), exact.argmin(axis=1))


def test_nearest_gives_ties_to_the_lower_index():
    centres = np.array([[0, 0], [4, 0], [0, 0]], np.uint8)
    assert kmeans.nearest(np.array([[0, 0], [2, 0], [4, 0]], np.uint8), centres).tolist() == [0, 0, 1]


def test_fit_finds_separate_clusters():
    middles = np.array([[20] * 8, [120] * 8, [220] * 8], np.int64)
    noise = Draws(0, "noise").below(90 * 8, 21).reshape(90, 8) - 10
    points = (np.repeat(middles, 30, axis=0) + noise).astype(np.uint8)
    centres = kmeans.fit(points, 3, Draws(0, "fit"))
    means = sorted(np.rint(points.reshape(3, 30, 8).mean(axis=1)).astype(int).tolist())
    assert np.abs(np.array(sorted(centres.tolist())) - means).max() <= 1


def test_fit_of_equal_points_and_of_too_few():
    assert kmeans.fit(np.full((5, 4), 7, np.uint8), 3, Draws(0, "fit")).tolist() == [[7] * 4] * 3
    with pytest.raises(ValueError, match="cannot find 6 centres among 5 points"):
        kmeans.fit(_points(5), 6, Draws(0, "fit"))


def test_arrays_that_are_not_bytes_are_refused():
    with pytest.raises(ValueError, match=r"points are float64\[2, 3\]; expected uint8"):
        kmeans.nearest(np.zeros((2, 3)), np.zeros((2, 3), np.uint8))


def test_importing_the_package_loads_no_optional_package():
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, motley.data; print(*{'PIL', 'tokenizers', 'safetensors', 'matplotlib'} & set(sys.modules))",
        ],
        env={**os.environ, "PYTHONPATH": str(PYTHON)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.split() == []
