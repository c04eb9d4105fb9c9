"""Training of routed models: noise, load of experts, a loss's schedule, phases that change k, upcycled outputs."""

import json

import numpy as np
import pytest
from test_training_features import log_lines, microbatch, tensors, train

import motley as mt
from motley.command_line import run_command_line
from motley.rows import pack

MODEL = '''
from motley import nn

train = dict(rows=96, learning_rate=1e-2, schedule="constant", precision="f32"{settings})


class Model(nn.Module):
    def __init__(self, data, k, noise):
        self.embed = nn.Embedding(data.vocabulary, 32)
        self.attn = nn.Attention(32, 2)
        self.norm = nn.RMSNorm(32)
        self.ffn = nn.MoE(
            nn.SwiGLU(32, 32),
            4,
            nn.TopK(k),
            noise=nn.Gumbel() if noise else None,
            losses=dict(balance=nn.Scheduled("balance")),
        )
        self.criterion = nn.CrossEntropy(nn.Head(32, data.vocabulary))

    def loss(self, tokens):
        x = self.embed(tokens)
        x = x + self.attn(x, tokens)
        return self.criterion(x + self.ffn(self.norm(x), tokens), tokens)


def model(data, k=1, noise=False):
    return Model(data, k, noise)
'''

SEED = '''
from motley import nn

train = dict(rows=96, precision="f32")


class Model(nn.Module):
    def __init__(self, data, experts):
        def network():
            ffn = nn.SwiGLU(32, 48, std=4.0, out_std=4.0)  # large: the epsilon of the norm does not matter
            return ffn if experts == 1 else nn.MoE(ffn, experts)

        self.embed = nn.Embedding(data.vocabulary, 32)
        self.attn = nn.Attention(32, 2)
        self.ffn = nn.ByModality({one.name: network() for one in data.modalities})
        self.norm = nn.RMSNorm(32)
        self.criterion = nn.CrossEntropy(nn.Head(32, data.vocabulary))

    def loss(self, tokens):
        x = self.embed(tokens)
        x = x + self.attn(x, tokens)
        return self.criterion(x + self.norm(self.ffn(x, tokens)), tokens)


def model(data, experts=1):
    return Model(data, experts)
'''


def write(folder, **settings):
    said = "".join(f", {name}={value!r}" for name, value in settings.items())
    (folder / "model.py").write_text(MODEL.replace("{settings}", said))
    return folder / "model.py"


def steps(out):
    return [line for line in log_lines(out) if "gradient_norm" in line]


def test_noise_is_drawn_anew_but_the_same_again(tmp_path, data_set):
    """By step, by seed and by row; none in evaluation."""
    path = write(tmp_path, coefficients={"balance": 0.0})
    model = mt.compile(path, mt.Data.load(data_set), settings={"noise": "true"})
    model.initialise(1)
    rows = microbatch(model, 1)

    def losses(**scalars):
        return model.accumulate(rows, scalars={"balance": 0.0, **scalars})["ce"]["text"]

    first = losses(seed=3, step=5)
    assert losses(seed=3, step=5) == first
    assert len({first, losses(seed=3, step=6), losses(seed=4, step=5)}) == 3
    moved = dict(rows, index=rows["index"] + 1000)
    assert model.accumulate(moved, scalars={"balance": 0.0, "seed": 3, "step": 5})["ce"]["text"] != first
    quiet = mt.compile(path, mt.Data.load(data_set))
    quiet.initialise(1)
    assert quiet.eval(rows, {"balance": 0.0}) == model.eval(rows, {"balance": 0.0})
    for name in ("a", "b"):
        assert train(path, data_set, tmp_path / name, "--set", "noise=true", steps=4) == 0
    contents = [(tmp_path / name / "checkpoint-4.safetensors").read_bytes() for name in ("a", "b")]
    assert contents[0] == contents[1]


def test_load_is_logged_over_the_microbatches_of_a_step(tmp_path, data_set):
    """Every row of a step is counted once for each expert that it took."""
    path = write(tmp_path, coefficients={"balance": [(0, 0.0), (3, 0.5)]}, microbatches=3)
    assert train(path, data_set, tmp_path / "run", "--set", "k=2", steps=4) == 0
    for line in steps(tmp_path / "run"):
        (name, chosen), = line["chosen"].items()
        assert name == "ffn"
        assert sum(map(sum, chosen.values())) == 2 * line["tokens"]
        if set(chosen) == set(line["tokens_by_modality"]):
            assert {key: sum(one) for key, one in chosen.items()} == {
                key: 2 * count for key, count in line["tokens_by_modality"].items()
            }
    balance = [line["losses"]["balance"]["all"] for line in steps(tmp_path / "run")]
    assert balance[0] == pytest.approx(balance[2] / 3, rel=0.1) and balance[3] == pytest.approx(balance[2], rel=0.1)


def test_phases_change_k(tmp_path, data_set):
    """Two instances of the step over the same parameters; stopped between them, the run goes on the same."""
    phases = [dict(until=3, set=dict(k=4)), dict(set=dict(k=1))]
    path = write(tmp_path, coefficients={"balance": 0.01}, phases=phases)
    assert train(path, data_set, tmp_path / "run", "--checkpoint-interval", 3, "--keep-checkpoints", 0, steps=6) == 0
    counts = [sum(map(sum, line["chosen"]["ffn"].values())) / line["tokens"] for line in steps(tmp_path / "run")]
    assert counts == [4] * 3 + [1] * 3
    whole = (tmp_path / "run" / "checkpoint-6.safetensors").read_bytes()
    (tmp_path / "run" / "latest").write_text("checkpoint-3.safetensors\n")
    assert train(path, data_set, tmp_path / "run", "--resume", steps=6) == 0
    assert (tmp_path / "run" / "checkpoint-6.safetensors").read_bytes() == whole


def test_upcycled_rows_are_the_seeds(tmp_path, data_set):
    """Behind a norm a row that an expert took has the loss of the seed; one that none took, that without a network."""
    path = tmp_path / "seed.py"
    path.write_text(SEED)
    assert train(path, data_set, tmp_path / "run", "--warmup", 1, steps=3) == 0
    out = tmp_path / "4t4i.safetensors"
    arguments = ["convert", tmp_path / "run" / "checkpoint-3.safetensors", path, "--data", data_set]
    assert run_command_line([str(one) for one in [*arguments, "--set", "experts=4", "-o", out]]) == 0
    data = mt.Data.load(data_set)
    seed, upcycled = (mt.compile(path, data, settings={"experts": str(count)}) for count in (1, 4))
    seed.load_parameters(tmp_path / "run" / "checkpoint-3.safetensors")
    upcycled.load_parameters(out)
    rows = microbatch(seed, 2)
    live = [row for row in range(rows["live"]) if rows["target"][row] >= 0]

    def losses(model):
        found = []
        for row in live:
            weight = np.zeros(model.rows, np.float32)
            weight[row] = 1
            found.append(sum(model.eval(dict(rows, weight=weight))["ce"].values()))
        return np.array(found)

    whole, cycled = losses(seed), losses(upcycled)
    seed.set_parameters({name: np.zeros((48, 32), np.float32) for name in ("ffn.text.down", "ffn.image.down")})
    without = losses(seed)
    taken = np.abs(cycled - whole) < 1e-4
    assert np.all(taken | (np.abs(cycled - without) < 1e-5))
    assert 0.5 < taken.mean() < 0.9  # of independent choices by four experts, 1 - 0.75^4 = 0.68


MOMA = '''
from motley import nn

train = dict(rows=96, precision="f32"{settings})


class Model(nn.Module):
    def __init__(self, data):
        self.embed = nn.Embedding(data.vocabulary, 32)
        self.attn = nn.Attention(32, 2)
        self.norm = nn.RMSNorm(32)
        self.ffn = nn.ByModality({one.name: nn.MoE(nn.SwiGLU(32, 40), 4) for one in data.modalities})
        self.criterion = nn.CrossEntropy(nn.Head(32, data.vocabulary))

    def loss(self, tokens):
        x = self.embed(tokens)
        x = x + self.attn(x, tokens)
        return self.criterion(x + self.ffn(self.norm(x), tokens), tokens)


def model(data):
    return Model(data)
'''


@pytest.mark.parametrize(
    "frozen", [["*.image.*"], ["experts.1", "experts.2.down"], ["embed", "attn", "norm", "experts", "criterion"]]
)
def test_frozen_experts(tmp_path, data_set, frozen):
    """A tower, some experts, all but the routers: what trains has the gradient that it has in the whole model."""
    models = []
    for name, groups in (("whole", []), ("part", [dict(match=one, learning_rate=0) for one in frozen])):
        (tmp_path / f"{name}.py").write_text(MOMA.replace("{settings}", f", groups={groups}"))
        models.append(mt.compile(tmp_path / f"{name}.py", mt.Data.load(data_set)))
        models[-1].initialise(2)
    whole, part = models
    rows = microbatch(whole, 4)
    assert whole.accumulate(rows) == part.accumulate(rows)
    expected, found, before = whole.gradients(), part.gradients(), part.parameters()
    settings = mt.Hyperparameters.read(dict(groups=groups))
    trained = [name for name in expected if settings.rule_of(name)[0] != 0]
    for name, gradient in expected.items():
        if name in trained:
            assert np.abs(found[name] - gradient).max() <= 1e-5 * np.abs(gradient).max(), name
        elif name in found:
            assert not found[name].any(), name
    norm = part.update(1e-2, 1)
    assert norm == pytest.approx(np.sqrt(sum((expected[name].astype(np.float64) ** 2).sum() for name in trained)), rel=1e-5)
    for name, value in part.parameters().items():
        assert np.array_equal(value, before[name]) == (name not in trained or not expected[name].any()), name
