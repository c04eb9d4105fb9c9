"""What soft mixtures of experts become at level 1, and the mistakes that one can make with them."""

import pytest
from test_routing import WIDTH, Block, expert, lines_with, text_of
from test_routing_errors import HEAD, MADE, USED

import motley as mt
from motley import native, nn

FEATURES = {
    "one-slot": lambda: nn.SoftMoE(expert(), 4),
    "slots": lambda: nn.SoftMoE(expert(), 4, 3),
    "listed": lambda: nn.SoftMoE([expert(), nn.MLP(WIDTH, 8, bias=True), nn.LowRank(WIDTH, 2)], slots=2),
    "shared": lambda: nn.SoftMoE(expert(), 4, shared=nn.SwiGLU(WIDTH, 40)),
    "router": lambda: nn.SoftMoE(nn.Linear(WIDTH, WIDTH), 4, 2, router=nn.LowRank(WIDTH, 2, 8)),
    "bias": lambda: nn.SoftMoE(expert(), 2, router_bias=True),
    "towers": lambda: nn.ByModality(text=nn.SoftMoE(expert(), 4), image=nn.SoftMoE(expert(), 3, 2)),
    "one-tower": lambda: nn.ByModality(text=expert(), image=nn.SoftMoE(expert(), 3, 2)),
    "depths": lambda: nn.MixtureOfDepths(Block(nn.SoftMoE(expert(), 4))),
}


@pytest.mark.parametrize("name", FEATURES)
def test_the_compiler_reads_every_feature(data, name):
    text = text_of(data, FEATURES[name]())
    assert native.emit(text, "model", "grouped", "-")


def test_experts_and_their_slots(data):
    text = text_of(data, nn.SoftMoE(expert(), 4, 3), rows=64)
    router = lines_with(text, "motley.linear @body.router(")
    assert len(router) == 1 and "precision f32" in router[0] and "tensor<64x12xf32>" in router[0]
    logits = router[0].split(" = ")[0]
    dispatch, combine = lines_with(text, "motley.softmax")
    assert f"= motley.softmax_rows {logits} :" in dispatch and f"= motley.softmax {logits} :" in combine
    head = lines_with(text, "motley.soft_experts")[0]
    assert f"motley.soft_experts {dispatch.split(' = ')[0]}, {combine.split(' = ')[0]} (" in head
    assert len(lines_with(text, "^bb0(")) == 4
    assert all("tensor<12x16xf32>" in line for line in lines_with(text, "^bb0("))


def test_experts_have_parameters_of_their_own():
    soft = nn.SoftMoE(nn.SwiGLU(WIDTH, 24), 2, 5)
    assert [name for name, _ in soft.named_parameters()] == [
        "router",
        *(f"experts.{index}.{part}" for index in range(2) for part in ("gate", "up", "down")),
    ]
    assert dict(soft.named_parameters())["router"].shape == (WIDTH, 10)


CASES = {
    "slots": ("nn.SoftMoE(ffn, 4, slots=0)", MADE, "number of slots is 0; expected an integer of at least 1"),
    "number": (
        "nn.SoftMoE(ffn)",
        MADE,
        "number of experts is not given; expected nn.SoftMoE(expert, experts=E), or a list of experts",
    ),
    "null": (
        "nn.SoftMoE([ffn, nn.Null()])",
        MADE,
        "a null expert takes no rows, and in a soft mixture nothing is chosen; leave it out",
    ),
    "width": (
        "nn.SoftMoE(Router(16), 4)",
        MADE,
        "Router does not say how wide its input is; give SoftMoE(..., width=...)",
    ),
    "logits": (
        "nn.SoftMoE(ffn, 4, 2, router=Router(4))",
        MADE,
        "router of SoftMoE 'part' returned [R, 4] of f32; expected [R, 8] of f32, one logit for each slot",
    ),
    "nested": (
        "nn.SoftMoE(nn.MoE(ffn, 2), 4, width=16)",
        USED,
        "MoE 'part.experts.0' is inside an expert of another MoE; experts do not nest",
    ),
    "in-experts": (
        "nn.MoE(nn.SoftMoE(ffn, 2), 4, width=16)",
        USED,
        "SoftMoE 'part.experts.0' is inside an expert of another MoE; experts do not nest",
    ),
    "attention": (
        "nn.SoftMoE(nn.Attention(16, 2), 4)",
        USED,
        "Attention 'part.experts.0' is inside an expert; attention runs over all rows: route its projections instead, "
        "as in nn.MoE(nn.Linear(16, 16), ...)",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_mistakes_are_one_message(data, write_model, case):
    part, line, message = CASES[case]
    path = write_model(HEAD.format(part=part, use="self.part(x, tokens)", returned="self.criterion(x, tokens)"))
    with pytest.raises(mt.Error) as caught:
        mt.read_model(path, data)
    assert f"{path}:{line}:" in str(caught.value)
    assert message in str(caught.value)


class ReadsPositions(nn.Module):
    def __init__(self):
        self.width = WIDTH
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x, tokens):
        return self.linear(x) * nn.functional.as_floats(tokens.position)


def test_slots_have_no_fields(data):
    message = "an expert of SoftMoE 'body' reads tokens.position; its slots are mixtures of rows, which have no fields"
    with pytest.raises(mt.Error, match=message):
        text_of(data, nn.SoftMoE(ReadsPositions(), 2))
