"""The command: usage and status, one message for a mistake, no traceback."""

import json

import pytest

from motley.command_line import run_command_line


def run(*arguments):
    """Run a command and return its status, a usage error's included."""
    try:
        return run_command_line([str(one) for one in arguments])
    except SystemExit as error:
        return error.code


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "the following arguments are required"),
        (["inspekt"], "invalid choice: 'inspekt'"),
        (["inspect"], "the following arguments are required: MODEL.py|MODEL.mlir|m.so"),
        (["inspect", "mot.py", "--sett", "size=37M"], "unrecognized arguments: --sett size=37M"),
        (["inspect", "mot.py", "--rows", "0"], "argument --rows: invalid positive integer value: '0'"),
        (
            ["train", "mot.py", "--data", "D", "--out", "O", "--steps", "x"],
            "argument --steps: invalid positive integer value: 'x'",
        ),
        (["compile", "mot.py", "--emit", "wasm"], "argument --emit: invalid choice: 'wasm'"),
        (["compile", "mot.py", "--target", "tpu"], "argument --target: invalid choice: 'tpu'"),
    ],
)
def test_usage_errors_print_the_usage_and_exit_with_2(capsys, arguments, message):
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("usage: motley") and message in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["inspect", "nowhere.py"], "error: cannot read 'nowhere.py': No such file or directory\n"),
        (["inspect", "model.txt"], "error: 'model.txt' is not a model file; expected MODEL.py or MODEL.mlir\n"),
        (["inspect", "{mot}", "--set", "size"], "error: --set has 'size'; expected NAME=VALUE\n"),
        (["inspect", "{mot}", "--set", "sise=37M"], "error: unknown setting 'sise'; expected one of size\n"),
        (
            ["inspect", "{mot}", "--set", "size=38M"],
            "error: unknown size '38M'; expected one of tiny, 37M, 94M, 443M, 880M, 1.5B, 7B\n",
        ),
        (
            ["inspect", "{mot}", "--modalities", "text"],
            "error: --modalities has 'text'; expected NAME=SIZE, as in text=4096,image=512\n",
        ),
        (["inspect", "{mot}", "--modalities", "a=1,a=2"], "error: --modalities names 'a' twice\n"),
        (
            ["inspect", "{mot}", "--data", "D", "--modalities", "a=1"],
            "error: --data and --modalities exclude each other\n",
        ),
        (
            ["inspect", "{mot}", "--data", "nowhere"],
            "error: 'nowhere' is not a data set: it has no dataset.json; "
            "make one with 'motley data emoji --out nowhere'\n",
        ),
        (
            ["inspect", "{mlir}", "--set", "size=37M"],
            "error: '{mlir}' takes no settings; 'size' is for a model file in Python\n",
        ),
    ],
)
def test_mistakes_are_one_message_and_exit_with_1(capsys, examples, arguments, message):
    names = {"mot": examples / "mot.py", "mlir": examples / "mot.mlir"}
    assert run(*(one.format(**names) for one in arguments)) == 1
    captured = capsys.readouterr()
    assert captured.err == message.format(**names)
    assert captured.out == ""


def test_a_mistake_in_the_model_shows_its_line(capsys, write_model):
    path = write_model("from motley import nn\n\ndef model(data):\n    return nn.Linear(16, width)\n")
    assert run("inspect", path) == 1
    assert capsys.readouterr().err == (
        f"{path}:4:26: error: NameError: name 'width' is not defined\n"
        "    return nn.Linear(16, width)\n"
        "                         ^~~~~\n"
    )


@pytest.mark.parametrize(
    "description, message",
    [
        ("{", "is not JSON"),
        ("{}", "is not a data set description: KeyError('format') is missing or malformed"),
        ('{"format": "other"}', "has format 'other'; expected 'motley-dataset'"),
        ('{"format": "motley-dataset", "modalities": [{"name": "text"}]}', "KeyError('begin') is missing or malformed"),
    ],
)
def test_wrong_data_descriptions(capsys, tmp_path, examples, description, message):
    (tmp_path / "dataset.json").write_text(description)
    assert run("inspect", examples / "mot.py", "--data", tmp_path) == 1
    assert message in capsys.readouterr().err


def test_a_mistake_of_ours_is_one_line_with_the_way_to_the_traceback(capsys, monkeypatch, examples):
    from motley.commands import inspect

    monkeypatch.setattr(inspect, "count", lambda program: {}["absent"])
    assert run("inspect", examples / "mot.py") == 1
    error = capsys.readouterr().err
    assert error.startswith("internal error: KeyError: 'absent' (") and error.count("\n") == 1
    monkeypatch.setenv("MOTLEY_TRACEBACK", "1")
    assert run("inspect", examples / "mot.py") == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_inspect_report(capsys, examples):
    assert run("inspect", examples / "mot.mlir", "--variables") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  total                            671,744 (671.7K)             256" in lines
    assert "  active for text                  630,784 (630.8K)             128" in lines
    assert "  q.image                                  [64, 64]" in lines


def test_inspect_json(capsys, examples):
    assert run("inspect", examples / "mot.py", "--set", "size=tiny", "--rows", "256", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rows"] == 256
    assert found["modalities"][1] == {"name": "image", "begin": 4096, "end": 4608}
    assert found["variables"]["blocks.3.ffn.down.image"] == [512, 128]


def test_mistakes_of_the_data_tools_are_messages_too(capsys, tmp_path):
    assert run("data", "emoji", "--out", tmp_path / "new", "--limit", "1") == 1
    assert capsys.readouterr().err == "error: limit is 1, expected at least 8\n"
    assert run("data", "show", tmp_path) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_the_module_runs_as_the_command():
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "motley", "inspect"],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.returncode == 2 and done.stderr.startswith("usage: motley inspect")
