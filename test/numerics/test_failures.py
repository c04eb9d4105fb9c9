"""Whatever goes wrong on the command line: one clear message, a status that is not 0, and nothing lost."""

import hashlib
import os
import resource
import shutil
import struct
import subprocess
import sys

import oracle
import pytest
import tiny_data
from model_files import MLIR, PYTHON

import motley as mt


def run_motley(*arguments, limit=None, **environment):
    """Run the command in a process of its own; `limit` is the largest file that it may write."""
    return subprocess.run(
        [sys.executable, "-m", "motley", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path), **environment},
        preexec_fn=limit and (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))),
    )


def fails(*arguments, status=1, says=(), **options):
    """Run a command that must fail with one message; return it."""
    done = run_motley(*arguments, **options)
    said = done.stderr
    assert done.returncode == status, (done.returncode, said)
    assert said.count("error: ") == 1, said
    assert "Traceback" not in said and "see current operation" not in said and "Stack dump" not in said, said
    for part in says:
        assert part in said, said
    return said


def snapshot(folder):
    """Bytes of every file."""
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def artefact(tmp_path_factory):
    path = tmp_path_factory.mktemp("artefact") / "m.so"
    (path.parent / "m.mlir").write_text(MLIR)
    done = run_motley("compile", path.parent / "m.mlir", "-o", path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory, artefact, data_set):
    """A run of two steps."""
    out = tmp_path_factory.mktemp("run") / "run"
    done = run_motley("train", artefact, "--data", data_set, "--steps", 2, "--out", out)
    assert done.returncode == 0, done.stderr
    return out


def resume(artefact, data_set, out, steps=4):
    return ["train", artefact, "--data", data_set, "--steps", steps, "--out", out, "--resume"]


# Models


def test_unknown_modality_in_a_python_model(tmp_path, data_set):
    path = tmp_path / "model.py"
    path.write_text(
        PYTHON.replace("nn.SwiGLU(32, 48, untie=two)", "nn.ByModality(text=nn.SwiGLU(32), sound=nn.SwiGLU(32))")
    )
    said = fails("compile", path, "--data", data_set, "-o", tmp_path / "m.so")
    line = PYTHON[: PYTHON.index("self.ffn =")].count("\n") + 1
    assert said.startswith(f"{path}:{line}:"), said
    assert "unknown modality 'sound'; expected one of text, image" in said
    assert not (tmp_path / "m.so").exists()


def test_unknown_modality_in_an_mlir_model(tmp_path):
    path = tmp_path / "m.mlir"
    content = MLIR.replace(
        "  %ce, %z",
        "  %y = motley.by_modality %token : tensor<32xi32> -> (tensor<32x16xf32>) {\n"
        "    motley.yield %x : tensor<32x16xf32>\n  } case [@text, @sound]\n  %ce, %z",
    )
    path.write_text(content)
    assert fails("compile", path, "-o", tmp_path / "m.so", says=["sound"]).startswith(f"{path}:")


def test_unknown_modality_on_the_command_line(tmp_path):
    fails(
        "compile",
        oracle.ROOT / "python" / "examples" / "mot.py",
        "--modalities",
        "text",
        "-o",
        tmp_path / "m.so",
        says=["'text'; expected NAME=SIZE"],
    )


def test_shapes_that_do_not_fit_in_a_python_model(tmp_path, data_set):
    path = tmp_path / "model.py"
    path.write_text(PYTHON.replace("nn.SwiGLU(32, 48, untie=two)", "nn.SwiGLU(40, 48, untie=two)"))
    said = fails("train", path, "--data", data_set, "--steps", 1, "--out", tmp_path / "run")
    line = PYTHON[: PYTHON.index("return self.criterion")].count("\n") + 1
    assert said.startswith(f"{path}:{line}:") and "32" in said and "40" in said, said
    assert not (tmp_path / "run").exists()


def test_shapes_that_do_not_fit_in_an_mlir_model(tmp_path):
    path = tmp_path / "m.mlir"
    path.write_text(MLIR.replace("@head : tensor<16x64xf32>", "@head : tensor<20x64xf32>"))
    assert fails("compile", path, "-o", tmp_path / "m.so", says=["20", "16"]).startswith(f"{path}:")


def test_a_model_file_that_is_not_there(tmp_path):
    fails("compile", tmp_path / "none.py", says=["none.py"])
    fails("train", tmp_path / "none.so", "--data", tmp_path, "--steps", 1, "--out", tmp_path / "run")


@pytest.mark.parametrize("arguments", [["--stepz", 3], ["--steps", "many"], ["--schedule", "sine"], ["--threads", -1]])
def test_unknown_options(artefact, data_set, tmp_path, arguments):
    said = fails("train", artefact, "--data", data_set, "--steps", 1, "--out", tmp_path / "run", *arguments, status=2)
    assert str(arguments[0]) in said or str(arguments[1]) in said
    assert not (tmp_path / "run").exists()


def test_unknown_verbs_and_environment(artefact, data_set, tmp_path):
    fails("trian", status=2, says=["trian"])
    arguments = ["train", artefact, "--data", data_set, "--steps", 1, "--out", tmp_path / "run"]
    fails(*arguments, MOTLEY_LEVEL="sse", says=["MOTLEY_LEVEL is 'sse', expected avx2|avx512|avx512_bf16"])
    fails(*arguments, MOTLEY_THREADS="many", says=["MOTLEY_THREADS", "many"])


# Artefacts


DAMAGES = {
    "truncated": lambda content: content[: len(content) - 1000],
    "half": lambda content: content[: len(content) // 2],
    "without-its-last-byte": lambda content: content[:-1],
    "flipped": lambda content: flip(content, len(content) // 3),
    "flipped-in-the-trailer": lambda content: flip(content, len(content) - 40),
    "longer": lambda content: content + b"more",
    "text": lambda content: b"#!/bin/sh\n",
    "empty": lambda content: b"",
}


def flip(content, place):
    return content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :]


@pytest.mark.parametrize("damage", DAMAGES)
def test_corrupt_artefacts(artefact, data_set, tmp_path, damage):
    path = tmp_path / "m.so"
    path.write_bytes(DAMAGES[damage](artefact.read_bytes()))
    before = path.read_bytes()
    said = fails("train", path, "--data", data_set, "--steps", 1, "--out", tmp_path / "run", says=[str(path)])
    assert said.startswith("error: ") and said.count("\n") == 1
    assert path.read_bytes() == before and not (tmp_path / "run").exists()


def test_an_artefact_of_another_abi(artefact, data_set, tmp_path):
    """The digest is right; the compiler was of another version."""
    content = artefact.read_bytes()
    manifest = mt.CompiledModel.load(artefact).manifest
    # The head of the table of runtime/abi.h: version, levels, kernels, steps.
    table = [2, 3, len(manifest["kernels"]), len(manifest["functions"])]
    assert content.count(struct.pack("<4I", *table)) == 1
    image = content[:-48].replace(struct.pack("<4I", *table), struct.pack("<4I", 99, *table[1:]))
    trailer = hashlib.sha256(image).digest() + struct.pack("<Q", len(image)) + b"MOTLEYSO"
    assert content.endswith(trailer[32:])
    path = tmp_path / "m.so"
    path.write_bytes(image + trailer)
    fails("train", path, "--data", data_set, "--steps", 1, "--out", tmp_path / "run", says=[str(path), "99", "ABI"])
    assert not (tmp_path / "run").exists()


def test_another_shared_object(data_set, tmp_path):
    path = tmp_path / "m.so"
    shutil.copy(
        next(
            p for p in ("/usr/lib/x86_64-linux-gnu/libm.so.6", "/lib/x86_64-linux-gnu/libm.so.6") if os.path.exists(p)
        ),
        path,
    )
    fails("inspect", path, says=[str(path)])


# Checkpoints and data


@pytest.mark.parametrize("damage", ["truncated", "half", "flipped", "empty", "text", "longer", "head", "metadata"])
def test_broken_checkpoints(artefact, data_set, run, tmp_path, damage):
    out = tmp_path / "run"
    shutil.copytree(run, out)
    path = out / (out / "latest").read_text().strip()
    content = path.read_bytes()
    if damage == "head":  # the length of the header
        content = struct.pack("<Q", 2**60) + content[8:]
    elif damage == "metadata":
        content = content.replace(b'"step":"2"', b'"step":"3"')
        assert content != path.read_bytes()
    else:
        content = DAMAGES[damage](content)
    path.write_bytes(content)
    before = snapshot(out)
    said = fails(*resume(artefact, data_set, out), says=[path.name])
    assert said.startswith("error: ") and said.count("\n") == 1
    assert snapshot(out) == before


def test_a_checkpoint_of_another_model(data_set, run, tmp_path):
    out, model = tmp_path / "run", tmp_path / "model.mlir"
    shutil.copytree(run, out)
    model.write_text(MLIR.replace("64x16x", "64x24x").replace("<16x64x", "<24x64x").replace("32x16x", "32x24x"))
    before = snapshot(out)
    fails(*resume(model, data_set, out), says=["embed", "64", "16", "24"])
    assert {name: value for name, value in snapshot(out).items() if name.name != "model.mlir"} == {
        name: value for name, value in before.items() if name.name != "model.mlir"
    }


def test_latest_that_names_nothing(artefact, data_set, run, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(run, out)
    (out / "latest").write_text("checkpoint-77.safetensors\n")
    fails(*resume(artefact, data_set, out), says=["checkpoint-77.safetensors"])
    (out / "latest").write_text("../../etc/passwd\n")
    fails(*resume(artefact, data_set, out), says=["latest"])


def test_data_directories_that_are_none(artefact, data_set, tmp_path):
    def train(data):
        return ["train", artefact, "--data", data, "--steps", 1, "--out", tmp_path / "run"]

    fails(*train(tmp_path / "none"), says=[str(tmp_path / "none"), "is not a data set"])
    fails(*train(tmp_path), says=["dataset.json"])
    fails(*train(artefact), says=[str(artefact)])
    for number, (file, change) in enumerate(
        [
            ("dataset.json", lambda content: content[:-20]),
            ("dataset.json", lambda content: b"[]"),
            ("dataset.json", lambda content: content.replace(b'"begin": 48', b'"begin": 47')),
            ("train.safetensors", lambda content: content[:-8]),
            ("train.safetensors", lambda content: flip(content, len(content) - 9)),
            ("heldout.safetensors", lambda content: b""),
        ]
    ):
        broken = shutil.copytree(data_set, tmp_path / f"broken{number}")
        (broken / file).write_bytes(change((broken / file).read_bytes()))
        fails(*train(broken), says=[str(broken)])
    assert not list((tmp_path).glob("run/checkpoint-*"))


def test_data_of_another_vocabulary(artefact, tmp_path):
    other = tiny_data.make(tmp_path / "other", text=40)
    fails("train", artefact, "--data", other, "--steps", 1, "--out", tmp_path / "run", says=["40", "48"])


# The disk


def test_full_disk_in_mid_run_keeps_the_last_checkpoint(artefact, data_set, run, tmp_path):
    """A limit on the size of files stands for the full disk: the write fails in the same place."""
    out = tmp_path / "run"
    shutil.copytree(run, out)
    before = snapshot(out)
    said = fails(*resume(artefact, data_set, out), limit=8192, says=["checkpoint-4.safetensors"])
    assert said.startswith("error: ") and said.count("\n") == 1
    after = snapshot(out)
    logs = {name for name in after if name.name == "log.jsonl"}
    assert {name: one for name, one in after.items() if name not in logs} == {
        name: one for name, one in before.items() if name not in logs
    }
    done = run_motley(*resume(artefact, data_set, out))
    assert done.returncode == 0, done.stderr


def test_full_disk_while_compiling_keeps_the_old_artefact(artefact, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "m.so").write_bytes(b"the old one")
    fails("compile", artefact.parent / "m.mlir", "-o", folder / "m.so", limit=4096)
    assert snapshot(folder).popitem()[1] == b"the old one" and len(snapshot(folder)) == 1


def test_output_to_a_full_device():
    done = subprocess.run(
        f"{sys.executable} -m motley inspect {oracle.ROOT}/python/examples/mot.mlir > /dev/full",
        shell=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr and done.stderr.count("error: ") == 1, done.stderr


def test_an_output_that_cannot_be_made(artefact, data_set, tmp_path):
    (tmp_path / "file").write_text("in the way")
    fails("train", artefact, "--data", data_set, "--steps", 1, "--out", tmp_path / "file", says=["file"])
    fails("compile", artefact.parent / "m.mlir", "-o", tmp_path / "none" / "m.so", says=["none"])
    assert (tmp_path / "file").read_text() == "in the way"
