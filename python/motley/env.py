"""Every environment variable that the Python package reads, declared once; the runtime's own are in runtime/env.h."""

from __future__ import annotations

import os
from dataclasses import dataclass

from .errors import Error


@dataclass(frozen=True)
class Switch:
    """Name, values and meaning of an environment variable."""

    name: str
    values: str
    meaning: str

    def is_on(self) -> bool:
        """Read a switch of the values 0 and 1; unset and empty are off."""
        value = os.environ.get(self.name, "")
        if value not in ("", "0", "1"):
            raise Error(f"environment variable {self.name} is {value!r}; expected {self.values}", None)
        return value == "1"


TRACEBACK = Switch("MOTLEY_TRACEBACK", "0 or 1", "print Python's traceback of a mistake of ours")

ALL = (TRACEBACK,)
