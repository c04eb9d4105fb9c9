"""``motley convert``: a checkpoint of one model to one that another model is trained from."""

from __future__ import annotations

import argparse
import json
import re
import sys

from .. import native
from ..convert import initial_values, plan
from ..errors import Error
from ..level1 import read_program
from . import options as common

VERB = "convert"
HELP = "turn a checkpoint of one model into a start for another: towers, experts, carved neurons"

_VARIABLE = re.compile(r'motley\.variable @"?([^\s":]+)"? : tensor<[0-9x]+xf32> init (\w+) ([-+0-9.e]+)')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="of the old model")
    parser.add_argument("model", metavar="MODEL.py|MODEL.mlir", help="the new model")
    common.add_model_options(parser, data="optional")
    parser.add_argument("-o", dest="out", required=True, metavar="FILE", help="for motley train --from FILE")
    parser.add_argument(
        "--new",
        action="append",
        default=["router"],
        metavar="PATTERN",
        help="parameters that may begin anew, as routers do; may be repeated",
    )
    parser.add_argument(
        "--drop", action="append", default=[], metavar="PATTERN", help="old parameters that may be left out"
    )
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="REGEX=TEXT",
        help="what a new name is changed by before an old one is looked for",
    )
    parser.add_argument("--carve", action="store_true", help="cut the hidden neurons of a network into its experts")
    parser.add_argument(
        "--seed", type=common.not_negative, metavar="S", help="of what begins anew; by default the old run's"
    )


def run(options: argparse.Namespace) -> None:
    """Read, plan and write. Moments and averages are left behind; the position in the data is kept."""
    text = common.load(options, options.model).text
    new = read_program(text, options.model).shapes
    starts = {name: (init, float(scale)) for name, init, scale in _VARIABLE.findall(text)}
    rename = []
    for one in options.map:
        pattern, equals, replacement = one.rpartition("=")
        if not equals:
            raise Error(f"--map has '{one}'; expected REGEX=TEXT", None)
        rename.append((pattern, replacement))
    with native.runtime_failures():
        old = native.runtime().Checkpoint(options.checkpoint)
    shapes = {
        name: shape for name, shape in old.shapes.items() if not name.startswith(("adam.m/", "adam.v/", "ema/"))
    }
    sources = plan(shapes, new, options.new, options.drop, rename, options.carve)
    seed = old.seed if options.seed is None else options.seed

    def values(name: str):
        source = sources[name]
        if source.name is None:
            return initial_values(name, new[name], *starts[name], seed)
        return source.take(old.read(source.name))

    config = json.dumps({"converted_from": options.checkpoint, "step": old.step})
    with native.runtime_failures():
        native.runtime().write_parameters(
            options.out, list(new.items()), values, seed=old.seed, data=old.data, config=config
        )
    fresh = sum(source.name is None for source in sources.values())
    cut = sum(source.axis is not None for source in sources.values())
    print(
        f"wrote {options.out}: {len(new)} parameters, {len(new) - fresh} from step {old.step} ({cut} of them a part), "
        f"{fresh} anew",
        file=sys.stderr,
    )
