"""Feed-forward networks, and the choice of one by modality."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from ..errors import Error, kind
from ..modalities import Untie, as_towers
from ..trace import Tensor, Tokens, check_rows
from .functional import ACTIVATIONS, activation
from .layers import Linear
from .module import Module, positive


def hidden_size(width: int, rule: str = "multiple") -> int:
    """Return the hidden width of SwiGLU that has the parameters of an MLP of ``4 * width``.

    Parameters
    ----------
    width : int
    rule : {"multiple", "chameleon"}
        "multiple" rounds 8/3 of the width up to a multiple of 256, as Llama does and the tables of MoT
        (arXiv 2411.04996) count; "chameleon" takes its integer part, as the table of MoMa (arXiv 2407.21770) counts.

    Examples
    --------
    >>> hidden_size(512), hidden_size(512, "chameleon")
    (1536, 1365)
    """
    if rule == "multiple":
        return 256 * -(-8 * width // (3 * 256))
    if rule == "chameleon":
        return 8 * width // 3
    raise Error(f"unknown rule '{rule}' for the hidden size; expected multiple or chameleon")


class SwiGLU(Module):
    """y = (silu(x W_gate) * (x W_up)) W_down (arXiv 2002.05202).

    Parameters
    ----------
    width : int
    hidden : int, optional
        By default what `hidden_size` says.
    untie : Modalities or Towers, optional
        One of each weight for each tower.
    rule : {"multiple", "chameleon"}
    std, out_std : float
        Standard deviation at the start, of the first two weights and of the last.
    """

    def __init__(
        self,
        width: int,
        hidden: int | None = None,
        untie: Untie = None,
        rule: str = "multiple",
        std: float = 0.02,
        out_std: float | None = None,
    ):
        self.width = positive(width, "width")
        self.hidden = positive(hidden_size(width, rule) if hidden is None else hidden, "hidden size")
        self.towers = as_towers(untie)
        self.gate = Linear(width, self.hidden, untie=self.towers, std=std)
        self.up = Linear(width, self.hidden, untie=self.towers, std=std)
        self.down = Linear(self.hidden, width, untie=self.towers, std=std if out_std is None else out_std)

    def forward(self, x: Tensor, tokens: Tokens | None = None) -> Tensor:
        """Trace the network; ``tokens`` are needed when it is untied."""
        check_rows(x, self.width, self)
        return x.tracer.by_towers(self.towers, tokens, self, lambda tower: [self._at(x, tower)])[0]

    def _at(self, x: Tensor, tower: str | None) -> Tensor:
        gate, up = self.gate.at(x, tower), self.up.at(x, tower)
        return self.down.at(activation("silu", gate) * up, tower)


class MLP(Module):
    """y = f(x W_up + b_up) W_down + b_down.

    Parameters
    ----------
    width : int
    hidden : int, optional
        By default four times the width.
    activation : {"gelu", "relu", "silu"}
    bias : bool
    untie : Modalities or Towers, optional
    std, out_std : float
    """

    def __init__(
        self,
        width: int,
        hidden: int | None = None,
        activation: str = "gelu",
        bias: bool = False,
        untie: Untie = None,
        std: float = 0.02,
        out_std: float | None = None,
    ):
        self.width = positive(width, "width")
        self.hidden = positive(4 * width if hidden is None else hidden, "hidden size")
        if activation not in ACTIVATIONS:
            raise Error(f"unknown activation {activation!r}; expected one of {', '.join(ACTIVATIONS)}")
        self.activation = activation
        self.towers = as_towers(untie)
        self.up = Linear(width, self.hidden, bias, self.towers, std)
        self.down = Linear(self.hidden, width, bias, self.towers, std if out_std is None else out_std)

    def forward(self, x: Tensor, tokens: Tokens | None = None) -> Tensor:
        """Trace the network; ``tokens`` are needed when it is untied."""
        check_rows(x, self.width, self)
        return x.tracer.by_towers(self.towers, tokens, self, lambda tower: [self._at(x, tower)])[0]

    def _at(self, x: Tensor, tower: str | None) -> Tensor:
        return self.down.at(activation(self.activation, self.up.at(x, tower)), tower)


class ByModality(Module):
    """A different module for the rows of each modality.

    Parameters
    ----------
    modules : mapping of str to Module, optional
        The same as keyword arguments.
    **by_name : Module
        ``text=nn.SwiGLU(d), image=nn.MLP(d)``. The same module may serve several modalities: they share a tower.

    Examples
    --------
    >>> from motley import nn
    >>> shared = nn.SwiGLU(8)
    >>> network = nn.ByModality(text=shared, image=nn.SwiGLU(8), speech=shared)
    >>> [name for name, _ in network.named_parameters()][:3]
    ['text.gate', 'text.up', 'text.down']
    """

    def __init__(self, modules: Mapping[str, Module] | None = None, **by_name: Module):
        self._modules = {**(modules or {}), **by_name}
        if not self._modules:
            raise Error(
                "ByModality has no modules; expected one for each modality, as in ByModality(text=..., image=...)"
            )
        for name, module in self._modules.items():
            if not isinstance(module, Module):
                raise Error(f"ByModality has {kind(module)} for modality '{name}'; expected a Module")

    def children(self) -> Iterator[tuple[str, Any]]:
        return iter(self._modules.items())

    def forward(self, x: Tensor, tokens: Tokens) -> Tensor:
        """Trace the module of each modality on its rows."""
        check_rows(x, None, self)
        if not isinstance(tokens, Tokens):
            raise Error(f"{x.tracer.name_of(self)} chooses by modality and needs the tokens; call it with (x, tokens)")
        known = tokens.modalities.names
        for name in self._modules:
            if name not in known:
                raise Error(f"unknown modality '{name}'; expected one of {', '.join(known)}", self.location)
        missing = [name for name in known if name not in self._modules]
        if missing:
            raise Error(
                f"{x.tracer.name_of(self)} has no module for modality '{missing[0]}'; expected one for each of "
                f"{', '.join(known)}",
                self.location,
            )
        cases: dict[int, list[str]] = {}
        for name in known:
            cases.setdefault(id(self._modules[name]), []).append(name)
        return x.tracer.by_cases(
            [(names[0], names) for names in cases.values()],
            tokens,
            self,
            lambda name: [self._checked(name, self._modules[name](x, tokens))],
        )[0]

    def _checked(self, name: str, result: Any) -> Tensor:
        if not isinstance(result, Tensor):
            raise Error(
                f"the module for modality '{name}' returned {kind(result)}; expected one tensor",
                self._modules[name].location,
            )
        return result
