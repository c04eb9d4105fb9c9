"""Routed blocks, compiled, against the oracle, forward and backward; choices against a brute-force one.

Choices are made on scores in f32, the oracle's on scores in f64: on the rows used here no two scores are closer than
the margin that the choices are tested with.
"""

import numpy as np
import oracle
import pytest
from test_blocks import LIVE, ROWS, THREE, TWO, Model

import motley as mt
from motley import nn

# Experts that nobody chose and rows without experts occur in most of these.
OVERFLOW = ("position", "priority", "reroute")


def swiglu(width, hidden=24):
    return nn.SwiGLU(width, hidden, std=0.4)


def moe(width, experts=4, route=None, **options):
    return nn.MoE(swiglu(width), experts=experts, route=route or nn.ExpertChoice(1 / experts), **options)


def moma(**counts):
    return lambda width: nn.ByModality({name: moe(width, count) for name, count in counts.items()})


class Depth(nn.Module):
    """A block of mixture-of-depths with experts by modality inside."""

    def __init__(self, width, capacity):
        self.depth = nn.MixtureOfDepths(Inside(width), capacity=capacity, width=width, std=0.4)

    def forward(self, x, tokens):
        return self.depth(x, tokens)


class Inside(nn.Module):
    def __init__(self, width):
        self.attn = nn.Attention(width, 2, std=0.4)
        self.ffn = moma(text=2, image=2)(width)
        self.norm = nn.RMSNorm(width)

    def forward(self, x, tokens):
        x = x + self.attn(x, tokens)
        return x + self.ffn(self.norm(x), tokens)


BLOCKS = {
    "expert-choice": (TWO, moe, {}),
    "moma-4t4i-post-norm": (TWO, moma(text=4, image=4), {"pre": False}),
    "moma-7t1i": (TWO, moma(text=7, image=1), {}),
    "moma-three": (THREE, moma(text=3, image=2, speech=1), {"untie_norm": THREE}),
    "text-experts-only": (TWO, lambda w: nn.ByModality(text=moe(w), image=swiglu(w)), {"untie_norm": TWO}),
    "expert-choice-by-document": (TWO, lambda w: moe(w, route=nn.ExpertChoice(0.5, scope="sequence")), {}),
    "top-2-softmax": (TWO, lambda w: moe(w, 4, nn.TopK(2), gate="softmax"), {}),
    "top-2-renormalised": (TWO, lambda w: moe(w, 5, nn.TopK(2), gate="softmax", renormalise=True), {}),
    "top-2-softmax-of-the-chosen": (TWO, lambda w: moe(w, 4, nn.TopK(2), gate="softmax", after_choice=True), {}),
    "top-1-shared-null": (TWO, lambda w: moe(w, 3, nn.TopK(1), gate="sigmoid", shared=swiglu(w, 8), null=2), {}),
    **{
        f"capacity-{policy}": (TWO, lambda w, policy=policy: moe(w, 4, nn.TopK(1, 0.2, policy), gate="softmax"), {})
        for policy in OVERFLOW
    },
    "relu-gate": (TWO, lambda w: moe(w, 4, nn.Threshold(0.0), gate="relu"), {}),
    "top-p": (TWO, lambda w: moe(w, 4, nn.TopP(0.6), gate="softmax"), {}),
    "hash": (TWO, lambda w: moe(w, 3, nn.HashRoute(), gate="one"), {}),
    "widths": (
        TWO,
        lambda w: nn.MoE([swiglu(w, 8), swiglu(w, 24), nn.MLP(w, 20, "gelu", bias=True, std=0.4)], route=nn.TopK(2)),
        {},
    ),
    "low-rank": (TWO, lambda w: nn.MoE(nn.LowRank(w, 3, std=0.5, out_std=0.5), 4, nn.TopK(2), gate="relu"), {}),
    "routed-projection": (TWO, lambda w: nn.MoE(nn.Linear(w, w, bias=True, std=0.4), 3, nn.TopK(1)), {}),
    "router-losses": (
        TWO,
        lambda w: moe(
            w, 4, nn.TopK(2), gate="softmax", losses=dict(balance=0.1, importance=0.1, router_z=0.1, entropy=0.1)
        ),
        {},
    ),
    # What reads the choices of two modalities as numbers must not take one for the other.
    **{
        f"moma-{name}": (
            TWO,
            lambda w, options=options: nn.ByModality(
                text=moe(w, 4, nn.TopK(2), gate="softmax", **options),
                image=moe(w, 4, nn.TopK(2), gate="softmax", **options),
            ),
            {},
        )
        for name, options in {
            "renormalised": dict(renormalise=True),
            "after-choice": dict(after_choice=True),
            "importance": dict(losses=dict(importance=0.1)),
        }.items()
    },
    "depth": (TWO, lambda w: Depth(w, 0.3), {}),
    "noise-gumbel": (TWO, lambda w: moe(w, 4, nn.TopK(2), gate="softmax", noise=nn.Gumbel()), {}),
    "scheduled-loss": (
        TWO,
        lambda w: moe(w, 4, nn.TopK(2), gate="softmax", losses=dict(balance=nn.Scheduled("pull"))),
        {},
    ),
}


# What the functions of these blocks take beside the rows.
SCALARS = {"noise-gumbel": dict(seed=11, step=2), "scheduled-loss": dict(pull=0.3)}


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
    oracle.Case(texts[name], modalities, rows, tmp_path, scalars=SCALARS.get(name)).check()


@pytest.mark.parametrize("name", BLOCKS)
def test_gradients_of_the_oracle_equal_differences(texts, tmp_path, name):
    """Relative to 1e-6, in float64, routing frozen: the router's gradient comes through the gates alone."""
    scalars = SCALARS.get(name, {})
    options = [f"--scalar={key}={value}" for key, value in scalars.items() if key not in ("seed", "step")]
    options.append("--gradcheck=" + ("accumulate" if "seed" in scalars else "eval"))  # noise is in accumulate alone
    oracle.check_differences(texts[name], tmp_path, *options)


@pytest.mark.parametrize("live", [0, 1, 3])
@pytest.mark.parametrize("name", ["moma-4t4i-post-norm", "top-2-softmax", "capacity-reroute", "depth"])
def test_few_rows(texts, tmp_path, name, live):
    modalities = BLOCKS[name][0]
    rows = oracle.random_rows(modalities, ROWS, live, seed=7)
    oracle.Case(texts[name], modalities, rows, tmp_path).check()


@pytest.mark.parametrize("name", ["moma-4t4i-post-norm", "text-experts-only", "depth"])
def test_absent_modality(texts, tmp_path, name):
    """Its experts have no row: their gradients are exactly 0, and the others don't notice."""
    modalities = BLOCKS[name][0]
    rows = oracle.random_rows(modalities, ROWS, LIVE, seed=9, among=[0])
    oracle.Case(texts[name], modalities, rows, tmp_path).check()




@pytest.mark.parametrize("pre", [True, False])
def test_router_gradient_through_a_norm_after_the_experts(tmp_path, pre):
    """A norm behind the sum hides the gate of a row that one expert took: norm(g v) is norm(v), but for epsilon.

    Here every row goes to exactly one expert. Behind the norm, the router's gradient is what epsilon leaves of it; it
    agrees with finite differences all the same (test_gradients_of_the_oracle_equal_differences, moma-4t4i-post-norm).
    """
    model = Model(TWO, lambda width: moe(width, 3, nn.TopK(1), gate="sigmoid"), pre=pre)
    text = oracle.trace(model, mt.Data(TWO, rows=ROWS))
    case = oracle.Case(text, TWO, oracle.random_rows(TWO, ROWS, LIVE, seed=5), tmp_path)
    found = case.interpret("accumulate", add=np.bool_(False), inverse_normaliser=np.float32(1))["grad"]
    router, experts = np.abs(found["block.router"]).max(), np.abs(found["block.experts.0.down"]).max()
    if pre:
        assert router > 0.01 * experts
    else:
        assert router < 1e-3 * experts
