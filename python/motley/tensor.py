"""What a model computes with while it is traced: tensors of rows, and numbers that are known when a step runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator

from .errors import Error, kind

if TYPE_CHECKING:
    from .trace import Tracer

SYMBOLS = {"addf": "+", "subf": "-", "mulf": "*", "divf": "/"}


class Tensor:
    """A value of the traced program: rows, of a static shape.

    Supports ``+``, ``-``, ``*`` and ``/`` with tensors of the same shape and with numbers.

    Attributes
    ----------
    shape : tuple of int
        ``(rows, width)``, or ``(rows,)`` for one value a row.
    dtype : str
        ``"f32"`` or ``"i32"``.
    """

    __hash__ = object.__hash__

    def __init__(self, tracer: Tracer, name: str, shape: tuple[int, ...], dtype: str):
        self.tracer = tracer
        self.name = name
        self.shape = shape
        self.dtype = dtype
        self.region = tracer.region

    @property
    def type(self) -> str:
        """The MLIR type."""
        return tensor_type(self.shape, self.dtype)

    @property
    def width(self) -> int:
        """Values in a row."""
        return self.shape[1] if len(self.shape) == 2 else 1

    def __repr__(self) -> str:
        return f"Tensor({self.type})"

    def __add__(self, other: Any) -> Tensor:
        return self._combine("addf", self, other)

    def __radd__(self, other: Any) -> Tensor:
        return self._combine("addf", other, self)

    def __sub__(self, other: Any) -> Tensor:
        return self._combine("subf", self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return self._combine("subf", other, self)

    def __mul__(self, other: Any) -> Tensor:
        return self._combine("mulf", self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return self._combine("mulf", other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return self._combine("divf", self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return self._combine("divf", other, self)

    def __neg__(self) -> Tensor:
        return self._combine("mulf", self, -1.0)

    def __bool__(self) -> bool:
        raise Error("a traced tensor has no value yet; a model cannot branch on one")

    def __iter__(self) -> Iterator[Any]:
        raise Error("a traced tensor cannot be iterated over; operations work on whole rows")

    def __array__(self, *unused: Any) -> Any:
        raise Error("a traced tensor has no value yet; numpy cannot read it")

    def _combine(self, operation: str, left: Any, right: Any) -> Tensor:
        """Emit an elementwise operation of arith; a number becomes a dense constant."""
        symbol = SYMBOLS[operation]
        operands = []
        for one in (left, right):
            if isinstance(one, (int, float)) and not isinstance(one, bool):
                one = self.tracer.constant(float(one), self)
            if not isinstance(one, Tensor):
                raise Error(f"operand of '{symbol}' is {kind(one)}; expected a tensor or a number")
            if one.dtype != "f32":
                raise Error(f"operand of '{symbol}' has elements of {one.dtype}; expected f32")
            self.tracer.check_visible(one)
            operands.append(one)
        if operands[0].shape != operands[1].shape:
            raise Error(
                f"shapes of '{symbol}' differ: {spell_shape(operands[0])} and {spell_shape(operands[1])}; expected the "
                f"same" + _width_hint(*operands)
            )
        return self.tracer.emit(f"arith.{operation} {{0}}, {{1}} : {self.type}", operands, self.shape)


def tensor_type(shape: tuple[int, ...], dtype: str = "f32") -> str:
    """Spell an MLIR type.

    Examples
    --------
    >>> tensor_type((64, 4))
    'tensor<64x4xf32>'
    """
    return f"tensor<{'x'.join(map(str, shape))}x{dtype}>"


def spell_shape(tensor: Tensor) -> str:
    """Spell a shape for messages: the rows are R."""
    return "[" + ", ".join(("R",) + tuple(str(size) for size in tensor.shape[1:])) + "]"


def _width_hint(left: Tensor, right: Tensor) -> str:
    if len(left.shape) != len(right.shape):
        return "; nn.functional.row_broadcast(x, width) repeats one value a row"
    return "; a residual needs a sublayer whose output is as wide as its input"


def number(value: float) -> str:
    """Spell a float as MLIR reads it: with a point, exactly.

    Examples
    --------
    >>> number(1e-05), number(0.02)
    ('1.0e-05', '0.02')
    """
    text = repr(float(value))
    if text in ("inf", "-inf", "nan"):
        raise Error(f"number {text} is not finite")
    mantissa, exponent, power = text.partition("e")
    return (mantissa if "." in mantissa else mantissa + ".0") + exponent + power
