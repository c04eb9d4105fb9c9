"""Functions of tensors: of each element, of each row, and of all rows."""

from __future__ import annotations

from typing import Any

from ..errors import Error, kind
from ..tensor import Tensor, tensor_type
from ..trace import Tokens
from .module import positive

ACTIVATIONS = ("gelu", "relu", "silu")


def activation(name: str, x: Tensor) -> Tensor:
    """Apply the activation of that name, one of `ACTIVATIONS`."""
    return _elementwise(f"motley.{name}", name, x)


def silu(x: Tensor) -> Tensor:
    """x / (1 + exp(-x))."""
    return activation("silu", x)


def gelu(x: Tensor) -> Tensor:
    """x (1 + erf(x / sqrt 2)) / 2, exactly."""
    return activation("gelu", x)


def relu(x: Tensor) -> Tensor:
    """max(x, 0)."""
    return activation("relu", x)


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return _elementwise("motley.sigmoid", "sigmoid", x)


def exp(x: Tensor) -> Tensor:
    """The exponential of each element."""
    return _elementwise("math.exp", "exp", x)


def log(x: Tensor) -> Tensor:
    """The natural logarithm of each element."""
    return _elementwise("math.log", "log", x)


def sqrt(x: Tensor) -> Tensor:
    """The square root of each element."""
    return _elementwise("math.sqrt", "sqrt", x)


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent of each element."""
    return _elementwise("math.tanh", "tanh", x)


def softmax(x: Tensor, chosen: Tensor | None = None) -> Tensor:
    """Softmax over the columns of each row.

    Parameters
    ----------
    x : Tensor [R, E]
    chosen : Tensor [R, E] of i32, optional
        Only the columns that are not 0 take part; the others get 0, and so does a row without any.
    """
    _check("softmax", x, matrix=True)
    if chosen is None:
        return x.tracer.emit(f"motley.softmax {{0}} : {x.type}", [x], x.shape)
    if not isinstance(chosen, Tensor) or chosen.dtype != "i32" or chosen.shape != x.shape:
        raise Error(f"softmax got {_spell(chosen)} for what is chosen; expected {tensor_type(x.shape, 'i32')}")
    return x.tracer.emit(f"motley.softmax {{0}} chosen {{1}} : {x.type}, {chosen.type}", [x, chosen], x.shape)


def log_sum_exp(x: Tensor) -> Tensor:
    """log of the sum over a row of exp(x): [R, E] to [R]."""
    return _of_rows("log_sum_exp", x)


def row_sum(x: Tensor) -> Tensor:
    """The sum of each row: [R, E] to [R]."""
    return _of_rows("row_sum", x)


def row_broadcast(x: Tensor, width: int) -> Tensor:
    """One value a row, in every column: [R] to [R, width]."""
    if not isinstance(x, Tensor) or x.dtype != "f32" or len(x.shape) != 1:
        raise Error(f"row_broadcast got {_spell(x)}; expected one f32 a row, as row_sum makes")
    shape = (x.shape[0], positive(width, "width"))
    return x.tracer.emit(f"motley.row_broadcast {{0}} : {x.type} -> {tensor_type(shape)}", [x], shape)


def mean_rows(x: Tensor, tokens: Tokens | None = None) -> Tensor:
    """The mean of the rows, in every row.

    Parameters
    ----------
    x : Tensor [R, E]
        The rows are those of the place: for one modality inside of `ByModality`.
    tokens : Tokens, optional
        Given: the mean of the rows of the same document.
    """
    _check("mean_rows", x, matrix=True)
    if tokens is None:
        return x.tracer.emit(f"motley.mean_rows {{0}} : ({x.type}) -> {x.type}", [x], x.shape)
    documents = tokens.document
    return x.tracer.emit(
        f"motley.mean_rows {{0}} documents {{1}} : ({x.type}, {documents.type}) -> {x.type}", [x, documents], x.shape
    )


def softmax_rows(x: Tensor) -> Tensor:
    """Softmax over the rows of each column: those of the place, for one modality inside of `ByModality`."""
    _check("softmax_rows", x, matrix=True)
    return x.tracer.emit(f"motley.softmax_rows {{0}} : {x.type}", [x], x.shape)


def one_hot(ids: Tensor, columns: int) -> Tensor:
    """1 in the column that the id names, else 0; an id outside names none: [R] of i32 to [R, columns] of i32."""
    _check_ids("one_hot", ids)
    shape = (ids.shape[0], positive(columns, "number of columns"))
    return ids.tracer.emit(
        f"motley.one_hot {{0}} : ({ids.type}) -> {tensor_type(shape, 'i32')}", [ids], shape, dtype="i32"
    )


def hash_ids(ids: Tensor, buckets: int, seed: int = 0) -> Tensor:
    """A fixed pseudo-random bucket for each id (arXiv 2106.04426): [R] of i32 to [R] of i32, 0 to buckets - 1."""
    _check_ids("hash_ids", ids)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise Error(f"seed of a hash is {seed!r}; expected an integer of 0 to 2^32 - 1")
    attributes = f"{{{{buckets = {positive(buckets, 'number of buckets')} : i64, seed = {seed} : i64}}}}"
    return ids.tracer.emit(f"motley.hash {{0}} {attributes} : {ids.type}", [ids], ids.shape, dtype="i32")


def as_floats(x: Tensor) -> Tensor:
    """Integers, a choice for instance, as numbers; nothing has a derivative through it."""
    if not isinstance(x, Tensor) or x.dtype != "i32":
        raise Error(f"as_floats got {_spell(x)}; expected a tensor of i32")
    return x.tracer.emit(f"arith.sitofp {{0}} : {x.type} to {tensor_type(x.shape)}", [x], x.shape)


def _elementwise(operation: str, name: str, x: Tensor) -> Tensor:
    _check(name, x)
    return x.tracer.emit(f"{operation} {{0}} : {x.type}", [x], x.shape)


def _of_rows(name: str, x: Tensor) -> Tensor:
    _check(name, x, matrix=True)
    shape = x.shape[:1]
    return x.tracer.emit(f"motley.{name} {{0}} : {x.type} -> {tensor_type(shape)}", [x], shape)


def _check(name: str, x: Any, matrix: bool = False) -> None:
    if not isinstance(x, Tensor) or x.dtype != "f32":
        raise Error(f"{name} got {_spell(x)}; expected a tensor of f32")
    if matrix and len(x.shape) != 2:
        raise Error(f"{name} got {_spell(x)}; expected rows of several columns")


def _check_ids(name: str, ids: Any) -> None:
    if not isinstance(ids, Tensor) or ids.dtype != "i32" or len(ids.shape) != 1:
        raise Error(f"{name} got {_spell(ids)}; expected one i32 a row, as tokens.token")


def _spell(x: Any) -> str:
    return f"a {x.type}" if isinstance(x, Tensor) else kind(x)
