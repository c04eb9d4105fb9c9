"""What ``train = dict(...)`` may say: groups, phases, coefficients and balance are checked by name and type."""

import json

import pytest
from test_convert import MODEL

import motley as mt
from motley.command_line import run_command_line
from motley.errors import Error
from motley.hyperparameters import Hyperparameters, matches
from motley.model_file import read_model


@pytest.mark.parametrize(
    "settings, words",
    [
        (dict(groups=dict(match="a")), "expected a list of dict(match, learning_rate, weight_decay)"),
        (dict(groups=[dict(match="a", rate=1)]), "unknown 'rate' in training setting 'groups'"),
        (dict(groups=[dict(learning_rate=1)]), "'match' of a group is None"),
        (dict(groups=[dict(match="a")]), "the group 'a' says nothing"),
        (dict(groups=[dict(match="a", learning_rate=-1)]), "'learning_rate' of the group 'a' is -1"),
        (dict(groups=[dict(match="a", weight_decay=True)]), "'weight_decay' of the group 'a' is True"),
        (dict(phases=[dict(), dict()]), "phase 0 does not say 'until'"),
        (dict(phases=[dict(until=5), dict(until=5)]), "'until' of phase 1 is 5; expected a step above 5"),
        (dict(phases=[dict(trainable=[])]), "'trainable' of phase 0 is []"),
        (dict(phases=[dict(learning_rate=0)]), "'learning_rate' of phase 0 is 0; expected a number above 0"),
        (dict(phases=[dict(set=[1])]), "'set' of phase 0 is [1]"),
        (dict(coefficients=[1]), "expected a dict by name"),
        (dict(coefficients={"a": "x"}), "coefficient 'a' is 'x'"),
        (dict(coefficients={"a": [(3, 1), (3, 2)]}), "coefficient 'a' has the step 3; expected steps that ascend"),
        (dict(balance={"text": 0}), "balance of 'text' is 0; expected a number above 0"),
        (dict(ema=1.0), "'ema' is 1.0; expected less than 1"),
        (dict(ema=-0.5), "'ema' is -0.5; expected at least 0"),
    ],
)
def test_mistakes(settings, words):
    with pytest.raises(Error) as raised:
        Hyperparameters.read(settings)
    assert words in str(raised.value)


def test_patterns():
    name = "blocks.0.ffn.text.experts.11.gate"
    for pattern in ("gate", "*.text.*", "blocks.0.*", "experts.11", "ffn", name, "*gate", "blocks.?.ffn.*"):
        assert matches(pattern, name), pattern
    for pattern in ("experts.1", "tex", "blocks.1.*", "*.image.*", "text.gate"):
        assert not matches(pattern, name), pattern


def test_the_last_group_that_says_something_counts():
    groups = [dict(match="*", learning_rate=0.5, weight_decay=0.2), dict(match="norm", weight_decay=0), dict(match="q*", learning_rate=0)]
    train = Hyperparameters.read(dict(groups=groups))
    assert [train.rule_of(name) for name in ("q.text", "norm", "head")] == [(0.0, 0.2), (0.5, 0.0), (0.5, 0.2)]


def read(write_model, data, settings, model=MODEL):
    return read_model(write_model(model.replace('precision="f32"', f'precision="f32", {settings}')), data).text


def test_text_of_groups_and_phases(write_model, data):
    """Phases of equal arguments share one function, and what they freeze is listed."""
    model = MODEL.replace("nn.CrossEntropy(self.head)", "nn.CrossEntropy(self.head, z_loss=z)")
    model = model.replace("data, kind)", "data, kind, z)").replace('kind="dense")', 'kind="dense", z=0.0)')
    phases = [dict(until=3, trainable=["head", "attn"]), dict(until=9, set=dict(z=1e-4)), dict(learning_rate=0.5)]
    groups = [dict(match="norm", learning_rate=0), dict(match="ffn.*", learning_rate=0.1, weight_decay=0)]
    text = read(write_model, data, f"ema=0.5, groups={groups}, phases={phases}", model)
    lines = [line for line in text.splitlines() if line.startswith("motley.train")]
    assert lines[0].endswith("ema 0.5 until 3 frozen [@embed, @ffn.gate, @ffn.up, @ffn.down]")
    assert lines[1].startswith("motley.train @loss.1 ") and lines[1].endswith("ema 0.5 until 9")
    assert lines[2].startswith("motley.train @loss ") and lines[2].endswith("ema 0.5 rate 0.5")
    assert "@norm : tensor<32xf32> init constant 1.0 rate 0.0 " in text and " rate 0.1 decay 0.0 " in text
    assert text.count("func.func @loss") == 2


def test_phases_keep_the_parameters(write_model, data):
    with pytest.raises(Error) as raised:
        read(write_model, data, 'phases=[dict(until=3), dict(set=dict(kind="towers"))]')
    assert "parameter 'attn.q' differs between phases: [32, 32] and not there" in str(raised.value)
    with pytest.raises(Error) as raised:
        read(write_model, data, "phases=[dict(set=dict(size=3))]")
    assert "unknown setting 'size' in a phase" in str(raised.value)
    with pytest.raises(Error) as raised:
        read(write_model, data, 'groups=[dict(match="router", learning_rate=0)]')
    assert "'router' in training setting 'groups' matches no parameter" in str(raised.value)


def test_inspect_counts_one_phase(write_model, capsys):
    counts = []
    for settings in ("", ", phases=[dict(until=3), dict(set=dict(z=1e-4))]"):
        model = MODEL.replace("nn.CrossEntropy(self.head)", "nn.CrossEntropy(self.head, z_loss=z)")
        model = model.replace("data, kind)", "data, kind, z)").replace('kind="dense")', 'kind="dense", z=0.0)')
        path = write_model(model.replace('precision="f32"', f'precision="f32"{settings}'))
        assert run_command_line(["inspect", str(path), "--json"]) == 0
        counts.append(json.loads(capsys.readouterr().out)["flops_per_row"])
    assert counts[0] == counts[1]


def test_a_run_ends_with_its_phases(write_model, tmp_path, capsys):
    import tiny_data

    tiny_data.make(tmp_path / "data")
    path = write_model(MODEL.replace('precision="f32"', 'precision="f32", phases=[dict(until=3)]'))
    options = ["train", path, "--data", tmp_path / "data", "--steps", 4, "--out", tmp_path / "run"]
    assert run_command_line([str(one) for one in options]) == 1
    assert "the last phase ends with step 3, but the run has 4 steps" in capsys.readouterr().err
