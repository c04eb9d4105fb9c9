"""Layers that work row by row: linear maps, norms, embeddings."""

from __future__ import annotations

from typing import Any, Iterator

from ..errors import Error, kind
from ..hyperparameters import PRECISIONS
from ..modalities import Towers, Untie, as_towers
from ..regions import KINDS
from ..trace import Tensor, Tokens, check_rows, number
from .module import Module, Parameter, positive


class Layer(Module):
    """A module whose parameters may be untied: one of each kind for every tower, or one for all.

    Parameters are held by kind ("" for the weight or gain, "bias") and tower (None where they are shared).
    """

    def _make(self, untie: Untie, kinds: dict[str, tuple[tuple[int, ...], str, float]]) -> None:
        self.towers: Towers | None = as_towers(untie)
        keys = list(self.towers.towers) if self.towers else [None]
        self._parameters = {
            (kind, tower): Parameter(*description) for kind, description in kinds.items() for tower in keys
        }

    def children(self) -> Iterator[tuple[str, Any]]:
        for (kind, tower), parameter in self._parameters.items():
            yield ".".join(part for part in (kind, tower) if part), parameter

    def parameter(self, kind: str = "", tower: str | None = None) -> Parameter | None:
        """Return the parameter of a kind that a tower meets, or None when the layer has none of that kind."""
        return self._parameters.get((kind, tower if self.towers else None))

    def at(self, x: Tensor, tower: str | None) -> Tensor:
        """Trace the layer for the rows of one tower."""
        raise NotImplementedError

    def forward(self, x: Tensor, tokens: Tokens | None = None) -> Tensor:
        """Trace the layer.

        Parameters
        ----------
        x : Tensor [R, inputs]
        tokens : Tokens, optional
            Needed when the layer is untied.
        """
        check_rows(x, None, self)
        return x.tracer.by_towers(self.towers, tokens, self, lambda tower: [self.at(x, tower)])[0]


class Linear(Layer):
    """y = x W + b.

    Parameters
    ----------
    inputs, outputs : int
    bias : bool
    untie : Modalities or Towers, optional
        One weight (and bias) for each tower.
    std : float
        The weight starts from N(0, std^2), the bias from 0.
    precision : {"f32", "bf16"}, optional
        What the product rounds its operands to; by default what the model is compiled for, and "f32" in a router.

    Examples
    --------
    >>> import motley as mt
    >>> from motley import nn
    >>> layer = nn.Linear(8, 16, bias=True, untie=mt.Modalities(text=90, image=10))
    >>> [name for name, _ in layer.named_parameters()]
    ['text', 'image', 'bias.text', 'bias.image']
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bias: bool = False,
        untie: Untie = None,
        std: float = 0.02,
        precision: str | None = None,
    ):
        self.inputs = positive(inputs, "number of inputs")
        self.outputs = positive(outputs, "number of outputs")
        if precision not in (None, *PRECISIONS):
            raise Error(f"unknown precision {precision!r}; expected {' or '.join(PRECISIONS)}")
        self.precision = precision
        kinds = {"": ((inputs, outputs), "normal", std)}
        if bias:
            kinds["bias"] = ((outputs,), "constant", 0.0)
        self._make(untie, kinds)

    def at(self, x: Tensor, tower: str | None) -> Tensor:
        check_rows(x, self.inputs, self)
        tracer = x.tracer
        bias = self.parameter("bias", tower)
        precision = self.precision or tracer.precision
        shape = (x.shape[0], self.outputs)
        result = f"tensor<{shape[0]}x{shape[1]}xf32>"
        return tracer.emit(
            f"motley.linear {tracer.symbol(self.parameter('', tower))}({{0}})"
            + (f" bias {tracer.symbol(bias)}" if bias else "")
            + (f" precision {precision}" if precision else "")
            + f" : ({x.type}) -> {result}",
            [x],
            shape,
        )


class Norm(Layer):
    """What RMSNorm and LayerNorm have in common; ``heads`` > 1 normalises each head of a row under one gain."""

    kind = ""

    def __init__(self, width: int, eps: float = 1e-5, untie: Untie = None, heads: int = 1):
        self.heads = positive(heads, "number of heads")
        self.width = positive(width, "width")
        if width % heads:
            raise Error(f"width {width} is not divisible by {heads} heads")
        if not eps > 0:
            raise Error(f"eps is {eps!r}; expected a number above 0")
        self.eps = eps
        kinds = {"": ((width // heads,), "constant", 1.0)}
        if self.kind == "layer":
            kinds["bias"] = ((width // heads,), "constant", 0.0)
        self._make(untie, kinds)

    def at(self, x: Tensor, tower: str | None) -> Tensor:
        check_rows(x, self.width, self)
        tracer = x.tracer
        bias = self.parameter("bias", tower)
        attributes = f"{{{{epsilon = {number(self.eps)} : f64, heads = {self.heads} : i64}}}}"
        return tracer.emit(
            f"motley.norm {self.kind} {{0}} gain {tracer.symbol(self.parameter('', tower))}"
            + (f" bias {tracer.symbol(bias)}" if bias else "")
            + f" {attributes} : {x.type}",
            [x],
            x.shape,
        )


class RMSNorm(Norm):
    """y = x / sqrt(mean(x^2) + eps) * gain (arXiv 1910.07467).

    Parameters
    ----------
    width : int
    eps : float
    untie : Modalities or Towers, optional
        One gain for each tower.
    heads : int
        Above 1: each head of ``width / heads`` is normalised by itself, all with the same gain.
    """

    kind = "rms"


class LayerNorm(Norm):
    """y = (x - mean) / sqrt(var + eps) * gain + bias (arXiv 1607.06450); parameters as for `RMSNorm`."""

    kind = "layer"


class Embedding(Layer):
    """The row of a table for each token.

    Parameters
    ----------
    vocabulary, width : int
    std : float
        The table starts from N(0, std^2).
    """

    def __init__(self, vocabulary: int, width: int, std: float = 0.02):
        self.vocabulary = positive(vocabulary, "vocabulary")
        self.width = positive(width, "width")
        self._make(None, {"": ((vocabulary, width), "normal", std)})

    def forward(self, tokens: Tokens) -> Tensor:
        """Trace the lookup.

        Parameters
        ----------
        tokens : Tokens
        """
        if not isinstance(tokens, Tokens):
            raise Error(f"{type(self).__name__} got {kind(tokens)}; expected the tokens")
        tracer = tokens.tracer
        if tracer.region:
            raise Error(
                f"{tracer.name_of(self)} looks tokens up among the rows of {KINDS[tracer.region[-1].kind]}; look them "
                f"up before and pass the rows in"
            )
        token = tokens.token
        if self.vocabulary < tokens.modalities.vocabulary:
            raise Error(
                f"{tracer.name_of(self)} has {self.vocabulary} rows; the modalities have "
                f"{tokens.modalities.vocabulary} token ids; make it nn.Embedding(data.vocabulary, {self.width})",
                self.location,
            )
        shape = (tokens.rows, self.width)
        return tracer.emit(
            f"motley.embedding {tracer.symbol(self.parameter())}({{0}}) : "
            f"({token.type}) -> tensor<{shape[0]}x{shape[1]}xf32>",
            [token],
            shape,
        )
