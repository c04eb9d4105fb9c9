"""Rates, freezing, averages, phases, coefficients and balance, against NumPy and against themselves, bit by bit."""

import json
import shutil

import numpy as np
import pytest

import motley as mt
from motley import native
from motley.command_line import run_command_line
from motley.rows import pack

MODEL = '''
import motley as mt
from motley import nn

train = dict(rows=96, learning_rate=3e-3, schedule="constant", precision="f32"{settings})


class Model(nn.Module):
    def __init__(self, data, z):
        self.embed = nn.Embedding(data.vocabulary, 32)
        self.attn = nn.Attention(32, 2, untie=data.modalities)
        self.norm1 = nn.RMSNorm(32, untie=data.modalities)
        self.ffn = nn.SwiGLU(32, untie=data.modalities)
        self.norm2 = nn.RMSNorm(32)
        self.head = nn.Head(32, data.vocabulary)
        self.criterion = nn.CrossEntropy(self.head, z_loss=z)

    def loss(self, tokens):
        x = self.embed(tokens)
        x = x + self.attn(self.norm1(x, tokens), tokens)
        x = x + self.ffn(self.norm2(x), tokens)
        return self.criterion(x, tokens)


def model(data, z=1e-3):
    return Model(data, z)
'''

SCALARS = """
motley.modality @text ids 0 to 48
motley.modality @image ids 48 to 64
motley.variable @embed : tensor<64x32xf32> init normal 0.02
motley.variable @head : tensor<32x64xf32> init normal 0.02
func.func @loss(%token: tensor<96xi32> {motley.field = #motley.field<token>}, %target: tensor<96xi32> {motley.field = #motley.field<target>},
                %c: f32 {motley.scalar = "amount"}) -> (tensor<96xf32> {motley.loss = "ce"}, tensor<96xf32> {motley.loss = "z"}) {
  %x = motley.embedding @embed(%token) : (tensor<96xi32>) -> tensor<96x32xf32>
  %ce, %z = motley.cross_entropy @head(%x) targets %target {z_loss = 1.0 : f64} : (tensor<96x32xf32>, tensor<96xi32>) -> (tensor<96xf32>, tensor<96xf32>)
  %s = motley.scale %z by %c : tensor<96xf32>
  return %ce, %s : tensor<96xf32>, tensor<96xf32>
}
motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0
"""


def write(folder, **settings):
    """Write the model with these training settings."""
    said = "".join(f", {name}={value!r}" for name, value in settings.items())
    (folder / "model.py").write_text(MODEL.replace("{settings}", said))
    return folder / "model.py"


def compiled(folder, data_set, **settings):
    data = mt.Data.load(data_set)
    text = mt.model_file.read_model(write(folder, **settings), data)
    return mt.compile(text), text.train


def train(path, data_set, out, *options, steps=12):
    arguments = ["train", path, "--data", data_set, "--out", out, "--steps", steps, "--log-interval", 1000, *options]
    return run_command_line([str(one) for one in arguments])


def tensors(out, step):
    return native.runtime().Checkpoint(str(out / f"checkpoint-{step}.safetensors"))


def log_lines(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def microbatch(model, seed):
    generator = np.random.default_rng(seed)
    documents = [generator.integers(0, 64, size=size) for size in (40, 30, 20)]
    return pack(documents, model.modalities, model.rows)


def test_adamw_of_groups_matches_numpy(tmp_path, data_set):
    """Twenty steps with three rules in one bank, frozen parameters, clipping and averages."""
    groups = [
        dict(match="*.image.*", learning_rate=0),
        dict(match="attn.k", learning_rate=0.1, weight_decay=0.5),
        dict(match="head", weight_decay=0.0),
        dict(match="norm2", weight_decay=0.25),
        dict(match="embed", learning_rate=0),
    ]
    model, settings = compiled(tmp_path, data_set, groups=groups, ema=0.75, clip=0.5)
    model.initialise(3)
    first = model.parameters()
    want = {name: value.astype(np.float64) for name, value in first.items()}
    average = {name: value.copy() for name, value in want.items()}
    m, v = ({name: np.zeros_like(value) for name, value in want.items()} for _ in range(2))
    rate = 3e-3
    for step in range(1, 21):
        model.accumulate(microbatch(model, step))
        gradients = {name: value.astype(np.float64) for name, value in model.gradients().items()}
        rules = {name: settings.rule_of(name) for name in want}
        trained = [name for name, (factor, _) in rules.items() if factor != 0]
        assert all(not gradients[name].any() for name in gradients if name not in trained)
        norm = np.sqrt(sum((gradients[name] ** 2).sum() for name in trained))
        assert model.update(rate, step) == pytest.approx(norm, rel=1e-6)
        for name in trained:
            factor, decay = rules[name]
            decay = decay if decay is not None else 0.1 if want[name].ndim == 2 else 0.0
            g = gradients[name] * min(1.0, 0.5 / norm)
            m[name] = 0.9 * m[name] + 0.1 * g
            v[name] = 0.95 * v[name] + 0.05 * g * g
            move = m[name] / (1 - 0.9**step) / (np.sqrt(v[name] / (1 - 0.95**step)) + 1e-8)
            want[name] -= rate * factor * (move + decay * want[name])
            average[name] = 0.75 * average[name] + 0.25 * want[name]
    found, averages = model.parameters(), model.averages()
    for name in want:
        if name in trained:
            assert np.abs(found[name] - want[name]).max() < 2e-5 * max(1.0, np.abs(want[name]).max()), name
            assert np.abs(averages[name] - average[name]).max() < 2e-5 * max(1.0, np.abs(want[name]).max()), name
            assert not np.array_equal(found[name], first[name]), name
        else:
            assert np.array_equal(found[name], first[name]), name


def test_frozen_parameters_have_no_gradient(tmp_path, data_set):
    """What trains has the gradient that it has when everything trains; what does not has no storage for one."""
    whole, _ = compiled(tmp_path, data_set)
    frozen = [dict(match=name, learning_rate=0) for name in ("*.image.*", "embed", "norm2", "head")]
    part, _ = compiled(tmp_path, data_set, groups=frozen)
    rows = microbatch(whole, 1)
    for model in (whole, part):
        model.initialise(5)
    assert whole.accumulate(rows) == part.accumulate(rows)
    expected, found = whole.gradients(), part.gradients()
    assert {"embed", "norm2", "head"}.isdisjoint(found)
    for name, gradient in found.items():
        if ".image" in name:
            assert not gradient.any()
        else:
            scale = np.abs(expected[name]).max()
            assert np.abs(gradient - expected[name]).max() <= 1e-6 * scale and scale > 0, name
    slots = {one["bank"]: one["slots"] for one in part.manifest["state"]}
    assert any(one == ["param"] for one in slots.values()) and any("m" in one for one in slots.values())
    launches = [next(f["launches"] for f in m.manifest["functions"] if f["name"] == "accumulate") for m in (whole, part)]
    assert launches[1] < launches[0]


PHASES = [
    dict(until=4, trainable=["*.text.*", "head"]),
    dict(until=8, learning_rate=0.5, set=dict(z=1e-2)),
    dict(trainable=["*.image.*", "norm2"], set=dict(z=1e-2)),
]


def test_phases_and_averages_resume_bitwise(tmp_path, data_set):
    """A run that stops in a phase, at its end and behind it goes on as if it had not stopped."""
    model = write(tmp_path, phases=PHASES, ema=0.9)
    assert train(model, data_set, tmp_path / "whole", "--checkpoint-interval", 1, "--keep-checkpoints", 0) == 0
    whole = (tmp_path / "whole" / "checkpoint-12.safetensors").read_bytes()
    for stop in (3, 4, 5, 8):
        out = tmp_path / f"stopped-{stop}"
        out.mkdir()
        for name in (f"checkpoint-{stop}.safetensors", "log.jsonl", "model.mlir"):
            shutil.copy(tmp_path / "whole" / name, out / name)
        (out / "latest").write_text(f"checkpoint-{stop}.safetensors\n")
        assert train(model, data_set, out, "--resume") == 0
        assert (out / "checkpoint-12.safetensors").read_bytes() == whole, stop
    lines = [line for line in log_lines(tmp_path / "whole") if "loss" in line]
    assert [line["phase"] for line in lines] == [0] * 4 + [1] * 4 + [2] * 4
    assert [line["learning_rate"] for line in lines] == [3e-3] * 4 + [1.5e-3] * 4 + [3e-3] * 4
    z = [line["losses"]["z"]["all"] for line in lines]
    assert z[4] > 5 * z[3]  # ten times the coefficient

    before, between, after = (tensors(tmp_path / "whole", step) for step in (4, 8, 12))
    first = mt.compile(mt.model_file.read_model(model, mt.Data.load(data_set)))
    first.initialise(0)
    start = first.parameters()
    moved = lambda a, b, name: not np.array_equal(a, b.read(name))  # noqa: E731
    for name, value in start.items():
        is_text, is_image = ".text" in name, ".image" in name
        assert moved(value, before, name) == (is_text or name == "head"), name
        assert moved(before.read(name), between, name), name
        assert moved(between.read(name), after, name) == (is_image or name == "norm2"), name
        assert np.array_equal(before.read(f"ema/{name}"), value) == (not is_text and name != "head"), name


def test_moments_of_what_begins_later_are_corrected(tmp_path, data_set):
    """The first move of a parameter is as long as the rate, whenever it comes."""
    model = write(tmp_path, phases=[dict(until=6, trainable=["head"]), dict()], weight_decay=0.0, clip=0.0)
    assert train(model, data_set, tmp_path / "run", "--checkpoint-interval", 1, "--keep-checkpoints", 0, steps=7) == 0
    before, after = (tensors(tmp_path / "run", step) for step in (6, 7))
    step = np.abs(after.read("attn.v.text") - before.read("attn.v.text"))
    assert np.median(step) == pytest.approx(3e-3, rel=1e-2)


def test_averages_are_evaluated(tmp_path, data_set):
    """--eval-ema reports what a model with the averages for parameters has, and changes nothing else."""
    model = write(tmp_path, ema=0.9)
    assert train(model, data_set, tmp_path / "plain") == 0
    assert train(model, data_set, tmp_path / "averaged", "--eval-ema") == 0
    plain, averaged = (tmp_path / name / "checkpoint-12.safetensors" for name in ("plain", "averaged"))
    assert plain.read_bytes() == averaged.read_bytes()
    heldout = [log_lines(tmp_path / name)[-1]["heldout"] for name in ("plain", "averaged")]
    assert heldout[1]["ema"] is True and heldout[0]["loss"] != heldout[1]["loss"]
    other = mt.compile(mt.model_file.read_model(model, mt.Data.load(data_set)))
    assert other.load_parameters(averaged, averaged=True) == 12
    stored = tensors(tmp_path / "averaged", 12)
    for name, value in other.parameters().items():
        assert np.array_equal(value, stored.read(f"ema/{name}"))
    assert train(write(tmp_path), data_set, tmp_path / "none", "--eval-ema") == 1


def test_coefficients_follow_their_points(tmp_path, data_set, capsys):
    """A loss of 0 until step 2, then rising: the logged loss is the raw one times the coefficient of the step."""
    path = tmp_path / "scalars.mlir"
    path.write_text(SCALARS)
    options = ["--learning-rate", 0, "--coefficient", "amount=2:0,6:0.5"]
    assert train(path, data_set, tmp_path / "run", *options, steps=8) == 0
    z = [line["losses"]["z"]["all"] for line in log_lines(tmp_path / "run") if "loss" in line]
    assert z[:2] == [0, 0] and z[7] > 0
    for step, part in ((3, 0.25), (4, 0.5), (5, 0.75), (6, 1.0)):
        assert z[step - 1] == pytest.approx(part * z[7], rel=1e-3)
    capsys.readouterr()
    assert train(path, data_set, tmp_path / "missing") == 1
    assert "the model takes the coefficient 'amount', which is not given" in capsys.readouterr().err
    options = ["--coefficient", "amount=1", "--coefficient", "other=1"]
    assert train(path, data_set, tmp_path / "unknown", *options) == 1
    assert "unknown coefficient 'other'; the model takes amount" in capsys.readouterr().err


def test_balance_bounds_the_ratio(tmp_path, data_set):
    """Each step has the wished share of image tokens within two documents, and a resumed run is the same."""
    model = write(tmp_path, balance={"text": 1, "image": 1})
    out = tmp_path / "run"
    assert train(model, data_set, out, "--checkpoint-interval", 5, "--keep-checkpoints", 0) == 0
    longest, total, images = 30, 0, 0  # 8 words, begin, 11 codes, end, 8 words, end of the document
    for line in log_lines(out):
        if "tokens_by_modality" not in line:
            continue
        counts = line["tokens_by_modality"]
        total, images = total + line["tokens"], images + counts["image"]
        assert abs(counts["image"] - 0.5 * line["tokens"]) <= 2 * longest
        assert abs(images - 0.5 * total) <= longest
    whole = (out / "checkpoint-12.safetensors").read_bytes()
    (out / "latest").write_text("checkpoint-5.safetensors\n")
    assert train(model, data_set, out, "--resume") == 0
    assert (out / "checkpoint-12.safetensors").read_bytes() == whole
