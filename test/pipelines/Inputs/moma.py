"""Writes a MoMa of the examples at level 1, small: the kind and the number of layers are the arguments."""

import sys
from pathlib import Path

root = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(root / "python"), str(root / "python" / "examples")]

import moma

import motley as mt

ROWS, WIDTH, HEADS = 64, 32, 2

kind, layers = sys.argv[1], int(sys.argv[2])
moma.SIZES["test"] = ((WIDTH, layers, HEADS),) * 2  # without and with mixture-of-depths
data = mt.Data(mt.Modalities(text=24, image=16), rows=ROWS)
print(mt.trace(moma.model(data, "test", kind), data, train=mt.Hyperparameters(**moma.train)))
