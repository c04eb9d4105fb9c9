"""Every combination of untied parts of a block, and one modality against none."""

import itertools
import json

import numpy as np
import oracle
import pytest

import motley as mt
from motley import nn

PARTS = ("qkv", "o", "norms", "qk_norm", "ffn")
COMBINATIONS = [
    frozenset(part for part, untied in zip(PARTS, bits) if untied)
    for bits in itertools.product((False, True), repeat=len(PARTS))
]
# All combinations of the other parts stand in one model, one layer each; alone, each is checked at levels 1 and 2.
FAMILIES = [frozenset(one) for one in ((), ("qkv",), ("ffn",), ("qkv", "ffn"))]
TWO = mt.Modalities(text=19, image=12)
DATA = mt.Data(TWO, rows=32)
ROWS = oracle.random_rows(TWO, 32, 29, seed=2)


class Block(nn.Module):
    def __init__(self, width, modalities, untied):
        def untie(part):
            return modalities if part in untied else None

        parts = {part: modalities for part in ("qkv", "o", "qk_norm") if part in untied}
        self.norm1 = nn.RMSNorm(width, untie=untie("norms"))
        self.attn = nn.Attention(width, 2, qk_norm=True, untie=parts, std=0.3)
        self.norm2 = nn.RMSNorm(width, untie=untie("norms"))
        self.ffn = nn.SwiGLU(width, 20, untie=untie("ffn"), std=0.3)

    def forward(self, x, tokens):
        x = x + self.attn(self.norm1(x, tokens), tokens)
        return x + self.ffn(self.norm2(x, tokens), tokens)


class Model(nn.Module):
    def __init__(self, modalities, combinations, width=16, untie_last=None):
        vocabulary = modalities.vocabulary
        self.embed = nn.Embedding(vocabulary, width, std=0.8)
        self.blocks = nn.ModuleList(Block(width, modalities, untied) for untied in combinations)
        self.norm = nn.RMSNorm(width, untie=untie_last)
        self.criterion = nn.CrossEntropy(nn.Head(width, vocabulary, std=0.3), z_loss=1e-2)

    def loss(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, tokens)
        return self.criterion(self.norm(x, tokens), tokens)


def name_of(combination):
    return "+".join(part for part in PARTS if part in combination) or "none"


def text_of(combinations):
    return oracle.trace(Model(TWO, combinations), DATA)


def family(fixed):
    """Return the combinations whose qkv and ffn are as in ``fixed``."""
    return [one for one in COMBINATIONS if one & {"qkv", "ffn"} == fixed]


@pytest.fixture(scope="module")
def texts():
    found = {fixed: text_of(family(fixed)) for fixed in FAMILIES}
    for text in found.values():
        oracle.compiler.prefetch(text)
    return found


def test_the_families_are_all_combinations():
    assert len(COMBINATIONS) == len(set(COMBINATIONS)) == 32
    assert sorted(name_of(one) for fixed in FAMILIES for one in family(fixed)) == sorted(map(name_of, COMBINATIONS))


@pytest.mark.parametrize("combination", COMBINATIONS, ids=name_of)
def test_levels_agree(tmp_path, combination):
    """Alone: the passes change nothing, in float64, and the plan has two members exactly where a part is untied."""
    rows, text = ROWS, text_of([combination])
    source, grouped = tmp_path / "level1.mlir", tmp_path / "level2.mlir"
    source.write_text(text)
    oracle.run_tool("motley-opt", "--motley-to-grouped", source, "-o", grouped)
    oracle.run_tool("motley-opt", "--motley-to-plan", grouped, "-o", tmp_path / "level3.mlir")
    totals = [
        float(oracle.run_tool("motley-interp", file, f"--total={function}", "--seed=1", "--live=32", "--precision=17"))
        for file, function in ((source, "loss"), (grouped, "eval"))
    ]
    assert totals[0] == pytest.approx(totals[1], rel=1e-13)
    untied = {"qkv": "attn.q.", "o": "attn.o.", "norms": "norm1.", "qk_norm": "attn.q_norm.", "ffn": "ffn.down."}
    for part, name in untied.items():
        assert (f"@blocks.0.{name}image" in text) == (part in combination)


@pytest.mark.parametrize("fixed", FAMILIES, ids=name_of)
def test_compiled_equals_oracle(texts, tmp_path, fixed):
    oracle.Case(texts[fixed], TWO, ROWS, tmp_path, blocks=len(family(fixed))).check()


@pytest.mark.parametrize("level", oracle.LEVELS)
def test_one_modality_equals_dense_bit_for_bit(level):
    """A Mixture-of-Transformers of one modality computes what the dense model does, in the same order."""
    one = mt.Modalities(text=31)
    data, rows = mt.Data(one, rows=32), oracle.random_rows(one, 32, 27, seed=6)
    everything = frozenset(PARTS)
    texts = [
        oracle.trace(Model(one, [untied] * 2, untie_last=last), data)
        for untied, last in ((frozenset(), None), (everything, one))
    ]
    for text in texts:
        oracle.compiler.prefetch(text, level)
    dense, mot = (oracle.compiled(text, level) for text in texts)
    dense.initialise(3)
    values = dense.parameters()
    tied = {name: name.removesuffix(".text") for name in mot.parameters()}
    assert set(tied.values()) == set(values) and len(tied) == len(values)
    mot.set_parameters({name: values[other] for name, other in tied.items()})
    assert dense.eval(rows) == mot.eval(rows)
    assert dense.accumulate(rows) == mot.accumulate(rows)
    expected, found = dense.gradients(), mot.gradients()
    for name, other in tied.items():
        assert np.array_equal(found[name], expected[other]), name
        assert np.abs(expected[other]).max() > 0, name
    assert dense.update(0.01, 1) == mot.update(0.01, 1)
    expected, found = dense.parameters(), mot.parameters()
    assert all(np.array_equal(found[name], expected[other]) for name, other in tied.items())
    assert json.dumps(dense.manifest["losses"]) == json.dumps(mot.manifest["losses"])
