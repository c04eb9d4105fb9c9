"""Tracing: a model's ``loss`` runs once on `Tensor` proxies, and what it does becomes MLIR text.

The text is level 1 of the compiler: variables, row operations, one region per tower, expert or selection. Each
operation carries the location of the user's line, so that a message of the compiler points there.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, Iterator, Sequence

from .errors import Error, kind
from .location import Location, user_location
from .modalities import Modalities
from .regions import Losses, Region, Regions, Scheduled, place_of_user
from .tensor import Tensor, number, tensor_type

if TYPE_CHECKING:
    from .nn.module import Module, Parameter

__all__ = ["FIELDS", "Scheduled", "Tensor", "Tokens", "Tracer", "check_rows", "made_at", "number", "tensor_type"]

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

# Scalars that the functions of a step have already.
TAKEN_SCALARS = ("add", "inverse_normaliser", "learning_rate", "live", "seed", "step")


class Tokens:
    """The rows of a microbatch, as a model sees them: one tensor for each field of a row.

    A field becomes an argument of the traced function when it is first read: ``token``, ``target`` (-1: none),
    ``weight``, ``modality``, ``document``, ``span``, ``order`` (what the mask compares), ``position`` (what RoPE
    turns by), ``index``. Modules that run on some of the rows alone (an expert, a block under mixture-of-depths) are
    called with tokens of those rows.

    Attributes
    ----------
    modalities : Modalities
    rows : int
        Rows of a microbatch, the live ones and the dead.
    """

    def __init__(self, tracer: Tracer, rows: int | None = None, field: Callable[[str], Tensor] | None = None):
        self.tracer = tracer
        self.modalities = tracer.modalities
        self.rows = tracer.rows if rows is None else rows
        self._field = field or tracer.field

    def __getattr__(self, field: str) -> Tensor:
        if field not in FIELDS:
            raise AttributeError(f"tokens have no field '{field}'; expected one of {', '.join(FIELDS)}")
        return self._field(field)

    @property
    def losses(self) -> dict[str, Tensor]:
        """What modules ask to be added to the loss, for instance the routers' load balance: by name, one value a row.

        `nn.CrossEntropy` returns them beside its own; a loss that is made without it ends with
        ``return {"mine": mine, **tokens.losses}``.
        """
        return self.tracer.sum_losses()


class Tracer(Regions):
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
        self.scalars: dict[str, Location | None] = {}
        self.used: set[int] = set()
        self.region: tuple[Region, ...] = ()  # those that are open, outermost first
        self.regions = 0
        self.losses: list[Losses] = [{}]
        self.returned_losses: Losses = {}
        self.counter = 0
        self.sites = 0
        self.observed: dict[str, int] = {}
        self.precision: str | None = None  # of linear layers that don't say theirs; None: what the module says

    def field(self, field: str) -> Tensor:
        """Return the argument that holds a field of the rows."""
        if field not in self.fields:
            tensor = Tensor(self, f"%{field}", (self.rows,), FIELDS[field])
            tensor.region = ()
            self.fields[field] = tensor, user_location()
        return self.fields[field][0]

    def scalar(self, name: str) -> str:
        """Return the name of the argument that holds a scheduled coefficient."""
        if name in TAKEN_SCALARS:
            raise Error(f"coefficient '{name}' has the name of a scalar of the step; give it another")
        self.scalars.setdefault(name, user_location())
        return f"%scheduled.{name}"

    def site(self) -> int:
        """Return a number that no other noise of the program has."""
        self.sites += 1
        return self.sites - 1

    @contextmanager
    def in_f32(self) -> Iterator[None]:
        """Let linear layers that don't say their precision multiply in f32, as routers do, for as long as this runs."""
        before, self.precision = self.precision, "f32"
        try:
            yield
        finally:
            self.precision = before

    def observe(self, owner: Module, chosen: Tensor) -> None:
        """Report a choice under the name of the module that made it; a second one of the same module is ``NAME:2``."""
        self.check_visible(chosen)
        name = self.names.get(id(owner)) or type(owner).__name__
        count = self.observed[name] = self.observed.get(name, 0) + 1
        name += f":{count}" if count > 1 else ""
        self.append(f'motley.observe "{name}" {chosen.name} : {chosen.type} {place_of_user()}')

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

    def check_tokens(self, tokens: Any, owner: Module, needs: str = "needs the tokens") -> Tokens:
        """Refuse what is not the tokens of the rows; ``needs`` says what for."""
        if not isinstance(tokens, Tokens):
            raise Error(f"{self.name_of(owner)} {needs}; call it with (x, tokens)")
        return tokens

    def emit(self, text: str, operands: Sequence[Tensor], shape: tuple[int, ...], dtype: str = "f32") -> Tensor:
        """Append an operation of one result; ``{0}``, ``{1}``, ... in ``text`` stand for the operands."""
        return self.emit_many(text, operands, [shape], dtype)[0]

    def emit_many(
        self, text: str, operands: Sequence[Tensor], shapes: Sequence[tuple[int, ...]], dtype: str = "f32"
    ) -> list[Tensor]:
        """Append an operation of several results."""
        for operand in operands:
            self.check_visible(operand)
        results = [self.fresh(shape, dtype) for shape in shapes]
        names = ", ".join(result.name for result in results)
        body = text.format(*(operand.name for operand in operands))
        self.append(f"{names} = {body} {place_of_user()}")
        return results

    def append(self, line: str) -> None:
        """Append a line, indented by its depth."""
        self.lines.append(self.indent() + line)

    def indent(self) -> str:
        """Return the white space before a line."""
        return "  " * (1 + len(self.region))

    def constant(self, value: float, like: Tensor) -> Tensor:
        """Append a dense constant of a tensor's shape."""
        return self.emit(f"arith.constant dense<{number(value)}> : {like.type}", [], like.shape)

    def fresh(self, shape: tuple[int, ...], dtype: str) -> Tensor:
        """Return a tensor with a name that no other has."""
        tensor = Tensor(self, f"%{self.counter}", shape, dtype)
        self.counter += 1
        return tensor


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
