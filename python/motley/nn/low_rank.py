"""Low-rank maps, as experts on a base weight or as adapters beside it."""

from __future__ import annotations

from ..tensor import Tensor
from ..trace import Tokens, check_rows
from .layers import Linear
from .module import Module, positive


class LowRank(Module):
    """y = x A B, A [inputs, rank] and B [rank, outputs]: as little of a matrix as a rank costs (arXiv 2106.09685).

    Low-rank experts on a base weight, y = x W + sum over a row's experts of gate[e] * x A_e B_e::

        nn.MoE(nn.LowRank(d, 8), experts=16, route=nn.TopK(2), shared=nn.Linear(d, d))

    Parameters
    ----------
    inputs, rank : int
    outputs : int, optional
        By default as many as the inputs.
    std : float
        A starts from N(0, std^2).
    out_std : float
        B starts from N(0, out_std^2); with 0, y starts as 0 and B learns first.

    Examples
    --------
    >>> [parameter.shape for _, parameter in LowRank(8, 2).named_parameters()]
    [(8, 2), (2, 8)]
    """

    def __init__(self, inputs: int, rank: int, outputs: int | None = None, std: float = 0.02, out_std: float = 0.0):
        self.inputs = positive(inputs, "number of inputs")
        self.a = Linear(inputs, positive(rank, "rank"), std=std)
        self.b = Linear(rank, inputs if outputs is None else outputs, std=out_std)

    def forward(self, x: Tensor, tokens: Tokens | None = None) -> Tensor:
        """Trace the map: [R, inputs] to [R, outputs]."""
        check_rows(x, self.inputs, self)
        return self.b(self.a(x))
