"""Parts of models. A part that may belong to a modality takes ``untie``: one set of weights for each tower."""

from . import functional
from .attention import Attention
from .feedforward import MLP, ByModality, SwiGLU, hidden_size
from .functional import gelu, relu, silu
from .layers import Embedding, LayerNorm, Linear, RMSNorm
from .loss import CrossEntropy, Head
from .module import Module, ModuleList, Parameter

__all__ = [
    "Attention",
    "ByModality",
    "CrossEntropy",
    "Embedding",
    "Head",
    "LayerNorm",
    "Linear",
    "MLP",
    "Module",
    "ModuleList",
    "Parameter",
    "RMSNorm",
    "SwiGLU",
    "functional",
    "gelu",
    "hidden_size",
    "relu",
    "silu",
]
