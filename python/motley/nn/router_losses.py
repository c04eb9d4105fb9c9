"""Losses that keep routers healthy: of each row, [R], such that their mean over the rows is what the papers define."""

from __future__ import annotations

from typing import Callable, Mapping

from ..errors import Error, kind
from ..regions import Coefficient, Scheduled
from ..tensor import Tensor
from .functional import as_floats, log, log_sum_exp, mean_rows, row_broadcast, row_sum, softmax


def balance(scores: Tensor, gates: Tensor, chosen: Tensor, experts_of_row: float | None) -> Tensor:
    """E / k * sum over the experts of (share of the rows that take it) * (mean probability): 1 where all is even.

    (arXiv 2101.03961, equation 4, for k of E experts a row; routes with no fixed number have k = 1.) The probability
    is the softmax of the scores whatever the gate function is.
    """
    share = mean_rows(as_floats(chosen))
    return row_sum(share * softmax(scores)) * (scores.width / (experts_of_row or 1))


def importance(scores: Tensor, gates: Tensor, chosen: Tensor, experts_of_row: float | None) -> Tensor:
    """The squared coefficient of variation of the experts' mean gates (arXiv 1701.06538, equations 6 and 7)."""
    experts = scores.width
    of_expert = mean_rows(gates * as_floats(chosen))
    mean = row_sum(of_expert) * (1 / experts)
    deviation = of_expert - row_broadcast(mean, experts)
    return row_sum(deviation * deviation) * (1 / experts) / (mean * mean + 1e-10)


def router_z(scores: Tensor, gates: Tensor, chosen: Tensor, experts_of_row: float | None) -> Tensor:
    """(log of the sum of exp(scores))^2 (arXiv 2202.08906, equation 5)."""
    size = log_sum_exp(scores)
    return size * size


def entropy(scores: Tensor, gates: Tensor, chosen: Tensor, experts_of_row: float | None) -> Tensor:
    """Entropy of each row's softmax over its scores: small where rows are decided (as in arXiv 2403.07652)."""
    return log_sum_exp(scores) - row_sum(softmax(scores) * scores)


def global_entropy(scores: Tensor, gates: Tensor, chosen: Tensor, experts_of_row: float | None) -> Tensor:
    """Entropy of the mean over the rows of that softmax: great where all experts are used (arXiv 2206.02770).

    With a negative coefficient it spreads the rows, as "entropy" with a positive one decides them.
    """
    mean = mean_rows(softmax(scores))
    return -row_sum(mean * log(mean + 1e-20))


def l1(scores: Tensor, gates: Tensor, chosen: Tensor, experts_of_row: float | None) -> Tensor:
    """The sum of a row's gates: with ReLU routing it decides how many experts a row takes (arXiv 2412.14711)."""
    return row_sum(gates)


LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor, float | None], Tensor]] = {
    one.__name__: one for one in (balance, importance, router_z, entropy, global_entropy, l1)
}


def check_losses(losses: Mapping[str, Coefficient] | None) -> dict[str, Coefficient]:
    """Read a ``losses`` argument: by name, a number or `Scheduled`; those with 0 are left out."""
    found: dict[str, Coefficient] = {}
    if losses is not None and not isinstance(losses, Mapping):
        raise Error(f"losses are {kind(losses)}; expected coefficients by name, as in dict(balance=0.01)")
    for name, coefficient in (losses or {}).items():
        if name not in LOSSES:
            raise Error(f"unknown loss of a router '{name}'; expected some of {', '.join(LOSSES)}")
        is_number = isinstance(coefficient, (int, float)) and not isinstance(coefficient, bool)
        if not is_number and not isinstance(coefficient, Scheduled):
            raise Error(f"coefficient of '{name}' is {kind(coefficient)}; expected a number or nn.Scheduled(name)")
        if isinstance(coefficient, Scheduled) or coefficient != 0:
            found[name] = coefficient
    return found
