"""Values of one number a row, through cases of modalities and experts: split and merged as matrices are."""

import re

import oracle
import pytest
from test_blocks import LIVE, ROWS, TWO, Model

import motley as mt
from motley import nn
from motley.nn import functional as F


class Scaled(nn.Module):
    """A number for each row, made above the cases; each case reads it, and makes one of its own."""

    def __init__(self, width):
        self.gate = nn.Linear(width, 3, std=0.5)
        self.parts = nn.ModuleList([nn.Linear(width, width, std=0.4), nn.Linear(width, width, std=0.4)])

    def forward(self, x, tokens):
        scale = F.row_sum(F.sigmoid(self.gate(x)))

        def case(name):
            part = self.parts[0 if name == "text" else 1]
            y = part(x) * F.row_broadcast(scale, x.width)
            total = F.row_sum(y * y)
            return [y, total * scale if name == "text" else total + scale]

        cases = [(name, [name]) for name in TWO.names]
        y, total = tokens.tracer.by_cases(cases, tokens, self, case)
        return y + F.row_broadcast(F.sqrt(total * total + 1.0), x.width) * x


class Weighted(nn.Module):
    """An expert that reads the rows' weights: a field of floats among the inputs of the experts of two cases."""

    def __init__(self, width):
        self.width = width
        self.linear = nn.Linear(width, width, std=0.4)

    def forward(self, x, tokens):
        return self.linear(x) * F.row_broadcast(tokens.weight, self.width)


def weighted(width):
    route = nn.TopK(1)
    return nn.ByModality(text=nn.MoE(Weighted(width), 2, route), image=nn.MoE(Weighted(width), 3, route))


class Summed(nn.Module):
    """A sum of few columns of a product, none of which is read by itself."""

    def __init__(self, width):
        self.gate = nn.Linear(width, 3, std=0.5)

    def forward(self, x, tokens):
        return F.row_broadcast(F.row_sum(F.sigmoid(self.gate(x))), x.width) * x


BLOCKS = {"summed": Summed, "scaled": Scaled, "scaled-after": Scaled, "weighted": weighted}


@pytest.fixture(scope="module")
def texts():
    return {
        name: oracle.trace(Model(TWO, make, pre=name != "scaled-after"), mt.Data(TWO, rows=ROWS))
        for name, make in BLOCKS.items()
    }


@pytest.mark.parametrize("name", BLOCKS)
def test_compiled_equals_oracle(texts, tmp_path, name):
    oracle.Case(texts[name], TWO, oracle.random_rows(TWO, ROWS, LIVE, seed=5), tmp_path).check()


@pytest.mark.parametrize("name", BLOCKS)
def test_gradients_of_the_oracle_equal_differences(texts, tmp_path, name):
    source, grouped = tmp_path / "level1.mlir", tmp_path / "level2.mlir"
    source.write_text(texts[name])
    oracle.run_tool("motley-opt", "--motley-to-grouped", source, "-o", grouped)
    said = oracle.run_tool("motley-interp", grouped, "--gradcheck=eval", "--jitter=0.2", "--seed=4", "--tolerance=1e-6")
    assert re.search(r"over (\d+) variables, 0 wrong", said), said


def test_absent_modality(texts, tmp_path):
    rows = oracle.random_rows(TWO, ROWS, LIVE, seed=9, among=[0])
    oracle.Case(texts["scaled"], TWO, rows, tmp_path).check()
