"""Soft mixtures of experts: nothing is chosen, every slot is a weighted mean of rows."""

from __future__ import annotations

from typing import Any, Iterator, NoReturn, Sequence

from ..errors import Error, kind
from ..tensor import Tensor, spell_shape, tensor_type
from ..trace import Tokens, check_rows
from .experts import make_experts
from .functional import softmax, softmax_rows
from .layers import Linear
from .module import Module, ModuleList, positive


class SoftMoE(Module):
    """y = C f(D^T x): experts run on mixtures of the rows, and rows take mixtures of what they make of them.

    With logits L of the router, one column for each slot, the dispatch weights D are softmax over the rows of each
    column and the combine weights C softmax over the columns of each row (Soft MoE, arXiv 2308.00951). The rows are
    those of the microbatch, inside `ByModality` those of the modality; an expert costs its slots, however many rows
    there are. Every row sees every other row, later ones and those of other documents too: in a causal model the
    loss knows what it should predict.

    Parameters
    ----------
    expert : Module or sequence of Module
        As for `MoE`: one that is copied, or all of them. They see slots, which have no fields.
    experts : int, optional
        E, where one module is given.
    slots : int
        Of each expert.
    shared : Module, optional
        Meets every row with weight 1.
    router : Module, optional
        Called with (x, tokens), returns the logits [R, E * slots]; by default a linear layer in f32.
    router_bias : bool
        Of that layer.
    width : int, optional
        Of the router's input, where the expert does not say.

    Examples
    --------
    >>> soft = SoftMoE(Linear(8, 8), experts=3, slots=2)
    >>> [(name, parameter.shape) for name, parameter in soft.named_parameters()][:2]
    [('router', (8, 6)), ('experts.0', (8, 8))]
    """

    def __init__(
        self,
        expert: Module | Sequence[Module],
        experts: int | None = None,
        slots: int = 1,
        shared: Module | None = None,
        router: Module | None = None,
        router_bias: bool = False,
        width: int | None = None,
    ):
        made, nulls = make_experts(expert, experts, "SoftMoE")
        if nulls:
            raise Error("a null expert takes no rows, and in a soft mixture nothing is chosen; leave it out")
        self.columns = len(made) * positive(slots, "number of slots")
        width = width or getattr(made[0], "width", None) or getattr(made[0], "inputs", None)
        if router is None and width is None:
            raise Error(f"{type(made[0]).__name__} does not say how wide its input is; give SoftMoE(..., width=...)")
        self.router = router or Linear(width, self.columns, router_bias, precision="f32")
        self.experts = ModuleList(made)
        self.shared = shared

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
        logits = self._logits(x, tokens)

        def refuse(field: str) -> NoReturn:
            raise Error(
                f"an expert of {tracer.name_of(self)} reads tokens.{field}; its slots are mixtures of rows, which have "
                f"no fields"
            )

        y = tracer.routed(
            "motley.soft_experts {0}, {1}",
            [softmax_rows(logits), softmax(logits)],
            [x],
            self.columns,
            Tokens(tracer, x.shape[0], refuse),
            self,
            "expert",
            list(self.experts),
        )
        return y if self.shared is None else y + self.shared(x, tokens)

    def _logits(self, x: Tensor, tokens: Tokens) -> Tensor:
        with x.tracer.in_f32():
            logits = self.router(x, tokens)
        if not isinstance(logits, Tensor) or logits.type != tensor_type((x.shape[0], self.columns)):
            got = spell_shape(logits) + f" of {logits.dtype}" if isinstance(logits, Tensor) else kind(logits)
            raise Error(
                f"router of {x.tracer.name_of(self)} returned {got}; expected [R, {self.columns}] of f32, one logit "
                f"for each slot",
                self.router.location,
            )
        return logits
