"""Options that several verbs have."""

from __future__ import annotations

import argparse

from ..errors import Error
from ..hyperparameters import PRECISIONS, read_bytes
from ..modalities import Data, Modalities
from ..model_file import ModelText, read_model

DEFAULT_MODALITIES = "text=4096,image=512"


def positive(text: str) -> int:
    """Parse an integer of at least 1."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def not_negative(text: str) -> int:
    """Parse an integer of at least 0."""
    value = int(text)
    if value < 0:
        raise ValueError
    return value


not_negative.__name__ = "integer of at least 0"
positive.__name__ = "positive integer"  # argparse says: invalid positive integer value


def add_model_options(parser: argparse.ArgumentParser, data: str) -> None:
    """Add what it takes to read a model file.

    Parameters
    ----------
    parser : ArgumentParser
    data : {"optional", "required"}
        Whether a data set must be given.
    """
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="settings",
        help="an argument of 'def model(data, ...)'; may be repeated",
    )
    parser.add_argument("--rows", type=positive, metavar="R", help="tokens in one microbatch")
    parser.add_argument(
        "--precision", choices=PRECISIONS, help="of products; by default what the model file says, or bf16"
    )
    parser.add_argument(
        "--memory",
        metavar="SIZE",
        help="what the activations of a step may take, as 2GB; the rest is computed again in the backward",
    )
    parser.add_argument("--data", metavar="DIR", required=data == "required", help="data set directory")
    if data == "optional":
        parser.add_argument(
            "--modalities",
            metavar="NAME=SIZE,...",
            help=f"modalities and their numbers of token ids, where there is no data set; by default "
            f"{DEFAULT_MODALITIES}",
        )


def describe_data(options: argparse.Namespace) -> Data:
    """Return the data set's description, or the modalities of the command line."""
    modalities = getattr(options, "modalities", None)
    if options.data and modalities:
        raise Error("--data and --modalities exclude each other", None)
    if options.data:
        return Data.load(options.data)
    return Data(parse_modalities(modalities or DEFAULT_MODALITIES))


def parse_modalities(text: str) -> Modalities:
    """Parse ``text=4096,image=512``."""
    sizes: dict[str, int] = {}
    for part in text.split(","):
        name, equals, size = part.partition("=")
        if not equals or not size.isdigit():
            raise Error(f"--modalities has '{part}'; expected NAME=SIZE, as in {DEFAULT_MODALITIES}", None)
        if name in sizes:
            raise Error(f"--modalities names '{name}' twice", None)
        sizes[name] = int(size)
    return Modalities(**sizes)


def load(options: argparse.Namespace, path: str) -> ModelText:
    """Read the model file as the options say."""
    settings: dict[str, str] = {}
    for one in options.settings:
        name, equals, value = one.partition("=")
        if not equals:
            raise Error(f"--set has '{one}'; expected NAME=VALUE", None)
        settings[name] = value
    if path.endswith(".mlir") and getattr(options, "modalities", None):
        raise Error(f"'{path}' declares its modalities itself; --modalities is for a model file in Python", None)
    memory = read_bytes(options.memory, "--memory")
    return read_model(path, describe_data(options), settings, options.rows, options.precision, memory)
