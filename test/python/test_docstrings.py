"""The examples in the docstrings of the package run."""

import doctest
import importlib
import pkgutil

import pytest

import motley

MODULES = sorted(
    one.name
    for one in pkgutil.walk_packages(motley.__path__, "motley.")
    if not one.name.startswith(("motley.data", "motley.__main__"))
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_examples_are_found():
    number = sum(
        len(one.examples) for name in MODULES for one in doctest.DocTestFinder().find(importlib.import_module(name))
    )
    assert number > 20
