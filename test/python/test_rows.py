"""Packing documents into the fields of a microbatch."""

import numpy as np
import pytest

import motley as mt
from motley.rows import pack, random_rows

MODALITIES = mt.Modalities(text=10, image=6)


def test_fields_of_two_documents():
    batch = pack([[1, 10, 11, 2], [12, 13, 3]], MODALITIES, rows=9)
    assert batch["live"] == 7
    assert batch["token"].tolist() == [1, 10, 11, 2, 12, 13, 3, 0, 0]
    assert batch["target"].tolist() == [10, 11, 2, -1, 13, 3, -1, -1, -1]
    assert batch["weight"].tolist() == [1, 1, 1, 0, 1, 1, 0, 0, 0]
    assert batch["modality"].tolist() == [0, 1, 1, 0, 1, 1, 0, 0, 0]
    assert batch["document"].tolist() == [0, 0, 0, 0, 1, 1, 1, 0, 0]
    assert batch["span"].tolist() == [-1, 0, 0, -1, 1, 1, -1, -1, -1]
    assert batch["order"].tolist() == batch["position"].tolist() == [0, 1, 2, 3, 0, 1, 2, 0, 0]
    assert all(batch[name].dtype == np.int32 for name in batch if name not in ("live", "weight"))


def test_a_document_boundary_ends_a_span():
    assert pack([[10, 11], [12]], MODALITIES, rows=3)["span"].tolist() == [0, 0, 1]


def test_empty_documents_and_no_documents():
    batch = pack([[1, 2], [], [3]], MODALITIES, rows=4)
    assert batch["document"].tolist() == [0, 0, 2, 0] and batch["target"].tolist() == [2, -1, -1, -1]
    assert pack([], MODALITIES, rows=2)["live"] == 0


def test_random_rows_are_full_mixed_and_repeatable():
    batch = random_rows(MODALITIES, rows=100, seed=3, document=32)
    assert batch["live"] == 100 and batch["document"].max() == 3
    assert np.bincount(batch["modality"]).tolist() == [50, 50]
    again = random_rows(MODALITIES, rows=100, seed=3, document=32)
    assert all((batch[name] == again[name]).all() for name in batch if name != "live")


@pytest.mark.parametrize(
    "documents, message",
    [
        ([[1, 2, 3]], "documents have 3 tokens together; expected at most 2 rows"),
        ([[1, 16]], "token id 16 belongs to no modality; expected one of Modalities(text=0..10, image=10..16)"),
    ],
)
def test_documents_that_do_not_fit(documents, message):
    with pytest.raises(mt.Error) as caught:
        pack(documents, MODALITIES, rows=2)
    assert caught.value.message == message
