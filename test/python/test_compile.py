"""Compiled models: functions on arrays, agreement with a NumPy model, diagnostics at the user's line, artefacts."""

import functools
import json
import re
import subprocess
import sys

import numpy as np
import pytest

import motley as mt
from motley import native, nn
from motley.command_line import run_command_line
from motley.compiled import CompiledModel
from motley.rows import pack

DATA = mt.Data(mt.Modalities(text=48, image=16), rows=32)
ROWS = pack([[1, 50, 51, 52, 2, 7, 9], [60, 61, 3, 4], [5]], DATA.modalities, 32)


class Model(nn.Module):
    def __init__(self, width=16, untie=None):
        self.embed = nn.Embedding(64, width, std=0.5)
        self.attn = nn.Attention(width, 2, qk_norm=True, untie=untie, std=0.3)
        self.norm = nn.RMSNorm(width, untie=untie)
        self.ffn = nn.SwiGLU(width, 24, untie=untie, std=0.3)
        self.criterion = nn.CrossEntropy(nn.Head(width, 64, std=0.3), z_loss=1e-3)

    def loss(self, tokens):
        x = self.embed(tokens)
        x = x + self.attn(x, tokens)
        return self.criterion(x + self.ffn(self.norm(x, tokens), tokens), tokens)


def rms(x, gain, eps=1e-5):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + eps) * gain


def reference(parameters, rows, untie):
    """The model in NumPy, in float64; returns the sums of ce and z by modality of the target."""
    live, p = rows["live"], {name: value.astype(np.float64) for name, value in parameters.items()}
    modality = rows["modality"][:live]

    def by_tower(name, apply):
        if not untie:
            return apply(p[name])
        return np.where((modality == 0)[:, None], apply(p[f"{name}.text"]), apply(p[f"{name}.image"]))

    x = p["embed"][rows["token"][:live]]
    q, k, v = (by_tower(f"attn.{name}", lambda w: x @ w).reshape(live, 2, 8) for name in "qkv")
    position = rows["position"][:live, None, None]
    angle = position * 1e4 ** (-np.arange(4) / 4)

    def prepare(y, name):
        y = by_tower(f"attn.{name}_norm", lambda gain: rms(y, gain).reshape(live, 16)).reshape(live, 2, 8)
        low, high = y[..., :4], y[..., 4:]
        turned = [low * np.cos(angle) - high * np.sin(angle), high * np.cos(angle) + low * np.sin(angle)]
        return np.concatenate(turned, -1)

    scores = np.einsum("rhd,chd->hrc", prepare(q, "q"), prepare(k, "k")) / np.sqrt(8)
    document, order = rows["document"][:live], rows["order"][:live]
    admitted = (document[:, None] == document[None]) & (order[None] <= order[:, None])
    weights = np.where(admitted, np.exp(scores), 0)
    weights /= weights.sum(-1, keepdims=True)
    a = np.einsum("hrc,chd->rhd", weights, v).reshape(live, 16)
    x = x + by_tower("attn.o", lambda w: a @ w)
    n = by_tower("norm", lambda gain: rms(x, gain))
    gate, up = by_tower("ffn.gate", lambda w: n @ w), by_tower("ffn.up", lambda w: n @ w)
    hidden = gate / (1 + np.exp(-gate)) * up
    x = x + by_tower("ffn.down", lambda w: hidden @ w)
    logits = x @ p["criterion.head"]
    lse = np.log(np.exp(logits).sum(-1))
    target = rows["target"][:live]
    ce, z = lse - logits[np.arange(live), target], 1e-3 * lse**2
    groups = {"text": (target >= 0) & (target < 48), "image": target >= 48}
    return {
        name: {one: values[rows_of].sum() for one, rows_of in groups.items()} for name, values in (("ce", ce), ("z", z))
    }


@functools.lru_cache(maxsize=None)
def artefact_of(text):
    """Machine code is made once for each text; every test has its own session of it."""
    return native.jit(text, "test model")


def session_of(model, data, threads=1):
    return CompiledModel(artefact_of(mt.trace(model, data, train=mt.Hyperparameters(precision="f32"))), threads)


def build(untie=None, threads=1, **options):
    model = session_of(Model(untie=untie, **options), DATA, threads)
    model.initialise(seed=7)
    return model


def test_compile_takes_a_module():
    model = mt.compile(nn_only_embedding(), DATA, threads=1)
    assert model.rows == 32 and model.modalities == DATA.modalities
    assert set(model.parameters()) == {"embed", "criterion.head"}
    with pytest.raises(mt.Error, match="compile needs the data description of a module"):
        mt.compile(nn_only_embedding())


def nn_only_embedding():
    class Bigram(nn.Module):
        def __init__(self):
            self.embed = nn.Embedding(64, 16)
            self.criterion = nn.CrossEntropy(nn.Head(16, 64))

        def loss(self, tokens):
            return self.criterion(self.embed(tokens), tokens)

    return Bigram()


@pytest.mark.parametrize("untie", [None, DATA.modalities], ids=["tied", "untied"])
def test_losses_agree_with_numpy(untie):
    model = build(untie)
    expected = reference(model.parameters(), ROWS, untie)
    found = model.eval(ROWS)
    for loss in ("ce", "z"):
        for modality in ("text", "image"):
            assert found[loss][modality] == pytest.approx(expected[loss][modality], rel=2e-5)


def test_gradients_agree_with_differences_of_the_numpy_model():
    model = build(DATA.modalities)
    model.accumulate(ROWS)
    parameters, gradients = model.parameters(), model.gradients()
    normaliser = ROWS["weight"].sum()
    generator = np.random.default_rng(0)
    for name, gradient in gradients.items():
        direction = generator.normal(size=gradient.shape)
        values = []
        for sign in (1, -1):
            moved = dict(parameters)
            moved[name] = parameters[name].astype(np.float64) + sign * 1e-5 * direction
            values.append(sum(sum(one.values()) for one in reference(moved, ROWS, True).values()) / normaliser)
        slope = (values[0] - values[1]) / 2e-5
        scale = np.abs(gradient.astype(np.float64) * direction).sum()
        assert (gradient * direction).sum() == pytest.approx(slope, abs=2e-5 * scale + 1e-9), name


@pytest.mark.parametrize(
    "field, row, value, said",
    [
        ("document", 2, -5, "field 'document' is -5 in row 2, expected 0 to 31"),
        ("document", 11, 32, "field 'document' is 32 in row 11, expected 0 to 31"),
        ("order", 6, 0, "field 'order' falls from 5 to 0 in row 6"),
    ],
)
def test_rows_that_attention_cannot_use_are_refused(field, row, value, said):
    model = build()
    rows = {**ROWS, field: ROWS[field].copy()}
    rows[field][row] = value
    with pytest.raises(mt.Error, match=re.escape(said)):
        model.eval(rows)
    assert model.eval(ROWS)


def test_second_microbatch_adds_and_first_overwrites():
    model = build()
    model.accumulate(ROWS, normaliser=10.0)
    once = model.gradients()
    model.accumulate(ROWS, add=True, normaliser=10.0)
    twice = model.gradients()
    model.accumulate(ROWS, normaliser=10.0)
    again = model.gradients()
    for name in once:
        assert np.array_equal(once[name], again[name])
        # The second sum starts from the first: the rounding of a sum of 14 rows, of the size of its largest elements.
        np.testing.assert_allclose(twice[name], 2 * once[name], rtol=0, atol=14 * 6e-8 * np.abs(once[name]).max())


def test_update_follows_adamw():
    model = build()
    before = model.parameters()
    model.accumulate(ROWS)
    gradients = model.gradients()
    norm = model.update(learning_rate=0.01, step=1)
    expected = np.sqrt(sum((one.astype(np.float64) ** 2).sum() for one in gradients.values()))
    assert norm == pytest.approx(expected, rel=1e-5)
    scale = min(1.0, 1.0 / norm)
    for name, after in model.parameters().items():
        g = gradients[name].astype(np.float64) * scale
        decay = 0.1 if after.ndim == 2 and name != "embed" else 0.0
        step = g / (np.abs(g) + 1e-8) + decay * before[name]
        # One rounding of the parameter, and the step's own, which is as large as its ingredients.
        np.testing.assert_allclose(after, before[name] - 0.01 * step, rtol=2e-6, atol=2e-6)


def test_one_modality_equals_dense_bit_for_bit():
    data = mt.Data(mt.Modalities(text=64), rows=32)
    rows = pack([[1, 50, 51, 2], [3, 4, 5]], data.modalities, 32)
    results = []
    for untie in (None, data.modalities):
        model = session_of(Model(untie=untie), data)
        reference_model = session_of(Model(), data)
        reference_model.initialise(3)
        values = reference_model.parameters()
        model.set_parameters(
            values if untie is None else {name: values[name.removesuffix(".text")] for name in model.parameters()}
        )
        sums = model.accumulate(rows)
        results.append((sums, {name.removesuffix(".text"): one for name, one in model.gradients().items()}))
    assert results[0][0] == results[1][0]
    assert all(np.array_equal(results[0][1][name], results[1][1][name]) for name in results[0][1])


def test_threads_do_not_change_a_bit():
    one, two = build(threads=1), build(threads=2)
    assert one.accumulate(ROWS) == two.accumulate(ROWS)
    first, second = one.gradients(), two.gradients()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_initial_values_follow_their_declaration_and_their_seed():
    model = build(width=64)
    parameters = model.parameters()
    assert parameters["embed"].shape == (64, 64)
    assert parameters["embed"].std() == pytest.approx(0.5, rel=0.05)
    assert (parameters["norm"] == 1).all()
    model.initialise(seed=7)
    assert np.array_equal(model.parameters()["embed"], parameters["embed"])
    model.initialise(seed=8)
    assert not np.array_equal(model.parameters()["embed"], parameters["embed"])


def test_wrong_rows_are_refused():
    model = build()
    for change, message in [
        ({"token": None}, "token"),
        ({"token": np.zeros(5, np.int32)}, "token"),
        ({"token": np.full(32, 64, np.int32)}, "64"),
        ({"modality": None}, None),
    ]:
        rows = {**ROWS, **change}
        rows = {name: value for name, value in rows.items() if value is not None}
        if message is None:
            model.eval({**rows})  # a dense model does not read it
            continue
        with pytest.raises(mt.Error, match=message):
            model.eval(rows)


def test_unknown_names_and_shapes_of_parameters():
    model = build()
    with pytest.raises(mt.Error, match="no variable 'norm1'"):
        model.set_parameters({"norm1": np.zeros(16, np.float32)})
    with pytest.raises(mt.Error, match=r"'norm' have the shape \[8\]; expected \[16\]"):
        model.set_parameters({"norm": np.zeros(8, np.float32)})


def test_no_target_cannot_be_trained_on():
    with pytest.raises(mt.Error, match="normaliser is 0.0; expected a number above 0"):
        build().accumulate(pack([[5]], DATA.modalities, 32))


def test_a_diagnostic_of_the_compiler_points_to_the_mlir_file(tmp_path, capsys):
    path = tmp_path / "broken.mlir"
    path.write_text("motley.modality @text ids 0 to 4\nmotley.modality @image ids 3 to 8\n")
    assert run_command_line(["compile", str(path), "--emit", "motley"]) == 1
    error = capsys.readouterr().err
    assert re.match(re.escape(f"{path}:") + r"[12]:1: error: ", error)
    assert "overlap" in error and "see current operation" not in error and "\n    ^" in error


@pytest.mark.parametrize(
    "kind, holds", [("motley", "motley.by_modality"), ("grouped", "motley.group_by"), ("plan", "plan.step")]
)
def test_emit_text_levels(examples, capsys, kind, holds):
    assert (
        run_command_line(["compile", str(examples / "mot.py"), "--set", "size=tiny", "--rows", "64", "--emit", kind])
        == 0
    )
    text = capsys.readouterr().out
    assert holds in text and "loc(" not in text


@pytest.fixture(scope="module")
def artefact(tmp_path_factory):
    """The small model by hand as a file."""
    from pathlib import Path

    path = tmp_path_factory.mktemp("artefact") / "m.so"
    source = Path(__file__).resolve().parents[2] / "python" / "examples" / "mot.mlir"
    assert run_command_line(["compile", str(source), "-o", str(path)]) == 0
    return path


def test_artefact_loads_and_runs(artefact):
    model = mt.compile(artefact)
    model.initialise(0)
    rows = pack([[1, 2, 4100, 4101, 3]], model.modalities, model.rows)
    sums = model.eval(rows)
    # Untrained: the loss of a uniform guess over 4,608 ids.
    assert sums["ce"]["text"] / 2 == pytest.approx(np.log(4608), rel=0.02)
    assert sums["ce"]["image"] / 2 == pytest.approx(np.log(4608), rel=0.02)


def test_inspect_artefact(artefact, capsys):
    assert run_command_line(["inspect", str(artefact), "--variables"]) == 0
    text = capsys.readouterr().out
    assert "parameters  671,744 (671.7K) in matrices, 256 in gains and biases, 20 variables" in text
    for word in ("init", "eval", "accumulate", "update", "kernels", "banks", "arena", "q.image"):
        assert word in text
    assert run_command_line(["inspect", str(artefact), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 512


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "missing"])
def test_damaged_artefacts_are_refused(artefact, tmp_path, capsys, damage):
    path = tmp_path / "damaged.so"
    content = bytearray(artefact.read_bytes())
    if damage == "truncate":
        path.write_bytes(content[:-100])
    elif damage == "flip":
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
    elif damage == "empty":
        path.write_bytes(b"")
    assert run_command_line(["inspect", str(path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and str(path) in error and error.count("\n") == 1


def test_compilation_is_repeatable(examples, tmp_path):
    paths = [tmp_path / "a.so", tmp_path / "b.so"]
    for path in paths:
        run_command_line(["compile", str(examples / "mot.mlir"), "-o", str(path)])
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_loading_an_artefact_does_not_load_the_compiler(artefact):
    code = f"import sys, motley as mt; mt.compile({str(artefact)!r}); print('_motley_compiler' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert done.stdout == "False\n"


def test_a_broken_pass_is_our_mistake_and_leaves_a_reproducer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = native.internal_error(
        [("error", "'x' op is wrong", "m.py", 3, 1)], "motley-fuse-epilogue", "TEXT", "dir/m.py"
    )
    assert str(error) == (
        "internal error: cannot compile 'dir/m.py' after the pass motley-fuse-epilogue: 'x' op is wrong\n"
        "  reproducer: m.reproducer.mlir\n"
        "  run again:  motley-opt --motley-to-grouped --motley-to-plan m.reproducer.mlir"
    )
    assert (tmp_path / "m.reproducer.mlir").read_text() == "TEXT"


@pytest.mark.parametrize("option", [["--rows", "64"], ["--modalities", "text=3"]])
def test_a_file_in_mlir_says_what_options_would(tmp_path, capsys, option):
    path = tmp_path / "m.mlir"
    path.write_text("module {}")
    assert run_command_line(["compile", str(path), *option]) == 1
    assert "itself" in capsys.readouterr().err
