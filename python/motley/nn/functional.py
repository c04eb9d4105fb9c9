"""Elementwise functions of a tensor."""

from __future__ import annotations

from ..errors import Error, kind
from ..trace import Tensor

ACTIVATIONS = ("gelu", "relu", "silu")


def activation(name: str, x: Tensor) -> Tensor:
    """Apply the activation of that name, one of `ACTIVATIONS`."""
    if not isinstance(x, Tensor) or x.dtype != "f32":
        raise Error(f"{name} got {f'a {x.type}' if isinstance(x, Tensor) else kind(x)}; expected a tensor of f32")
    return x.tracer.emit(f"motley.{name} {{0}} : {x.type}", [x], x.shape)


def silu(x: Tensor) -> Tensor:
    """x / (1 + exp(-x))."""
    return activation("silu", x)


def gelu(x: Tensor) -> Tensor:
    """x (1 + erf(x / sqrt 2)) / 2, exactly."""
    return activation("gelu", x)


def relu(x: Tensor) -> Tensor:
    """max(x, 0)."""
    return activation("relu", x)
