"""Parameter counts of the published size tables, to the digits printed there, without allocating anything."""

import json
import resource

import pytest

import motley as mt
from motley import nn
from motley.command_line import run_command_line
from motley.counts import count
from motley.level1 import read_program

TWO = "text=57344,image=8192"
THREE = "text=56844,image=8192,speech=500"

# example, settings, modalities, total as printed (in the unit printed), active where the table says it
ROWS = [
    # Mixture-of-Transformers (arXiv 2411.04996), tables 1 and 3, dense
    ("dense", {"size": "37M"}, TWO, "37.0M", "37.0M"),
    ("dense", {"size": "94M"}, TWO, "94.4M", "94.4M"),
    ("dense", {"size": "443M"}, TWO, "442.5M", "442.5M"),
    ("dense", {"size": "880M"}, TWO, "880.8M", "880.8M"),
    ("dense", {"size": "1.5B"}, TWO, "1501.6M", "1501.6M"),
    ("dense", {"size": "7B"}, TWO, "7012.9M", "7012.9M"),
    # the same with a tower for each of two and of three modalities
    ("mot", {"size": "37M"}, TWO, "40M", "37.0M"),
    ("mot", {"size": "94M"}, TWO, "122M", "94.4M"),
    ("mot", {"size": "443M"}, TWO, "751M", "442.5M"),
    ("mot", {"size": "880M"}, TWO, "1.56B", "880.8M"),
    ("mot", {"size": "1.5B"}, TWO, "2.73B", "1501.6M"),
    ("mot", {"size": "7B"}, TWO, "13.49B", "7012.9M"),
    ("mot", {"size": "37M"}, THREE, "44M", "37.0M"),
    ("mot", {"size": "94M"}, THREE, "149M", "94.4M"),
    ("mot", {"size": "443M"}, THREE, "1.06B", "442.5M"),
    ("mot", {"size": "880M"}, THREE, "2.24B", "880.8M"),
    ("mot", {"size": "1.5B"}, THREE, "3.97B", "1501.6M"),
    ("mot", {"size": "7B"}, THREE, "19.96B", "7012.9M"),
    # MoMa (arXiv 2407.21770), table 1
    ("moma", {"size": "90M", "kind": "dense"}, TWO, "92.3M", "92.3M"),
    ("moma", {"size": "435M", "kind": "dense"}, TWO, "436M", "436M"),
    ("moma", {"size": "1.4B", "kind": "dense"}, TWO, "1.476B", "1.476B"),
    ("moma", {"size": "1.4B", "kind": "1t1i"}, TWO, "2.28B", "1.476B"),
    ("moma", {"size": "90M", "kind": "moe_8x"}, TWO, "209.7M", "92.3M"),
    ("moma", {"size": "90M", "kind": "4t4i"}, TWO, "209.7M", "92.3M"),
    ("moma", {"size": "90M", "kind": "7t1i"}, TWO, "209.7M", "92.3M"),
    ("moma", {"size": "435M", "kind": "moe_8x"}, TWO, "1.845B", "436M"),
    ("moma", {"size": "1.4B", "kind": "4t4i"}, TWO, "7.113B", "1.48B"),
    # under mixture-of-depths, without experts and with them: active is less by the rows that pass
    ("moma", {"size": "90M", "kind": "mod+dense"}, TWO, "111.1M", None),
    ("moma", {"size": "435M", "kind": "mod+dense"}, TWO, "637M", None),
    ("moma", {"size": "1.4B", "kind": "mod+dense"}, TWO, "2.340B", None),
    ("moma", {"size": "90M", "kind": "mod+4t4i"}, TWO, "316.6M", None),
    ("moma", {"size": "435M", "kind": "mod+4t4i"}, TWO, "2.986B", None),
    ("moma", {"size": "1.4B", "kind": "mod+4t4i"}, TWO, "11.85B", None),
]


def printed(number, like):
    """Spell a number with the unit and the digits of another spelling."""
    unit = {"M": 1e6, "B": 1e9}[like[-1]]
    digits = len(like[:-1].partition(".")[2])
    return f"{number / unit:.{digits}f}{like[-1]}"


@pytest.mark.parametrize("example, settings, modalities, total, active", ROWS)
def test_published_sizes(examples, capsys, example, settings, modalities, total, active):
    options = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    assert (
        run_command_line(["inspect", str(examples / f"{example}.py"), "--modalities", modalities, "--json", *options])
        == 0
    )
    found = json.loads(capsys.readouterr().out)["parameters"]
    assert printed(found["total"]["matrices"] - found["routers"]["matrices"], total) == total
    if active:
        assert {printed(one["matrices"], active) for one in found["active"].values()} == {active}


@pytest.mark.parametrize("kind", ["moe_8x", "1t1i", "4t4i"])
def test_kinds_of_moma_do_equal_work(examples, kind):
    data = mt.Data(mt.Modalities(text=57344, image=8192), rows=2048)
    dense, other = (
        count(read_program(mt.read_model(examples / "moma.py", data, {"size": "90M", "kind": one}).text))
        for one in ("dense", kind)
    )
    assert other.attention_flops == dense.attention_flops
    assert all(flops == pytest.approx(dense.matrix_flops["text"], rel=1e-3) for flops in other.matrix_flops.values())


def test_a_quarter_of_the_rows_does_a_quarter_of_the_work(examples):
    data = mt.Data(mt.Modalities(text=57344, image=8192), rows=2048)
    counts = {
        kind: count(read_program(mt.read_model(examples / "moma.py", data, {"size": "90M", "kind": kind}).text))
        for kind in ("dense", "mod+dense")
    }
    head = 2 * 65536 * 512
    layer = (counts["dense"].matrix_flops["text"] - head) / 8
    routers = 7 * 2 * 512
    assert counts["mod+dense"].matrix_flops["text"] == pytest.approx(head + 1.25 * 7 * layer + routers, rel=1e-9)
    attention = counts["dense"].attention_flops / 8  # of R rows with (R + 1) / 2 keys each
    kept = attention / 4 * (2048 / 4 + 1) / 2049
    assert counts["mod+dense"].attention_flops == pytest.approx(7 * (attention + kept), rel=1e-6)


@pytest.mark.parametrize(
    "route, experts_of_row, is_bound",
    [
        (nn.ExpertChoice(1 / 8), 0.5, False),
        (nn.TopK(3), 3, False),
        (nn.TopK(3, capacity=1 / 4), 1, False),
        (nn.ByIds("document"), 1, False),
        (nn.Threshold(0.5), 4, True),
        (nn.TopP(0.5), 4, True),
    ],
)
def test_active_experts(data, route, experts_of_row, is_bound):
    gate = "softmax" if isinstance(route, nn.TopP) else None
    shared = nn.Linear(8, 8)

    class Routed(Small):
        def __init__(self, data):
            super().__init__(data)
            self.ffn = nn.MoE(nn.SwiGLU(8, 12), 4, route, gate, shared=shared)

    counts = count(read_program(mt.trace(Routed(data), data)))
    router = 32 if route.reads_scores else 0
    assert counts.routers.matrices == router and counts.is_bound == is_bound
    assert counts.active["text"].matrices == 2 * 512 + 4 * 64 + router + 64 + experts_of_row * 3 * 96
    assert counts.total.matrices == counts.active["text"].matrices + 64 + (4 - experts_of_row) * 3 * 96


def test_nothing_is_allocated(examples, capsys):
    run_command_line(["inspect", str(examples / "mot.py"), "--set", "size=7B", "--modalities", THREE])
    assert "19.96B" in capsys.readouterr().out
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1 << 20  # KiB: far below the model's 320 GB


def test_counts_of_a_small_model_by_hand(data):
    text = mt.trace(Small(data), data)
    counts = count(read_program(text))
    # table 64x8, head 8x64; attention 3 of 8x8 shared, output 8x8 a tower; text 2 of 8x12 and 12x8, image 8x4 and 4x8
    attention, text_ffn, image_ffn = 3 * 64, 3 * 96, 2 * 32
    assert counts.total.matrices == 2 * 512 + attention + 2 * 64 + text_ffn + image_ffn
    assert counts.active["text"].matrices == 2 * 512 + attention + 64 + text_ffn
    assert counts.active["image"].matrices == 2 * 512 + attention + 64 + image_ffn
    # gain 8 a tower, biases of the image network 4 + 8
    assert (counts.total.vectors, counts.active["text"].vectors, counts.active["image"].vectors) == (28, 8, 20)
    assert counts.matrix_flops["text"] == 2 * (512 + attention + 64 + text_ffn)
    assert counts.attention_flops == 4 * 8 * 65 // 2
    assert counts.state_bytes == 16 * (counts.total.matrices + counts.total.vectors)


class Small(mt.nn.Module):
    def __init__(self, data):
        self.embed = nn.Embedding(64, 8)
        self.attn = nn.Attention(8, 2, untie=data.modalities.only("o"))
        self.norm = nn.RMSNorm(8, untie=data.modalities)
        self.ffn = nn.ByModality(text=nn.SwiGLU(8, 12), image=nn.MLP(8, 4, bias=True))
        self.criterion = nn.CrossEntropy(nn.Head(8, 64))

    def loss(self, tokens):
        x = self.attn(self.embed(tokens), tokens)
        return self.criterion(self.ffn(self.norm(x, tokens), tokens), tokens)


def test_handwritten_text_is_counted_like_traced_text(examples):
    counts = count(read_program((examples / "mot.mlir").read_text()))
    tower = 4 * 64 * 64 + 3 * 64 * 128
    assert counts.total.matrices == 2 * 4608 * 64 + 2 * tower
    assert counts.active["image"].matrices == 2 * 4608 * 64 + tower
    assert counts.total.vectors == 4 * 64 and counts.rows == 512


@pytest.mark.parametrize(
    "text, message",
    [
        ("func.func @f() { return }", "'m' has no motley.modality; expected a model at level 1"),
        ("motley.modality @text ids 0 to 4", "'m' has no motley.variable; expected a model at level 1"),
        (
            "motley.modality @text ids 0 to 4\nmotley.variable @w : tensor<4x4xf32> init normal 1.0\n"
            "%1 = motley.linear @v(%0) : (tensor<8x4xf32>) -> tensor<8x4xf32>",
            "'m' uses the variable 'v', which it does not declare",
        ),
    ],
)
def test_text_that_cannot_be_counted(text, message):
    with pytest.raises(mt.Error) as caught:
        read_program(text, "m")
    assert caught.value.message == message


def test_locations_and_comments_do_not_count():
    text = """motley.modality @text ids 0 to 4 loc("case [@a] // motley.linear @v(":1:2)
// motley.linear @nowhere(%0)
motley.variable @w : tensor<4x4xf32> init normal 1.0 loc("a\\"b":1:2)
%1 = motley.linear @w(%0) : (!x) -> !x loc(#loc3)"""
    assert [use.variables for use in read_program(text).uses] == [("w",)]
