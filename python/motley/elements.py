"""Functions of one element: traced on a symbolic scalar, they become the body of one ``linalg.generic``."""

from __future__ import annotations

import functools
import inspect
import math
from typing import Any, Callable, Sequence

from .errors import Error, kind
from .regions import place_of_user
from .tensor import Tensor, number, spell_shape
from .trace import Tracer


class _Body:
    """The operations of one function of an element, as text."""

    def __init__(self, tracer: Tracer):
        self.tracer = tracer
        self.lines: list[str] = []

    def name(self) -> str:
        """Return a name that nothing else in the program has."""
        self.tracer.counter += 1
        return f"%e{self.tracer.counter}"

    def emit(self, operation: str, operands: Sequence[Any], attribute: str = "", condition: bool = False) -> Scalar:
        """Append an operation on scalars or numbers, which become constants; the type is that of the last operand."""
        values = [self.scalar(operand) for operand in operands]
        names = ", ".join(value.name for value in values)
        result = Scalar(self, self.name(), condition)
        self.lines.append(f"{result.name} = {operation} {attribute}{names} : {values[-1].type} {place_of_user()}")
        return result

    def scalar(self, value: Any) -> Scalar:
        """Return a scalar, or a number as a constant."""
        if isinstance(value, Scalar):
            if value.body is not self:
                raise Error("a value of another elementwise function is used; pass it as an argument")
            return value
        result = Scalar(self, self.name())
        self.lines.append(f"{result.name} = arith.constant {number(value)} : f32 {place_of_user()}")
        return result


class Scalar:
    """One element of a tensor, while an elementwise function is traced; or a condition, for `where`."""

    __hash__ = object.__hash__

    def __init__(self, body: _Body, name: str, is_condition: bool = False):
        self.body = body
        self.name = name
        self.is_condition = is_condition

    @property
    def type(self) -> str:
        """The MLIR type."""
        return "i1" if self.is_condition else "f32"

    def __repr__(self) -> str:
        return "Scalar(condition)" if self.is_condition else "Scalar(f32)"

    def __add__(self, other: Any) -> Scalar:
        return _binary("+", "arith.addf", self, other)

    def __radd__(self, other: Any) -> Scalar:
        return _binary("+", "arith.addf", other, self)

    def __sub__(self, other: Any) -> Scalar:
        return _binary("-", "arith.subf", self, other)

    def __rsub__(self, other: Any) -> Scalar:
        return _binary("-", "arith.subf", other, self)

    def __mul__(self, other: Any) -> Scalar:
        return _binary("*", "arith.mulf", self, other)

    def __rmul__(self, other: Any) -> Scalar:
        return _binary("*", "arith.mulf", other, self)

    def __truediv__(self, other: Any) -> Scalar:
        return _binary("/", "arith.divf", self, other)

    def __rtruediv__(self, other: Any) -> Scalar:
        return _binary("/", "arith.divf", other, self)

    def __neg__(self) -> Scalar:
        return apply("-", "arith.negf", self)

    def __pos__(self) -> Scalar:
        return self

    def __abs__(self) -> Scalar:
        return apply("abs", "math.absf", self)

    def __pow__(self, exponent: Any) -> Scalar:
        if isinstance(exponent, Scalar):
            raise Error("the exponent of '**' depends on an element; for a base above 0 write mt.exp(y * mt.log(x))")
        return _binary("**", "math.powf", self, exponent)

    def __rpow__(self, base: Any) -> Scalar:
        if not _is_number(base) or not base > 0:
            raise Error(f"the base of '**' is {base!r}; expected a number above 0")
        return apply("exp", "math.exp", self * math.log(base))

    def __lt__(self, other: Any) -> Scalar:
        return _binary("<", "arith.cmpf", self, other, "olt, ")

    def __le__(self, other: Any) -> Scalar:
        return _binary("<=", "arith.cmpf", self, other, "ole, ")

    def __gt__(self, other: Any) -> Scalar:
        return _binary(">", "arith.cmpf", self, other, "ogt, ")

    def __ge__(self, other: Any) -> Scalar:
        return _binary(">=", "arith.cmpf", self, other, "oge, ")

    def __eq__(self, other: Any) -> Any:
        return _binary("==", "arith.cmpf", self, other, "oeq, ")

    def __ne__(self, other: Any) -> Any:
        return _binary("!=", "arith.cmpf", self, other, "une, ")

    def __and__(self, other: Any) -> Scalar:
        return _logic("&", "arith.andi", self, other)

    def __or__(self, other: Any) -> Scalar:
        return _logic("|", "arith.ori", self, other)

    def __invert__(self) -> Scalar:
        true = Scalar(self.body, self.body.name(), is_condition=True)
        self.body.lines.append(f"{true.name} = arith.constant true {place_of_user()}")
        return _logic("~", "arith.xori", self, true)

    def __bool__(self) -> bool:
        raise Error(
            "an elementwise function cannot branch on an element, which has no value yet; write "
            "mt.where(condition, a, b), or mt.maximum and mt.minimum for max and min"
        )

    def __float__(self) -> float:
        raise Error("an element has no value yet; use the functions of motley (mt.exp, mt.tanh, ...) instead of math's")


def elementwise(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of tensors out of a function of one element.

    The function is called with tensors of rows, ``[R, D]`` or ``[R]`` (then the value of the row, in every column), and
    with whatever else it takes, numbers for instance. It computes with ``+ - * / **``, ``abs``, comparisons for
    `where`, and the functions of this module, and returns one value or several.

    Examples
    --------
    >>> import motley as mt
    >>> @mt.elementwise
    ... def squared_relu(x):
    ...     return mt.maximum(x, 0) ** 2
    >>> data = mt.Data(mt.Modalities(text=8), rows=4)
    >>> class Model(mt.nn.Module):
    ...     def __init__(self):
    ...         self.embed = mt.nn.Embedding(8, 2)
    ...         self.criterion = mt.nn.CrossEntropy(mt.nn.Head(2, 8))
    ...     def loss(self, tokens):
    ...         return self.criterion(squared_relu(self.embed(tokens)), tokens)
    >>> [line.split()[2] for line in mt.trace(Model(), data).splitlines() if " = math." in line]
    ['math.powf']
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        bound = signature.bind(*arguments, **options)
        values = [*bound.args, *bound.kwargs.values()]
        if any(isinstance(value, Scalar) for value in values):  # called by another function of an element
            return function(*arguments, **options)
        tensors = [value for value in values if isinstance(value, Tensor)]
        if not tensors:
            raise Error(f"{function.__name__} got no tensor; expected at least one, of rows of f32")
        return _trace(function, bound, tensors)

    return call


def _trace(function: Callable[..., Any], bound: inspect.BoundArguments, tensors: list[Tensor]) -> Any:
    """Emit one ``linalg.generic``."""
    name = function.__name__
    for tensor in tensors:
        if tensor.dtype != "f32":
            raise Error(f"{name} got a {tensor.type}; expected f32: nn.functional.as_floats makes numbers of integers")
    widest = max(tensors, key=lambda one: len(one.shape))
    for tensor in tensors:
        if tensor.shape not in (widest.shape, widest.shape[:1]):
            raise Error(
                f"shapes of the arguments of {name} differ: {spell_shape(widest)} and {spell_shape(tensor)}; expected "
                f"the same, or one value a row"
            )
    tracer = widest.tracer
    body = _Body(tracer)
    scalars = {id(tensor): Scalar(body, body.name()) for tensor in tensors}
    operands = list({id(tensor): tensor for tensor in tensors}.values())
    as_scalars = [scalars.get(id(value), value) for value in bound.args]
    returned = function(*as_scalars, **{key: scalars.get(id(value), value) for key, value in bound.kwargs.items()})
    results = list(returned) if isinstance(returned, (tuple, list)) else [returned]
    for result in results:
        if not (isinstance(result, Scalar) or _is_number(result)) or getattr(result, "is_condition", False):
            raise Error(f"{name} returned {_spell(result)}; expected a value computed from its arguments, or several")
    if not results:
        raise Error(f"{name} returned nothing; expected a value computed from its arguments, or several")
    place = place_of_user()
    yielded = [body.scalar(result) for result in results]

    shape, result_type = widest.shape, widest.type
    empty = tracer.emit(f"tensor.empty() : {result_type}", [], shape)
    everywhere = _indices(len(shape))
    maps = [f"affine_map<{everywhere} -> {_indices(len(one.shape))}>" for one in operands]
    maps += [f"affine_map<{everywhere} -> {everywhere}>"] * len(results)
    loops = ", ".join(['"parallel"'] * len(shape))
    arguments = [scalars[id(tensor)].name for tensor in operands] + [body.name() for _ in results]
    result_types = ", ".join([result_type] * len(results))
    lines = [
        f"^bb0({', '.join(f'{one}: f32' for one in arguments)}):",
        *("  " + line for line in body.lines),
        f"  linalg.yield {', '.join(one.name for one in yielded)} : {', '.join(['f32'] * len(results))} {place}",
        f"}} -> {result_types if len(results) == 1 else f'({result_types})'}",
    ]
    text = (
        _escape(f"linalg.generic {{indexing_maps = [{', '.join(maps)}], iterator_types = [{loops}]}} ins(")
        + ", ".join(f"{{{index}}}" for index in range(len(operands)))
        + _escape(f" : {', '.join(one.type for one in operands)}) ")
        + _escape(f"outs({', '.join([empty.name] * len(results))} : {result_types}) {{\n{tracer.indent()}")
        + _escape(f"\n{tracer.indent()}".join(lines))
    )
    made = tracer.emit_many(text, operands, [shape] * len(results))
    return made[0] if isinstance(returned, Scalar) or _is_number(returned) else tuple(made)


def _indices(rank: int) -> str:
    return f"({', '.join(('r', 'd')[:rank])})"


def _escape(text: str) -> str:
    """What is no placeholder of `Tracer.emit`."""
    return text.replace("{", "{{").replace("}", "}}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _spell(value: Any) -> str:
    if isinstance(value, Scalar):
        return "a condition" if value.is_condition else "a value"
    return kind(value)


def check(symbol: str, values: Sequence[Any], conditions: int = 0) -> Scalar:
    """Refuse what is no value of an element and no number; the first ``conditions`` are conditions."""
    for index, value in enumerate(values):
        expects_condition = index < conditions
        is_right = isinstance(value, Scalar) and value.is_condition == expects_condition
        if not is_right and (expects_condition or not _is_number(value)):
            expected = "a condition, such as x > 0" if expects_condition else "a value of an element or a number"
            raise Error(f"operand of '{symbol}' is {_spell(value)}; expected {expected}")
    return next(value for value in values if isinstance(value, Scalar))


def _binary(symbol: str, operation: str, left: Any, right: Any, attribute: str = "") -> Scalar:
    body = check(symbol, (left, right)).body
    return body.emit(operation, (left, right), attribute, condition=operation == "arith.cmpf")


def _logic(symbol: str, operation: str, left: Any, right: Any) -> Scalar:
    return check(symbol, (left, right), conditions=2).body.emit(operation, (left, right), condition=True)


def apply(symbol: str, operation: str, *values: Any) -> Any:
    """Apply a function to values of an element, or element by element to tensors."""
    if any(isinstance(value, Tensor) for value in values):

        def whole(*elements: Any) -> Any:
            return apply(symbol, operation, *elements)

        whole.__name__ = symbol
        return elementwise(whole)(*values)
    if all(_is_number(value) for value in values):
        raise Error(f"{symbol} got numbers alone; expected an element or a tensor: for numbers there is Python's math")
    return check(symbol, values).body.emit(operation, values)
