"""Modules, parameters, and their names."""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Sequence

from ..errors import Error, kind
from ..location import Location, user_location


class Parameter:
    """A trained matrix ``[inputs, outputs]``, table or vector; it has a shape and a start, but no values.

    Parameters
    ----------
    shape : sequence of int
    init : {"normal", "uniform", "constant"}
    scale : float
        Standard deviation, bound or value.
    suffix : str
        Appended to the name of the attribute that holds it: "text" makes ``q`` into ``q.text``.
    """

    def __init__(self, shape: Sequence[int], init: str, scale: float):
        if init not in ("normal", "uniform", "constant"):
            raise Error(f"unknown initialiser '{init}'; expected one of normal, uniform, constant")
        self.shape = tuple(positive(size, "size") for size in shape)
        self.init = init
        self.scale = float(scale)
        self.location = user_location()


class Module:
    """A part of a model: its parameters and submodules are its attributes, lists and dictionaries of them included.

    Subclasses define ``forward`` and need not call ``super().__init__()``. Names follow the attributes: the query
    matrix of the text tower in the first of ``self.blocks`` is ``blocks.0.attn.q.text``.

    Examples
    --------
    >>> from motley import nn
    >>> class Twice(nn.Module):
    ...     def __init__(self, width):
    ...         self.first = nn.Linear(width, width)
    ...         self.second = nn.Linear(width, width)
    ...     def forward(self, x, tokens):
    ...         return self.second(self.first(x))
    >>> [name for name, _ in Twice(8).named_parameters()]
    ['first', 'second']
    """

    location: Location | None = None

    def __new__(cls, *arguments: Any, **options: Any) -> Module:
        self = super().__new__(cls)
        self.location = user_location()
        return self

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.forward(*arguments, **options)

    def forward(self, *arguments: Any, **options: Any) -> Any:
        """Trace the module; subclasses define it."""
        raise Error(f"{type(self).__name__} does not define forward")

    def children(self) -> Iterator[tuple[str, Any]]:
        """Yield the name and value of every parameter and submodule, one level down.

        An empty name stands for the module's own: a layer's weight is called as the layer is.
        """
        for name, value in vars(self).items():
            yield from _flatten(name, value)

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield the full name of every parameter, each once, in order of definition."""
        for name, value in walk(self):
            if isinstance(value, Parameter):
                yield name, value


class ModuleList(Module):
    """Modules by number.

    Examples
    --------
    >>> from motley import nn
    >>> len(nn.ModuleList(nn.RMSNorm(8) for _ in range(3)))
    3
    """

    def __init__(self, modules: Iterable[Module] = ()):
        self._modules = list(modules)
        for index, module in enumerate(self._modules):
            if not isinstance(module, Module):
                raise Error(f"element {index} is {kind(module)}; expected a Module")

    def children(self) -> Iterator[tuple[str, Any]]:
        return ((str(index), module) for index, module in enumerate(self._modules))

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __getitem__(self, index: int) -> Module:
        return self._modules[index]


def _flatten(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (Parameter, Module)):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for index, one in enumerate(value):
            yield from _flatten(f"{name}.{index}", one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _flatten(f"{name}.{key}", one)


def walk(root: Module) -> Iterator[tuple[str, Module | Parameter]]:
    """Yield every module and parameter below ``root`` with its name, each once, under the first of its names."""
    seen: set[int] = {id(root)}
    pending: list[tuple[str, Any]] = [("", root)]
    while pending:
        prefix, value = pending.pop()
        yield prefix, value
        if isinstance(value, Parameter):
            continue
        found = []
        for name, child in value.children():
            if id(child) not in seen:
                seen.add(id(child))
                found.append((".".join(part for part in (prefix, name) if part), child))
        pending.extend(reversed(found))


def positive(value: Any, what: str) -> int:
    """Refuse anything but an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Error(f"{what} is {value!r}; expected an integer of at least 1")
    return value
