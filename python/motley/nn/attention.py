"""Self-attention over the rows of a document, whatever their modality."""

from __future__ import annotations

from typing import Mapping

from ..errors import Error
from ..modalities import Untie, parts_of
from ..trace import Tensor, Tokens, check_rows, number
from .layers import LayerNorm, Linear, RMSNorm
from .module import Module, positive

PARTS = ("qkv", "qk_norm", "o")
MASKS = ("causal", "span", "full")


class Attention(Module):
    """Multi-head attention in which weights may belong to a modality and the softmax never does (arXiv 2411.04996).

    Parameters
    ----------
    width : int
    heads : int
    kv_heads : int, optional
        Fewer key and value heads than query heads (grouped-query attention, arXiv 2305.13245).
    rope : bool
        Turn queries and keys by ``tokens.position`` (arXiv 2104.09864).
    theta : float
        Base of RoPE's wavelengths.
    qk_norm : False, True, "rms" or "layer"
        Normalise each head of queries and keys before RoPE; True is "rms".
    untie : Modalities or Towers, or a mapping of them by part
        The parts are "qkv", "qk_norm" and "o": ``untie=modalities.only("qkv", "o")``.
    mask : {"causal", "span", "full"}
        "span" is causal, and open inside a span (an image).
    head_width : int, optional
        By default ``width / heads``.
    bias : bool
        Of all four projections.
    eps : float
        Of the norms.
    std, out_std : float
        Standard deviation at the start, of the first three weights and of the last.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        kv_heads: int | None = None,
        rope: bool = True,
        theta: float = 1e4,
        qk_norm: bool | str = False,
        untie: Untie | Mapping[str, Untie] = None,
        mask: str = "causal",
        head_width: int | None = None,
        bias: bool = False,
        eps: float = 1e-5,
        std: float = 0.02,
        out_std: float | None = None,
    ):
        self.width, self.heads = positive(width, "width"), positive(heads, "number of heads")
        self.kv_heads = positive(heads if kv_heads is None else kv_heads, "number of key heads")
        if head_width is None and width % heads:
            raise Error(f"width {width} is not divisible by {heads} heads")
        self.head_width = positive(width // heads if head_width is None else head_width, "width of a head")
        if heads % self.kv_heads:
            raise Error(f"{heads} heads are not divisible by {self.kv_heads} key heads")
        if rope and self.head_width % 2:
            raise Error(f"width {self.head_width} of a head is odd; RoPE needs an even one")
        if not theta > 0:
            raise Error(f"theta is {theta!r}; expected a number above 0")
        if mask not in MASKS:
            raise Error(f"unknown mask {mask!r}; expected one of {', '.join(MASKS)}")
        self.rope, self.theta, self.mask = rope, theta, mask
        self.untie = parts_of(untie, PARTS)
        inner, outer = self.heads * self.head_width, self.kv_heads * self.head_width
        self.q = Linear(width, inner, bias, self.untie["qkv"], std)
        self.k = Linear(width, outer, bias, self.untie["qkv"], std)
        self.v = Linear(width, outer, bias, self.untie["qkv"], std)
        self.q_norm = self._head_norm(qk_norm, inner, self.heads, eps)
        self.k_norm = self._head_norm(qk_norm, outer, self.kv_heads, eps)
        self.o = Linear(inner, width, bias, self.untie["o"], std if out_std is None else out_std)

    def _head_norm(self, kind: bool | str, width: int, heads: int, eps: float) -> RMSNorm | LayerNorm | None:
        kinds = {True: RMSNorm, "rms": RMSNorm, "layer": LayerNorm, False: None, None: None}
        if kind not in kinds:
            raise Error(f"unknown qk_norm {kind!r}; expected False, True, 'rms' or 'layer'")
        norm = kinds[kind]
        return norm(width, eps, self.untie["qk_norm"], heads) if norm else None

    def forward(self, x: Tensor, tokens: Tokens) -> Tensor:
        """Trace the attention.

        Parameters
        ----------
        x : Tensor [R, width]
        tokens : Tokens
            Documents, order, positions, spans, modalities.
        """
        check_rows(x, self.width, self)
        tracer = x.tracer
        if not isinstance(tokens, Tokens):
            raise Error(f"{tracer.name_of(self)} needs the tokens; call it with (x, tokens)")
        if tracer.inside("expert"):
            raise Error(
                f"{tracer.name_of(self)} is inside an expert; attention runs over all rows: route its projections "
                f"instead, as in nn.MoE(nn.Linear({self.width}, {self.width}), ...)"
            )
        if tracer.inside("case"):
            raise Error(
                f"{tracer.name_of(self)} is inside a module for one modality; attention runs over all rows: "
                f"untie its weights instead, as in nn.Attention(..., untie=modalities)"
            )
        q, k, v = tracer.by_towers(
            self.untie["qkv"], tokens, self, lambda tower: [one.at(x, tower) for one in (self.q, self.k, self.v)]
        )
        if self.q_norm and self.k_norm:
            q, k = tracer.by_towers(
                self.untie["qk_norm"], tokens, self, lambda tower: [self.q_norm.at(q, tower), self.k_norm.at(k, tower)]
            )
        if self.rope:
            q, k = self._turn(q, self.heads, tokens), self._turn(k, self.kv_heads, tokens)
        return self.o(self._attend(q, k, v, tokens), tokens)

    def _turn(self, x: Tensor, heads: int, tokens: Tokens) -> Tensor:
        position = tokens.position
        return x.tracer.emit(
            f"motley.rope {{0}} at {{1}} {{{{heads = {heads} : i64, theta = {number(self.theta)} : f64}}}} "
            f": {x.type}, {position.type}",
            [x, position],
            x.shape,
        )

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, tokens: Tokens) -> Tensor:
        fields = {"documents": tokens.document}
        if self.mask != "full":
            fields["order"] = tokens.order
        if self.mask == "span":
            fields["span"] = tokens.span
        operands = [q, k, v, *fields.values()]
        named = " ".join(f"{field} {{{index}}}" for index, field in enumerate(fields, start=3))
        types = ", ".join(operand.type for operand in operands)
        return q.tracer.emit(
            f"motley.attention {self.mask} {{0}}, {{1}}, {{2}} {named} {{{{heads = {self.heads} : i64, "
            f"kv_heads = {self.kv_heads} : i64}}}} : ({types}) -> {q.type}",
            operands,
            q.shape,
        )
