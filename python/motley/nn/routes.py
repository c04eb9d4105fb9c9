"""Routes: which experts a row goes to, or which rows an expert takes. A route makes a choice [R, E] of 0 and 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable

from ..errors import Error, kind
from ..tensor import Tensor, number, tensor_type
from ..trace import FIELDS, Tokens
from .functional import hash_ids, one_hot
from .module import positive

SCOPES = ("microbatch", "sequence")
OVERFLOWS = ("position", "priority", "reroute")


@dataclass(frozen=True)
class Scores:
    """What a route may look at.

    Attributes
    ----------
    raw : Tensor [R, E]
        What the router said, noise included.
    gates : Tensor [R, E]
        The same after the gate function.
    ranking : Tensor [R, E]
        What rows compare each other by: the gates of a softmax, since it does not keep the order of rows, else the
        raw scores, since a sigmoid makes ties of great ones.
    allowed : Tensor [R, E] of i32, optional
        Where 0, an expert must not be taken.
    """

    raw: Tensor
    gates: Tensor
    ranking: Tensor
    allowed: Tensor | None = None


class Route:
    """A rule of choice. Subclasses define `choose` and `slots`.

    Attributes
    ----------
    reads_scores : bool
        Whether it needs a router.
    experts_of_row : float or None
        How many a row takes, where that is known.
    """

    reads_scores = True
    experts_of_row: float | None = None

    def choose(self, scores: Scores, tokens: Tokens, experts: int) -> Tensor:
        """Emit the choice.

        Parameters
        ----------
        scores : Scores
            None where ``reads_scores`` is false.
        tokens : Tokens
        experts : int
            E, the null experts included.

        Returns
        -------
        Tensor [R, E] of i32
        """
        raise Error(f"{type(self).__name__} does not define choose")

    def slots(self, rows: int, experts: int) -> int:
        """Bound the rows that all experts take together; ``experts`` are those that compute."""
        return rows * experts


class ExpertChoice(Route):
    """Each expert takes its best rows (arXiv 2202.09368; MoMa, arXiv 2407.21770, section 2.2).

    Parameters
    ----------
    capacity : float, optional
        Share of the rows that an expert takes, rounded up: of the live rows of the microbatch, inside `ByModality`
        those of the modality. By default 1 / E.
    scope : {"microbatch", "sequence"}
        "sequence" takes the share of each document.
    max_slots : int, optional
        Rows of all experts together at most, for scope "sequence", where many short documents round up often; by
        default rows times experts.

    Examples
    --------
    >>> ExpertChoice(1 / 4).slots(rows=64, experts=4)
    68
    """

    def __init__(self, capacity: float | None = None, scope: str = "microbatch", max_slots: int | None = None):
        self.capacity = None if capacity is None else check_capacity(capacity)
        self.scope = _one_of(scope, SCOPES, "scope")
        self.max_slots = None if max_slots is None else positive(max_slots, "max_slots")
        if max_slots is not None and scope != "sequence":
            raise Error("max_slots is for scope 'sequence'; over a microbatch the capacity bounds the rows")

    def _share(self, experts: int) -> float:
        return 1 / experts if self.capacity is None else self.capacity

    def choose(self, scores: Scores, tokens: Tokens, experts: int) -> Tensor:
        return _emit_choice("choose_tokens", [("", scores.ranking)], tokens, self.scope, self._share(experts))

    def slots(self, rows: int, experts: int) -> int:
        if self.scope == "sequence":
            return min(rows * experts, self.max_slots or rows * experts)
        return min(rows * experts, math.floor(rows * experts * self._share(experts)) + experts)


class TopK(Route):
    """Each row takes its k best experts (arXiv 1701.06538).

    Parameters
    ----------
    k : int
    capacity : float, optional
        Share of the rows that an expert takes at most, rounded up; by default there is no bound and nothing is
        dropped. A capacity factor f, as papers give it, is the capacity f k / E.
    overflow : {"position", "priority", "reroute"}
        What becomes of rows beyond the capacity: the first keep their place (arXiv 2101.03961), those of the highest
        scores do (arXiv 2106.05974), or the others go to the next expert with room, which ``allowed`` of a `MoE` can't
        keep them from: the two are refused together.
    scope : {"microbatch", "sequence"}
        Of the capacity.

    Examples
    --------
    >>> TopK(2).slots(rows=64, experts=8), TopK(2, capacity=1 / 8).slots(rows=64, experts=8)
    (128, 64)
    """

    def __init__(
        self, k: int, capacity: float | None = None, overflow: str = "position", scope: str = "microbatch"
    ):
        self.k = positive(k, "k")
        self.capacity = None if capacity is None else check_capacity(capacity)
        self.overflow = _one_of(overflow, OVERFLOWS, "overflow")
        self.scope = _one_of(scope, SCOPES, "scope")
        self.experts_of_row = k

    def choose(self, scores: Scores, tokens: Tokens, experts: int) -> Tensor:
        if self.k > experts:
            raise Error(f"k is {self.k}, of {experts} experts; expected at most as many")
        operands = [scores.raw] + ([] if scores.allowed is None else [scores.allowed])
        types = ", ".join(one.type for one in operands)
        chosen = scores.raw.tracer.emit(
            "motley.choose_experts {0}" + ("" if scores.allowed is None else " allowed {1}")
            + f" {{{{k = {self.k} : i64}}}} : ({types}) -> {tensor_type(scores.raw.shape, 'i32')}",
            operands,
            scores.raw.shape,
            dtype="i32",
        )
        if self.capacity is None:
            return chosen
        named = [("", chosen), ("scores", scores.ranking)]
        return _emit_choice(f"limit_capacity {self.overflow}", named, tokens, self.scope, self.capacity)

    def slots(self, rows: int, experts: int) -> int:
        bound = min(self.k, experts) * rows
        if self.capacity is None or self.scope == "sequence":
            return bound
        return min(bound, experts * math.ceil(self.capacity * rows))


class Threshold(Route):
    """Each row takes the experts whose gate is above a value: any number of them, none too.

    With the gate function "relu" and value 0 it is ReLU routing (arXiv 2412.14711). Without a gate function the
    scores themselves are compared.

    Parameters
    ----------
    value : float
    max_slots : int, optional
        Rows of all experts together at most; by default rows times experts. The memory of a step grows with it.
    """

    def __init__(self, value: float = 0.0, max_slots: int | None = None):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise Error(f"threshold is {value!r}; expected a finite number")
        self.value = float(value)
        self.max_slots = None if max_slots is None else positive(max_slots, "max_slots")

    def choose(self, scores: Scores, tokens: Tokens, experts: int) -> Tensor:
        return _emit_simple("choose_above", scores.gates, f"threshold = {number(self.value)} : f64")

    def slots(self, rows: int, experts: int) -> int:
        return min(rows * experts, self.max_slots or rows * experts)


class TopP(Route):
    """Each row takes the fewest experts whose gates reach p together (arXiv 2403.07652); the gates are a softmax.

    Parameters
    ----------
    p : float
    max_slots : int, optional
        As for `Threshold`.
    """

    def __init__(self, p: float, max_slots: int | None = None):
        if isinstance(p, bool) or not isinstance(p, (int, float)) or not 0 < p <= 1:
            raise Error(f"p is {p!r}; expected a number above 0 and at most 1")
        self.p = float(p)
        self.max_slots = None if max_slots is None else positive(max_slots, "max_slots")

    def choose(self, scores: Scores, tokens: Tokens, experts: int) -> Tensor:
        return _emit_simple("choose_top_p", scores.gates, f"p = {number(self.p)} : f64")

    def slots(self, rows: int, experts: int) -> int:
        return min(rows * experts, self.max_slots or rows * experts)


class ByIds(Route):
    """The expert that a field of the row names; an id that is no expert's takes none.

    Parameters
    ----------
    ids : str or callable
        A field of `Tokens` of integers, or a function of the tokens that returns one i32 a row.
    """

    reads_scores = False
    experts_of_row = 1

    def __init__(self, ids: str | Callable[[Tokens], Tensor]):
        if isinstance(ids, str) and FIELDS.get(ids) != "i32":
            raise Error(f"unknown ids '{ids}'; expected a field of integers: {', '.join(_INTEGERS)}")
        if not isinstance(ids, str) and not callable(ids):
            raise Error(f"ids are {kind(ids)}; expected the name of a field or a function of the tokens")
        self.ids = ids

    def choose(self, scores: Scores, tokens: Tokens, experts: int) -> Tensor:
        return one_hot(getattr(tokens, self.ids) if isinstance(self.ids, str) else self.ids(tokens), experts)

    def slots(self, rows: int, experts: int) -> int:
        return rows


class HashRoute(ByIds):
    """A fixed pseudo-random expert for each id (hash layers, arXiv 2106.04426).

    Parameters
    ----------
    ids : str or callable
        As for `ByIds`.
    seed : int
        Of the hash: layers with different seeds share out tokens differently.
    """

    def __init__(self, ids: str | Callable[[Tokens], Tensor] = "token", seed: int = 0):
        super().__init__(ids)
        self.seed = seed

    def choose(self, scores: Scores, tokens: Tokens, experts: int) -> Tensor:
        ids = getattr(tokens, self.ids) if isinstance(self.ids, str) else self.ids(tokens)
        return one_hot(hash_ids(ids, experts, self.seed), experts)


_INTEGERS = [name for name, dtype in FIELDS.items() if dtype == "i32"]


def check_capacity(capacity: float) -> float:
    """Refuse what is not a share of the rows."""
    if isinstance(capacity, bool) or not isinstance(capacity, (int, float)) or not 0 < capacity <= 1:
        raise Error(f"capacity is {capacity!r}; expected a share of the rows, above 0 and at most 1")
    return float(capacity)


def _one_of(value: str, known: tuple[str, ...], what: str) -> str:
    if value not in known:
        raise Error(f"unknown {what} {value!r}; expected one of {', '.join(known)}")
    return value


def _emit_choice(
    operation: str, operands: list[tuple[str, Tensor]], tokens: Tokens, scope: str, capacity: float
) -> Tensor:
    """Emit choose_tokens or limit_capacity: they rank the rows of a scope, by their index where they are equal."""
    operands = operands + [("index", tokens.index)]
    if scope == "sequence":
        operands.append(("documents", tokens.document))
    named = " ".join(f"{name} {{{place}}}".strip() for place, (name, _) in enumerate(operands))
    types = ", ".join(one.type for _, one in operands)
    shape = operands[0][1].shape
    return tokens.tracer.emit(
        f"motley.{operation} {named} {{{{capacity = {number(capacity)} : f64}}}} : ({types}) -> "
        f"{tensor_type(shape, 'i32')}",
        [one for _, one in operands],
        shape,
        dtype="i32",
    )


def _emit_simple(operation: str, scores: Tensor, attribute: str) -> Tensor:
    return scores.tracer.emit(
        f"motley.{operation} {{0}} {{{{{attribute}}}}} : ({scores.type}) -> {tensor_type(scores.shape, 'i32')}",
        [scores],
        scores.shape,
        dtype="i32",
    )
