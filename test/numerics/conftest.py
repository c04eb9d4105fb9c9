"""Puts the package of this tree, and the extension of its build, on the path; shared fixtures and the summary."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT / "build" / "python", ROOT / "python", ROOT / "test" / "python", ROOT / "test" / "numerics"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@pytest.fixture(scope="session")
def data_set(tmp_path_factory):
    """A data set directory of a few thousand tokens."""
    import tiny_data

    return tiny_data.make(tmp_path_factory.mktemp("data") / "tiny")


def pytest_terminal_summary(terminalreporter):
    """Print the largest errors that were met, in roundings of their scale."""
    import oracle

    for quantity, value in sorted(oracle.REPORT.items()):
        terminalreporter.write_line(f"largest error of {quantity}: {value:.3g}")


def pytest_sessionfinish():
    """Do not compile what nobody will ask for."""
    import oracle

    oracle.compiler.pool.shutdown(wait=False, cancel_futures=True)
