"""A model's own mathematics: Python functions of one element become operations of the compiler.

    @mt.elementwise
    def squared_relu(x):
        return mt.maximum(x, 0) ** 2

runs once on a symbolic scalar; what it does is the body of one ``linalg.generic`` over whole tensors of rows. The
compiler differentiates it, and puts it into the epilogue of the product that makes its input.
"""

from __future__ import annotations

from typing import Any

from .elements import Scalar, apply, check, elementwise
from .errors import Error
from .tensor import Tensor

__all__ = [
    "ceil",
    "cos",
    "elementwise",
    "erf",
    "exp",
    "expm1",
    "floor",
    "gelu",
    "log",
    "log1p",
    "maximum",
    "minimum",
    "relu",
    "rsqrt",
    "sigmoid",
    "silu",
    "sin",
    "sqrt",
    "tanh",
    "where",
]


def exp(x: Any) -> Any:
    """The exponential."""
    return apply("exp", "math.exp", x)


def expm1(x: Any) -> Any:
    """exp(x) - 1, accurate near 0."""
    return apply("expm1", "math.expm1", x)


def log(x: Any) -> Any:
    """The natural logarithm."""
    return apply("log", "math.log", x)


def log1p(x: Any) -> Any:
    """log(1 + x), accurate near 0."""
    return apply("log1p", "math.log1p", x)


def sqrt(x: Any) -> Any:
    """The square root."""
    return apply("sqrt", "math.sqrt", x)


def rsqrt(x: Any) -> Any:
    """1 / sqrt(x)."""
    return apply("rsqrt", "math.rsqrt", x)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return apply("tanh", "math.tanh", x)


def erf(x: Any) -> Any:
    """The error function."""
    return apply("erf", "math.erf", x)


def sin(x: Any) -> Any:
    """The sine."""
    return apply("sin", "math.sin", x)


def cos(x: Any) -> Any:
    """The cosine."""
    return apply("cos", "math.cos", x)


def floor(x: Any) -> Any:
    """The largest integer that is not larger; its derivative is 0."""
    return apply("floor", "math.floor", x)


def ceil(x: Any) -> Any:
    """The smallest integer that is not smaller; its derivative is 0."""
    return apply("ceil", "math.ceil", x)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return apply("sigmoid", "motley.sigmoid", x)


def silu(x: Any) -> Any:
    """x / (1 + exp(-x))."""
    return apply("silu", "motley.silu", x)


def gelu(x: Any) -> Any:
    """x (1 + erf(x / sqrt 2)) / 2."""
    return apply("gelu", "motley.gelu", x)


def relu(x: Any) -> Any:
    """max(x, 0)."""
    return apply("relu", "motley.relu", x)


def maximum(x: Any, y: Any) -> Any:
    """The larger; where both are equal, the derivative is that of ``y``."""
    return apply("maximum", "arith.maximumf", x, y)


def minimum(x: Any, y: Any) -> Any:
    """The smaller; where both are equal, the derivative is that of ``y``."""
    return apply("minimum", "arith.minimumf", x, y)


def where(condition: Scalar, x: Any, y: Any) -> Scalar:
    """``x`` where the condition holds, else ``y``; inside an elementwise function.

    Parameters
    ----------
    condition : comparison of elements, such as ``x > 0``; combined with ``&``, ``|`` and ``~``
    x, y : element or number
    """
    if isinstance(condition, Tensor) or isinstance(x, Tensor) or isinstance(y, Tensor):
        raise Error("where works on elements; put it into a function under @mt.elementwise and call that with tensors")
    return check("where", (condition, x, y), conditions=1).body.emit("arith.select", (condition, x, y))
