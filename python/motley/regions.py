"""Regions of the traced program: one for each tower, for each expert, for the rows of a selection.

A case of ``motley.by_modality`` sees every value above it. The bodies of ``motley.experts`` and ``motley.select_rows``
run on other rows: they see tensors through their arguments alone, and tokens of their own, whose fields become
arguments when they are first read.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Iterator, Sequence

from .errors import Error, kind
from .location import user_location
from .tensor import Tensor, spell_shape, tensor_type

if TYPE_CHECKING:
    from .modalities import Towers
    from .nn.module import Module
    from .trace import Tokens

# What the rows of a region are, for messages.
KINDS = {"case": "one modality", "expert": "one expert", "selection": "a selection"}


@dataclass(frozen=True)
class Region:
    """A region that is open; ``kind`` is one of `KINDS`."""

    number: int
    kind: str


@dataclass(frozen=True)
class Scheduled:
    """A coefficient that changes with the step, by the name that ``train = dict(coefficients=...)`` gives it.

    Examples
    --------
    >>> Scheduled("balance")
    Scheduled(name='balance')
    """

    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise Error(f"name of a coefficient is {self.name!r}; expected an identifier")


Coefficient = float | Scheduled
Losses = dict[tuple[str, Coefficient], Tensor]


class Regions:
    """What a `Tracer` does with regions and with the losses that modules add inside of them."""

    lines: list[str]
    rows: int
    region: tuple[Region, ...]
    regions: int
    losses: list[Losses]  # of the function, and of each case that is open

    # ---- what sees what

    def inside(self, *kinds: str) -> bool:
        """Tell whether a region of one of these kinds is open."""
        return any(region.kind in kinds for region in self.region)

    def check_visible(self, tensor: Tensor) -> None:
        """Refuse a value of another trace, of a region that has ended, or of other rows than these."""
        if tensor.tracer is not self:
            raise Error("a tensor of another trace is used; a model must not keep tensors between calls of loss")
        depth = len(tensor.region)
        if self.region[:depth] != tensor.region:
            ended = next(one for one, other in zip(tensor.region, self.region + (None,) * depth) if one != other)
            raise Error(
                f"a tensor made for the rows of {KINDS[ended.kind]} is used outside of them; return it from the module"
            )
        isolated = next((one for one in self.region[depth:] if one.kind != "case"), None)
        if isolated:
            raise Error(
                f"a tensor of all rows is used among the rows of {KINDS[isolated.kind]}; use what the module is called "
                f"with: its first argument, and the fields of its tokens"
            )

    # ---- cases

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
        self.check_tokens(tokens, owner, "is untied by modality and needs the tokens")
        if towers.modalities.names != self.modalities.names:
            raise Error(
                f"{self.name_of(owner)} is untied over {', '.join(towers.modalities.names)}; "
                f"the data has {', '.join(self.modalities.names)}",
                owner.location,
            )
        return self.by_cases(list(towers.towers.items()), tokens, owner, body)

    def by_cases(
        self,
        cases: Sequence[tuple[str, Sequence[str]]],
        tokens: Tokens,
        owner: Module,
        body: Callable[[str], Sequence[Tensor]],
    ) -> list[Tensor]:
        """Append ``motley.by_modality`` with one region for each ``(key, modalities)``; ``body`` gets the key.

        Losses that modules add inside become further results, of one column; where a case has none of them it is 0.
        """
        if self.inside("case"):
            raise Error(
                f"{self.name_of(owner)} is untied by modality inside a module that already belongs to one; "
                f"untie at one place only"
            )
        if self.inside("expert"):
            raise Error(
                f"{self.name_of(owner)} is untied by modality inside an expert; give each modality experts of its own, "
                f"as in nn.ByModality(text=nn.MoE(...), image=nn.MoE(...))"
            )
        modality, place = tokens.modality, place_of_user()
        found: list[tuple[Region, list[str], list[Tensor], Losses]] = []
        for key, names in cases:
            self.losses.append({})
            with self._open("case") as (region, lines):
                values = list(body(key))
                for value in values:
                    self.check_visible(value)
            found.append((region, lines, values, self.losses.pop()))
            _check_case(self, owner, cases[0][0], found[0][2], key, values)
        names_of_losses = list(dict.fromkeys(name for *_, losses in found for name in losses))
        head = len(self.lines)
        for (region, lines, values, losses), (key, names) in zip(found, cases):
            with self._open("case", region, lines):
                values += [self._column(losses.get(name), modality.shape[0]) for name in names_of_losses]
                self._yield(values, place)
            last = region is found[-1][0]
            self.lines += lines
            self.append(f"}} case [{', '.join('@' + name for name in names)}]" + (f" {place}" if last else ", {"))
        results = [self.fresh(value.shape, value.dtype) for value in found[0][2]]
        types = ", ".join(value.type for value in results)
        self.lines.insert(
            head,
            self.indent()
            + f"{', '.join(result.name for result in results)} = motley.by_modality {modality.name} : "
            + f"{modality.type} -> ({types}) {{",
        )
        for name, column in zip(names_of_losses, results[len(results) - len(names_of_losses) :]):
            shape = column.shape[:1]
            loss = self.emit(f"motley.row_sum {{0}} : {column.type} -> {tensor_type(shape)}", [column], shape)
            self._add(name, loss)
        return results[: len(results) - len(names_of_losses)]

    def _column(self, loss: Tensor | None, rows: int) -> Tensor:
        """Return a loss of each row as a matrix of one column, which is what a case may yield; zeros for none."""
        shape = (rows, 1)
        if loss is None:
            return self.emit(f"arith.constant dense<0.0> : {tensor_type(shape)}", [], shape)
        return self.emit(f"motley.row_broadcast {{0}} : {loss.type} -> {tensor_type(shape)}", [loss], shape)

    # ---- bodies on rows of their own

    def routed(
        self,
        head: str,
        operands: Sequence[Tensor],
        inputs: Sequence[Tensor],
        slots: int,
        tokens: Tokens,
        owner: Module,
        kind: str,
        bodies: Sequence[Callable[..., Any]],
        tail: str = "",
        tail_operands: Sequence[Tensor] = (),
    ) -> Tensor:
        """Append an operation with bodies on selected rows: ``motley.experts`` or ``motley.select_rows``.

        Parameters
        ----------
        head : str
            The operation up to its inputs; ``{0}``, ``{1}``, ... stand for ``operands``.
        operands : sequence of Tensor
            Of the head.
        inputs : sequence of Tensor
            What the bodies are called with, before their tokens. Fields that they read are added.
        slots : int
            S, the static bound of the rows of the bodies.
        tokens : Tokens
            Of the rows outside.
        owner : Module
            Named in messages.
        kind : {"expert", "selection"}
        bodies : sequence of callable
            Take the inputs and the tokens on S rows, and return a tensor [S, D].
        tail, tail_operands
            What stands between the inputs and the types.

        Returns
        -------
        Tensor [R, D]
        """
        for tensor in (*operands, *inputs, *tail_operands):
            self.check_visible(tensor)
        place, arguments = place_of_user(), _Arguments(self, tokens, list(inputs))
        found: list[tuple[Region, list[str], Tensor]] = []
        for body in bodies:
            with self._open(kind) as (region, lines):
                rows = arguments.in_body(region, slots)
                result = body(*(rows.argument(index) for index in range(len(inputs))), rows.tokens())
                self._check_result(result, slots, found[0][2] if found else None, owner)
            found.append((region, lines, result))
        for region, lines, result in found:
            with self._open(kind, region, lines):
                self._yield([result], place)
        outer = arguments.inputs
        shape = (outer[0].shape[0], found[0][2].shape[1])
        value = self.fresh(shape, "f32")
        every = [*operands, *outer, *tail_operands]
        text = head.format(*(one.name for one in operands)) + f" ({', '.join(one.name for one in outer)})"
        text += tail.format(*(one.name for one in tail_operands))
        self.append(f"{value.name} = {text} : ({', '.join(one.type for one in every)}) -> {value.type} {{")
        for index, (region, lines, result) in enumerate(found):
            taken = ", ".join(
                f"{_argument_name(region, position)}: {tensor_type((slots, *one.shape[1:]), one.dtype)}"
                for position, one in enumerate(outer)
            )
            self.append(f"^bb0({taken}):")
            self.lines += lines
            self.append("}, {" if index + 1 < len(found) else f"}} {place}")
        return value

    def _check_result(self, result: Any, slots: int, first: Tensor | None, owner: Module) -> None:
        if not isinstance(result, Tensor):
            raise Error(f"{self.name_of(owner)} has a module that returned {kind(result)}; expected one tensor")
        self.check_visible(result)
        if result.dtype != "f32" or len(result.shape) != 2 or result.shape[0] != slots:
            raise Error(f"{self.name_of(owner)} has a module that returned {result.type}; expected rows of f32")
        if first is not None and first.shape != result.shape:
            raise Error(
                f"{self.name_of(owner)} has experts that return {spell_shape(first)} and {spell_shape(result)}; "
                f"expected the same",
                owner.location,
            )

    # ---- losses of modules

    def add_loss(self, name: str, loss: Tensor, coefficient: Coefficient, owner: Module) -> None:
        """Collect a loss of each row, [R], that `Tokens.losses` will hold, times its coefficient.

        Losses of one name are summed over the modules that add them.
        """
        isolated = next((region for region in self.region if region.kind != "case"), None)
        if isolated:
            raise Error(
                f"the loss '{name}' of {self.name_of(owner)} cannot leave the rows of {KINDS[isolated.kind]}; "
                f"make the module without losses there",
                owner.location,
            )
        self._add((name, coefficient), loss)

    def _add(self, key: tuple[str, Coefficient], loss: Tensor) -> None:
        known = self.losses[-1].get(key)
        self.losses[-1][key] = known + loss if known is not None else loss

    def sum_losses(self) -> dict[str, Tensor]:
        """Return what modules have added so far, by name, each times its coefficient."""
        found: dict[str, Tensor] = {}
        for (name, coefficient), loss in self.losses[0].items():
            if isinstance(coefficient, Scheduled):
                scalar = self.scalar(coefficient.name)
                loss = self.emit(f"motley.scale {{0}} by {scalar} : {loss.type}", [loss], loss.shape)
            else:
                loss = loss * coefficient
            found[name] = found[name] + loss if name in found else loss
        self.returned_losses = dict(self.losses[0])
        return found

    # ---- text

    def _yield(self, values: Sequence[Tensor], place: str) -> None:
        types = ", ".join(value.type for value in values)
        self.append(f"motley.yield {', '.join(value.name for value in values)} : {types} {place}")

    @contextmanager
    def _open(self, kind: str, region: Region | None = None, lines: list[str] | None = None) -> Iterator[Any]:
        """Collect what is emitted inside, in a new region or in one that is continued."""
        outer, outer_lines = self.region, self.lines
        if region is None:
            self.regions += 1
            region, lines = Region(self.regions, kind), []
        self.region, self.lines = outer + (region,), lines
        try:
            yield region, lines
        finally:
            self.region, self.lines = outer, outer_lines


class _Arguments:
    """The inputs of a routed operation: those that were given, then the fields that its bodies read."""

    def __init__(self, tracer: Any, tokens: Tokens, inputs: list[Tensor]):
        self.tracer, self.tokens, self.inputs = tracer, tokens, inputs
        self.fields: dict[str, int] = {}

    def of_field(self, field: str) -> int:
        if field not in self.fields:
            self.fields[field] = len(self.inputs)
            self.inputs.append(getattr(self.tokens, field))
        return self.fields[field]

    def in_body(self, region: Region, slots: int) -> _Body:
        return _Body(self, region, slots)


class _Body:
    """The same inputs as arguments of one body."""

    def __init__(self, arguments: _Arguments, region: Region, slots: int):
        self.arguments, self.region, self.slots = arguments, region, slots
        self.path = arguments.tracer.region

    def argument(self, index: int) -> Tensor:
        outer = self.arguments.inputs[index]
        shape = (self.slots, *outer.shape[1:])
        tensor = Tensor(self.arguments.tracer, _argument_name(self.region, index), shape, outer.dtype)
        tensor.region = self.path
        return tensor

    def tokens(self) -> Tokens:
        from .trace import Tokens

        return Tokens(
            self.arguments.tracer, self.slots, lambda field: self.argument(self.arguments.of_field(field))
        )


def _argument_name(region: Region, index: int) -> str:
    return f"%region{region.number}.{index}"


def _check_case(
    tracer: Any, owner: Module, first_key: str, first: list[Tensor], key: str, values: list[Tensor]
) -> None:
    for one, other in zip(first, values):
        if one.shape != other.shape:
            raise Error(
                f"{tracer.name_of(owner)} yields {spell_shape(one)} for '{first_key}' and {spell_shape(other)} for "
                f"'{key}'; expected the same",
                owner.location,
            )


def place_of_user() -> str:
    """Spell the location of the user's line."""
    location = user_location()
    return location.to_mlir() if location else "loc(unknown)"
