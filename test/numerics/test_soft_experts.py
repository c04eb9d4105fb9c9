"""Soft mixtures of experts, compiled, against the oracle, forward and backward."""

import oracle
import pytest
from test_blocks import LIVE, ROWS, THREE, TWO, Model

import motley as mt
from motley import nn


def swiglu(width, hidden=24):
    return nn.SwiGLU(width, hidden, std=0.4)


def soft(width, experts=3, slots=2, expert=swiglu, **options):
    return nn.SoftMoE(expert(width), experts, slots, router=nn.Linear(width, experts * slots, std=0.5), **options)


class Routers(nn.Module):
    """Mixtures inside of a selection, beside attention."""

    def __init__(self, width):
        self.depth = nn.MixtureOfDepths(Inside(width), capacity=0.4, width=width, std=0.4)

    def forward(self, x, tokens):
        return self.depth(x, tokens)


class Inside(nn.Module):
    def __init__(self, width):
        self.attn = nn.Attention(width, 2, std=0.4)
        self.ffn = nn.ByModality(text=soft(width), image=soft(width, 2, 1))
        self.norm = nn.RMSNorm(width)

    def forward(self, x, tokens):
        x = x + self.attn(x, tokens)
        return x + self.ffn(self.norm(x), tokens)


class Normed(nn.Module):
    """An expert that normalises its slots, with a bias: not 0 where a slot is."""

    def __init__(self, width):
        self.norm, self.mlp = nn.LayerNorm(width), nn.MLP(width, 20, "gelu", bias=True, std=0.4)

    def forward(self, x, tokens):
        return self.mlp(self.norm(x))


BLOCKS = {
    "one-slot": (TWO, lambda w: soft(w, 4, 1), {}),
    "uneven": (TWO, lambda w: soft(w, 3, 7), {"pre": False}),
    "as-many-slots-as-rows": (TWO, lambda w: soft(w, 4, ROWS // 4), {}),
    "one-expert": (TWO, lambda w: soft(w, 1, 5), {"untie_norm": TWO}),
    "by-modality": (TWO, lambda w: nn.ByModality(text=soft(w, 4, 2), image=soft(w, 3, 3)), {"untie_norm": TWO}),
    "in-two-towers-of-three": (
        THREE,
        lambda w: nn.ByModality(text=soft(w, 2, 2), image=swiglu(w), speech=soft(w, 3, 1)),
        {"untie_norm": THREE},
    ),
    "beside-choices": (
        TWO,
        lambda w: nn.ByModality(text=soft(w), image=nn.MoE(swiglu(w), 3, nn.TopK(1))),
        {},
    ),
    "kinds-of-experts": (
        TWO,
        lambda w: nn.SoftMoE([swiglu(w, 8), nn.MLP(w, 20, "gelu", bias=True, std=0.4), swiglu(w, 24)], slots=3),
        {},
    ),
    "normed-shared": (TWO, lambda w: soft(w, 2, 3, Normed, shared=swiglu(w, 8)), {}),
    "selected": (TWO, Routers, {}),
}


@pytest.fixture(scope="module")
def texts(request):
    """Level 1 of every block; compilation of those that will be asked for begins."""
    found = {}
    for name, (modalities, make, options) in BLOCKS.items():
        found[name] = oracle.trace(Model(modalities, make, **options), mt.Data(modalities, rows=ROWS))
    for item in request.session.items:
        if item.module is request.module and item.originalname == "test_compiled_equals_oracle":
            oracle.compiler.prefetch(found[item.callspec.params["name"]])
    return found


@pytest.mark.parametrize("name", BLOCKS)
def test_compiled_equals_oracle(texts, tmp_path, name):
    modalities = BLOCKS[name][0]
    rows = oracle.random_rows(modalities, ROWS, LIVE, seed=5)
    oracle.Case(texts[name], modalities, rows, tmp_path).check()


@pytest.mark.parametrize("name", BLOCKS)
def test_gradients_of_the_oracle_equal_differences(texts, tmp_path, name):
    """Relative to 1e-6, in float64, routing frozen."""
    oracle.check_differences(texts[name], tmp_path)


@pytest.mark.parametrize("live", [0, 1, 3])
@pytest.mark.parametrize("name", ["one-slot", "by-modality", "normed-shared", "selected"])
def test_few_rows(texts, tmp_path, name, live):
    modalities = BLOCKS[name][0]
    rows = oracle.random_rows(modalities, ROWS, live, seed=7)
    oracle.Case(texts[name], modalities, rows, tmp_path).check()


@pytest.mark.parametrize("name", ["by-modality", "in-two-towers-of-three", "beside-choices", "selected"])
def test_absent_modality(texts, tmp_path, name):
    """Its slots are 0, and no row takes from them: gradients of its experts are exactly 0."""
    modalities = BLOCKS[name][0]
    rows = oracle.random_rows(modalities, ROWS, LIVE, seed=9, among=[0])
    oracle.Case(texts[name], modalities, rows, tmp_path).check()


def test_towers_share_launches(texts, tmp_path):
    """Slots of both modalities stand in one tensor: each product of an expert is one operation over all of them."""
    source, grouped = tmp_path / "level1.mlir", tmp_path / "level2.mlir"
    source.write_text(texts["by-modality"])
    oracle.run_tool("motley-opt", "--motley-to-grouped", source, "-o", grouped)
    forward = grouped.read_text().split("func.func @eval")[1].split("func.func")[0]
    assert forward.count("motley.static_groups [2, 2, 2, 2, 3, 3, 3]") == 1
    assert forward.count("motley.mix_rows") == forward.count("motley.unmix_rows") == 1
    assert forward.count("motley.merge_groups") == 0
    products = [line for line in forward.splitlines() if "motley.grouped_matmul" in line and "!motley.groups<7, 17>" in line]
    assert len(products) == 2  # gate and up, down
