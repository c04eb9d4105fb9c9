"""The models that benchmarks know by name: published shapes, in every kind of untying and routing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .. import nn
from ..errors import Error
from ..hyperparameters import PRECISIONS
from ..modalities import Data
from ..trace import Tensor, Tokens


@dataclass(frozen=True)
class Size:
    """A shape. Under mixture-of-depths, where half of the layers see a quarter of the rows, it takes more layers
    (arXiv 2407.21770, table 1: 14 for 8, 40 for 24)."""

    width: int
    layers: int
    heads: int
    depth_layers: int


SIZES = {
    "tiny": Size(128, 4, 4, 7),
    "37M": Size(256, 4, 8, 7),
    "94M": Size(512, 8, 8, 14),
    "443M": Size(1024, 24, 16, 40),
}


@dataclass(frozen=True)
class Kind:
    """What tells a model from the dense one.

    Attributes
    ----------
    untied : tuple of str
        Parts that belong to a modality.
    experts : int
        Of the feed-forward network, in each of its groups; 1 is a plain network. They choose rows, each 1 / experts of
        its group's, so that a row meets one on average.
    depths : bool
        Every second layer, the first one too, is under mixture-of-depths with a quarter of the rows.
    """

    untied: tuple[str, ...] = ()
    experts: int = 1
    depths: bool = False


# Published: mot (arXiv 2411.04996), the others MoMa (arXiv 2407.21770). All have the hidden size of the dense model,
# and so its work for a row.
KINDS = {
    "dense": Kind(),
    "mot": Kind(("qkv", "qk_norm", "o", "norm", "ffn")),
    "moe_8x": Kind(experts=8),
    "moma_1t1i": Kind(("ffn",)),
    "moma_4t4i": Kind(("ffn",), experts=4),
    "mod_moma_1t1i": Kind(("ffn",), depths=True),
    "mod_moma_4t4i": Kind(("ffn",), experts=4, depths=True),
}


class Block(nn.Module):
    """Attention and SwiGLU, norms after the sublayer inside the residual."""

    def __init__(self, size: Size, data: Data, kind: Kind, out_std: float):
        self.width = size.width
        modalities = data.modalities
        untie = modalities.only(*(part for part in kind.untied if part in ("qkv", "qk_norm", "o")))
        norm = modalities if "norm" in kind.untied else None
        self.attn = nn.Attention(size.width, size.heads, qk_norm=True, untie=untie, out_std=out_std)
        self.attn_norm = nn.RMSNorm(size.width, untie=norm)
        self.ffn = _network(size.width, data, kind, out_std)
        self.ffn_norm = nn.RMSNorm(size.width, untie=norm)

    def forward(self, x: Tensor, tokens: Tokens) -> Tensor:
        """Trace the block."""
        x = x + self.attn_norm(self.attn(x, tokens), tokens)
        return x + self.ffn_norm(self.ffn(x, tokens), tokens)


def _network(width: int, data: Data, kind: Kind, out_std: float) -> nn.Module:
    def experts() -> nn.Module:
        network = nn.SwiGLU(width, out_std=out_std)
        return network if kind.experts == 1 else nn.MoE(network, kind.experts)

    if "ffn" not in kind.untied:
        return experts()
    if kind.experts == 1:
        return nn.SwiGLU(width, untie=data.modalities, out_std=out_std)
    return nn.ByModality({one.name: experts() for one in data.modalities})


class Decoder(nn.Module):
    """Embedding, blocks, head."""

    def __init__(self, data: Data, size: Size, kind: Kind):
        layers = size.depth_layers if kind.depths else size.layers
        self.embed = nn.Embedding(data.vocabulary, size.width)
        blocks: list[nn.Module] = [Block(size, data, kind, 0.02 / math.sqrt(2 * layers)) for _ in range(layers)]
        if kind.depths:
            blocks[::2] = [nn.MixtureOfDepths(block, capacity=0.25) for block in blocks[::2]]
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.RMSNorm(size.width, untie=data.modalities if "norm" in kind.untied else None)
        self.criterion = nn.CrossEntropy(nn.Head(size.width, data.vocabulary))

    def loss(self, tokens: Tokens) -> dict[str, Tensor]:
        """Trace the losses."""
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, tokens)
        return self.criterion(self.norm(x, tokens), tokens)


def build(kind: str, data: Data, size: str) -> Decoder:
    """Build a model by the name of its kind."""
    return Decoder(data, SIZES[size], KINDS[kind])


def parse_kinds(text: str) -> list[str]:
    """Parse ``dense,mot``."""
    kinds = text.split(",")
    for kind in kinds:
        if kind not in KINDS:
            raise Error(f"unknown model '{kind}'; expected some of {', '.join(KINDS)}", None)
    if len(set(kinds)) != len(kinds):
        raise Error(f"--models '{text}' names a model twice", None)
    return kinds


def add_arguments(parser: Any, size: str) -> None:
    """Declare the options that both benchmarks have; ``size`` is the shape by default."""
    parser.add_argument(
        "--models",
        default="dense,mot",
        metavar="KIND,...",
        help=f"some of {', '.join(KINDS)}; compared with dense, or with the first",
    )
    parser.add_argument("--size", choices=tuple(SIZES), default=size, help="shape, by the name of the published table")
    parser.add_argument("--precision", choices=PRECISIONS, default="bf16", help="of products; by default bf16")
    parser.add_argument("--json", action="store_true", help="print one JSON line for each model")
