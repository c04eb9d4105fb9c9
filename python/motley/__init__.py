"""Motley: models whose parameters depend on what a token is.

A model is written with `motley.nn`, traced into MLIR text, compiled to one shared object, and trained by the runtime.
Importing the package starts nothing: the compiler and the runtime are loaded when they are first used.
"""

from . import nn
from .compiled import CompiledModel, compile
from .errors import Error, InternalError
from .hyperparameters import Hyperparameters
from .modalities import Data, Modalities, Modality, Towers
from .model_file import ModelText, read_model
from .program import trace
from .trace import Tensor, Tokens
from .trainer import Trainer
from .user_math import *  # noqa: F403
from .user_math import __all__ as _user_math

__version__ = "0.1.0"

__all__ = [
    "CompiledModel",
    "Data",
    "Error",
    "Hyperparameters",
    "InternalError",
    "Modalities",
    "Modality",
    "ModelText",
    "Tensor",
    "Tokens",
    "Towers",
    "Trainer",
    "compile",
    "nn",
    "read_model",
    "trace",
    *_user_math,
]
