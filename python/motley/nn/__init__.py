"""Parts of models. A part that may belong to a modality takes ``untie``: one set of weights for each tower."""

from ..regions import Scheduled
from . import functional
from .attention import Attention
from .depth import MixtureOfDepths
from .experts import MoE, Null
from .feedforward import MLP, ByModality, SwiGLU, hidden_size
from .functional import gelu, relu, sigmoid, silu, softmax
from .layers import Embedding, LayerNorm, Linear, RMSNorm
from .loss import CrossEntropy, Head
from .low_rank import LowRank
from .module import Module, ModuleList, Parameter
from .noise import Gaussian, Gumbel, Jitter, Noise
from .routes import ByIds, ExpertChoice, HashRoute, Route, Scores, Threshold, TopK, TopP
from .soft import SoftMoE

__all__ = [
    "Attention",
    "ByIds",
    "ByModality",
    "CrossEntropy",
    "Embedding",
    "ExpertChoice",
    "Gaussian",
    "Gumbel",
    "HashRoute",
    "Head",
    "Jitter",
    "LayerNorm",
    "Linear",
    "LowRank",
    "MLP",
    "MixtureOfDepths",
    "MoE",
    "Module",
    "ModuleList",
    "Noise",
    "Null",
    "Parameter",
    "RMSNorm",
    "Route",
    "Scheduled",
    "Scores",
    "SoftMoE",
    "SwiGLU",
    "Threshold",
    "TopK",
    "TopP",
    "functional",
    "gelu",
    "hidden_size",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
]
