"""Noise on routing, in training only; it depends on the seed, the step and the row, not on the order of rows."""

from __future__ import annotations

from ..errors import Error
from ..tensor import Tensor, tensor_type
from ..trace import Tokens


def draw(kind: str, tokens: Tokens, width: int) -> Tensor:
    """Emit random numbers [R, width] that no other place of the program has: zeros outside of training.

    Parameters
    ----------
    kind : {"gumbel", "normal", "uniform"}
        -log(-log u), of mean 0 and variance 1, or in [-1, 1).
    tokens : Tokens
    width : int
    """
    tracer, index = tokens.tracer, tokens.index
    shape = (index.shape[0], width)
    return tracer.emit(
        f"motley.noise {kind} at {{0}} {{{{site = {tracer.site()} : i64}}}} : ({index.type}) -> {tensor_type(shape)}",
        [index],
        shape,
    )


class Noise:
    """What may disturb a router: its input, or its scores."""

    def on_input(self, x: Tensor, tokens: Tokens) -> Tensor:
        """Disturb what the router reads, [R, width]."""
        return x

    def on_scores(self, scores: Tensor, tokens: Tokens) -> Tensor:
        """Disturb what the router says, [R, E]."""
        return scores


class Gumbel(Noise):
    """Scores + G' - G'', two independent Gumbel samples: Gumbel-Sigmoid (MoMa, arXiv 2407.21770, equation 5).

    Parameters
    ----------
    scale : float
        Factor of the difference.
    """

    def __init__(self, scale: float = 1.0):
        self.scale = _above_zero(scale, "scale of Gumbel noise")

    def on_scores(self, scores: Tensor, tokens: Tokens) -> Tensor:
        difference = draw("gumbel", tokens, scores.width) - draw("gumbel", tokens, scores.width)
        return scores + (difference if self.scale == 1 else difference * self.scale)


class Gaussian(Noise):
    """Scores + std * N(0, 1) (as in arXiv 1701.06538, with a standard deviation that is fixed)."""

    def __init__(self, std: float):
        self.std = _above_zero(std, "standard deviation of noise")

    def on_scores(self, scores: Tensor, tokens: Tokens) -> Tensor:
        return scores + draw("normal", tokens, scores.width) * self.std


class Jitter(Noise):
    """The router's input times a uniform number of [1 - eps, 1 + eps), one for each element (arXiv 2101.03961)."""

    def __init__(self, eps: float = 1e-2):
        self.eps = _above_zero(eps, "eps of jitter")

    def on_input(self, x: Tensor, tokens: Tokens) -> Tensor:
        return x * (1 + draw("uniform", tokens, x.width) * self.eps)


def _above_zero(value: float, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise Error(f"{what} is {value!r}; expected a number above 0")
    return float(value)
