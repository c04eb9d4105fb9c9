"""A data set of a few thousand tokens in which text and image follow simple rules, so that a small model learns them."""

import hashlib
import json

import numpy as np
from safetensors.numpy import save

TEXT, IMAGE = 48, 16


def make(folder, documents=200, seed=0, text=TEXT):
    """Write a data set with the splits train and heldout into a new folder and return it."""
    folder.mkdir()
    generator = np.random.default_rng(seed)
    splits, digests = {}, []
    for name, number in (("train", documents), ("heldout", documents // 10)):
        made = [_document(generator, text) for _ in range(number)]
        offsets = np.concatenate([[0], np.cumsum([len(one) for one in made])]).astype(np.int64)
        content = save({"tokens": np.concatenate(made).astype(np.int32), "document_offsets": offsets})
        (folder / f"{name}.safetensors").write_bytes(content)
        digests.append(hashlib.sha256(content).hexdigest())
        splits[name] = {
            "file": f"{name}.safetensors",
            "tokens": int(offsets[-1]),
            "documents": number,
            "sha256": digests[-1],
        }
    description = {
        "format": "motley-dataset",
        "version": 1,
        "name": "tiny",
        "vocabulary": text + IMAGE,
        "modalities": [
            {"name": "text", "begin": 0, "end": text},
            {"name": "image", "begin": text, "end": text + IMAGE},
        ],
        "special": {"end_of_document": 0, "begin_image": 1, "end_image": 2},
        "splits": splits,
        "checksum": hashlib.sha256("".join(digests).encode()).hexdigest(),
    }
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder


def _document(generator, text):
    """Words that count upwards, a picture that counts downwards, words again, the end."""

    def words(length):
        return 3 + (generator.integers(text) + np.arange(length)) % (text - 3)

    picture = text + (generator.integers(IMAGE) - np.arange(generator.integers(4, 12))) % IMAGE
    return np.concatenate([words(generator.integers(3, 9)), [1], picture, [2], words(generator.integers(3, 9)), [0]])
