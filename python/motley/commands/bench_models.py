"""The models that benchmarks know by name: published shapes, in every kind of untying."""

from __future__ import annotations

import math
from typing import Any

from .. import nn
from ..errors import Error
from ..modalities import Data, Modalities
from ..trace import Tensor, Tokens

SIZES = {"tiny": (128, 4, 4), "37M": (256, 4, 8), "94M": (512, 8, 8), "443M": (1024, 24, 16)}  # width, layers, heads

# What belongs to a modality. Published: mot (arXiv 2411.04996), moma (arXiv 2407.21770, 1t1i).
KINDS = {"dense": (), "mot": ("qkv", "qk_norm", "o", "norm", "ffn"), "moma": ("ffn",)}


class Block(nn.Module):
    """Attention and SwiGLU, norms after the sublayer inside the residual."""

    def __init__(self, width: int, heads: int, modalities: Modalities, parts: tuple[str, ...], out_std: float):
        untie = modalities.only(*(part for part in parts if part in ("qkv", "qk_norm", "o")))
        norm = modalities if "norm" in parts else None
        self.attn = nn.Attention(width, heads, qk_norm=True, untie=untie, out_std=out_std)
        self.attn_norm = nn.RMSNorm(width, untie=norm)
        self.ffn = nn.SwiGLU(width, untie=modalities if "ffn" in parts else None, out_std=out_std)
        self.ffn_norm = nn.RMSNorm(width, untie=norm)

    def forward(self, x: Tensor, tokens: Tokens) -> Tensor:
        """Trace the block."""
        x = x + self.attn_norm(self.attn(x, tokens), tokens)
        return x + self.ffn_norm(self.ffn(x, tokens), tokens)


class Decoder(nn.Module):
    """Embedding, blocks, head."""

    def __init__(self, data: Data, size: str, kind: str):
        width, layers, heads = SIZES[size]
        parts = KINDS[kind]
        self.embed = nn.Embedding(data.vocabulary, width)
        self.blocks = nn.ModuleList(
            Block(width, heads, data.modalities, parts, 0.02 / math.sqrt(2 * layers)) for _ in range(layers)
        )
        self.norm = nn.RMSNorm(width, untie=data.modalities if "norm" in parts else None)
        self.criterion = nn.CrossEntropy(nn.Head(width, data.vocabulary))

    def loss(self, tokens: Tokens) -> dict[str, Tensor]:
        """Trace the losses."""
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, tokens)
        return self.criterion(self.norm(x, tokens), tokens)


def build(kind: str, data: Data, size: str) -> Decoder:
    """Build a model by the name of its kind."""
    return Decoder(data, size, kind)


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
        help=f"some of {', '.join(KINDS)}; compared with " f"dense, or with the first",
    )
    parser.add_argument("--size", choices=tuple(SIZES), default=size, help="shape, by the name of the published table")
    parser.add_argument("--json", action="store_true", help="print one JSON line for each model")
