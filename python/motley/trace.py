"""Tracing: a model's ``loss`` runs once on `Tensor` proxies, and what it does becomes MLIR text.

The text is level 1 of the compiler: variables, row operations, one region per tower. Each operation carries the
location of the user's line, so that a message of the compiler points there.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, Iterator, Sequence

from .errors import Error, kind
from .location import Location, user_location
from .modalities import Modalities, Towers

if TYPE_CHECKING:
    from .nn.module import Module, Parameter

# Fields of a row and their element types; see `Tokens`.
FIELDS = {
    "token": "i32",
    "target": "i32",
    "weight": "f32",
    "modality": "i32",
    "document": "i32",
    "span": "i32",
    "order": "i32",
    "position": "i32",
    "index": "i32",
}


class Tensor:
    """A value of the traced program: rows, of a static shape.

    Supports ``+``, ``-`` and ``*`` with tensors of the same shape and with numbers.

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
        return f"tensor<{'x'.join(map(str, self.shape))}x{self.dtype}>"

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
        symbol = {"addf": "+", "subf": "-", "mulf": "*"}[operation]
        operands = []
        for one in (left, right):
            if isinstance(one, (int, float)) and not isinstance(one, bool):
                one = self.tracer.constant(float(one), self)
            if not isinstance(one, Tensor):
                raise Error(f"operand of '{symbol}' is {kind(one)}; expected a tensor or a number")
            if one.dtype != "f32":
                raise Error(f"operand of '{symbol}' has elements of {one.dtype}; expected f32")
            operands.append(one)
        if operands[0].shape != operands[1].shape:
            raise Error(
                f"shapes of '{symbol}' differ: {_shape(operands[0])} and {_shape(operands[1])}; expected the same"
                + _width_hint(*operands)
            )
        return self.tracer.emit(f"arith.{operation} {{0}}, {{1}} : {self.type}", operands, self.shape)


def _shape(tensor: Tensor) -> str:
    return "[" + ", ".join(("R",) + tuple(str(size) for size in tensor.shape[1:])) + "]"


def _width_hint(left: Tensor, right: Tensor) -> str:
    if len(left.shape) != len(right.shape):
        return ""
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


class Tokens:
    """The rows of a microbatch, as a model sees them: one tensor for each field of a row.

    A field becomes an argument of the traced function when it is first read: ``token``, ``target`` (-1: none),
    ``weight``, ``modality``, ``document``, ``span``, ``order`` (what the mask compares), ``position`` (what RoPE
    turns by), ``index``.

    Attributes
    ----------
    modalities : Modalities
    rows : int
        Rows of a microbatch, the live ones and the dead.
    """

    def __init__(self, tracer: Tracer):
        self.tracer = tracer
        self.modalities = tracer.modalities
        self.rows = tracer.rows

    def __getattr__(self, field: str) -> Tensor:
        if field not in FIELDS:
            raise AttributeError(f"tokens have no field '{field}'; expected one of {', '.join(FIELDS)}")
        return self.tracer.field(field)


class Tracer:
    """Collects the text of one traced function.

    Parameters
    ----------
    modalities : Modalities
    rows : int
    names : dict
        Name of every module and parameter of the model, by identity.
    """

    def __init__(self, modalities: Modalities, rows: int, names: dict[int, str]):
        self.modalities = modalities
        self.rows = rows
        self.names = names
        self.lines: list[str] = []
        self.fields: dict[str, tuple[Tensor, Location | None]] = {}
        self.used: set[int] = set()
        self.region: tuple[int, ...] = ()  # the cases that are open, outermost first
        self.counter = 0
        self.regions = 0

    def field(self, field: str) -> Tensor:
        """Return the argument that holds a field of the rows."""
        if field not in self.fields:
            tensor = Tensor(self, f"%{field}", (self.rows,), FIELDS[field])
            tensor.region = ()
            self.fields[field] = tensor, user_location()
        return self.fields[field][0]

    def symbol(self, parameter: Parameter) -> str:
        """Return a parameter's symbol, and remember that it is used."""
        if id(parameter) not in self.names:
            raise Error(
                "a parameter is used that does not belong to the model; keep its module in an attribute of the model",
                parameter.location,
            )
        self.used.add(id(parameter))
        return "@" + self.names[id(parameter)]

    def name_of(self, module: Module) -> str:
        """Return what messages call a module: its kind and its name in the model."""
        name = self.names.get(id(module), "")
        return f"{type(module).__name__} '{name}'" if name else type(module).__name__

    def emit(self, text: str, operands: Sequence[Tensor], shape: tuple[int, ...], dtype: str = "f32") -> Tensor:
        """Append an operation of one result; ``{0}``, ``{1}``, ... in ``text`` stand for the operands."""
        return self.emit_many(text, operands, [shape], dtype)[0]

    def emit_many(
        self, text: str, operands: Sequence[Tensor], shapes: Sequence[tuple[int, ...]], dtype: str = "f32"
    ) -> list[Tensor]:
        """Append an operation of several results."""
        for operand in operands:
            self.check_visible(operand)
        results = [self._fresh(shape, dtype) for shape in shapes]
        names = ", ".join(result.name for result in results)
        body = text.format(*(operand.name for operand in operands))
        self.append(f"{names} = {body} {_place()}")
        return results

    def append(self, line: str) -> None:
        """Append a line, indented by its depth."""
        self.lines.append("  " * (1 + len(self.region)) + line)

    def constant(self, value: float, like: Tensor) -> Tensor:
        """Append a dense constant of a tensor's shape."""
        return self.emit(f"arith.constant dense<{number(value)}> : {like.type}", [], like.shape)

    def check_visible(self, tensor: Tensor) -> None:
        """Refuse a value of another trace, or one made inside a case of by_modality that has ended."""
        if tensor.tracer is not self:
            raise Error("a tensor of another trace is used; a model must not keep tensors between calls of loss")
        if self.region[: len(tensor.region)] != tensor.region:
            raise Error("a tensor made for the rows of one modality is used outside of them; return it from the module")

    def by_towers(
        self,
        towers: Towers | None,
        tokens: Tokens | None,
        owner: Module,
        body: Callable[[str | None], Sequence[Tensor]],
    ) -> list[Tensor]:
        """Run ``body`` once for each tower, in a case of ``motley.by_modality``; without towers, run it plainly.

        Parameters
        ----------
        towers : Towers or None
        tokens : Tokens or None
            Needed where there are towers.
        owner : Module
            Named in messages.
        body : callable
            Takes a tower's name (None where there are none) and returns the results of its rows.
        """
        if towers is None:
            return list(body(None))
        if not isinstance(tokens, Tokens):
            raise Error(f"{self.name_of(owner)} is untied by modality and needs the tokens; call it with (x, tokens)")
        if towers.modalities.names != self.modalities.names:
            raise Error(
                f"{self.name_of(owner)} is untied over {', '.join(towers.modalities.names)}; "
                f"the data has {', '.join(self.modalities.names)}",
                owner.location,
            )
        return self.by_cases(list(towers.towers.items()), owner, body)

    def by_cases(
        self, cases: Sequence[tuple[str, Sequence[str]]], owner: Module, body: Callable[[str], Sequence[Tensor]]
    ) -> list[Tensor]:
        """Append ``motley.by_modality`` with one region for each ``(key, modalities)``; ``body`` gets the key."""
        if self.region:
            raise Error(
                f"{self.name_of(owner)} is untied by modality inside a module that already belongs to one; "
                f"untie at one place only"
            )
        modality = self.field("modality")
        place, header = _place(), len(self.lines)
        first: list[Tensor] = []
        for index, (key, names) in enumerate(cases):
            with self._case():
                values = list(body(key))
                first = first or values
                self._check_case(owner, cases[0][0], first, key, values)
                types = ", ".join(value.type for value in values)
                self.append(f"motley.yield {', '.join(value.name for value in values)} : {types} {place}")
            ending = ", {" if index + 1 < len(cases) else f" {place}"
            self.append(f"}} case [{', '.join('@' + name for name in names)}]{ending}")
        results = [self._fresh(value.shape, value.dtype) for value in first]
        types = ", ".join(value.type for value in first)
        self.lines.insert(
            header,
            f"  {', '.join(result.name for result in results)} = motley.by_modality {modality.name} : "
            f"{modality.type} -> ({types}) {{",
        )
        return results

    def _check_case(self, owner: Module, first_key: str, first: list[Tensor], key: str, values: list[Tensor]) -> None:
        for value in values:
            self.check_visible(value)
        for one, other in zip(first, values):
            if one.shape != other.shape:
                raise Error(
                    f"{self.name_of(owner)} yields {_shape(one)} for '{first_key}' and {_shape(other)} for '{key}'; "
                    f"expected the same",
                    owner.location,
                )

    @contextmanager
    def _case(self) -> Iterator[None]:
        outer = self.region
        self.regions += 1
        self.region = outer + (self.regions,)
        try:
            yield
        finally:
            self.region = outer

    def _fresh(self, shape: tuple[int, ...], dtype: str) -> Tensor:
        tensor = Tensor(self, f"%{self.counter}", shape, dtype)
        self.counter += 1
        return tensor


def _place(location: Location | None = None) -> str:
    location = location or user_location()
    return location.to_mlir() if location else "loc(unknown)"


def check_rows(value: Any, width: int | None, owner: Module) -> Tensor:
    """Refuse what is not a float tensor of rows of the given width.

    Parameters
    ----------
    value : Any
        What the user passed.
    width : int or None
        None takes any.
    owner : Module
        Named in the message, with the place where it was made.
    """
    if not isinstance(value, Tensor):
        hint = (
            "; pass tokens.token to an embedding, and the tokens as the second argument"
            if isinstance(value, Tokens)
            else ""
        )
        raise Error(f"{type(owner).__name__} got {kind(value)}; expected a traced tensor of rows{hint}")
    name = value.tracer.name_of(owner)
    if value.dtype != "f32" or len(value.shape) != 2:
        raise Error(f"{name} got {value.type}; expected rows of f32, as an embedding makes")
    if width is not None and value.width != width:
        raise Error(f"{name} got rows of width {value.width}; expected {width}", note=made_at(owner))
    return value


def made_at(owner: Module) -> str:
    """Return a note that says where a module was made, or nothing."""
    if owner.location is None:
        return ""
    excerpt = owner.location.excerpt()
    return f"{owner.location}: note: {type(owner).__name__} was made here" + (f"\n{excerpt}" if excerpt else "")
