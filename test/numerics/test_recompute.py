"""Values that the backward computes again are the same values: gradients are equal bit by bit, in less memory."""

import numpy as np
import oracle
import pytest
from motley.commands import bench_models

import motley as mt

TWO = mt.Modalities(text=72, image=24)
ROWS = 192
# What the model of lives leaves out: lists of tiles, and gaps between buffers of different sizes.
SLACK = 1.05


def step(kind, precision, memory):
    """A session after two microbatches: sums of the losses, gradients after each, and the bytes of the arena."""
    data = mt.Data(TWO, rows=ROWS)
    model = bench_models.Decoder(data, bench_models.Size(32, 3, 2, 4), bench_models.KINDS[kind])
    text = mt.trace(model, data, train=mt.Hyperparameters(precision=precision, memory=memory))
    compiled = oracle.compiled(text)
    compiled.initialise(5)
    found = []
    for add in (False, True):
        rows = oracle.random_rows(TWO, ROWS, ROWS - 7 - 20 * add, seed=add)
        found.append((compiled.accumulate(rows, add=add), compiled.gradients()))
    (arena,) = (one["arena_bytes"] for one in compiled.manifest["functions"] if one["name"] == "accumulate")
    return found, arena


@pytest.mark.parametrize(
    "kind, precision, least",
    [("dense", "f32", 0.45), ("dense", "bf16", 0.45), ("mot", "f32", 0.45), ("mod_moma_4t4i", "bf16", 0.5)],
)
def test_gradients_are_equal_bit_by_bit(kind, precision, least):
    expected, whole = step(kind, precision, None)
    for share in (0.8, least):
        budget = int(whole * share)
        with oracle.environment(MOTLEY_POISON="1"):
            found, arena = step(kind, precision, budget)
        assert arena <= budget * SLACK
        for (sums, gradients), (other_sums, others) in zip(expected, found):
            assert sums == other_sums
            for name, value in gradients.items():
                assert value.tobytes() == others[name].tobytes(), name
