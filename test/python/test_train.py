"""Training: it learns, twice is the same, killed and resumed is the same, and every mistake is one message."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tiny_data
from safetensors import safe_open
from safetensors.numpy import load_file

import motley as mt
from motley.command_line import run_command_line

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "python" / "examples" / "mot.py"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_data.make(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def compiled(data, tmp_path_factory):
    """The model as an artefact: compiled once for most tests."""
    path = tmp_path_factory.mktemp("artefact") / "mot.so"
    options = ["--set", "size=tiny", "--rows", "128", "--data", str(data), "-o", str(path)]
    assert run_command_line(["compile", str(MODEL), *options]) == 0
    return path


def command(model, data, out, steps=12, **options):
    arguments = ["train", model, "--data", data, "--steps", steps, "--out", out]
    for name, value in {"warmup": 2, "learning_rate": 3e-3, **options}.items():
        arguments += [f"--{name.replace('_', '-')}"] + ([] if value is True else [value])
    return [str(one) for one in arguments]


def checkpoint(out):
    """Bytes of the newest checkpoint."""
    return (out / (out / "latest").read_text().strip()).read_bytes()


def test_loss_falls_in_both_modalities(data, tmp_path, capsys):
    options = {"set": "size=tiny", "rows": 128, "steps": 60, "log_interval": 20}
    assert run_command_line(command(MODEL, data, tmp_path / "run", **options)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("step")] == ["1", "20", "40", "60"]
    first, last = (re.search(r"ce \S+ \(text (\S+), image (\S+)\)", line).groups() for line in (lines[0], lines[3]))
    assert float(first[0]) == pytest.approx(np.log(64), rel=0.05)
    assert float(last[0]) < 0.8 * float(first[0]) and float(last[1]) < 0.8 * float(first[1])
    assert lines[-1].startswith("held out after step 60  ce ")
    logged = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert sum("step" in one for one in logged) >= 60
    assert (tmp_path / "run" / "model.mlir").read_text().startswith("module attributes {motley.precision")


def test_twice_is_the_same_with_one_thread_and_with_two(compiled, data, tmp_path):
    found = set()
    for name, threads in (("a", 1), ("b", 1), ("c", 2)):
        assert run_command_line(command(compiled, data, tmp_path / name, threads=threads)) == 0
        found.add(checkpoint(tmp_path / name))
    assert len(found) == 1


def test_seeds_differ(compiled, data, tmp_path):
    for seed in (0, 1):
        run_command_line(command(compiled, data, tmp_path / str(seed), steps=2, seed=seed))
    assert checkpoint(tmp_path / "0") != checkpoint(tmp_path / "1")


def test_killed_and_resumed_is_the_same_as_never_killed(compiled, data, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    options = {"steps": 40, "checkpoint_interval": 3}
    assert run_command_line(command(compiled, data, whole, **options)) == 0
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "motley", *command(compiled, data, killed, **options)],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not list(killed.glob("checkpoint-*")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    assert run_command_line(command(compiled, data, killed, **options, resume=True)) == 0
    assert checkpoint(whole) == checkpoint(killed)


def test_resuming_a_run_that_is_done_does_nothing(compiled, data, tmp_path, capsys):
    run_command_line(command(compiled, data, tmp_path / "run", steps=3))
    before = checkpoint(tmp_path / "run")
    assert run_command_line(command(compiled, data, tmp_path / "run", steps=3, resume=True)) == 0
    assert "is done: 3 steps" in capsys.readouterr().err
    assert checkpoint(tmp_path / "run") == before


def test_resuming_with_other_settings_is_refused(compiled, data, tmp_path, capsys):
    run_command_line(command(compiled, data, tmp_path / "run", steps=2))
    before = checkpoint(tmp_path / "run")
    error = fails(capsys, command(compiled, data, tmp_path / "run", steps=4, microbatches=3, resume=True))
    assert "is of a run with other settings: microbatches 1 then and 3 now" in error
    assert checkpoint(tmp_path / "run") == before


SMALL = """
import motley as mt
from motley import nn

train = dict(rows=96, learning_rate={rate}, schedule="constant", warmup=1, microbatches=2, weight_decay={decay},
             coefficients=dict(pull=[(0, 0.5), (4, 0.0)]), balance=dict(text=2, image=1))


class Small(nn.Module):
    def __init__(self, data):
        self.embed = nn.Embedding(data.vocabulary, 16)
        self.ffn = nn.MoE(nn.SwiGLU(16, 16), 2, nn.TopK(1), losses=dict(balance=nn.Scheduled("pull")))
        self.criterion = nn.CrossEntropy(nn.Head(16, data.vocabulary))

    def loss(self, tokens):
        x = self.embed(tokens)
        return self.criterion(x + self.ffn(x, tokens), tokens)


def model(data):
    return Small(data)
"""


def small(folder, data, name, rate=0.002, decay=0.1):
    """Compile the small model; returns its artefact."""
    folder.mkdir(exist_ok=True)
    source = folder / f"{name}.py"
    source.write_text(SMALL.format(rate=rate, decay=decay))
    assert run_command_line(["compile", str(source), "--data", str(data), "-o", str(folder / f"{name}.so")]) == 0
    return folder / f"{name}.so"


def plainly(model, data, out, *options, steps=2):
    return ["train", *map(str, (model, "--data", data, "--steps", steps, "--out", out, *options))]


def test_an_artefact_trains_as_its_model_file_says(data, tmp_path):
    artefact = small(tmp_path, data, "small")
    settings = mt.CompiledModel.load(artefact).manifest["settings"]
    assert settings["learning_rate"] == 0.002 and settings["coefficients"] == {"pull": [[0, 0.5], [4, 0]]}
    assert run_command_line(plainly(artefact, data, tmp_path / "a")) == 0
    assert run_command_line(plainly(tmp_path / "small.py", data, tmp_path / "b")) == 0
    configs = []
    for name in "ab":
        with safe_open(tmp_path / name / "checkpoint-2.safetensors", "numpy") as file:
            configs.append(json.loads(file.metadata()["config"]))
        assert configs[-1]["microbatches"] == 2 and configs[-1]["schedule"] == "constant" and configs[-1]["balance"]
        configs[-1].pop("module")
    assert configs[0] == configs[1]
    tensors = [load_file(tmp_path / name / "checkpoint-2.safetensors") for name in "ab"]
    assert all(np.array_equal(tensors[0][name], tensors[1][name]) for name in tensors[0])
    assert run_command_line(plainly(artefact, data, tmp_path / "c", "--learning-rate", 0.5, "--microbatches", 1)) == 0
    with safe_open(tmp_path / "c" / "checkpoint-2.safetensors", "numpy") as file:
        config = json.loads(file.metadata()["config"])
    assert (config["learning_rate"], config["microbatches"], config["warmup"]) == (0.5, 1, 1)


def test_resuming_another_artefact_is_refused(data, tmp_path, capsys):
    artefact, decayed = small(tmp_path, data, "small"), small(tmp_path, data, "decayed", decay=0.0)
    faster = small(tmp_path / "elsewhere", data, "faster", rate=0.004)
    out = tmp_path / "run"
    assert run_command_line(plainly(artefact, data, out)) == 0
    before = checkpoint(out)
    capsys.readouterr()
    error = fails(capsys, plainly(decayed, data, out, "--resume", steps=3))
    assert "is of a run of another model or optimiser: digest " in error
    assert "learning_rate 0.002 then and 0.004 now" in fails(capsys, plainly(faster, data, out, "--resume", steps=3))
    assert checkpoint(out) == before
    # Another place and another default, which the command line overrides: the same model.
    assert run_command_line(plainly(faster, data, out, "--resume", "--learning-rate", 0.002, steps=3)) == 0


def test_checkpoints_are_safetensors_with_every_variable(compiled, data, tmp_path):
    run_command_line(command(compiled, data, tmp_path / "run", steps=2))
    path = tmp_path / "run" / (tmp_path / "run" / "latest").read_text().strip()
    tensors = load_file(path)
    model = mt.compile(compiled)
    model.load_parameters(path)
    for name, value in model.parameters().items():
        assert np.array_equal(tensors[name], value)
        assert tensors[f"adam.m/{name}"].shape == tensors[f"adam.v/{name}"].shape == value.shape
    with safe_open(path, "numpy") as file:
        assert file.metadata()["step"] == "2"


def test_trainer_of_the_library(compiled, data):
    model = mt.compile(compiled)
    trainer = mt.Trainer(model, data, steps=3, train=mt.Hyperparameters(learning_rate=1e-3, microbatches=2))
    reports = [trainer.step() for _ in range(3)]
    assert trainer.is_done and trainer.current_step == 3
    assert [one["step"] for one in reports] == [1, 2, 3]
    assert reports[0]["tokens"] > 128  # two microbatches
    assert set(reports[0]["losses"]["ce"]) == {"all", "text", "image"}
    assert sum(reports[0]["targets"].values()) < reports[0]["tokens"]
    report = trainer.evaluate()
    assert report["tokens"] > 0 and report["losses"]["ce"]["all"] > 0


def test_a_callback_stops_the_run_after_a_checkpoint(compiled, data, tmp_path):
    model = mt.compile(compiled)
    trainer = mt.Trainer(model, data, steps=9, out=tmp_path / "run")
    trainer.run(lambda report: report["step"] < 2)
    assert trainer.current_step == 2
    assert (tmp_path / "run" / "latest").exists()


def test_an_exception_in_the_callback_comes_out(compiled, data):
    model = mt.compile(compiled)

    def fail(report):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        mt.Trainer(model, data, steps=2).run(fail)


def fails(capsys, arguments):
    """Run a command that must fail with one message and return it."""
    assert run_command_line(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1, error
    return error


def test_wrong_data_directories(compiled, data, tmp_path, capsys):
    assert "is not a data set" in fails(capsys, command(compiled, tmp_path, tmp_path / "run"))
    truncated = tiny_data.make(tmp_path / "truncated")
    file = truncated / "train.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    assert "train.safetensors" in fails(capsys, command(compiled, truncated, tmp_path / "run"))
    assert not list((tmp_path / "run").glob("checkpoint-*"))


def test_data_of_another_vocabulary(compiled, tmp_path, capsys):
    other = tiny_data.make(tmp_path / "other", text=40)
    error = fails(capsys, command(compiled, other, tmp_path / "run"))
    assert "40" in error and "48" in error


def test_a_run_is_not_overwritten(compiled, data, tmp_path, capsys):
    run_command_line(command(compiled, data, tmp_path / "run", steps=2))
    before = checkpoint(tmp_path / "run")
    capsys.readouterr()
    error = fails(capsys, command(compiled, data, tmp_path / "run", steps=4))
    assert "already holds a run; give --resume to go on with it, or another --out" in error
    assert checkpoint(tmp_path / "run") == before


def test_nothing_to_resume(compiled, data, tmp_path, capsys):
    error = fails(capsys, command(compiled, data, tmp_path / "run", resume=True))
    assert "holds no run to resume; leave --resume out to begin one" in error


@pytest.mark.parametrize("lost", ["latest", "latest and checkpoints"])
def test_resuming_a_run_that_was_killed_early(compiled, data, tmp_path, capsys, lost):
    out = tmp_path / "run"
    run_command_line(command(compiled, data, out, steps=4, checkpoint_interval=2))
    whole = checkpoint(out)
    (out / "latest").unlink()
    (out / "checkpoint-4.safetensors").unlink()
    if lost != "latest":
        (out / "checkpoint-2.safetensors").unlink()
    capsys.readouterr()
    assert run_command_line(command(compiled, data, out, steps=4, checkpoint_interval=2, resume=True)) == 0
    assert ("has no checkpoint yet: beginning again" in capsys.readouterr().err) == (lost != "latest")
    assert checkpoint(out) == whole
    steps = [json.loads(line)["step"] for line in (out / "log.jsonl").read_text().splitlines() if "heldout" not in line]
    assert steps == [1, 2, 3, 4]


@pytest.mark.parametrize("damage", ["truncate", "flip"])
def test_damaged_checkpoints_are_refused_and_stay(compiled, data, tmp_path, capsys, damage):
    out = tmp_path / "run"
    run_command_line(command(compiled, data, out, steps=2))
    path = out / (out / "latest").read_text().strip()
    content = bytearray(path.read_bytes())
    if damage == "truncate":
        content = content[:-1000]
    else:
        content[len(content) // 2] ^= 1
    path.write_bytes(content)
    capsys.readouterr()
    assert path.name in fails(capsys, command(compiled, data, out, steps=4, resume=True))
    assert path.read_bytes() == content and len(list(out.glob("checkpoint-*"))) == 1


def test_full_disk_is_one_message_and_loses_nothing(compiled, data, tmp_path):
    out = tmp_path / "run"
    run_command_line(command(compiled, data, out, steps=2))
    before = checkpoint(out)
    # A limit on the size of files stands for the full disk: the write fails in the same place.
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)); "
        "from motley.command_line import run_command_line; sys.exit(run_command_line(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command(compiled, data, out, steps=4, resume=True)],
        text=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert checkpoint(out) == before


def test_bench_step_prints_one_json_line_for_each_model(capsys):
    assert (
        run_command_line(
            [
                "bench",
                "step",
                "--models",
                "dense,mot",
                "--size",
                "tiny",
                "--rows",
                "256",
                "--steps",
                "2",
                "--warmup",
                "1",
                "--vocabulary",
                "576",
                "--json",
            ]
        )
        == 0
    )
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["model"] for one in lines] == ["dense", "mot"]
    assert lines[0]["ratio_to_dense"] == 1 and lines[1]["ratio_to_dense"] > 0
    assert all(one["tokens"] == 256 and one["step_s"] > 0 and len(one["load_average"]) == 3 for one in lines)


def test_bench_losses_reports_each_modality_over_the_seeds(data, capsys):
    assert (
        run_command_line(
            [
                "bench",
                "losses",
                "--data",
                str(data),
                "--size",
                "tiny",
                "--steps",
                "3",
                "--rows",
                "128",
                "--seeds",
                "2",
                "--json",
            ]
        )
        == 0
    )
    dense, mot = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert set(mot["heldout_ce"]) == {"all", "text", "image"}
    assert len(mot["heldout_ce"]["image"]["values"]) == 2
    assert dense["heldout_ce"]["all"]["difference"] == 0
