"""Converting checkpoints: towers, experts and carved neurons are what they should be, and mistakes name both sides."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import tiny_data

import motley as mt
from motley import native
from motley.command_line import run_command_line
from motley.convert import initial_values, plan
from motley.errors import Error
from motley.rows import pack

MOMA = Path(__file__).resolve().parents[2] / "python" / "examples" / "moma.py"

MODEL = '''
from motley import nn

train = dict(rows=96, learning_rate=3e-3, precision="f32")


class Model(nn.Module):
    def __init__(self, data, kind):
        untie = data.modalities if kind == "towers" else None
        self.embed = nn.Embedding(data.vocabulary, 32)
        self.attn = nn.Attention(32, 2, untie=untie)
        self.norm = nn.RMSNorm(32, untie=untie)
        self.ffn = nn.SwiGLU(32, 96, untie=untie)
        if kind in ("experts", "carved"):
            self.ffn = nn.MoE(nn.SwiGLU(32, 96 if kind == "experts" else 24), experts=4)
        self.head = nn.Head(32, data.vocabulary)
        self.criterion = nn.CrossEntropy(self.head)

    def loss(self, tokens):
        x = self.embed(tokens)
        x = x + self.attn(x, tokens)
        x = x + self.ffn(self.norm(x, tokens), tokens)
        return self.criterion(x, tokens)


def model(data, kind="dense"):
    return Model(data, kind)
'''


def run(*arguments):
    return run_command_line([str(one) for one in arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a data set, a model file, and a dense run of three steps."""
    folder = tmp_path_factory.mktemp("convert")
    tiny_data.make(folder / "data")
    (folder / "model.py").write_text(MODEL)
    options = ["--data", folder / "data", "--steps", 3, "--out", folder / "dense", "--seed", 7]
    assert run("train", folder / "model.py", *options) == 0
    return folder


def convert(folder, kind, out, *options):
    checkpoint = folder / "dense" / "checkpoint-3.safetensors"
    settings = ["--data", folder / "data", "--set", f"kind={kind}", "-o", out]
    return run("convert", checkpoint, folder / "model.py", *settings, *options)


def digest(values):
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def test_towers_give_the_outputs_of_the_dense_model(trained, tmp_path):
    out = tmp_path / "towers.safetensors"
    assert convert(trained, "towers", out) == 0
    data = mt.Data.load(trained / "data")
    losses = []
    for kind, path in (("dense", trained / "dense" / "checkpoint-3.safetensors"), ("towers", out)):
        model = mt.compile(trained / "model.py", data, settings={"kind": kind})
        model.load_parameters(path)
        generator = np.random.default_rng(1)
        documents = [generator.integers(0, 64, size=size) for size in (40, 30, 20)]
        losses.append(model.eval(pack(documents, model.modalities, model.rows)))
    assert losses[0] == losses[1]
    old, new = native.runtime().Checkpoint(str(trained / "dense" / "checkpoint-3.safetensors")), native.runtime().Checkpoint(str(out))
    for name in new.shapes:
        dense = name.removesuffix(".text").removesuffix(".image")
        assert digest(new.read(name)) == digest(old.read(dense))
    assert new.step == 0 and new.data == old.data and json.loads(new.config)["step"] == 3


def test_training_starts_from_it(trained, tmp_path, capsys):
    """With a fresh schedule, the position in the data kept where its order is the same, and no moments."""
    out = tmp_path / "towers.safetensors"
    assert convert(trained, "towers", out) == 0
    options = ["--data", trained / "data", "--set", "kind=towers", "--seed", 7, "--checkpoint-interval", 1]
    start = ["--steps", 2, "--warmup", 1, "--from", out, "--out", tmp_path / "run"]
    assert run("train", trained / "model.py", *options, *start) == 0
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "learning_rate" in line]
    assert [line["step"] for line in steps] == [1, 2] and steps[0]["learning_rate"] == 3e-3
    # The old run, one step longer, sees the same tokens in its fourth step and has the same loss there.
    options = ["--data", trained / "data", "--steps", 4, "--seed", 7, "--out", tmp_path / "longer", "--schedule", "constant"]
    assert run("train", trained / "model.py", *options, "--from", trained / "dense" / "checkpoint-3.safetensors") == 0
    first = json.loads((tmp_path / "longer" / "log.jsonl").read_text().splitlines()[0])
    assert first["targets"] == steps[0]["targets"]
    assert first["losses"]["ce"]["all"] == pytest.approx(steps[0]["losses"]["ce"]["all"], rel=1e-6)
    capsys.readouterr()
    other = ["--data", trained / "data", "--set", "kind=towers", "--steps", 2, "--warmup", 1, "--out", tmp_path / "other"]
    assert run("train", trained / "model.py", *other, "--seed", 8, "--from", out) == 0
    said = capsys.readouterr().err
    assert f"the data begins anew: the position in '{out}' is of another order: seed 7 there and 8 here" in said


def test_experts_are_copies_and_routers_begin_anew(trained, tmp_path):
    out = tmp_path / "experts.safetensors"
    assert convert(trained, "experts", out) == 0
    old, new = native.runtime().Checkpoint(str(trained / "dense" / "checkpoint-3.safetensors")), native.runtime().Checkpoint(str(out))
    for part in ("gate", "up", "down"):
        assert {digest(new.read(f"ffn.experts.{e}.{part}")) for e in range(4)} == {digest(old.read(f"ffn.{part}"))}
    router = new.read("ffn.router")
    assert router.shape == (32, 4) and 0 < router.std() < 1
    assert not any(name.startswith(("adam", "ema")) for name in new.shapes)


def test_carved_experts_are_the_network(trained, tmp_path):
    out = tmp_path / "carved.safetensors"
    assert convert(trained, "carved", out) == 1
    assert convert(trained, "carved", out, "--carve") == 0
    old, new = native.runtime().Checkpoint(str(trained / "dense" / "checkpoint-3.safetensors")), native.runtime().Checkpoint(str(out))
    for part, axis in (("gate", 1), ("up", 1), ("down", 0)):
        whole = np.concatenate([new.read(f"ffn.experts.{e}.{part}") for e in range(4)], axis=axis)
        assert np.array_equal(whole, old.read(f"ffn.{part}"))


def test_upcycling_of_moma(tmp_path):
    """1t1i to 4t4i: every expert of a modality is that modality's network."""
    tiny_data.make(tmp_path / "data")
    options = ["--data", tmp_path / "data", "--set", "size=tiny", "--rows", 96]
    one = ["--set", "kind=1t1i", "--steps", 1, "--out", tmp_path / "run", "--warmup", 0]
    assert run("train", MOMA, *options, *one) == 0
    out, checkpoint = tmp_path / "4t4i.safetensors", tmp_path / "run" / "checkpoint-1.safetensors"
    assert run("convert", checkpoint, MOMA, *options, "--set", "kind=4t4i", "-o", out) == 0
    old, new = native.runtime().Checkpoint(str(checkpoint)), native.runtime().Checkpoint(str(out))
    checked = 0
    for name in new.shapes:
        if ".experts." not in name:
            continue
        before, _, after = name.partition(".experts.")
        seed = f"{before}.{after.partition('.')[2]}"
        assert digest(new.read(name)) == digest(old.read(seed))
        checked += 1
    assert checked == 4 * 2 * 4 * 3  # layers, modalities, experts, matrices


def test_initial_values_are_those_of_the_compiler(trained):
    """Up to the rounding of logarithm and cosine."""
    model = mt.compile(trained / "model.py", mt.Data.load(trained / "data"))
    model.initialise(11)
    for name, value in model.parameters().items():
        init = ("constant", 1.0) if name == "norm" else ("normal", float(0.02))
        if name not in ("attn.o", "ffn.down"):
            assert np.abs(initial_values(name, value.shape, *init, seed=11) - value).max() < 1e-7, name


@pytest.mark.parametrize(
    "old, new, options, words",
    [
        ({"a": (4, 4)}, {"b": (4, 4)}, {}, ["'b' of the new model has none of the old"]),
        ({"a": (4, 4), "c": (2,)}, {"a": (4, 4)}, {}, ["'c' of the old model goes nowhere"]),
        ({"a": (4, 4)}, {"a": (4, 6)}, {}, ["'a' has shape [4, 6], 'a' of the old model [4, 4]"]),
        ({"f": (4, 8)}, {"x.0.f": (4, 2), "x.1.f": (4, 2)}, {"carve": True}, ["4 parts for 2 parameters"]),
        ({"f": (4, 8)}, {"x.0.f": (4, 4), "x.1.f": (4, 4)}, {}, ["give --carve"]),
        ({"a.w": (4,), "b.w": (4,)}, {"x.b.a.w": (4,)}, {}, ["may come from", "'a.w'", "'b.w'"]),
    ],
)
def test_mistakes_name_both_sides(old, new, options, words):
    with pytest.raises(Error) as raised:
        plan(old, new, **options)
    for one in words:
        assert one in str(raised.value)


def test_names_are_mapped_and_dropped():
    old, new = {"query": (4, 4), "extra": (2,)}, {"q.text": (4, 4)}
    assert plan(old, new, drop=["extra"], rename=[(r"^q\b", "query")])["q.text"].name == "query"
