"""Rows and sizes at their limits: nothing live, one row, an absent modality, sizes that no tile divides, NaN."""

import numpy as np
import oracle
import pytest

import motley as mt
from motley import nn

# No dimension is a multiple of another's tile: width 40, heads of 20, hidden 33, 37 token ids, 61 rows.
MODALITIES = mt.Modalities(text=17, image=11, speech=9)
ROWS, WIDTH = 61, 40
DATA = mt.Data(MODALITIES, rows=ROWS)


class Model(nn.Module):
    def __init__(self):
        self.embed = nn.Embedding(37, WIDTH, std=0.8)
        self.norm1 = nn.RMSNorm(WIDTH, untie=MODALITIES)
        self.attn = nn.Attention(WIDTH, 2, kv_heads=1, qk_norm=True, untie=MODALITIES, mask="span", std=0.2)
        self.norm2 = nn.LayerNorm(WIDTH, untie=MODALITIES)
        self.ffn = nn.SwiGLU(WIDTH, 33, untie=MODALITIES, std=0.2)
        self.criterion = nn.CrossEntropy(nn.Head(WIDTH, 37, std=0.3), z_loss=1e-2)

    def loss(self, tokens):
        x = self.embed(tokens)
        x = x + self.attn(self.norm1(x, tokens), tokens)
        return self.criterion(x + self.ffn(self.norm2(x, tokens), tokens), tokens)


@pytest.fixture(scope="module")
def text():
    found = oracle.trace(Model(), DATA)
    for level in oracle.LEVELS:
        oracle.compiler.prefetch(found, level)
    return found


def live(number, among=None, seed=4):
    return oracle.random_rows(MODALITIES, ROWS, number, seed, among)


def documents_of_one():
    """All documents have one token; as such they have no target, so one is given to some."""
    rows = live(40)
    rows["document"][:40] = np.arange(40)
    rows["order"][:40] = rows["position"][:40] = 0
    rows["span"][:40] = np.where(rows["modality"][:40] > 0, np.arange(40), -1)
    return rows


MICROBATCHES = {
    "full": lambda: live(ROWS),
    "most": lambda: live(ROWS - 1),
    "one-row": lambda: {**live(1), "target": np.where(np.arange(ROWS) == 0, 36, -7).astype(np.int32)},
    "two-rows": lambda: live(2),
    "text-only": lambda: live(50, [0]),
    "speech-only": lambda: live(50, [2]),
    "without-image": lambda: live(50, [0, 2]),
    "documents-of-one": documents_of_one,
}


@pytest.mark.parametrize("level", oracle.LEVELS)
@pytest.mark.parametrize("name", MICROBATCHES)
def test_compiled_equals_oracle(text, tmp_path, name, level):
    oracle.Case(text, MODALITIES, MICROBATCHES[name](), tmp_path, level).check()


def test_gradients_of_an_absent_modality_are_zero(text):
    model = oracle.compiled(text)
    model.initialise(1)
    for name, value in model.parameters().items():
        model.session.write(name, "grad", np.full(value.shape, np.nan, np.float32))
    model.accumulate(live(50, [0]))
    for name, gradient in model.gradients().items():
        assert (np.abs(gradient).max() == 0) == name.endswith((".image", ".speech")), name


@pytest.mark.parametrize("level", oracle.LEVELS)
def test_no_live_row(text, level):
    """Losses are 0 and gradients overwritten with 0."""
    model = oracle.compiled(text, level)
    model.initialise(1)
    model.accumulate(live(50))
    nothing = {**live(50), "live": 0}
    sums = model.accumulate(nothing, normaliser=1.0)
    assert sums == model.eval(nothing)
    assert all(value == 0 for one in sums.values() for value in one.values())
    assert all((one == 0).all() for one in model.gradients().values())
    before = model.parameters()
    assert model.update(0.0, 1) == 0
    assert all(np.array_equal(before[name], value) for name, value in model.parameters().items())


def test_dead_rows_are_never_read(text):
    """Whatever they hold, every bit is the same; their floats are NaN, their integers out of range."""
    rows, found = live(40), []
    for garbage in (0, -(2**31), 2**31 - 1):
        model = oracle.compiled(text)
        model.initialise(1)
        filled = {name: value if name == "live" else value.copy() for name, value in rows.items()}
        for name, value in filled.items():
            if name != "live":
                value[40:] = np.nan if name == "weight" else garbage
        found.append((model.accumulate(filled), model.gradients()))
    for sums, gradients in found[1:]:
        assert sums == found[0][0]
        assert all(np.array_equal(value, found[0][1][name]) for name, value in gradients.items())


def test_poisoned_memory_changes_no_bit(text):
    found = []
    for poison in ("0", "1"):
        with oracle.environment(MOTLEY_POISON=poison):
            model = oracle.compiled(text)
        model.initialise(1)
        sums = model.accumulate(live(40))
        found.append((sums, model.gradients()))
    assert found[0][0] == found[1][0]
    assert all(np.array_equal(value, found[1][1][name]) for name, value in found[0][1].items())


def test_a_weight_of_nan_on_a_live_row_shows(text):
    """NaN is no error of a call, but it reaches the sums: it is never hidden."""
    model = oracle.compiled(text)
    model.initialise(1)
    rows = live(40)
    rows["weight"][:40][rows["target"][:40] >= 0] = np.nan
    assert all(np.isnan(value) for value in model.eval(rows)["ce"].values())


def test_a_parameter_of_nan_is_reported_where_asked(text):
    with oracle.environment(MOTLEY_CHECK_NAN="1"):
        model = oracle.compiled(text)
    model.initialise(1)
    values = model.parameters()["norm2.image"]
    values[3] = np.nan
    model.set_parameters({"norm2.image": values})
    with pytest.raises(mt.Error, match="loss_sums' holds a value that is not finite"):
        model.eval(live(40))


def test_training_stops_at_nan_and_keeps_its_checkpoints(data_set, tmp_path):
    """A parameter that becomes NaN in mid-run is one error; what was saved stays, and the run can be resumed."""
    modalities = mt.Data.load(data_set).modalities
    model = mt.compile(Tiny(modalities.vocabulary), mt.Data(modalities, rows=64), threads=1)

    def trainer(**options):
        return mt.Trainer(model, data_set, steps=6, out=tmp_path / "run", checkpoint_interval=1, **options)

    run = trainer()
    for _ in range(2):
        run.step()
    saved = run.save()
    content = open(saved, "rb").read()
    good = model.parameters()
    model.set_parameters({"head": np.full(good["head"].shape, np.nan, np.float32)})
    for _ in range(2):  # the failure is sticky
        with pytest.raises(
            mt.Error, match="step 3: the loss is not finite; the checkpoints of earlier steps are untou"
        ):
            run.step()
    with pytest.raises(mt.Error, match="not finite"):
        run.save()
    assert [one.read_bytes() for one in (tmp_path / "run").glob("checkpoint-*")] == [content]
    again = trainer(resume=True)
    assert again.current_step == 2
    assert all(np.array_equal(good[name], value) for name, value in model.parameters().items())
    again.run()
    assert again.is_done


class TwoTables(nn.Module):
    def __init__(self):
        self.rows, self.factors = nn.Embedding(37, WIDTH, std=0.8), nn.Embedding(37, WIDTH, std=0.8)
        self.criterion = nn.CrossEntropy(nn.Head(WIDTH, 37, std=0.3))

    def loss(self, tokens):
        return self.criterion(self.rows(tokens) * self.factors(tokens), tokens)


def test_two_tables_of_one_vocabulary(tmp_path):
    """Their gradients are sums over the same rows by token."""
    oracle.Case(oracle.trace(TwoTables(), DATA), MODALITIES, live(50), tmp_path).check()


class Tiny(nn.Module):
    def __init__(self, vocabulary):
        self.embed = nn.Embedding(vocabulary, 16)
        self.head = nn.Head(16, vocabulary)
        self.criterion = nn.CrossEntropy(self.head)

    def loss(self, tokens):
        return self.criterion(self.embed(tokens), tokens)
