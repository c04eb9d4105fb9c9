"""Mixture-of-depths: a block that only some of the rows pass through."""

from __future__ import annotations

import math
from typing import Any, Iterator

from ..errors import Error, kind
from ..tensor import Tensor, spell_shape, tensor_type
from ..trace import Tokens, check_rows
from .functional import row_broadcast, row_sum, sigmoid
from .layers import Linear
from .module import Module
from .noise import Noise
from .routes import ExpertChoice, Scores


class MixtureOfDepths(Module):
    """y = x + gate * (block(x) - x) for the rows that the router chooses; the others pass as they are, bit by bit.

    The block has residuals of its own, so what it adds is what the gate weighs: x' = x + r f(x) of arXiv 2404.02258,
    with r = sigmoid(x w) as in MoMa (arXiv 2407.21770, equation 2). It sees the chosen rows alone: attention inside is
    among them, in their original order and positions. They are chosen before any split by modality, and a block may
    split them again (MoMa's staged combination with experts).

    Parameters
    ----------
    block : Module
        Called with (x, tokens) of the chosen rows; returns rows as wide as x.
    capacity : float
        Share of the live rows that pass through the block, rounded up.
    scope : {"microbatch", "sequence"}
        Chosen among all rows (MoMa), or among those of each document (arXiv 2404.02258).
    width : int, optional
        Of x, where the block does not say.
    router : Module, optional
        Called with (x, tokens), returns scores [R, 1]; by default a linear layer. Linear layers inside that don't say
        their precision multiply in f32.
    noise : Noise, optional
        On the router, in training only.
    std : float
        The default router starts from N(0, std^2).
    """

    def __init__(
        self,
        block: Module,
        capacity: float = 0.25,
        scope: str = "microbatch",
        width: int | None = None,
        router: Module | None = None,
        noise: Noise | None = None,
        std: float = 0.02,
    ):
        if not isinstance(block, Module):
            raise Error(f"block is {kind(block)}; expected a Module")
        if noise is not None and not isinstance(noise, Noise):
            raise Error(f"noise is {kind(noise)}; expected nn.Gumbel(), nn.Gaussian(std) or nn.Jitter(eps)")
        width = width or getattr(block, "width", None)
        if router is None and width is None:
            raise Error(
                f"{type(block).__name__} does not say how wide its rows are; give MixtureOfDepths(..., width=...)"
            )
        self.route = ExpertChoice(capacity, scope)
        self.block, self.noise = block, noise
        self.router = router or Linear(width, 1, std=std, precision="f32")

    def children(self) -> Iterator[tuple[str, Any]]:
        yield "router", self.router
        yield "block", self.block

    def forward(self, x: Tensor, tokens: Tokens) -> Tensor:
        """Trace the selection and the block in it.

        Parameters
        ----------
        x : Tensor [R, width]
        tokens : Tokens
        """
        check_rows(x, None, self)
        tracer = x.tracer
        tracer.check_tokens(tokens, self)
        if tracer.region:
            raise Error(
                f"{tracer.name_of(self)} is inside a module for some of the rows; rows are selected from all of them, "
                f"before any other choice"
            )
        scores = self._scores(x, tokens)
        chosen = self.route.choose(Scores(scores, scores, scores), tokens, 1)
        tracer.observe(self, chosen)
        rows = x.shape[0]
        return tracer.routed(
            "motley.select_rows {0}",
            [chosen],
            [x, row_sum(sigmoid(scores))],  # one column: its sum is itself, one value a row
            self.slots(rows),
            tokens,
            self,
            "selection",
            [self._body],
            tail=" otherwise {0}",
            tail_operands=[x],
        )

    def slots(self, rows: int) -> int:
        """Bound the rows that are chosen of so many."""
        if self.route.scope == "sequence":  # every document rounds up, if it has one row
            return rows
        return min(rows, math.ceil(self.route.capacity * rows) + 1)

    def _scores(self, x: Tensor, tokens: Tokens) -> Tensor:
        with x.tracer.in_f32():
            scores = self.router(self.noise.on_input(x, tokens) if self.noise else x, tokens)
        if not isinstance(scores, Tensor) or scores.type != tensor_type((x.shape[0], 1)):
            got = spell_shape(scores) + f" of {scores.dtype}" if isinstance(scores, Tensor) else kind(scores)
            raise Error(
                f"router of {x.tracer.name_of(self)} returned {got}; expected [R, 1] of f32", self.router.location
            )
        return self.noise.on_scores(scores, tokens) if self.noise else scores

    def _body(self, x: Tensor, gate: Tensor, tokens: Tokens) -> Tensor:
        y = self.block(x, tokens)
        if not isinstance(y, Tensor) or y.shape != x.shape:
            got = spell_shape(y) if isinstance(y, Tensor) else kind(y)
            raise Error(f"the block of {x.tracer.name_of(self)} returned {got}; expected {spell_shape(x)}, as it got")
        return x + row_broadcast(gate, x.width) * (y - x)
