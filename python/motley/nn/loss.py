"""The output head and the loss over it."""

from __future__ import annotations

from ..errors import Error, kind
from ..trace import Tensor, Tokens, check_rows, number
from .layers import Linear
from .module import Module


class Head(Linear):
    """The matrix [width, vocabulary] of the logits.

    Parameters
    ----------
    width, vocabulary : int
    std : float
    """

    def __init__(self, width: int, vocabulary: int, std: float = 0.02):
        super().__init__(width, vocabulary, std=std)


class CrossEntropy(Module):
    """Next-token loss under a head, with z-loss; the logits are never stored as a whole.

    Parameters
    ----------
    head : Head
    z_loss : float
        Weight of log^2 Z (arXiv 2204.02311, section 5); 0 switches it off.
    """

    def __init__(self, head: Head, z_loss: float = 1e-5):
        if not isinstance(head, Head):
            raise Error(f"CrossEntropy got {kind(head)}; expected an nn.Head")
        if not z_loss >= 0:
            raise Error(f"z_loss is {z_loss!r}; expected a number of at least 0")
        self.head = head
        self.z_loss = z_loss

    def forward(self, x: Tensor, tokens: Tokens) -> dict[str, Tensor]:
        """Trace the losses of each row, by name: "ce", "z" unless its weight is 0, and those that modules have added
        (`Tokens.losses`)."""
        check_rows(x, self.head.inputs, self)
        if not isinstance(tokens, Tokens):
            raise Error(f"{type(self).__name__} needs the tokens, for their targets; call it with (x, tokens)")
        if x.tracer.region:
            raise Error("CrossEntropy is inside a module for one modality; a loss is taken over all rows")
        if self.head.outputs < tokens.modalities.vocabulary:
            raise Error(
                f"the head has {self.head.outputs} outputs; the modalities have {tokens.modalities.vocabulary} token "
                f"ids; make it nn.Head({self.head.inputs}, data.vocabulary)",
                self.head.location,
            )
        tracer, target = x.tracer, tokens.target
        loss = f"tensor<{x.shape[0]}xf32>"
        ce, z = tracer.emit_many(
            f"motley.cross_entropy {tracer.symbol(self.head.parameter())}({{0}}) targets {{1}} "
            f"{{{{z_loss = {number(self.z_loss)} : f64}}}} : ({x.type}, {target.type}) -> ({loss}, {loss})",
            [x, target],
            [(x.shape[0],)] * 2,
        )
        added = tokens.losses
        for name in ("ce", "z"):
            if name in added:
                raise Error(f"a module adds a loss named '{name}', which is cross-entropy's; give it another name")
        return {"ce": ce, **({"z": z} if self.z_loss else {}), **added}
