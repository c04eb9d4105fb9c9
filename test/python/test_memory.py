"""The memory of a step's activations: how it is said, and that it is kept to."""

import json

import pytest
from test_convert import MODEL

import motley as mt
from motley import native
from motley.command_line import run_command_line
from motley.errors import Error
from motley.hyperparameters import Hyperparameters, read_bytes


@pytest.mark.parametrize(
    "size, expected",
    [
        ("2GB", 2_000_000_000),
        ("1.5GiB", 3 << 29),
        ("512 MiB", 512 << 20),
        ("0.1KB", 100),
        (" 7TB ", 7 * 10**12),
        ("300", 300),
        ("300B", 300),
        (4096, 4096),
        (None, None),
    ],
)
def test_sizes(size, expected):
    assert read_bytes(size, "memory") == expected


@pytest.mark.parametrize(
    "size", ["", "GB", "2 gb", "2G", "-1GB", "0", "0.2B", "1e9", "2GB extra", 0, -5, 1.5, True, "9999999999TB"]
)
def test_wrong_sizes(size):
    with pytest.raises(Error) as raised:
        Hyperparameters.read({"memory": size})
    assert f"training setting 'memory' is {size!r}; expected a size above 0 in bytes" in str(raised.value)


def test_the_module_says_its_memory(data, write_model):
    path = write_model(MODEL)
    assert "plan.memory" not in mt.read_model(path, data).text
    assert mt.read_model(path, data, memory=5000).text.startswith(
        "module attributes {motley.precision = #motley<precision f32>, plan.memory = 5000"
    )
    path = write_model(MODEL.replace("train = dict(", 'train = dict(memory="2GB", '))
    assert "plan.memory = 2000000000" in mt.read_model(path, data).text
    assert "plan.memory = 5000" in mt.read_model(path, data, memory=5000).text


def test_text_files_say_it_themselves(data, write_model):
    path = write_model("module {}", "model.mlir")
    with pytest.raises(Error, match="says its memory itself, as the attribute plan.memory"):
        mt.read_model(path, data, memory=5000)


def arena(path):
    functions = json.loads(native.load(str(path)).manifest)["functions"]
    return {one["name"]: one["arena_bytes"] for one in functions}


def test_compile_keeps_to_it(write_model, tmp_path, capsys):
    model, out = write_model(MODEL), tmp_path / "m.so"
    command = ["compile", str(model), "--modalities", "text=48,image=16", "-o", str(out)]
    assert run_command_line(command) == 0
    before = arena(out)
    # Lists of tiles and gaps between buffers: at most an eighth more than what was asked.
    budget = before["accumulate"] * 7 // 8
    assert run_command_line([*command, "--memory", f"{budget}B"]) == 0
    after = arena(out)
    assert after["accumulate"] <= budget * 9 // 8 and after["accumulate"] < before["accumulate"]
    assert after["eval"] == before["eval"]
    capsys.readouterr()
    assert run_command_line([*command, "--memory", "1KB"]) == 1
    error = capsys.readouterr().err
    assert "do not fit into a memory of 1000 bytes: they take" in error and "at least" in error
    assert run_command_line([*command, "--memory", "much"]) == 1
    assert "--memory is 'much'; expected a size above 0" in capsys.readouterr().err
