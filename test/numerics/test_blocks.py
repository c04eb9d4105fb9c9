"""Every kind of block, compiled, against the oracle; and the oracle's gradients against finite differences."""

import oracle
import pytest

import motley as mt
from motley import nn

TWO = mt.Modalities(text=23, image=14)
THREE = mt.Modalities(text=20, image=9, speech=8)
ROWS, LIVE, WIDTH = 48, 41, 16


class Model(nn.Module):
    """One block between an embedding and a head. Weights are large, so that nothing is linear by accident."""

    def __init__(self, modalities, make, pre=True, norm=nn.RMSNorm, untie_norm=None, width=WIDTH):
        vocabulary = modalities.vocabulary
        self.embed = nn.Embedding(vocabulary, width, std=0.8)
        self.block = make(width)
        self.norm = norm(width, untie=untie_norm)
        self.pre = pre
        self.criterion = nn.CrossEntropy(nn.Head(width, vocabulary, std=0.3), z_loss=1e-2)

    def loss(self, tokens):
        x = self.embed(tokens)
        if self.pre:
            x = x + self.block(self.norm(x, tokens), tokens)
        else:
            x = x + self.norm(self.block(x, tokens), tokens)
        return self.criterion(x, tokens)


def feed(kind, untie=None, **options):
    return lambda width: kind(width, 24, untie=untie, std=0.4, **options)


def attention(heads, untie=None, **options):
    return lambda width: nn.Attention(width, heads, untie=untie, std=0.4, **options)


def by_modality(**towers):
    return lambda width: nn.ByModality({name: make(width) for name, make in towers.items()})


def one_tower_of_two(width):
    shared = nn.SwiGLU(width, 24, std=0.4)
    return nn.ByModality(text=shared, image=nn.MLP(width, 20, "relu", bias=True, std=0.4), speech=shared)


BLOCKS = {
    "swiglu": (TWO, feed(nn.SwiGLU), {}),
    "swiglu-untied": (TWO, feed(nn.SwiGLU, TWO), {"untie_norm": TWO, "pre": False}),
    "mlp-gelu-bias-untied": (TWO, feed(nn.MLP, TWO, activation="gelu", bias=True), {"norm": nn.LayerNorm}),
    "mlp-relu-bias": (TWO, feed(nn.MLP, None, activation="relu", bias=True), {"norm": nn.LayerNorm, "untie_norm": TWO}),
    "mlp-silu": (THREE, feed(nn.MLP, THREE, activation="silu"), {"untie_norm": THREE, "pre": False}),
    "layer-norm-after": (THREE, feed(nn.SwiGLU), {"norm": nn.LayerNorm, "untie_norm": THREE, "pre": False}),
    "causal-rope": (TWO, attention(2), {}),
    "causal-rope-untied-rms": (TWO, attention(2, TWO, qk_norm="rms"), {"untie_norm": TWO, "pre": False}),
    "causal-plain-layer-bias": (TWO, attention(2, TWO, rope=False, qk_norm="layer", bias=True), {}),
    "span-grouped-queries": (TWO, attention(4, TWO, kv_heads=2, qk_norm="rms", mask="span"), {"untie_norm": TWO}),
    "span-one-key-head": (THREE, attention(2, THREE, kv_heads=1, mask="span", head_width=12), {"pre": False}),
    "full-plain-bias": (THREE, attention(2, rope=False, mask="full", bias=True), {"norm": nn.LayerNorm}),
    "towers-attention": (THREE, attention(2, THREE.sharing(speech="text"), qk_norm=True), {"untie_norm": THREE}),
    "towers-feed": (
        THREE,
        feed(nn.SwiGLU, THREE.sharing(image="speech")),
        {"untie_norm": THREE.sharing(speech="text")},
    ),
    "by-modality": (
        THREE,
        by_modality(text=feed(nn.SwiGLU), image=feed(nn.MLP, activation="gelu"), speech=feed(nn.MLP, bias=True)),
        {"untie_norm": THREE},
    ),
    "by-modality-shared": (THREE, one_tower_of_two, {"pre": False}),
}


@pytest.fixture(scope="module")
def texts(request):
    """Level 1 of every block; compilation of those that will be asked for begins."""
    found = {}
    for name, (modalities, make, options) in BLOCKS.items():
        found[name] = oracle.trace(Model(modalities, make, **options), mt.Data(modalities, rows=ROWS))
    for item in request.session.items:
        if item.module is request.module and item.originalname == "test_compiled_equals_oracle":
            oracle.compiler.prefetch(found[item.callspec.params["name"]], item.callspec.params["level"])
    return found


@pytest.mark.parametrize("level", oracle.LEVELS)
@pytest.mark.parametrize("name", BLOCKS)
def test_compiled_equals_oracle(texts, tmp_path, name, level):
    modalities = BLOCKS[name][0]
    rows = oracle.random_rows(modalities, ROWS, LIVE, seed=5)
    oracle.Case(texts[name], modalities, rows, tmp_path, level).check()


@pytest.mark.parametrize("name", BLOCKS)
def test_gradients_of_the_oracle_equal_differences(texts, tmp_path, name):
    """Relative to 1e-6, in float64, for the gradients that derive-functions and differentiate made."""
    assert oracle.check_differences(texts[name], tmp_path) == texts[name].count("motley.variable @")
