"""What a step launches, counted by the runtime: for L layers and M modalities, whatever M is, and with routed experts."""

import re
import sys
from collections import Counter

import numpy as np
import oracle
import pytest

import motley as mt
from motley import nn

ROWS, WIDTH, HIDDEN, TOKENS = 32, 16, 20, 12
SHAPES = [(1, 1), (1, 2), (1, 3), (2, 2)]  # layers, modalities

# What one more layer launches.
FORWARD = {"norm": 4, "matmul": 4, "rope": 2, "attention": 1}
BACKWARD = {
    "matmul": 4,
    "outer": 4,
    "norm_backward": 4,
    "norm_gain": 4,
    "rope": 2,
    "attention_delta": 1,
    "attention_query": 1,
    "attention_key": 1,
    "map": 2,  # the gradients of the two residual streams are added
}
BANKS = 8  # qkv, o, gate and up, down, four of gains
OF_A_LAYER = {
    "eval": Counter(FORWARD),
    "accumulate": Counter(FORWARD) + Counter(BACKWARD),
    "update": Counter({"sum_squares": BANKS, "adamw": BANKS}),
}


class Block(nn.Module):
    """The layer of a Mixture-of-Transformers: everything untied, queries and keys normalised."""

    def __init__(self, modalities):
        self.norm1 = nn.RMSNorm(WIDTH, untie=modalities)
        self.attn = nn.Attention(WIDTH, 2, qk_norm=True, untie=modalities)
        self.norm2 = nn.RMSNorm(WIDTH, untie=modalities)
        self.ffn = nn.SwiGLU(WIDTH, HIDDEN, untie=modalities)

    def forward(self, x, tokens):
        x = x + self.attn(self.norm1(x, tokens), tokens)
        return x + self.ffn(self.norm2(x, tokens), tokens)


class Model(nn.Module):
    def __init__(self, modalities, layers):
        self.embed = nn.Embedding(modalities.vocabulary, WIDTH)
        self.blocks = nn.ModuleList(Block(modalities) for _ in range(layers))
        self.norm = nn.RMSNorm(WIDTH, untie=modalities)
        self.criterion = nn.CrossEntropy(nn.Head(WIDTH, modalities.vocabulary), z_loss=1e-5)

    def loss(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, tokens)
        return self.criterion(self.norm(x, tokens), tokens)


def modalities_of(number):
    return mt.Modalities(**{name: TOKENS for name in ("text", "image", "speech")[:number]})


def moma(kind, data):
    """One layer of the example's MoMa."""
    sys.path.insert(0, str(oracle.ROOT / "python" / "examples"))
    try:
        import moma as example
    finally:
        sys.path.pop(0)
    example.SIZES["test"] = ((WIDTH, 1, 2),) * 2  # without and with mixture-of-depths
    return example.model(data, "test", kind)


class Counted:
    """A compiled model, the types of its kernels' arguments, and the launches of a call."""

    def __init__(self, layers, modalities, file, kind=None):
        self.layers, self.modalities = layers, modalities_of(modalities)
        data = mt.Data(self.modalities, rows=ROWS)
        if kind:
            text = mt.trace(moma(kind, data), data)  # bf16, as it is trained
        else:
            text = oracle.trace(Model(self.modalities, layers), data)
        self.model = oracle.compiled(text)
        self.model.initialise(0)
        self.rows = oracle.random_rows(self.modalities, ROWS, ROWS - 3)
        file.write_text(text)
        plan = oracle.run_tool("motley-opt", "--motley-to-grouped", "--motley-to-plan", file)
        kernels = re.findall(r"plan\.kernel @(\S+) #plan\.(\w+).*?\[(.*?)\] access", plan)
        self.types = {name: types.split(", ") for name, _, types in kernels}

    def launches(self, function):
        """Return (kernel, family) of every launch of a call."""
        session = self.model.session
        session.set_profiling(True)
        if function == "update":
            self.model.update(1e-3, 1)
        else:
            getattr(self.model, function)(self.rows)
        found = [(name, family) for name, family, calls, _ in session.profile() for _ in range(calls)]
        session.set_profiling(False)
        assert len(found) == self.model.last_launches
        return found

    def families(self, function):
        return Counter(family for _, family in self.launches(function))

    def on_bank(self, function, family, inputs, panels):
        """Count the launches of a family on a bank of M members of the given inputs and panels."""
        bank = f"memref<{len(self.modalities)}x{panels}x{inputs}x32xf32>"
        return sum(family == one and bank in self.types[name] for name, one in self.launches(function))


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    folder, made = tmp_path_factory.mktemp("counts"), {}

    def get(layers, modalities, kind=None):
        key = layers, modalities, kind
        made[key] = made.get(key) or Counted(layers, modalities, folder / f"{len(made)}.mlir", kind)
        return made[key]

    return get


@pytest.mark.parametrize("layers, modalities", SHAPES)
def test_one_table_of_modalities_and_one_of_documents(counted, layers, modalities):
    one = counted(layers, modalities)
    offsets = {"modality": f"memref<{modalities + 1}xi32>", "document": f"memref<{ROWS + 1}xi32>"}
    tokens = f"memref<{modalities * TOKENS + 1}xi32>"  # rows by token id: where the gradient of the embedding is summed
    for function, expected in (
        ("eval", [offsets["modality"], offsets["document"]]),
        ("accumulate", [offsets["modality"], offsets["document"], tokens]),
    ):
        found = [one.types[name][3] for name, family in one.launches(function) if family == "group_by"]
        assert sorted(found) == sorted(expected), function
        assert one.families(function)["reindex"] == 1


@pytest.mark.parametrize("layers, modalities", SHAPES)
def test_one_launch_for_the_projections_of_all_modalities(counted, layers, modalities):
    """Forward, and backward for the inputs and for the weights: q, k, v together; gate and up together."""
    one = counted(layers, modalities)
    banks = {"qkv": (WIDTH, 3), "o": (WIDTH, 1), "gate and up": (WIDTH, 2), "down": (HIDDEN, 1)}
    for name, (inputs, panels) in banks.items():
        # With one modality the bank of o has the type of the head's.
        head = int(modalities == 1 and name == "o")
        assert one.on_bank("eval", "matmul", inputs, panels) == layers + head, name
        assert one.on_bank("accumulate", "matmul", inputs, panels) == 2 * (layers + head), name
        assert one.on_bank("accumulate", "outer", inputs, panels) == layers + head, name
    families = one.families("accumulate")
    assert families["matmul"] == 8 * layers + 2 and families["outer"] == 4 * layers + 1  # and the head


@pytest.mark.parametrize("layers, modalities", SHAPES)
def test_only_fields_are_permuted_and_once_a_step(counted, layers, modalities):
    one = counted(layers, modalities)
    for function in ("eval", "accumulate"):
        moved = [name for name, family in one.launches(function) if family == "permute"]
        # token, target, weight, position; order of the documents' rows is in their table
        assert 4 <= len(moved) <= 5
        for name in moved:
            assert one.types[name][0] in (f"memref<{ROWS}xi32>", f"memref<{ROWS}xf32>")
    assert not {"gather", "combine", "gather_rows", "combine_rows", "split", "merge"} & set(one.families("accumulate"))


def test_launches_depend_on_layers_alone(counted):
    for function in ("eval", "accumulate", "update"):
        found = {modalities: counted(1, modalities).families(function) for modalities in (1, 2, 3)}
        assert found[1] == found[2] == found[3], function
        more = counted(2, 2).families(function) - found[2]
        assert more == OF_A_LAYER[function], function


def test_the_manifest_and_the_trainer_say_the_same(counted, data_set):
    one = counted(1, 2)
    said = {function["name"]: function["launches"] for function in one.model.manifest["functions"]}
    for function in ("eval", "accumulate", "update"):
        assert said[function] == len(one.launches(function))
    data = mt.Data.load(data_set, rows=64)
    model = mt.compile(Model(data.modalities, 1), data, threads=1)
    said = {function["name"]: function["launches"] for function in model.manifest["functions"]}
    trainer = mt.Trainer(model, data_set, steps=1, train=mt.Hyperparameters(microbatches=3))
    assert trainer.step()["launches"] == 3 * said["accumulate"] + said["update"]


def test_launches_do_not_depend_on_the_rows(counted):
    one = counted(1, 3)
    for rows in (
        oracle.random_rows(one.modalities, ROWS, 5, among=[1]),
        oracle.random_rows(one.modalities, ROWS, ROWS, among=[0]),
        {**one.rows, "live": 0},
    ):
        one.model.accumulate(rows, normaliser=1.0)
        assert one.model.last_launches == len(one.launches("accumulate"))
    assert np.isfinite(list(one.model.eval(one.rows)["ce"].values())).all()


# Products of routers: one for both modalities, one for mixture-of-depths.
@pytest.mark.parametrize("kind, routers", [("1t1i", 0), ("4t4i", 1), ("mod+4t4i", 2)])
def test_experts_launch_as_many_products_as_a_dense_layer(counted, kind, routers):
    dense, routed = counted(1, 2, "dense"), counted(1, 2, kind)
    for function in ("eval", "accumulate"):
        expected, found = dense.families(function), routed.families(function)
        passes = 1 if function == "eval" else 2
        assert found["matmul"] == expected["matmul"] + passes * routers, function
        assert found["outer"] == expected["outer"] + (passes - 1) * routers, function
        for family in ("attention", "attention_query", "attention_key", "norm", "norm_backward", "rope"):
            assert found[family] == expected[family], (function, family)
    assert dense.families("eval")["matmul"] == 4 + 1  # and the head
    assert dense.families("accumulate")["outer"] == 4 + 1


def test_all_experts_share_one_table_and_their_rows_are_read_in_place(counted):
    one = counted(1, 2, "4t4i")
    for function, combined in (("eval", 1), ("accumulate", 2)):
        found = one.families(function)
        assert found["select"] == 1 and found["choose_tokens"] == 2, function
        assert found["combine"] == combined, function
        moved = [name for name, family in one.launches(function) if family == "permute"]
        assert len(moved) == 6, function  # token, target, weight, position, order, index
        for name in moved:
            assert one.types[name][0] in (f"memref<{ROWS}xi32>", f"memref<{ROWS}xf32>")


def test_mixture_of_depths_restricts_once_and_attends_on_the_kept_rows(counted):
    one, kept = counted(1, 2, "mod+4t4i"), ROWS // 4 + 1
    for function, families in (
        ("eval", ["attention"]),
        ("accumulate", ["attention", "attention_query", "attention_key"]),
    ):
        found = one.families(function)
        assert found["restrict"] == 1 and found["reindex_selection"] == 1, function
        for name, family in one.launches(function):
            if family in families:
                assert f"memref<{kept}x{WIDTH}xf32>" in one.types[name], (function, family)
                assert f"memref<{ROWS}x{WIDTH}xf32>" not in one.types[name], (function, family)
