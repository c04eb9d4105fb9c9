"""Mixtures of experts: a router, a choice, and a module for the rows of each expert."""

from __future__ import annotations

import copy
from typing import Any, Callable, Iterator, Mapping, Sequence

from ..errors import Error, kind
from ..regions import Coefficient
from ..tensor import Tensor, spell_shape, tensor_type
from ..trace import Tokens, check_rows
from .functional import as_floats, relu, row_broadcast, row_sum, sigmoid, softmax
from .functional import mean_rows as mean_over
from .layers import Linear
from .module import Module, ModuleList, positive
from .noise import Noise
from .router_losses import LOSSES, check_losses
from .routes import ExpertChoice, Route, Scores, TopK, TopP

GATES = ("sigmoid", "softmax", "relu", "one")

# Keeps the quotient of a row that chose nothing a number: 0 / 1e-20, where 0 / 0 would spoil the router's gradient.
TINY = 1e-20


class Null(Module):
    """An expert that computes nothing, in the list of experts of a `MoE` (null experts, arXiv 2406.13233)."""


class MoE(Module):
    """y = sum over a row's experts e of gate[e] * expert_e(x), and the shared expert where there is one.

    Inside `ByModality` the rows are those of the modality, which makes MoMa's groups (arXiv 2407.21770)::

        nn.ByModality(text=nn.MoE(nn.SwiGLU(d), 4), image=nn.MoE(nn.SwiGLU(d), 4))

    Parameters
    ----------
    expert : Module or sequence of Module
        One: every expert is a copy of it with parameters of its own. Several: they are the experts, of any kinds and
        hidden widths that agree in what goes in and out.
    experts : int, optional
        E, where one module is given.
    route : Route, optional
        `ExpertChoice` (by default, with capacity 1 / E), `TopK`, `Threshold`, `TopP`, `ByIds`, `HashRoute`.
    gate : {"sigmoid", "softmax", "relu", "one"} or callable, optional
        Makes the gates of the scores; "one" does not weigh: the router then learns from its losses alone. A callable
        takes and returns [R, E]. By default "sigmoid", and "one" for a route without a router.
    after_choice : bool
        The softmax runs over the chosen experts alone.
    renormalise : bool
        Divide the gates of a row by the sum of those that it chose.
    scale : float
        Factor of all gates.
    shared : Module, optional
        Meets every row with weight 1 (DeepSeekMoE, arXiv 2401.06066).
    null : int
        Null experts: a row may choose them, and they compute nothing.
    router : Module, optional
        Called with (x, tokens), returns the scores [R, E + null]; by default a linear layer. Linear layers inside that
        don't say their precision multiply in f32.
    router_bias : bool
        Of that layer.
    noise : Noise, optional
        `Gumbel`, `Gaussian` or `Jitter`, in training only.
    allowed : callable, optional
        Takes (x, tokens) and returns i32 [R, E + null], 0 where a row must not take an expert; for `TopK`, but not with
        overflow "reroute", which sends rows to whatever expert has room.
    per_document : bool
        Scores are averaged over each document: its rows choose together.
    losses : mapping of str to float or Scheduled, optional
        Coefficients of "balance", "importance", "router_z", "entropy", "global_entropy", "l1"; see
        `motley.nn.router_losses`. They reach the loss through `Tokens.losses`, summed over the modules.
    width : int, optional
        Of the router's input, where the expert does not say.

    Examples
    --------
    >>> from motley import nn
    >>> moe = nn.MoE(nn.SwiGLU(8, 12), 2, nn.TopK(1))
    >>> [name for name, _ in moe.named_parameters()][:4]
    ['router', 'experts.0.gate', 'experts.0.up', 'experts.0.down']
    """

    def __init__(
        self,
        expert: Module | Sequence[Module],
        experts: int | None = None,
        route: Route | None = None,
        gate: str | Callable[[Tensor], Tensor] | None = None,
        after_choice: bool = False,
        renormalise: bool = False,
        scale: float = 1.0,
        shared: Module | None = None,
        null: int = 0,
        router: Module | None = None,
        router_bias: bool = False,
        noise: Noise | None = None,
        allowed: Callable[[Tensor, Tokens], Tensor] | None = None,
        per_document: bool = False,
        losses: Mapping[str, Coefficient] | None = None,
        width: int | None = None,
    ):
        made, nulls = make_experts(expert, experts)
        if isinstance(null, bool) or not isinstance(null, int) or null < 0:
            raise Error(f"number of null experts is {null!r}; expected an integer of at least 0")
        self.columns = len(made) + nulls + null
        self.route = ExpertChoice(1 / len(made)) if route is None else route
        if not isinstance(self.route, Route):
            raise Error(f"route is {kind(route)}; expected a route, as nn.TopK(2)")
        self.gate = gate if gate is not None else "sigmoid" if self.route.reads_scores else "one"
        self.after_choice, self.renormalise, self.scale = after_choice, renormalise, float(scale)
        self.noise, self.allowed, self.per_document = noise, allowed, per_document
        self.coefficients = check_losses(losses)
        self._check_options()
        self.router: Module | None = None
        if self._needs_router():
            width = width or getattr(made[0], "width", None) or getattr(made[0], "inputs", None)
            if router is None and width is None:
                raise Error(f"{type(made[0]).__name__} does not say how wide its input is; give MoE(..., width=...)")
            self.router = router or Linear(width, self.columns, router_bias, precision="f32")
        elif router is not None:
            raise Error(f"a router is given, but {type(self.route).__name__} with gate 'one' and no losses reads none")
        self.experts = ModuleList(made)
        self.shared = shared

    def _needs_router(self) -> bool:
        return self.route.reads_scores or self.gate != "one" or bool(self.coefficients)

    def _check_options(self) -> None:
        if not callable(self.gate) and self.gate not in GATES:
            raise Error(f"unknown gate {self.gate!r}; expected one of {', '.join(GATES)}, or a function of the scores")
        if self.after_choice and self.gate != "softmax":
            raise Error(f"after_choice is for gate 'softmax'; the gate here is {self.gate!r}")
        if self.gate == "one":
            for name in ("renormalise",) * self.renormalise + tuple(set(self.coefficients) & {"importance", "l1"}):
                raise Error(f"{name} needs gates; gate 'one' does not weigh")
            if self.route.reads_scores and not self.coefficients:
                raise Error(
                    "gate 'one' hands the router no gradient, since a choice has none; use another gate, add losses "
                    "of the router, or route by ids"
                )
        if isinstance(self.route, TopP) and self.gate in ("sigmoid", "relu", "one"):
            raise Error(f"TopP adds up probabilities of a row, which gate '{self.gate}' does not give; use 'softmax'")
        if self.allowed is not None and not isinstance(self.route, TopK):
            raise Error(f"allowed is for nn.TopK; the route here is {type(self.route).__name__}")
        if self.allowed is not None and self.route.capacity is not None and self.route.overflow == "reroute":
            raise Error(
                "allowed does not go with overflow 'reroute', which sends rows to whatever expert has room; use "
                "'position' or 'priority'"
            )
        if isinstance(self.route, TopK) and self.route.k > self.columns:
            raise Error(f"k is {self.route.k}, of {self.columns} experts; expected at most as many")
        if self.noise is not None and not isinstance(self.noise, Noise):
            raise Error(f"noise is {kind(self.noise)}; expected nn.Gumbel(), nn.Gaussian(std) or nn.Jitter(eps)")
        for name in ("noise",) * (self.noise is not None) + ("per_document",) * bool(self.per_document):
            if not self._needs_router():
                raise Error(f"{name} is for routers; {type(self.route).__name__} with gate 'one' has none")

    def children(self) -> Iterator[tuple[str, Any]]:
        for name in ("router", "experts", "shared"):
            if getattr(self, name) is not None:
                yield name, getattr(self, name)

    def forward(self, x: Tensor, tokens: Tokens) -> Tensor:
        """Trace the mixture.

        Parameters
        ----------
        x : Tensor [R, width]
        tokens : Tokens

        Returns
        -------
        Tensor [R, D]
            With the width that the experts return.
        """
        check_rows(x, None, self)
        tracer = x.tracer
        tracer.check_tokens(tokens, self)
        if tracer.inside("expert"):
            raise Error(f"{tracer.name_of(self)} is inside an expert of another MoE; experts do not nest")
        scores = self._scores(x, tokens)
        before = None if scores is None else self._gates(scores)
        chosen = self._choose(scores, before, x, tokens)
        tracer.observe(self, chosen)
        gates = self._weigh(scores, before, chosen)
        for name, coefficient in self.coefficients.items():
            loss = LOSSES[name](scores, before, chosen, self.route.experts_of_row)
            tracer.add_loss(name, loss, coefficient, self)
        y = tracer.routed(
            "motley.experts {0}" + ("" if gates is None else " gates {1}"),
            [chosen] + ([] if gates is None else [gates]),
            [x],
            self.route.slots(x.shape[0], len(self.experts)),
            tokens,
            self,
            "expert",
            list(self.experts),
        )
        return y if self.shared is None else y + self.shared(x, tokens)

    def _scores(self, x: Tensor, tokens: Tokens) -> Tensor | None:
        """Trace the router and its noise: [R, E], null experts included."""
        if self.router is None:
            return None
        read = self.noise.on_input(x, tokens) if self.noise else x
        with x.tracer.in_f32():
            scores = self.router(read, tokens)
        expected = tensor_type((x.shape[0], self.columns))
        if not isinstance(scores, Tensor) or scores.type != expected:
            got = spell_shape(scores) + f" of {scores.dtype}" if isinstance(scores, Tensor) else kind(scores)
            raise Error(
                f"router of {x.tracer.name_of(self)} returned {got}; expected [R, {self.columns}] of f32, one score "
                f"for each expert",
                self.router.location,
            )
        scores = self.noise.on_scores(scores, tokens) if self.noise else scores
        return mean_over(scores, tokens) if self.per_document else scores

    def _gates(self, scores: Tensor) -> Tensor:
        if callable(self.gate):
            gates = self.gate(scores)
            if not isinstance(gates, Tensor) or gates.type != scores.type:
                got = gates.type if isinstance(gates, Tensor) else kind(gates)
                raise Error(f"gate of {scores.tracer.name_of(self)} returned {got}; expected {scores.type}")
            return gates
        return {"sigmoid": sigmoid, "softmax": softmax, "relu": relu, "one": lambda same: same}[self.gate](scores)

    def _choose(self, scores: Tensor | None, gates: Tensor | None, x: Tensor, tokens: Tokens) -> Tensor:
        seen = None
        if scores is not None:
            ranking = gates if self.gate == "softmax" else scores
            seen = Scores(scores, gates, ranking, self._allowed(x, tokens))
        chosen = self.route.choose(seen, tokens, self.columns)
        expected = tensor_type((x.shape[0], self.columns), "i32")
        if not isinstance(chosen, Tensor) or chosen.type != expected:
            got = chosen.type if isinstance(chosen, Tensor) else kind(chosen)
            raise Error(f"{type(self.route).__name__} returned {got}; expected the choice as {expected}")
        return chosen

    def _allowed(self, x: Tensor, tokens: Tokens) -> Tensor | None:
        if self.allowed is None:
            return None
        allowed = self.allowed(x, tokens)
        expected = tensor_type((x.shape[0], self.columns), "i32")
        if not isinstance(allowed, Tensor) or allowed.type != expected:
            got = allowed.type if isinstance(allowed, Tensor) else kind(allowed)
            raise Error(f"allowed of {x.tracer.name_of(self)} returned {got}; expected {expected}")
        return allowed

    def _weigh(self, scores: Tensor | None, gates: Tensor | None, chosen: Tensor) -> Tensor | None:
        """Return the gates that the experts' results are multiplied by."""
        if self.gate == "one":
            return None
        if self.after_choice:
            gates = softmax(scores, chosen)
        if self.renormalise:
            gates = gates * as_floats(chosen)
            gates = gates / row_broadcast(row_sum(gates) + TINY, self.columns)
        return gates if self.scale == 1 else gates * self.scale


def make_experts(
    expert: Module | Sequence[Module], experts: int | None, owner: str = "MoE"
) -> tuple[list[Module], int]:
    """Return the experts that compute, and the number of null ones.

    Parameters
    ----------
    expert : Module or sequence of Module
        One to copy, or all of them.
    experts : int or None
        How many copies.
    owner : str
        The kind of module that asks, for messages.
    """
    if isinstance(expert, Module) and not isinstance(expert, ModuleList):
        if experts is None:
            raise Error(f"number of experts is not given; expected nn.{owner}(expert, experts=E), or a list of experts")
        if isinstance(expert, Null):
            raise Error("nn.Null() is for a list of experts, beside some that compute; give their number as null=")
        return [copy.deepcopy(expert) for _ in range(positive(experts, "number of experts"))], 0
    if not isinstance(expert, (list, tuple, ModuleList)):
        raise Error(f"expert is {kind(expert)}; expected a Module or a list of them")
    found = list(expert)
    for index, one in enumerate(found):
        if not isinstance(one, Module):
            raise Error(f"expert {index} is {kind(one)}; expected a Module")
    if experts is not None and experts != len(found):
        raise Error(f"number of experts is {experts}, and {len(found)} are listed; leave the number out")
    made = [one for one in found if not isinstance(one, Null)]
    if not made:
        raise Error("no expert computes; expected at least one beside the null experts")
    return made, len(found) - len(made)
