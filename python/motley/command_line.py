"""The ``motley`` command: one verb for each module in `commands`.

Exit status: 0, or 1 after one message, or 2 after a usage line.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from typing import Sequence

from . import env
from .commands import bench, compile, convert, data, inspect, train
from .errors import Error, InternalError

VERBS = (compile, train, convert, inspect, data, bench)


def parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command."""
    top = argparse.ArgumentParser(
        prog="motley",
        description="compile and train models whose parameters depend on what a " "token is",
        allow_abbrev=False,
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="|".join(one.VERB for one in VERBS))
    for one in VERBS:
        sub = verbs.add_parser(one.VERB, help=one.HELP, description=one.HELP, allow_abbrev=False)
        one.add_arguments(sub)
        sub.set_defaults(run=one.run)
    return top


def run_command_line(arguments: Sequence[str] | None = None) -> int:
    """Run one command; whatever goes wrong becomes one message and a status."""
    options = parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except Error as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:  # the reader, `head` for example, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = f" '{error.filename}'" if error.filename else ""
        print(f"error: {(error.strerror or str(error)).lower()}{place}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except MemoryError:
        print("error: out of memory", file=sys.stderr)
    except Exception as error:
        print(_explain(error), file=sys.stderr)
    return 1


def _explain(error: Exception) -> str:
    if isinstance(error, InternalError):
        return str(error)
    from .data.errors import DataError

    if isinstance(error, DataError):
        return f"error: {error}"
    if env.TRACEBACK.is_on():
        traceback.print_exc()
    last = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"internal error: {type(error).__name__}: {error} ({os.path.basename(last.filename)}:{last.lineno}); run again "
        f"with {env.TRACEBACK.name}=1 for the traceback"
    )


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run_command_line())
