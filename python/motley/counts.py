"""Parameters and multiplications of a model, counted from its text.

Matrices and tables are counted as the papers count, vectors (gains and biases) beside them. *Active* are the
parameters that one row of a modality meets: a matrix that a share of the rows meets (an expert's, or one under
mixture-of-depths) counts by that share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .level1 import Program


@dataclass(frozen=True)
class Count:
    """Elements of matrices and tables, and of vectors."""

    matrices: int = 0
    vectors: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.matrices + other.matrices, self.vectors + other.vectors)


@dataclass(frozen=True)
class Counts:
    """What `count` found.

    Attributes
    ----------
    total : Count
    routers : Count
        Of the total, what products in f32 read: tables of models leave it out.
    active : dict of str to Count
        By modality.
    matrix_flops : dict of str to int
        Of one row of each modality, forward, two per multiply-add.
    attention_flops : int
        Of one row, forward, averaged over one causal document of R rows.
    is_bound : bool
        Whether rows decide how many experts they take: active parameters and FLOPs are then those of all experts.
    rows : int
    state_bytes : int
        Parameter, gradient and two moments, in fp32.
    """

    total: Count
    routers: Count
    active: dict[str, Count]
    matrix_flops: dict[str, int]
    attention_flops: int
    rows: int
    state_bytes: int
    is_bound: bool = False


def count(program: Program) -> Counts:
    """Count a program's parameters and FLOPs."""
    active: dict[str, Count] = {}
    flops: dict[str, int] = {}
    for modality in program.modalities.names:
        uses = [use for use in program.uses if use.modalities is None or modality in use.modalities]
        shares: dict[str, float] = {}
        for use in uses:
            for name in use.variables:
                shares[name] = max(shares.get(name, 0.0), use.share)
        sizes = [(_size(program.shapes[name]), share) for name, share in shares.items()]
        active[modality] = Count(
            round(sum(size.matrices * share for size, share in sizes)),
            round(sum(size.vectors * share for size, share in sizes)),
        )
        flops[modality] = round(
            sum(
                2 * math.prod(program.shapes[use.variables[0]]) * use.share
                for use in uses
                if use.kind in ("linear", "cross_entropy")
            )
        )
    total = sum((_size(shape) for shape in program.shapes.values()), Count())
    # Two products of width * keys multiply-adds each, for a share of the rows; (rows + 1) / 2 keys on average.
    attention = sum(
        use.share * 2 * 2 * use.width * (use.share * program.rows + 1) / 2
        for use in program.uses
        if use.kind == "attention"
    )
    exact = {name for use in program.uses if use.is_exact for name in use.variables}
    routers = sum((_size(program.shapes[name]) for name in sorted(exact)), Count())
    state = 16 * (total.matrices + total.vectors)
    return Counts(total, routers, active, flops, int(attention), program.rows, state, program.shares_are_bounds)


def _size(shape: tuple[int, ...]) -> Count:
    size = math.prod(shape)
    return Count(matrices=size) if len(shape) == 2 else Count(vectors=size)


def human_bytes(number: float) -> str:
    """Spell a number of bytes.

    Examples
    --------
    >>> human_bytes(512), human_bytes(43754979328)
    ('512 bytes', '43.8 GB')
    """
    for size, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:g} bytes"


def human(number: float, digits: int = 1) -> str:
    """Spell a count as tables of models do.

    Examples
    --------
    >>> human(94371840), human(751000000), human(2733637632, 2)
    ('94.4M', '751.0M', '2.73B')
    """
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if number >= size:
            return f"{number / size:.{digits}f}{letter}"
    return f"{number:g}"
