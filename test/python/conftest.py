"""Puts the package of this tree, and the extension of its build, on the path; shared fixtures."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT / "build" / "python", ROOT / "python"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@pytest.fixture
def examples():
    """The folder of the examples."""
    return ROOT / "python" / "examples"


@pytest.fixture
def data():
    """A small description of data with two modalities."""
    import motley as mt

    return mt.Data(mt.Modalities(text=48, image=16), rows=64)


@pytest.fixture
def write_model(tmp_path):
    """Write a model file from its source and return its path."""

    def write(source, name="user_model.py"):
        path = tmp_path / name
        path.write_text(source)
        return path

    return write
