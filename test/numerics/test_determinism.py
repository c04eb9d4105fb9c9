"""Twice is the same, bit by bit: with any number of threads, killed and resumed, in any order of documents."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import oracle
import pytest
from model_files import PYTHON

import motley as mt
from motley import nn
from motley.command_line import run_command_line
from motley.rows import pack

STEPS = 300


@pytest.fixture(scope="module")
def artefact(tmp_path_factory, data_set):
    """The model as a file, so that a process that trains it starts at once."""
    folder = tmp_path_factory.mktemp("artefact")
    (folder / "model.py").write_text(PYTHON)
    arguments = ["compile", folder / "model.py", "--data", data_set, "--rows", 96, "-o", folder / "model.so"]
    assert run_command_line([str(one) for one in arguments]) == 0
    return folder / "model.so"


def command(artefact, data_set, out, steps=STEPS, **options):
    arguments = ["train", artefact, "--data", data_set, "--steps", steps, "--out", out, "--log-interval", 1000]
    for name, value in {"checkpoint_interval": 4, "learning_rate": 3e-3, **options}.items():
        arguments += [f"--{name.replace('_', '-')}"] + ([] if value is True else [value])
    return [str(one) for one in arguments]


def final_checkpoint(out):
    """Digest of the newest checkpoint's bytes."""
    name = (out / "latest").read_text().strip()
    return name, hashlib.sha256((out / name).read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def whole(artefact, data_set, tmp_path_factory):
    """The checkpoint of a run that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert run_command_line(command(artefact, data_set, out, threads=1)) == 0
    return final_checkpoint(out)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_training_twice(artefact, data_set, whole, tmp_path, threads):
    assert run_command_line(command(artefact, data_set, tmp_path / "run", threads=threads)) == 0
    assert final_checkpoint(tmp_path / "run") == whole


def test_another_seed_is_another_run(artefact, data_set, whole, tmp_path):
    assert run_command_line(command(artefact, data_set, tmp_path / "run", seed=1)) == 0
    name, digest = final_checkpoint(tmp_path / "run")
    assert name == whole[0] and digest != whole[1]


@pytest.mark.parametrize("trial", range(2))
def test_killed_at_random_moments_and_resumed(artefact, data_set, whole, tmp_path, trial):
    out, generator, kills = tmp_path / "run", random.Random(), 0
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    while kills < 2:
        resume = {"resume": True} if kills else {}
        process = subprocess.Popen(
            [sys.executable, "-m", "motley", *command(artefact, data_set, out, threads=1 + trial, **resume)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        before = set(out.glob("checkpoint-*"))
        deadline = time.monotonic() + 60
        while set(out.glob("checkpoint-*")) <= before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        moment = generator.uniform(0, 0.05)
        time.sleep(moment)  # anywhere in a step, in a file that is being written, between two renames
        process.send_signal(signal.SIGKILL)
        error = process.stderr.read()
        status = process.wait()
        assert status in (-signal.SIGKILL, 0), error
        if status == 0:
            break  # it was faster: nothing is left to kill
        kills += 1
    assert kills > 0, "the run ended before it could be killed"
    assert run_command_line(command(artefact, data_set, out, resume=True, threads=2)) == 0
    assert final_checkpoint(out) == whole, f"killed {moment * 1000:.1f} ms after a checkpoint"


def test_half_written_files_of_a_killed_run_are_removed(artefact, data_set, tmp_path):
    model, out = mt.compile(artefact), tmp_path / "run"
    mt.Trainer(model, data_set, steps=4, out=out).run(lambda report: report["step"] < 2)
    left = [out / "checkpoint-3.safetensors.partial-99999", out / "latest.partial-99999"]
    for path in left:
        path.write_bytes(b"half")
    mt.Trainer(model, data_set, steps=4, out=out, resume=True).run()
    assert not any(path.exists() for path in left)
    assert sorted(path.name for path in out.iterdir()) == [
        "checkpoint-2.safetensors",
        "checkpoint-4.safetensors",
        "latest",
        "log.jsonl",
    ]


def test_the_log_of_a_resumed_run_has_every_step_once(artefact, data_set, tmp_path):
    steps = {"steps": 9, "checkpoint_interval": 3}
    train = mt.Hyperparameters(learning_rate=3e-3)
    trainer = mt.Trainer(
        mt.compile(artefact), data_set, steps=9, out=tmp_path / "run", checkpoint_interval=3, train=train
    )
    trainer.run(lambda report: report["step"] < 6)
    assert run_command_line(command(artefact, data_set, tmp_path / "run", resume=True, **steps)) == 0
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [one["step"] for one in lines if "heldout" not in one] == list(range(1, 10))


TWO = mt.Modalities(text=24, image=12)
DOCUMENTS = [
    [1, 2, 24, 25, 26, 3],
    [30, 31, 4, 5, 6, 7, 8, 28],
    [9],
    [10, 11, 12, 13, 14, 15, 16, 17, 33, 34, 35, 18, 19, 20, 21, 22, 23],
]


def weighted(order, chosen, rows=64):
    """A microbatch of the documents in an order, in which one document alone has weights."""
    made = pack([DOCUMENTS[one] for one in order], TWO, rows)
    made["weight"] = np.where(made["document"] == order.index(chosen), made["weight"], 0).astype(np.float32)
    return made


class Small(nn.Module):
    def __init__(self):
        self.embed = nn.Embedding(36, 16, std=0.5)
        self.attn = nn.Attention(16, 2, qk_norm=True, untie=TWO, std=0.3, mask="span")
        self.norm = nn.LayerNorm(16, untie=TWO)
        self.ffn = nn.SwiGLU(16, 24, untie=TWO, std=0.3)
        self.criterion = nn.CrossEntropy(nn.Head(16, 36, std=0.3), z_loss=1e-2)

    def loss(self, tokens):
        x = self.embed(tokens)
        x = x + self.attn(x, tokens)
        return self.criterion(x + self.ffn(self.norm(x, tokens), tokens), tokens)


@pytest.fixture(scope="module")
def small():
    model = oracle.compiled(oracle.trace(Small(), mt.Data(TWO, rows=64)))
    model.initialise(1)
    return model


@pytest.mark.parametrize("chosen", range(len(DOCUMENTS)))
def test_the_losses_of_a_document_do_not_depend_on_its_place(small, chosen):
    """Rows are computed alike wherever they stand, and a document's rows are summed in their own order."""
    orders = ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1])
    sums = [small.eval(weighted(order, chosen)) for order in orders]
    alone = pack([DOCUMENTS[chosen]], TWO, 64)
    assert sums[0] == sums[1] == sums[2] == small.eval(alone)


def test_gradients_hardly_depend_on_the_order_of_documents(small):
    """Sums over rows run in another order: equal up to their rounding."""
    found = []
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        small.accumulate(pack([DOCUMENTS[one] for one in order], TWO, 64))
        found.append(small.gradients())
    for name, value in found[0].items():
        error = value.astype(np.float64) - found[1][name]
        oracle.largest(
            "gradients in another order", error, np.abs(value) + oracle.typical_size(np.abs(value)), 64, name
        )


def test_initial_values_do_not_depend_on_threads(small):
    text = oracle.trace(Small(), mt.Data(TWO, rows=64))
    one = oracle.compiled(text, threads=1)
    one.initialise(1)
    for name, value in small.parameters().items():
        assert np.array_equal(value, one.parameters()[name]), name
