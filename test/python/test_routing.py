"""What experts and mixture-of-depths become at level 1; the compiler reads all of it."""

import re

import pytest

import motley as mt
from motley import native, nn
from motley.nn import functional as F

WIDTH = 16


class Model(nn.Module):
    """Embedding, whatever is in the middle, head."""

    def __init__(self, data, body):
        self.embed = nn.Embedding(data.vocabulary, WIDTH)
        self.body = body
        self.criterion = nn.CrossEntropy(nn.Head(WIDTH, data.vocabulary))

    def loss(self, tokens):
        return self.criterion(self.body(self.embed(tokens), tokens), tokens)


class Block(nn.Module):
    """Attention, then a feed-forward part, each in a residual."""

    def __init__(self, ffn, **options):
        self.width = WIDTH
        self.attn = nn.Attention(WIDTH, 2, **options)
        self.ffn = ffn

    def forward(self, x, tokens):
        x = x + self.attn(x, tokens)
        return x + self.ffn(x, tokens)


def text_of(data, body, **settings):
    """Level 1 without locations, which the compiler has read and verified."""
    text = mt.trace(Model(data, body), data, train=mt.Hyperparameters(**settings))
    assert native.emit(text, "model", "motley", "-")
    return re.sub(r' loc\("[^"]*":\d+:\d+\)', "", text)


def lines_with(text, word):
    return [line.strip() for line in text.splitlines() if word in line]


class Tower(nn.Module):
    """A router of two layers (as MoMa's auxiliary ones)."""

    def __init__(self):
        self.first, self.second = nn.Linear(WIDTH, 8, precision="f32"), nn.Linear(8, 4, precision="f32")

    def forward(self, x, tokens):
        return self.second(nn.silu(self.first(x)))


def expert():
    return nn.SwiGLU(WIDTH, 24)


def by_parity(x, tokens):
    return F.one_hot(F.hash_ids(tokens.token, 4, seed=3), 4)


def routed(**options):
    return lambda: nn.MoE(expert(), 4, **options)


FEATURES = {
    "default": routed(),
    "expert-choice-of-documents": routed(route=nn.ExpertChoice(1 / 4, scope="sequence", max_slots=96)),
    "top-1": routed(route=nn.TopK(1)),
    "top-2-softmax-before": routed(route=nn.TopK(2), gate="softmax"),
    "top-2-softmax-after": routed(route=nn.TopK(2), gate="softmax", after_choice=True),
    "top-2-renormalised": routed(route=nn.TopK(2), renormalise=True, scale=2.5),
    "drop-by-position": routed(route=nn.TopK(2, capacity=0.3)),
    "drop-by-priority": routed(route=nn.TopK(2, capacity=0.3, overflow="priority"), gate="softmax"),
    "reroute": routed(route=nn.TopK(2, capacity=0.3, overflow="reroute", scope="sequence")),
    "threshold": routed(route=nn.Threshold(0.5, max_slots=80)),
    "top-p": routed(route=nn.TopP(0.4), gate="softmax"),
    "relu": routed(route=nn.Threshold(), gate="relu", losses=dict(l1=1e-3)),
    "by-ids": routed(route=nn.ByIds("document")),
    "by-function-of-ids": routed(route=nn.ByIds(lambda tokens: F.hash_ids(tokens.position, 4))),
    "by-ids-with-gates": routed(route=nn.ByIds("document"), gate="sigmoid"),
    "hash": routed(route=nn.HashRoute(seed=7)),
    "documents-choose": routed(route=nn.TopK(1), per_document=True, gate="softmax"),
    "allowed": routed(route=nn.TopK(1), allowed=by_parity),
    "own-gate": routed(route=nn.TopK(2), gate=lambda scores: F.tanh(F.exp(scores) / 2)),
    "one": routed(route=nn.TopK(2), gate="one", losses=dict(balance=0.1)),
    "null-experts": routed(route=nn.TopK(2), null=3),
    "shared": routed(shared=nn.SwiGLU(WIDTH, 40)),
    "bias": routed(router_bias=True),
    "gumbel": routed(noise=nn.Gumbel(0.5)),
    "gaussian": routed(noise=nn.Gaussian(0.1), route=nn.TopK(1)),
    "jitter": routed(noise=nn.Jitter(0.01), route=nn.TopK(1)),
    "losses": routed(
        losses=dict(balance=0.01, importance=0.1, router_z=1e-3, entropy=0.1, global_entropy=-0.1, l1=1e-4)
    ),
    "scheduled": routed(losses=dict(balance=nn.Scheduled("balance"))),
    "own-router": lambda: nn.MoE(expert(), 4, router=Tower()),
    "widths": lambda: nn.MoE([expert(), nn.SwiGLU(WIDTH, 40), nn.Linear(WIDTH, WIDTH, bias=True), nn.Null()]),
    "low-rank": lambda: nn.MoE(nn.LowRank(WIDTH, 2), 8, nn.TopK(2), shared=nn.Linear(WIDTH, WIDTH)),
    "projection": lambda: nn.MoE(nn.Linear(WIDTH, WIDTH), 3),
    "one-tower": lambda: nn.ByModality(text=nn.MoE(expert(), 4), image=expert()),
    "uneven": lambda: nn.ByModality(text=nn.MoE(expert(), 7), image=nn.MoE(expert(), 2)),
    "depths": lambda: nn.MixtureOfDepths(Block(expert())),
    "depths-of-documents": lambda: nn.MixtureOfDepths(Block(expert(), mask="span"), 0.5, "sequence"),
    "depths-with-experts": lambda: nn.MixtureOfDepths(
        Block(nn.ByModality(text=nn.MoE(expert(), 4), image=nn.MoE(expert(), 2))), noise=nn.Gumbel()
    ),
    "depths-own-router": lambda: nn.MixtureOfDepths(expert(), router=nn.Linear(WIDTH, 1)),
}


@pytest.mark.parametrize("name", FEATURES)
def test_the_compiler_reads_every_feature(data, name):
    text_of(data, FEATURES[name]())


@pytest.mark.parametrize("name", [name for name, make in FEATURES.items() if isinstance(make(), nn.MoE)])
def test_the_compiler_reads_experts_of_a_modality(data, name):
    text_of(data, nn.ByModality(text=FEATURES[name](), image=nn.MLP(WIDTH, 8)))


@pytest.mark.parametrize(
    "name",
    [name for name, make in FEATURES.items() if isinstance(one := make(), nn.MoE) and not one.coefficients],
)
def test_the_compiler_reads_experts_under_depths(data, name):
    text_of(data, nn.MixtureOfDepths(Block(FEATURES[name]())))


def test_experts_of_a_modality(data):
    text = text_of(data, nn.ByModality(text=nn.MoE(expert(), 4), image=nn.MoE(expert(), 2)))
    case = text[text.index("motley.by_modality") : text.index("case [@text]")]
    router, gate, choice, seen, routed_line = case.splitlines()[1:6]
    assert router.endswith(
        "motley.linear @body.text.router(%0) precision f32 : (tensor<64x16xf32>) -> tensor<64x4xf32>"
    )
    assert gate.endswith("motley.sigmoid %1 : tensor<64x4xf32>")
    assert choice.endswith(
        "motley.choose_tokens %1 index %index {capacity = 0.25 : f64} : (tensor<64x4xf32>, tensor<64xi32>) -> "
        "tensor<64x4xi32>"
    )
    assert seen.endswith('motley.observe "body.text" %3 : tensor<64x4xi32>')
    assert routed_line.endswith(
        "motley.experts %3 gates %2 (%0) : (tensor<64x4xi32>, tensor<64x4xf32>, tensor<64x16xf32>) -> "
        "tensor<64x16xf32> {"
    )
    assert len(re.findall(r"\^bb0\(%region\d\.0: tensor<68x16xf32>\)", text)) == 4
    assert len(re.findall(r"\^bb0\(%region\d\.0: tensor<66x16xf32>\)", text)) == 2


@pytest.mark.parametrize(
    "route, slots",
    [
        (nn.ExpertChoice(), 64 + 4),
        (nn.ExpertChoice(0.3), 76 + 4),
        (nn.ExpertChoice(1.0), 4 * 64),
        (nn.ExpertChoice(0.25, "sequence"), 4 * 64),
        (nn.ExpertChoice(0.25, "sequence", max_slots=100), 100),
        (nn.TopK(1), 64),
        (nn.TopK(3), 3 * 64),
        (nn.TopK(2, capacity=0.3), 4 * 20),
        (nn.TopK(2, capacity=0.9), 2 * 64),
        (nn.TopK(2, capacity=0.3, scope="sequence"), 2 * 64),
        (nn.Threshold(0.5), 4 * 64),
        (nn.Threshold(0.5, max_slots=80), 80),
        (nn.ByIds("token"), 64),
        (nn.HashRoute(), 64),
    ],
)
def test_slots_bound_the_rows_of_all_experts(data, route, slots):
    text = text_of(data, nn.MoE(expert(), 4, route))
    assert re.findall(r"\^bb0\(%region\d\.0: tensor<(\d+)x16xf32>\)", text) == [str(slots)] * 4


def test_null_experts_take_no_slots(data):
    text = text_of(data, nn.MoE([expert(), nn.Null(), expert()], route=nn.TopK(3), null=1))
    assert "choose_experts %1 {k = 3 : i64} : (tensor<64x4xf32>) -> tensor<64x4xi32>" in text
    assert re.findall(r"\^bb0\(%region\d\.0: tensor<(\d+)x16xf32>\)", text) == ["128", "128"]


def test_experts_have_parameters_of_their_own(data):
    moe = nn.MoE(nn.Linear(WIDTH, WIDTH), 3, shared=nn.Linear(WIDTH, WIDTH))
    names = [name for name, _ in moe.named_parameters()]
    assert names == ["router", "experts.0", "experts.1", "experts.2", "shared"]
    assert len({id(parameter) for _, parameter in moe.named_parameters()}) == 5


def test_gates_are_renormalised_without_dividing_by_zero(data):
    text = text_of(data, nn.MoE(expert(), 4, nn.TopK(2), renormalise=True))
    body = text[: text.index("motley.experts")].splitlines()
    assert [re.sub(r"%\d+ = |%\d+|:.*", "", line).split()[0] for line in body[-9:-1]] == [
        "motley.observe",
        "arith.sitofp",
        "arith.mulf",
        "motley.row_sum",
        "arith.constant",
        "arith.addf",
        "motley.row_broadcast",
        "arith.divf",
    ]
    assert "arith.constant dense<1.0e-20> : tensor<64xf32>" in text


def test_softmax_ranks_rows_and_a_sigmoid_does_not(data):
    soft = text_of(data, nn.MoE(expert(), 4, gate="softmax"))
    assert "%2 = motley.softmax %1" in soft and "motley.choose_tokens %2 index" in soft
    assert "motley.choose_tokens %1 index" in text_of(data, nn.MoE(expert(), 4))


def test_losses_are_summed_over_layers_and_modalities(data):
    def layer(**losses):
        return nn.MoE(expert(), 4, losses=losses)

    class Layers(nn.Module):
        def __init__(self):
            self.first = nn.ByModality(text=layer(balance=0.5, router_z=0.25), image=layer(balance=0.5))
            self.second = layer(balance=0.5)
            self.third = layer(balance=0.125)

        def forward(self, x, tokens):
            return self.third(self.second(self.first(x, tokens), tokens), tokens)

    text = text_of(data, Layers())
    assert re.findall(r'motley.loss = "(\w+)"', text) == ["ce", "z", "balance", "router_z"]
    case = lines_with(text, "motley.yield")
    assert [line.count("tensor<64x1xf32>") for line in case if "64x1xf32" in line] == [2, 2]
    assert len(lines_with(text, "arith.constant dense<0.0> : tensor<64x1xf32>")) == 1  # the pictures' router_z
    # of each name: the columns of the cases, then what other layers add, and one product for each coefficient
    assert len(lines_with(text, "motley.row_sum")) == 2 + 4
    after = text[text.index("motley.cross_entropy") :]
    assert re.findall(r"dense<([\d.]+)> : tensor<64xf32>", after) == ["0.5", "0.25", "0.125"]
    assert len(re.findall(r"arith.addf", after)) == 1


def test_a_scheduled_coefficient_is_a_scalar_of_the_step(data):
    text = text_of(data, nn.MoE(expert(), 4, losses=dict(balance=nn.Scheduled("alpha"))))
    assert '%scheduled.alpha: f32 {motley.scalar = "alpha"}' in text
    assert len(lines_with(text, "by %scheduled.alpha : tensor<64xf32>")) == 1


def test_a_coefficient_of_zero_leaves_the_loss_out(data):
    assert re.findall(
        r'motley.loss = "(\w+)"', text_of(data, nn.MoE(expert(), 4, losses=dict(balance=0, router_z=1e-3)))
    ) == ["ce", "z", "router_z"]


def test_every_noise_has_a_site(data):
    text = text_of(
        data,
        nn.ByModality(
            text=nn.MoE(expert(), 4, noise=nn.Gumbel()), image=nn.MoE(expert(), 2, noise=nn.Jitter())
        ),
    )
    found = re.findall(r"motley.noise (\w+) at %index \{site = (\d) : i64\} : \(tensor<64xi32>\) -> (\S+)", text)
    assert found == [
        ("gumbel", "0", "tensor<64x4xf32>"),
        ("gumbel", "1", "tensor<64x4xf32>"),
        ("uniform", "2", "tensor<64x16xf32>"),
    ]


def test_a_module_that_is_called_twice_reports_twice(data):
    class Twice(nn.Module):
        def __init__(self):
            self.moe = nn.MoE(expert(), 2)

        def forward(self, x, tokens):
            return self.moe(self.moe(x, tokens), tokens)

    assert re.findall(r'motley.observe "(\S+)"', text_of(data, Twice())) == ["body.moe", "body.moe:2"]


def test_mixture_of_depths_hands_the_fields_to_its_block(data):
    text = text_of(data, nn.MixtureOfDepths(Block(expert()), capacity=0.25))
    (line,) = lines_with(text, "motley.select_rows")
    assert re.search(
        r"select_rows %2 \(%0, %4, %position, %document, %order\) otherwise %0 : \(tensor<64x1xi32>, "
        r"tensor<64x16xf32>, tensor<64xf32>, tensor<64xi32>, tensor<64xi32>, tensor<64xi32>, tensor<64x16xf32>\) -> "
        r"tensor<64x16xf32> \{$",
        line,
    )
    assert (
        "^bb0(%region1.0: tensor<17x16xf32>, %region1.1: tensor<17xf32>, %region1.2: tensor<17xi32>, "
        "%region1.3: tensor<17xi32>, %region1.4: tensor<17xi32>):"
    ) in text
    body = text[text.index("^bb0") :]
    assert "documents %region1.3 order %region1.4" in body and "at %region1.2" in body
    assert not re.search(r"[(, ]%0[,)]", body[: body.index("motley.yield")])


def test_mixture_of_depths_adds_what_the_gate_weighs(data):
    text = text_of(data, nn.MixtureOfDepths(nn.Linear(WIDTH, WIDTH), width=WIDTH))
    body = text[text.index("^bb0") : text.index("motley.yield")].splitlines()[1:-1]
    assert [line.strip().partition(" = ")[2].partition(" : ")[0] for line in body] == [
        "motley.linear @body.block(%region1.0)",
        "motley.row_broadcast %region1.1",
        "arith.subf %5, %region1.0",
        "arith.mulf %6, %7",
        "arith.addf %region1.0, %8",
    ]


def test_experts_under_depths_go_by_the_rows_that_are_left(data):
    text = text_of(data, FEATURES["depths-with-experts"]())
    assert "motley.by_modality %region1.5 : tensor<17xi32>" in text
    assert "index %region1.6 {capacity = 0.25 : f64} : (tensor<17x4xf32>, tensor<17xi32>)" in text
    assert len(re.findall(r"\^bb0\(%region\d+\.0: tensor<21x16xf32>\):", text)) == 4


def test_experts_read_fields_of_their_rows(data):
    class Positional(nn.Module):
        def __init__(self):
            self.width, self.gate = WIDTH, nn.Linear(WIDTH, 4)

        def forward(self, x, tokens):
            chosen = F.one_hot(F.hash_ids(tokens.token, 4), 4)
            return x * F.row_broadcast(F.row_sum(F.softmax(self.gate(x), chosen)), WIDTH)

    text = text_of(data, nn.MoE([nn.SwiGLU(WIDTH, 24), Positional()], route=nn.TopK(1)))
    assert text.count("(%region1.0: tensor<64x16xf32>, %region1.1: tensor<64xi32>)") == 1
    assert re.search(r"motley.hash %region2.1\b", text)


def test_own_routes_and_losses(data):
    class FirstExpert(nn.Route):
        reads_scores = False

        def choose(self, scores, tokens, experts):
            return F.one_hot(F.hash_ids(tokens.token, 1), experts)

        def slots(self, rows, experts):
            return rows

    class Own(Model):
        def loss(self, tokens):
            x = self.body(self.embed(tokens), tokens)
            mine = F.row_sum(x * x)
            return {"mine": mine, **self.criterion(x, tokens)}

    moe = nn.MoE(expert(), 2, FirstExpert(), losses=dict(router_z=1e-3))
    text = mt.trace(Own(data, moe), data)
    assert native.emit(text, "model", "motley", "-")
    assert re.findall(r'motley.loss = "(\w+)"', text) == ["mine", "ce", "z", "router_z"]


@pytest.mark.parametrize("precision", ["bf16", "f32"])
def test_the_module_says_its_precision(data, precision):
    text = text_of(data, nn.Linear(WIDTH, WIDTH), precision=precision)
    assert text.startswith(f"module attributes {{motley.precision = #motley<precision {precision}>}} {{\n")


class PlainTower(nn.Module):
    """A router of layers that don't say their precision, the last one by modality; one that does keeps its own."""

    def __init__(self, data, scores):
        self.first, self.second = nn.Linear(WIDTH, 8), nn.Linear(8, 8, precision="bf16")
        self.third = nn.Linear(8, scores, untie=data.modalities)

    def forward(self, x, tokens):
        return self.third(self.second(nn.silu(self.first(x))), tokens)


@pytest.mark.parametrize("kind", ["experts", "depth", "soft"])
def test_routers_multiply_in_f32(data, kind):
    """And no layer beside them does."""
    body = {
        "experts": lambda: nn.MoE(expert(), 4, nn.TopK(1), router=PlainTower(data, 4)),
        "depth": lambda: nn.MixtureOfDepths(Block(expert()), router=PlainTower(data, 1)),
        "soft": lambda: nn.SoftMoE(nn.Linear(WIDTH, WIDTH), 4, router=PlainTower(data, 4)),
    }[kind]()
    linears = lines_with(text_of(data, body), "motley.linear")
    said = {re.search(r"@(\S+)\(", line)[1]: re.findall(r"precision (\w+)", line) for line in linears}
    routers = {name.split("router.")[1]: one for name, one in said.items() if "router" in name}
    assert routers == {"first": ["f32"], "second": ["bf16"], "third.text": ["f32"], "third.image": ["f32"]}
    assert len(said) > len(routers) and not any(one for name, one in said.items() if "router" not in name)


def test_precision_comes_from_the_file_and_the_caller(data, write_model):
    path = write_model(
        "import motley as mt\nfrom motley import nn\ntrain = dict(precision='f32')\n"
        "class M(nn.Module):\n"
        "    def __init__(self, data):\n"
        "        self.embed = nn.Embedding(data.vocabulary, 8)\n"
        "        self.criterion = nn.CrossEntropy(nn.Head(8, data.vocabulary))\n"
        "    def loss(self, tokens):\n"
        "        return self.criterion(self.embed(tokens), tokens)\n"
        "def model(data):\n"
        "    return M(data)\n"
    )
    assert "precision f32>" in mt.read_model(path, data).text
    assert "precision bf16>" in mt.read_model(path, data, precision="bf16").text


@pytest.mark.parametrize("kind", ["dense", "1t1i", "4t4i", "7t1i", "moe_8x", "mod+dense", "mod+1t1i", "mod+4t4i"])
def test_kinds_of_moma(data, examples, kind):
    text = mt.read_model(examples / "moma.py", data, {"size": "tiny", "kind": kind}, rows=64).text
    assert native.emit(text, "model", "motley", "-")
    layers = 7 if kind.startswith("mod+") else 4
    assert text.count("motley.attention") == layers
    assert text.count("motley.select_rows") == (4 if kind.startswith("mod+") else 0)


@pytest.mark.parametrize("kind, mixtures", [("4t4i", 8), ("mod+4t1i", 7), ("dense", 0)])
def test_moma_with_gumbel_noise(data, examples, kind, mixtures):
    """Two draws for each mixture."""
    text = mt.read_model(examples / "moma.py", data, {"size": "tiny", "kind": kind, "gumbel": "true"}, rows=64).text
    assert native.emit(text, "model", "motley", "-")
    assert text.count("motley.experts") == mixtures and text.count("motley.noise gumbel") == 2 * mixtures


def test_moma_with_gumbel_noise_compiles(data, examples):
    """The noise is in accumulate alone."""
    text = mt.read_model(examples / "moma.py", data, {"size": "tiny", "kind": "2t1i", "gumbel": "true"}, rows=64).text
    functions = mt.CompiledModel(native.jit(text, "moma"), 1).manifest["functions"]
    noisy = {one["name"] for one in functions if any(scalar["name"] == "seed" for scalar in one["scalars"])}
    assert noisy == {"init", "accumulate"}


def test_example_of_soft_mixtures_is_read(data, examples):
    text = mt.read_model(examples / "soft_moe.py", data, rows=64).text
    assert native.emit(text, "model", "motley", "-")
    assert text.count("motley.soft_experts") == 2


@pytest.mark.parametrize("name", ["top2", "deepseek", "relu_routed", "low_rank", "mot_text_experts"])
def test_examples_of_routing_are_read(data, examples, name):
    text = mt.read_model(examples / f"{name}.py", data, rows=64).text
    assert native.emit(text, "model", "motley", "-")
    assert "motley.experts" in text


def test_examples_are_short(examples):
    lengths = {path.name: len(path.read_text().splitlines()) for path in examples.glob("*.py")}
    assert len(lengths) >= 8 and max(lengths.values()) < 80, lengths
