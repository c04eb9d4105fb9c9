"""What a step launches, counted by the runtime: for L layers and M modalities, and whatever M is."""

import re
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


class Counted:
    """A compiled model, the types of its kernels' arguments, and the launches of a call."""

    def __init__(self, layers, modalities, folder):
        self.layers, self.modalities = layers, modalities_of(modalities)
        text = oracle.trace(Model(self.modalities, layers), mt.Data(self.modalities, rows=ROWS))
        self.model = oracle.compiled(text)
        self.model.initialise(0)
        self.rows = oracle.random_rows(self.modalities, ROWS, ROWS - 3)
        source = folder / f"{layers}-{modalities}.mlir"
        source.write_text(text)
        plan = oracle.run_tool("motley-opt", "--motley-to-grouped", "--motley-to-plan", source)
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

    def get(layers, modalities):
        key = layers, modalities
        made[key] = made.get(key) or Counted(*key, folder)
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
