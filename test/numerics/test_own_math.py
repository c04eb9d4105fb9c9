"""A model's own mathematics, compiled: against the oracle, and the oracle against finite differences."""

import re
from collections import Counter

import oracle
import pytest

import motley as mt
from motley import nn

TWO = mt.Modalities(text=23, image=14)
ROWS, LIVE, WIDTH, HIDDEN = 48, 41, 16, 24


@mt.elementwise
def squared_relu(x):
    """Arxiv 2109.08668."""
    return mt.maximum(x, 0) ** 2


@mt.elementwise
def leaky(x, slope=0.1):
    return mt.where(x > 0, x, slope * x)


@mt.elementwise
def gelu_tanh(x):
    return 0.5 * x * (1 + mt.tanh(0.7978845608 * (x + 0.044715 * x**3)))


@mt.elementwise
def softplus(x):
    """log(1 + exp(x)), without overflow."""
    return mt.maximum(x, 0) + mt.log1p(mt.exp(-abs(x)))


@mt.elementwise
def elu(x):
    return mt.where(x > 0, x, mt.expm1(mt.minimum(x, 0)))


@mt.elementwise
def wavy(x):
    inside = (x > -4) & ~(x >= 4)
    return mt.where(inside, x + mt.sin(2 * x) ** 2 / 2, x + mt.cos(x) / 8) + mt.tanh(x) * mt.erf(x) + mt.gelu(x)


@mt.elementwise
def roots(x):
    return mt.sqrt(x * x + 1) + mt.rsqrt(x * x + 0.5) - mt.log(x**2 + 2) + (x * x + 1) ** 0.75 + 1 / (2 + x**-2)


@mt.elementwise
def flat(x):
    """Its derivative is that of x alone."""
    return x + mt.floor(x) - mt.ceil(2 * x)


@mt.elementwise
def gated(gate, up):
    return squared_relu(gate) * mt.tanh(up) + mt.sigmoid(gate) * up


@mt.elementwise
def two_results(x):
    return mt.sin(x), mt.cos(x)


@mt.elementwise
def normalise(x, squares):
    return x * mt.rsqrt(squares / HIDDEN + 1e-3)


class Own(nn.Module):
    """A feed-forward network around a function; with ``units`` products in front of it."""

    def __init__(self, function, units=1):
        self.width = WIDTH
        self.ups = nn.ModuleList(nn.Linear(WIDTH, HIDDEN, std=0.4) for _ in range(units))
        self.down = nn.Linear(HIDDEN, WIDTH, std=0.4)
        self.function = function

    def forward(self, x, tokens=None):
        return self.down(self.function(*(up(x) for up in self.ups)))


def of_rows(x):
    """Every row over its root mean square, by hand."""
    return normalise(x, nn.functional.row_sum(x * x))


def of_tensors(x):
    """Without a decorator: functions of whole tensors."""
    sine, cosine = two_results(x)
    return mt.maximum(sine, 0.5 * cosine) + mt.tanh(x) * 0.5


def in_experts(function):
    return lambda: nn.MoE(Own(function), experts=3, route=nn.TopK(2))


BLOCKS = {
    "squared-relu": lambda: Own(squared_relu),
    "leaky": lambda: Own(leaky),
    "gelu-tanh": lambda: Own(gelu_tanh),
    "softplus": lambda: Own(softplus),
    "elu": lambda: Own(elu),
    "wavy": lambda: Own(wavy),
    "roots": lambda: Own(roots),
    "flat": lambda: Own(flat),
    "gated": lambda: Own(gated, units=2),
    "of-rows": lambda: Own(of_rows),
    "of-tensors": lambda: Own(of_tensors),
    "by-modality": lambda: nn.ByModality(text=Own(gelu_tanh), image=Own(squared_relu)),
    "by-modality-equal": lambda: nn.ByModality(text=Own(softplus), image=Own(softplus)),
    "experts": in_experts(leaky),
    "depth": lambda: nn.MixtureOfDepths(Own(softplus), capacity=0.5, width=WIDTH),
}


class Model(nn.Module):
    def __init__(self, make):
        self.embed = nn.Embedding(TWO.vocabulary, WIDTH, std=0.8)
        self.norm = nn.RMSNorm(WIDTH)
        self.block = make()
        self.criterion = nn.CrossEntropy(nn.Head(WIDTH, TWO.vocabulary, std=0.3), z_loss=1e-2)

    def loss(self, tokens):
        x = self.embed(tokens)
        return self.criterion(x + self.block(self.norm(x, tokens), tokens), tokens)


def text_of(make):
    return oracle.trace(Model(make), mt.Data(TWO, rows=ROWS))


@pytest.mark.parametrize("name", BLOCKS)
def test_compiled_equals_oracle(tmp_path, name):
    rows = oracle.random_rows(TWO, ROWS, LIVE, seed=5)
    oracle.Case(text_of(BLOCKS[name]), TWO, rows, tmp_path).check()


@pytest.mark.parametrize("live", [0, 1, ROWS])
def test_few_and_all_rows(tmp_path, live):
    rows = oracle.random_rows(TWO, ROWS, live, seed=6)
    oracle.Case(text_of(BLOCKS["by-modality"]), TWO, rows, tmp_path).check()


# A difference across the edge of two pieces is no derivative. Steps have edges wherever values are.
SEEDS_AWAY_FROM_EDGES = {name: 5 if name == "of-tensors" else 4 for name in BLOCKS if name != "flat"}


@pytest.mark.parametrize("name, seed", SEEDS_AWAY_FROM_EDGES.items())
def test_gradients_of_the_oracle_equal_differences(tmp_path, name, seed):
    source, grouped = tmp_path / "level1.mlir", tmp_path / "level2.mlir"
    source.write_text(text_of(BLOCKS[name]))
    oracle.run_tool("motley-opt", "--motley-to-grouped", source, "-o", grouped)
    options = ["--gradcheck=eval", "--jitter=0.2", f"--seed={seed}", "--tolerance=1e-6"]
    said = oracle.run_tool("motley-interp", grouped, *options)
    assert re.search(r"largest error (\S+) over (\d+) variables, 0 wrong, 0 unused", said), said


class Dense(nn.Module):
    """The same network around an activation that the compiler knows."""

    def __init__(self, units):
        self.network = nn.SwiGLU(WIDTH, HIDDEN) if units == 2 else nn.MLP(WIDTH, HIDDEN, "gelu")

    def forward(self, x, tokens):
        return self.network(x)


@pytest.mark.parametrize("name, units", [("gelu-tanh", 1), ("leaky", 1), ("gated", 2)])
def test_an_own_activation_launches_no_more_than_a_known_one(name, units):
    """Forward and backward: it is part of the products' epilogues, and nothing is stored for it."""
    rows = oracle.random_rows(TWO, ROWS, LIVE)
    found = []
    for make in (BLOCKS[name], lambda: Dense(units)):
        model = oracle.compiled(text_of(make))
        model.initialise(0)
        model.session.set_profiling(True)
        model.accumulate(rows, normaliser=1.0)
        found.append(Counter({family: calls for _, family, calls, _ in model.session.profile()}))
    assert found[0] == found[1]


def test_a_model_of_text_alone(tmp_path):
    """MODEL.mlir holds linalg as its author wrote it."""
    text = """
#rows = affine_map<(r, d) -> (r, d)>
#each = affine_map<(r, d) -> (r)>
motley.modality @text ids 0 to 23
motley.modality @image ids 23 to 37
motley.variable @embed : tensor<37x16xf32> init normal 0.8
motley.variable @up : tensor<16x24xf32> init normal 0.4
motley.variable @down : tensor<24x16xf32> init normal 0.4
motley.variable @head : tensor<16x37xf32> init normal 0.3
func.func @loss(%token: tensor<48xi32> {motley.field = #motley.field<token>},
                %target: tensor<48xi32> {motley.field = #motley.field<target>}) -> (tensor<48xf32> {motley.loss = "ce"}) {
  %x = motley.embedding @embed(%token) : (tensor<48xi32>) -> tensor<48x16xf32>
  %u = motley.linear @up(%x) precision f32 : (tensor<48x16xf32>) -> tensor<48x24xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<48x24xf32>
  %s0 = tensor.empty() : tensor<48xf32>
  %s1 = linalg.fill ins(%zero : f32) outs(%s0 : tensor<48xf32>) -> tensor<48xf32>
  %s = linalg.generic {indexing_maps = [#rows, #each], iterator_types = ["parallel", "reduction"]}
      ins(%u : tensor<48x24xf32>) outs(%s1 : tensor<48xf32>) {
  ^bb0(%a: f32, %sum: f32):
    %q = arith.mulf %a, %a : f32
    %t = arith.addf %sum, %q : f32
    linalg.yield %t : f32
  } -> tensor<48xf32>
  %h = linalg.generic {indexing_maps = [#rows, #each, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%u, %s : tensor<48x24xf32>, tensor<48xf32>) outs(%e : tensor<48x24xf32>) {
  ^bb0(%a: f32, %q: f32, %out: f32):
    %one = arith.constant 1.0 : f32
    %n = arith.addf %q, %one : f32
    %r = math.rsqrt %n : f32
    %m = arith.maximumf %a, %zero : f32
    %y = arith.mulf %m, %r : f32
    linalg.yield %y : f32
  } -> tensor<48x24xf32>
  %d = motley.linear @down(%h) precision f32 : (tensor<48x24xf32>) -> tensor<48x16xf32>
  %ce, %z = motley.cross_entropy @head(%d) targets %target {z_loss = 0.0 : f64}
      : (tensor<48x16xf32>, tensor<48xi32>) -> (tensor<48xf32>, tensor<48xf32>)
  return %ce : tensor<48xf32>
}
motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-08 weight_decay 0.1 clip 1.0
"""
    rows = {name: value for name, value in oracle.random_rows(TWO, ROWS, LIVE, seed=7).items()}
    oracle.Case(text, TWO, rows, tmp_path).check()


def test_the_example_trains(data_set):
    """In bf16, as models do unless they say otherwise."""
    data = mt.Data.load(data_set, rows=64)
    path = oracle.ROOT / "test" / "numerics" / "own_activation.py"
    model = mt.compile(path, data, threads=1)
    trainer = mt.Trainer(model, data_set, steps=40, train=mt.Hyperparameters(learning_rate=1e-2, warmup=2))
    losses = [trainer.step()["losses"]["ce"]["all"] for _ in range(40)]
    assert losses[-1] < 0.8 * losses[0]
