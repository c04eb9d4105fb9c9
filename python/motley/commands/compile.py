"""``motley compile``: a model file to an artefact, or to the text of any level on the way."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .. import native
from . import options as common

VERB = "compile"
HELP = "compile a model to one shared object, or stop at any level before"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("model", metavar="MODEL.py|MODEL.mlir")
    common.add_model_options(parser, data="optional")
    parser.add_argument("--target", choices=("cpu",), default="cpu")
    parser.add_argument(
        "--emit", choices=native.TEXT_KINDS + native.FILE_KINDS, default="so", help="what to write; by default so"
    )
    parser.add_argument(
        "-o", dest="out", metavar="FILE", help="by default MODEL.so or MODEL.o; text goes to standard output"
    )


def run(options: argparse.Namespace) -> None:
    """Compile and write."""
    model = common.load(options, options.model)
    extension = {"so": ".so", "obj": ".o"}.get(options.emit)
    out = options.out or (str(Path(options.model).with_suffix(extension)) if extension else "-")
    text = native.emit(model.text, model.path, options.emit, out)
    if options.emit not in native.TEXT_KINDS:
        if out != "-":
            print(f"wrote {out}", file=sys.stderr)
        return
    if out == "-":
        sys.stdout.write(text)
        return
    native.write_text(out, text)
    print(f"wrote {out}", file=sys.stderr)
