"""Decoding tokens, and refusing descriptions and tokens that are wrong."""

import json

import pytest

np = pytest.importorskip("numpy")
for package in ("PIL", "tokenizers", "safetensors"):
    pytest.importorskip(package)

from motley.data import Dataset, DataError, decode, find_spans
from motley.data.image import Image, from_patches, to_patches
from motley.data.modality import Range
from motley.data.store import pack_split, sha256
from motley.data.text import Text

CODES = 5


@pytest.fixture
def folder(tmp_path):
    """A data set written by hand: pictures of 8 x 8 pixels, so 4 tokens each."""
    text = Text.train(["a red square"] * 4, 300, ["image"])
    codebook = np.repeat(np.arange(CODES, dtype=np.uint8)[:, None] * 50, 48, axis=1)
    image = Image(codebook, 8)
    (words,) = text.encode(["a red square"])
    size = text.size
    tokens = np.array([*words, 1, *(size + np.array([0, 1, 2, 3])), 2, 0, *words, 0], np.int32)
    content = pack_split(tokens, np.array([0, len(words) + 7, len(tokens)]))
    for name, one in {**text.save(), **image.save(), "train.safetensors": content}.items():
        (tmp_path / name).write_bytes(one)
    entry = {"file": "train.safetensors", "tokens": len(tokens), "documents": 2, "sha256": sha256(content)}
    description = {
        "format": "motley-dataset",
        "version": 1,
        "name": "hand",
        "vocabulary": size + CODES,
        "checksum": "none",
        "modalities": [
            {"name": "text", "begin": 0, "end": size},
            {"name": "image", "begin": size, "end": size + CODES},
        ],
        "special": {"end_of_document": 0, "begin_image": 1, "end_image": 2},
        "splits": {"train": entry},
        "encoders": {"image": image.describe()},
    }
    (tmp_path / "dataset.json").write_text(json.dumps(description))
    return tmp_path


def change(folder, **entries):
    """Change entries of dataset.json; None removes one."""
    path = folder / "dataset.json"
    description = {**json.loads(path.read_text()), **entries}
    path.write_text(json.dumps({key: value for key, value in description.items() if value is not None}))


def test_decode_gives_texts_and_pictures(folder):
    text, picture, again = decode(folder, Dataset(folder).split("train").tokens)
    assert (text, again) == ("a red square", "a red square")
    assert picture.size == (8, 8)
    # Raster order of the patches.
    assert [picture.getpixel(at)[0] for at in [(0, 0), (7, 0), (0, 7), (7, 7)]] == [0, 50, 100, 150]


def test_documents_split_texts(folder):
    (word,) = Dataset(folder).modalities[0].encode(["a"])
    assert decode(folder, [*word, 0, *word, 0]) == ["a", "a"]
    assert decode(folder, []) == []


def test_spans_cover_all_tokens():
    ranges = [Range("text", 0, 10), Range("image", 10, 14), Range("speech", 14, 20)]
    spans = find_spans(np.array([3, 0, 4, 10, 13, 14, 19, 9]), ranges, cuts=[0])
    assert [tuple(span) for span in spans] == [(0, 0, 2), (0, 2, 3), (1, 3, 5), (2, 5, 7), (0, 7, 8)]
    assert find_spans(np.array([], np.int32), ranges) == []


@pytest.mark.parametrize("bad", [-1, 10**6])
def test_token_outside_the_vocabulary(folder, bad):
    with pytest.raises(DataError, match=rf"token 1 is {bad}; expected an id of the vocabulary, 0\.\."):
        decode(folder, [0, bad])


def test_tokens_that_are_no_integers(folder):
    with pytest.raises(DataError, match=r"tokens are float64\[2\]; expected a list of integers"):
        decode(folder, [0.5, 1.0])


def test_picture_cut_short(folder):
    begin = Dataset(folder).ranges[1].begin
    with pytest.raises(DataError, match=r"tokens 1\.\.3: a span of 3 image tokens is no picture; expected 4"):
        decode(folder, [1, begin, begin, begin])
    assert decode(folder, [1, begin], strict=False) == ["[a span of 1 image tokens is no picture; expected 4]"]


def test_patches_are_a_bijection():
    pictures = np.arange(2 * 16 * 16 * 3, dtype=np.uint32).astype(np.uint8).reshape(2, 16, 16, 3)
    patches = to_patches(pictures)
    assert np.array_equal(from_patches(patches, 16), pictures)
    assert np.array_equal(patches[1].reshape(4, 4, 3), pictures[0, :4, 4:8])


def test_picture_of_another_size():
    with pytest.raises(ValueError, match=r"pictures have shape \[16, 16, 3\]; expected \[8, 8, 3\]"):
        Image(np.zeros((2, 48), np.uint8), 8).encode(np.zeros((1, 16, 16, 3), np.uint8))


@pytest.mark.parametrize(
    "entries, message",
    [
        ({"format": "other"}, "got format 'other' version 1, expected 'motley-dataset' version 1"),
        ({"version": 2}, "got format 'motley-dataset' version 2"),
        ({"vocabulary": None}, "'vocabulary' is None, expected an integer"),
        ({"vocabulary": 7}, "expected 'vocabulary' 7"),
        ({"modalities": [{"name": "text", "begin": 3, "end": 9}]}, r"modality 'text' has ids 3\.\.8, expected from 0"),
        ({"modalities": [{"name": "text", "begin": 0}]}, r"'modalities\[0\].end' is None, expected an integer"),
        ({"modalities": "text"}, "'modalities' is 'text', expected a list"),
        ({"special": {}}, "'special.end_of_document' is None, expected an integer"),
        ({"special": {"end_of_document": 10**6}}, "'special.end_of_document' is 1000000, expected an id below"),
        ({"splits": {"train": {"file": "x"}}}, "'splits.train.sha256' is None, expected a string"),
        ({"splits": None}, "'splits' is None, expected an object"),
        ({"checksum": 5}, "'checksum' is 5, expected a string"),
    ],
)
def test_malformed_description(folder, entries, message):
    change(folder, **entries)
    with pytest.raises(DataError, match=f"dataset.json' is malformed: .*{message}"):
        Dataset(folder)


def test_all_problems_are_listed(folder):
    change(folder, checksum=None, name=None, splits=None)
    with pytest.raises(DataError, match="'splits' is None.*'name' is None.*'checksum' is None"):
        Dataset(folder)


@pytest.mark.parametrize("content, message", [("{", "is not JSON"), ("[]", "got list, expected an object")])
def test_description_that_is_no_object(folder, content, message):
    (folder / "dataset.json").write_text(content)
    with pytest.raises(DataError, match=message):
        decode(folder, [0])


def test_directory_without_description(tmp_path):
    with pytest.raises(DataError, match="is not a data set: it has no dataset.json; make one with 'motley data emoji"):
        Dataset(tmp_path)


def test_split_and_document_that_are_not_there(folder):
    dataset = Dataset(folder)
    with pytest.raises(DataError, match="there is no split 'test' .*; expected one of train"):
        dataset.split("test")
    with pytest.raises(DataError, match=r"there is no document 2; expected 0\.\.1"):
        dataset.split("train").document(2)


def test_unknown_modality(folder):
    change(folder, modalities=[{"name": "smell", "begin": 0, "end": 9}], vocabulary=9)
    with pytest.raises(DataError, match="unknown modality 'smell'; expected one of text, image"):
        decode(folder, [0])


def test_broken_tokenizer_and_codebook(folder):
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(DataError, match="cannot read the tokenizer .*tokenizer.json"):
        decode(folder, [0])
    with pytest.raises(DataError, match="cannot read the codebook .*codebook.safetensors"):
        Image.load(folder / "none", {"size": 8})


def test_codebook_of_another_size_than_the_range(folder):
    (folder / "codebook.safetensors").write_bytes(Image(np.zeros((3, 48), np.uint8), 8).save()["codebook.safetensors"])
    with pytest.raises(DataError, match="codebook.safetensors' has 3 ids, but dataset.json gives modality 'image' 5"):
        decode(folder, [0])
