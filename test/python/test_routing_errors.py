"""Mistakes in routed models: one message each, at the user's line."""

import pytest

import motley as mt
from motley import nn
from motley.nn import functional as F

HEAD = """\
import motley as mt
from motley import nn
from motley.nn import functional as F

class Router(nn.Module):
    def __init__(self, columns):
        self.scores = nn.Linear(16, columns)
    def forward(self, x, tokens):
        return self.scores(x)

class Model(nn.Module):
    def __init__(self, data):
        self.embed = nn.Embedding(data.vocabulary, 16)
        self.criterion = nn.CrossEntropy(nn.Head(16, data.vocabulary))
        ffn = nn.SwiGLU(16, 24)
        self.part = {part}

    def loss(self, tokens):
        x = self.embed(tokens)
        x = {use}
        return {returned}

def model(data):
    return Model(data)

class TokenRows(nn.Module):
    def __init__(self, data):
        self.table = nn.Embedding(data.vocabulary, 16)

    def forward(self, x, tokens):
        return x + self.table(tokens)
"""
MADE, USED, LOOKED_UP = 16, 20, 31  # lines of the template

CASES = {
    # what is made wrongly
    "noise-without-a-router": (
        "nn.MoE(ffn, 4, nn.HashRoute(), noise=nn.Jitter(0.1))",
        MADE,
        "noise is for routers; HashRoute with gate 'one' has none",
    ),
    "document-without-a-router": (
        "nn.MoE(ffn, 4, nn.HashRoute(), per_document=True)",
        MADE,
        "per_document is for routers; HashRoute with gate 'one' has none",
    ),
    "k": ("nn.MoE(ffn, 4, nn.TopK(5))", MADE, "k is 5, of 4 experts; expected at most as many"),
    "k-zero": ("nn.MoE(ffn, 4, nn.TopK(0))", MADE, "k is 0; expected an integer of at least 1"),
    "capacity": (
        "nn.MoE(ffn, 4, nn.ExpertChoice(1.5))",
        MADE,
        "capacity is 1.5; expected a share of the rows, above 0 and at most 1",
    ),
    "capacity-of-top-k": (
        "nn.MoE(ffn, 4, nn.TopK(1, capacity=0))",
        MADE,
        "capacity is 0; expected a share of the rows, above 0 and at most 1",
    ),
    "scope": (
        "nn.MoE(ffn, 4, nn.ExpertChoice(0.5, 'batch'))",
        MADE,
        "unknown scope 'batch'; expected one of microbatch, sequence",
    ),
    "overflow": (
        "nn.MoE(ffn, 4, nn.TopK(1, 0.5, 'drop'))",
        MADE,
        "unknown overflow 'drop'; expected one of position, priority, reroute",
    ),
    "max-slots": (
        "nn.MoE(ffn, 4, nn.ExpertChoice(0.5, max_slots=9))",
        MADE,
        "max_slots is for scope 'sequence'; over a microbatch the capacity bounds the rows",
    ),
    "threshold": ("nn.MoE(ffn, 4, nn.Threshold(float('nan')))", MADE, "threshold is nan; expected a finite number"),
    "p": ("nn.MoE(ffn, 4, nn.TopP(0))", MADE, "p is 0; expected a number above 0 and at most 1"),
    "p-without-softmax": (
        "nn.MoE(ffn, 4, nn.TopP(0.5))",
        MADE,
        "TopP adds up probabilities of a row, which gate 'sigmoid' does not give; use 'softmax'",
    ),
    "ids": (
        "nn.MoE(ffn, 4, nn.ByIds('weight'))",
        MADE,
        "unknown ids 'weight'; expected a field of integers: token, target, modality, document, span, order, "
        "position, index",
    ),
    "number": (
        "nn.MoE(ffn)",
        MADE,
        "number of experts is not given; expected nn.MoE(expert, experts=E), or a list of experts",
    ),
    "two-numbers": (
        "nn.MoE([ffn], 2)",
        MADE,
        "number of experts is 2, and 1 are listed; leave the number out",
    ),
    "not-a-module": ("nn.MoE('ffn', 2)", MADE, "expert is a str; expected a Module or a list of them"),
    "only-null": ("nn.MoE([nn.Null()])", MADE, "no expert computes; expected at least one beside the null experts"),
    "route": ("nn.MoE(ffn, 4, 2)", MADE, "route is an int; expected a route, as nn.TopK(2)"),
    "gate": (
        "nn.MoE(ffn, 4, gate='tanh')",
        MADE,
        "unknown gate 'tanh'; expected one of sigmoid, softmax, relu, one, or a function of the scores",
    ),
    "after": (
        "nn.MoE(ffn, 4, after_choice=True)",
        MADE,
        "after_choice is for gate 'softmax'; the gate here is 'sigmoid'",
    ),
    "renormalise": (
        "nn.MoE(ffn, 4, gate='one', renormalise=True)",
        MADE,
        "renormalise needs gates; gate 'one' does not weigh",
    ),
    "one-without-losses": (
        "nn.MoE(ffn, 4, gate='one')",
        MADE,
        "gate 'one' hands the router no gradient, since a choice has none; use another gate, add losses of the router, "
        "or route by ids",
    ),
    "importance-of-one": (
        "nn.MoE(ffn, 4, gate='one', losses=dict(importance=1.0))",
        MADE,
        "importance needs gates; gate 'one' does not weigh",
    ),
    "allowed": (
        "nn.MoE(ffn, 4, allowed=lambda x, tokens: None)",
        MADE,
        "allowed is for nn.TopK; the route here is ExpertChoice",
    ),
    "allowed-reroute": (
        "nn.MoE(ffn, 4, nn.TopK(1, 0.5, 'reroute'), allowed=lambda x, tokens: None)",
        MADE,
        "allowed does not go with overflow 'reroute', which sends rows to whatever expert has room; use 'position' or "
        "'priority'",
    ),
    "noise": (
        "nn.MoE(ffn, 4, noise=0.1)",
        MADE,
        "noise is a float; expected nn.Gumbel(), nn.Gaussian(std) or nn.Jitter(eps)",
    ),
    "std": (
        "nn.MoE(ffn, 4, noise=nn.Gaussian(0))",
        MADE,
        "standard deviation of noise is 0; expected a number above 0",
    ),
    "unknown-loss": (
        "nn.MoE(ffn, 4, losses=dict(balances=1.0))",
        MADE,
        "unknown loss of a router 'balances'; expected some of balance, importance, router_z, entropy, "
        "global_entropy, l1",
    ),
    "coefficient": (
        "nn.MoE(ffn, 4, losses=dict(balance='a'))",
        MADE,
        "coefficient of 'balance' is a str; expected a number or nn.Scheduled(name)",
    ),
    "unused-router": (
        "nn.MoE(ffn, 4, nn.ByIds('token'), router=Router(4))",
        MADE,
        "a router is given, but ByIds with gate 'one' and no losses reads none",
    ),
    "width": (
        "nn.MoE(Router(16), 4)",
        MADE,
        "Router does not say how wide its input is; give MoE(..., width=...)",
    ),
    "precision": ("nn.Linear(16, 16, precision='fp8')", MADE, "unknown precision 'fp8'; expected bf16 or f32"),
    "depths-width": (
        "nn.MixtureOfDepths(Router(16))",
        MADE,
        "Router does not say how wide its rows are; give MixtureOfDepths(..., width=...)",
    ),
    "depths-capacity": (
        "nn.MixtureOfDepths(ffn, capacity=25)",
        MADE,
        "capacity is 25; expected a share of the rows, above 0 and at most 1",
    ),
    # what is used wrongly
    "scores": (
        "nn.MoE(ffn, 4, router=Router(3))",
        MADE,
        "router of MoE 'part' returned [R, 3] of f32; expected [R, 4] of f32, one score for each expert",
    ),
    "scores-with-null": (
        "nn.MoE(ffn, 4, null=1, router=Router(4))",
        MADE,
        "router of MoE 'part' returned [R, 4] of f32; expected [R, 5] of f32, one score for each expert",
    ),
    "gates": (
        "nn.MoE(ffn, 4, gate=lambda scores: F.row_sum(scores))",
        USED,
        "gate of MoE 'part' returned tensor<2048xf32>; expected tensor<2048x4xf32>",
    ),
    "mask": (
        "nn.MoE(ffn, 4, nn.TopK(1), allowed=lambda x, tokens: x)",
        USED,
        "allowed of MoE 'part' returned tensor<2048x16xf32>; expected tensor<2048x4xi32>",
    ),
    "scores-of-depths": (
        "nn.MixtureOfDepths(ffn, router=Router(2))",
        MADE,
        "router of MixtureOfDepths 'part' returned [R, 2] of f32; expected [R, 1] of f32",
    ),
    "width-of-depths": (
        "nn.MixtureOfDepths(nn.Linear(16, 8), width=16)",
        USED,
        "the block of MixtureOfDepths 'part' returned [R, 8]; expected [R, 16], as it got",
    ),
    "widths": (
        "nn.MoE([ffn, nn.Linear(16, 8)])",
        MADE,
        "MoE 'part' has experts that return [R, 16] and [R, 8]; expected the same",
    ),
    "nested": (
        "nn.MoE(nn.MoE(ffn, 2), 4, width=16)",
        USED,
        "MoE 'part.experts.0' is inside an expert of another MoE; experts do not nest",
    ),
    "attention": (
        "nn.MoE(nn.Attention(16, 2), 4)",
        USED,
        "Attention 'part.experts.0' is inside an expert; attention runs over all rows: route its projections instead, "
        "as in nn.MoE(nn.Linear(16, 16), ...)",
    ),
    "embedding-of-an-expert": (
        "nn.MoE(TokenRows(data), 2, width=16)",
        LOOKED_UP,
        "Embedding 'part.experts.0.table' looks tokens up among the rows of one expert; look them up before and pass "
        "the rows in",
    ),
    "embedding-of-a-modality": (
        "nn.ByModality(text=TokenRows(data), image=ffn)",
        LOOKED_UP,
        "Embedding 'part.text.table' looks tokens up among the rows of one modality; look them up before and pass the "
        "rows in",
    ),
    "embedding-of-a-selection": (
        "nn.MixtureOfDepths(TokenRows(data), width=16)",
        LOOKED_UP,
        "Embedding 'part.block.table' looks tokens up among the rows of a selection; look them up before and pass the "
        "rows in",
    ),
    "untied-expert": (
        "nn.MoE(nn.SwiGLU(16, 24, untie=data.modalities), 4)",
        USED,
        "SwiGLU 'part.experts.0' is untied by modality inside an expert; give each modality experts of its own, as in "
        "nn.ByModality(text=nn.MoE(...), image=nn.MoE(...))",
    ),
    "depths-of-a-modality": (
        "nn.ByModality(text=nn.MixtureOfDepths(ffn), image=nn.SwiGLU(16))",
        USED,
        "MixtureOfDepths 'part.text' is inside a module for some of the rows; rows are selected from all of them, "
        "before any other choice",
    ),
    "depths-of-depths": (
        "nn.MixtureOfDepths(nn.MixtureOfDepths(ffn), width=16)",
        USED,
        "MixtureOfDepths 'part.block' is inside a module for some of the rows; rows are selected from all of them, "
        "before any other choice",
    ),
    "loss-under-depths": (
        "nn.MixtureOfDepths(nn.MoE(ffn, 2, losses=dict(balance=1.0)), width=16)",
        MADE,
        "the loss 'balance' of MoE 'part.block' cannot leave the rows of a selection; make the module without losses "
        "there",
    ),
}


def fail(write_model, data, part, use="self.part(x, tokens)", returned="self.criterion(x, tokens)"):
    """Trace the template and return the error."""
    path = write_model(HEAD.format(part=part, use=use, returned=returned))
    with pytest.raises(mt.Error) as caught:
        mt.read_model(path, data)
    assert caught.value.location.file == str(path)
    return caught.value


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_named_at_its_line(write_model, data, name):
    part, line, message = CASES[name]
    error = fail(write_model, data, part)
    assert (error.message, error.location.line) == (message, line)


@pytest.mark.parametrize(
    "use, message",
    [
        ("self.part(x)", "MoE.forward() missing 1 required positional argument: 'tokens'"),
        ("self.part(x, None)", "MoE 'part' needs the tokens; call it with (x, tokens)"),
        ("self.part(tokens, tokens)", "MoE got a Tokens; expected a traced tensor of rows"),
    ],
)
def test_a_mixture_needs_rows_and_tokens(write_model, data, use, message):
    assert message in fail(write_model, data, "nn.MoE(ffn, 4)", use).message


def test_a_loss_that_is_left_out_is_not_forgotten(write_model, data):
    error = fail(
        write_model, data, "nn.MoE(ffn, 4, losses=dict(balance=1.0))", returned="{'mine': F.row_sum(x * x)}"
    )
    assert error.message == (
        "the loss 'balance' of a module is not among what loss returns; return nn.CrossEntropy's losses, or add "
        "**tokens.losses at the end"
    )


def test_a_loss_that_comes_too_late(write_model, data):
    error = fail(
        write_model,
        data,
        "nn.MoE(ffn, 4, losses=dict(balance=1.0))",
        returned="[self.criterion(x, tokens), self.part(x, tokens)][0]",
        use="self.part(x, tokens)",
    )
    assert error.message.startswith("the loss 'balance' of a module was added to after it was read")


def test_rows_of_a_region_stay_in_it(data):
    class Leak(nn.Module):
        def __init__(self):
            self.width, self.seen = 16, []

        def forward(self, x, tokens):
            self.seen.append(x)
            return x

    class Model(nn.Module):
        def __init__(self, around, use):
            self.embed = nn.Embedding(data.vocabulary, 16)
            self.leak, self.use = Leak(), use
            self.around = around(self.leak)
            self.criterion = nn.CrossEntropy(nn.Head(16, data.vocabulary))

        def loss(self, tokens):
            x = self.embed(tokens)
            y = self.around(x, tokens)
            return self.criterion(y + self.use(self, x), tokens)

    def message(around, use):
        with pytest.raises(mt.Error) as caught:
            mt.trace(Model(around, use), data)
        return caught.value.message

    leaked = message(
        lambda leak: nn.MoE([leak, nn.Linear(16, 16)], route=nn.ByIds("token")), lambda model, x: model.leak.seen[0] * 1
    )
    assert leaked == "a tensor made for the rows of one expert is used outside of them; return it from the module"

    class Outer(nn.Module):
        def __init__(self):
            self.width = 16

        def forward(self, x, tokens):
            return x + self.outer

    outer = Outer()

    def keep(leak):
        class Keep(nn.Module):
            def __init__(self):
                self.depths = nn.MixtureOfDepths(outer)

            def forward(self, x, tokens):
                outer.outer = x
                return self.depths(x, tokens)

        return Keep()

    assert message(keep, lambda model, x: x) == (
        "a tensor of all rows is used among the rows of a selection; use what the module is called with: its first "
        "argument, and the fields of its tokens"
    )


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x, tokens: F.row_sum(F.row_sum(x)), "row_sum got a tensor<64xf32>; expected rows of several columns"),
        (
            lambda x, tokens: F.row_broadcast(x, 4),
            "row_broadcast got a tensor<64x16xf32>; expected one f32 a row, as row_sum makes",
        ),
        (lambda x, tokens: F.one_hot(x, 4), "one_hot got a tensor<64x16xf32>; expected one i32 a row, as tokens.token"),
        (
            lambda x, tokens: F.softmax(x, x),
            "softmax got a tensor<64x16xf32> for what is chosen; expected tensor<64x16xi32>",
        ),
        (lambda x, tokens: F.exp(tokens.token), "exp got a tensor<64xi32>; expected a tensor of f32"),
        (lambda x, tokens: F.as_floats(x), "as_floats got a tensor<64x16xf32>; expected a tensor of i32"),
        (
            lambda x, tokens: F.hash_ids(tokens.token, 4, -1),
            "seed of a hash is -1; expected an integer of 0 to 2^32 - 1",
        ),
        (
            lambda x, tokens: x / F.row_sum(x),
            "shapes of '/' differ: [R, 16] and [R]; expected the same; nn.functional.row_broadcast(x, width) repeats "
            "one value a row",
        ),
    ],
)
def test_functions_say_what_they_take(data, call, message):
    class Model(nn.Module):
        def __init__(self):
            self.embed = nn.Embedding(data.vocabulary, 16)

        def loss(self, tokens):
            return call(self.embed(tokens), tokens)

    with pytest.raises(mt.Error) as caught:
        mt.trace(Model(), data)
    assert caught.value.message == message
