"""What tracing emits: names, types, regions, locations."""

import inspect
import re

import pytest

import motley as mt
from motley import nn


class Model(nn.Module):
    """Embedding, whatever is in the middle, head."""

    def __init__(self, data, body, width=16):
        self.embed = nn.Embedding(data.vocabulary, width)
        self.body = body
        self.criterion = nn.CrossEntropy(nn.Head(width, data.vocabulary))

    def loss(self, tokens):
        return self.criterion(self.run(self.embed(tokens), tokens), tokens)

    def run(self, x, tokens):
        return self.body(x, tokens)


def text_of(data, body, **options):
    return mt.trace(Model(data, body, **options), data)


def plain(text):
    """The text without locations."""
    return re.sub(r' loc\("[^"]*":\d+:\d+\)', "", text)


def test_whole_program_of_a_linear_layer(data):
    assert plain(text_of(data, nn.Linear(16, 16))) == """\
module attributes {motley.precision = #motley<precision bf16>} {
motley.modality @text ids 0 to 48
motley.modality @image ids 48 to 64
motley.variable @embed : tensor<64x16xf32> init normal 0.02
motley.variable @body : tensor<16x16xf32> init normal 0.02
motley.variable @criterion.head : tensor<16x64xf32> init normal 0.02
func.func @loss(%token: tensor<64xi32> {motley.field = #motley.field<token>}, \
%target: tensor<64xi32> {motley.field = #motley.field<target>}) \
-> (tensor<64xf32> {motley.loss = "ce"}, tensor<64xf32> {motley.loss = "z"}) {
  %0 = motley.embedding @embed(%token) : (tensor<64xi32>) -> tensor<64x16xf32>
  %1 = motley.linear @body(%0) : (tensor<64x16xf32>) -> tensor<64x16xf32>
  %2, %3 = motley.cross_entropy @criterion.head(%1) targets %target {z_loss = 1.0e-05 : f64} : \
(tensor<64x16xf32>, tensor<64xi32>) -> (tensor<64xf32>, tensor<64xf32>)
  return %2, %3 : tensor<64xf32>, tensor<64xf32>
}
motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-08 weight_decay 0.1 clip 1.0
}
"""


def test_untied_layer_has_one_case_for_each_tower(data):
    text = plain(text_of(data, nn.Linear(16, 16, bias=True, untie=data.modalities)))
    assert """\
  %3 = motley.by_modality %modality : tensor<64xi32> -> (tensor<64x16xf32>) {
    %1 = motley.linear @body.text(%0) bias @body.bias.text : (tensor<64x16xf32>) -> tensor<64x16xf32>
    motley.yield %1 : tensor<64x16xf32>
  } case [@text], {
    %2 = motley.linear @body.image(%0) bias @body.bias.image : (tensor<64x16xf32>) -> tensor<64x16xf32>
    motley.yield %2 : tensor<64x16xf32>
  } case [@image]
""" in text
    assert "motley.variable @body.bias.image : tensor<16xf32> init constant 0.0" in text


def test_modalities_that_share_a_tower_share_a_case():
    data = mt.Data(mt.Modalities(text=40, image=16, speech=8), rows=64)
    text = plain(text_of(data, nn.RMSNorm(16, untie=data.modalities.sharing(speech="text"))))
    assert re.findall(r"case \[(.*?)\]", text) == ["@text, @speech", "@image"]
    assert re.findall(r"@body\S* : ", text) == ["@body.text : ", "@body.image : "]


def test_by_modality_of_one_module_for_two_modalities():
    data = mt.Data(mt.Modalities(text=40, image=16, speech=8), rows=64)
    shared = nn.MLP(16, 32, activation="relu", bias=True)
    text = plain(text_of(data, nn.ByModality(text=shared, image=nn.SwiGLU(16, 24), speech=shared)))
    assert re.findall(r"case \[(.*?)\]", text) == ["@text, @speech", "@image"]
    assert [name for name in re.findall(r"variable @(\S+)", text) if name.startswith("body")] == [
        "body.text.up",
        "body.text.up.bias",
        "body.text.down",
        "body.text.down.bias",
        "body.image.gate",
        "body.image.up",
        "body.image.down",
    ]
    assert text.count("motley.relu") == 1 and text.count("motley.silu") == 1


def test_one_modality_is_one_case():
    data = mt.Data(mt.Modalities(text=64), rows=64)
    text = plain(text_of(data, nn.SwiGLU(16, 24, untie=data.modalities)))
    assert re.findall(r"case \[(.*?)\]", text) == ["@text"]


def test_grouped_query_attention(data):
    text = plain(text_of(data, nn.Attention(16, 4, kv_heads=2, theta=5e5, qk_norm=True)))
    assert "motley.variable @body.k : tensor<16x8xf32>" in text
    assert "motley.norm rms %2 gain @body.k_norm {epsilon = 1.0e-05 : f64, heads = 2 : i64} : tensor<64x8xf32>" in text
    assert (
        "motley.rope %5 at %position {heads = 2 : i64, theta = 500000.0 : f64} : tensor<64x8xf32>, tensor<64xi32>"
        in text
    )
    assert (
        "motley.attention causal %6, %7, %3 documents %document order %order {heads = 4 : i64, kv_heads = 2 : i64} : "
        "(tensor<64x16xf32>, tensor<64x8xf32>, tensor<64x8xf32>, tensor<64xi32>, tensor<64xi32>) -> "
        "tensor<64x16xf32>"
    ) in text


@pytest.mark.parametrize(
    "mask, fields",
    [
        ("causal", "documents %document order %order {"),
        ("span", "documents %document order %order span %span {"),
        ("full", "documents %document {"),
    ],
)
def test_mask_decides_the_fields(data, mask, fields):
    text = plain(text_of(data, nn.Attention(16, 4, rope=False, mask=mask)))
    assert f"motley.attention {mask} %1, %2, %3 {fields}" in text
    assert "%position" not in text


def test_layer_norm_of_heads_has_gain_and_bias(data):
    text = plain(text_of(data, nn.Attention(16, 2, qk_norm="layer", untie=data.modalities.only("qk_norm"))))
    assert "motley.norm layer %1 gain @body.q_norm.text bias @body.q_norm.bias.text {" in text
    assert "motley.variable @body.k_norm.bias.image : tensor<8xf32> init constant 0.0" in text


PARTS = ("qkv", "o", "qk_norm", "norms", "ffn")


@pytest.mark.parametrize("chosen", range(2 ** len(PARTS)))
def test_every_combination_of_untied_parts(data, chosen):
    parts = {part for bit, part in enumerate(PARTS) if chosen >> bit & 1}
    pick = {part: data.modalities if part in parts else None for part in PARTS}

    class Block(nn.Module):
        def __init__(self):
            self.norm = nn.RMSNorm(16, untie=pick["norms"])
            self.attn = nn.Attention(16, 2, qk_norm=True, untie={part: pick[part] for part in ("qkv", "o", "qk_norm")})
            self.ffn = nn.SwiGLU(16, 32, untie=pick["ffn"])

        def forward(self, x, tokens):
            return self.ffn(self.attn(self.norm(x, tokens), tokens), tokens)

    text = text_of(data, Block())
    assert text.count("motley.by_modality") == len(parts)
    names = re.findall(r"variable @body\.(\S+)", text)
    expected = {
        "qkv": ["attn.q", "attn.k", "attn.v"],
        "o": ["attn.o"],
        "qk_norm": ["attn.q_norm", "attn.k_norm"],
        "norms": ["norm"],
        "ffn": ["ffn.gate", "ffn.up", "ffn.down"],
    }
    wanted = [
        name + suffix
        for part in PARTS
        for name in expected[part]
        for suffix in ((".text", ".image") if part in parts else ("",))
    ]
    assert sorted(names) == sorted(wanted)


def test_arithmetic_of_tensors_and_numbers(data):
    class Maths(nn.Module):
        def __init__(self):
            self.norm = nn.LayerNorm(16)

        def forward(self, x, tokens):
            y = nn.functional.gelu(x) * 0.5 + nn.silu(x)
            return 1 - self.norm(-y, tokens)

    body = [line.strip() for line in plain(text_of(data, Maths())).splitlines() if line.startswith("  ")]
    assert body[1:9] == [
        "%1 = motley.gelu %0 : tensor<64x16xf32>",
        "%2 = arith.constant dense<0.5> : tensor<64x16xf32>",
        "%3 = arith.mulf %1, %2 : tensor<64x16xf32>",
        "%4 = motley.silu %0 : tensor<64x16xf32>",
        "%5 = arith.addf %3, %4 : tensor<64x16xf32>",
        "%6 = arith.constant dense<-1.0> : tensor<64x16xf32>",
        "%7 = arith.mulf %5, %6 : tensor<64x16xf32>",
        "%8 = motley.norm layer %7 gain @body.norm bias @body.norm.bias {epsilon = 1.0e-05 : f64, heads = 1 : i64} : "
        "tensor<64x16xf32>",
    ]
    assert body[10] == "%10 = arith.subf %9, %8 : tensor<64x16xf32>"


def test_operations_carry_the_users_line_and_column(data):
    class Residual(nn.Module):
        def __init__(self):
            self.up = nn.Linear(16, 16)

        def forward(self, x, tokens):
            return x + self.up(x)

    lines, first = inspect.getsourcelines(Residual)

    def place(text):
        number = next(index for index, line in enumerate(lines) if text in line)
        return f'loc("{__file__}":{first + number}:{lines[number].index(text) + 1})'

    text = text_of(data, Residual())
    assert re.search(r"variable @body.up .*" + re.escape(place("nn.Linear(16, 16)")), text)
    assert re.search(r"= motley.linear @body.up.*" + re.escape(place("self.up(x)")), text)
    assert re.search(r"= arith.addf .*" + re.escape(place("x + self.up(x)")), text)


def test_every_operation_has_a_location(data, examples):
    text = mt.read_model(examples / "mot.py", data, {"size": "tiny"}, rows=64).text
    operations = [line for line in text.splitlines() if " = " in line or "yield" in line or "return" in line]
    operations = [line for line in operations if "by_modality" not in line and not line.startswith(("func", "module"))]
    assert len(operations) > 100
    assert all(re.search(r'loc\(".*/examples/mot\.py":\d+:\d+\)$', line) for line in operations)
    assert len(re.findall(r"case \[@image\] loc\(", text)) == text.count("motley.by_modality")


def test_zero_z_loss_leaves_one_loss(data):
    class Plain(Model):
        def __init__(self):
            self.embed = nn.Embedding(64, 16)
            self.criterion = nn.CrossEntropy(nn.Head(16, 64), z_loss=0)

        def run(self, x, tokens):
            return x

    text = mt.trace(Plain(), data)
    assert '-> (tensor<64xf32> {motley.loss = "ce"}) {' in text


def test_tracing_twice_gives_the_same_text(data, examples):
    first, second = (mt.read_model(examples / "mot.py", data, {"size": "tiny"}).text for _ in range(2))
    assert first == second


def test_rows_come_from_the_file_and_the_caller(data, examples):
    assert "%token: tensor<2048xi32>" in mt.read_model(examples / "dense.py", data).text
    assert "%token: tensor<96xi32>" in mt.read_model(examples / "dense.py", data, rows=96).text


def test_modules_in_lists_and_dictionaries_are_named_by_place(data):
    class Container(nn.Module):
        def __init__(self):
            self.plain = [nn.Linear(4, 4), nn.Linear(4, 4)]
            self.by_name = {"a": nn.RMSNorm(4)}
            self.listed = nn.ModuleList([nn.Linear(4, 4, untie=data.modalities)])
            self.again = self.plain[0]

    assert [name for name, _ in Container().named_parameters()] == [
        "plain.0",
        "plain.1",
        "by_name.a",
        "listed.0.text",
        "listed.0.image",
    ]
