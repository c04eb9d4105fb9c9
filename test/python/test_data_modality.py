"""A further modality joins a data set by one more class."""

import json

import pytest

np = pytest.importorskip("numpy")
for package in ("PIL", "tokenizers", "safetensors"):
    pytest.importorskip(package)

from motley.data import Dataset, DataError, decode, find_spans, registry
from motley.data.description import describe
from motley.data.documents import Assembler, Document, Item, join
from motley.data.draws import Draws
from motley.data.image import Image
from motley.data.modality import Modality, Range, lay_out, modality_of
from motley.data.text import Text
from motley.data.writing import write_files


class Speech(Modality):
    """Waves of any length as levels 0..15; an item is a list of them."""

    name = "speech"
    files = ()
    size = 16

    def encode(self, items):
        return [np.array(item, np.int32) for item in items]

    def decode(self, ids):
        if len(ids) < 2:
            raise ValueError("a wave of 1 level is no sound; expected at least 2")
        return ids.tolist()

    def describe(self):
        return {"rate": 16000}

    def save(self):
        return {}

    @classmethod
    def load(cls, folder, description):
        assert description == {"rate": 16000}
        return cls()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setitem(registry.MODALITIES, "speech", Speech)
    text = Text.train(["say red"] * 4, 300, ["image", "speech"])
    image, speech = Image(np.repeat(np.arange(3, dtype=np.uint8)[:, None], 48, axis=1), 4), Speech()
    ranges = lay_out([text, image, speech])
    spans = {"image": [np.array([2], np.int32)], "speech": speech.encode([[7, 8, 9], [15, 0]])}
    document = Document("all", ("say", Item("speech", 0), Item("image", 0), " red", Item("speech", 1)))
    tokens = Assembler(ranges, text, spans).assemble([document])
    streams = {name: join([document], tokens, Draws(0, "order")) for name in ("train", "heldout")}
    description, files = describe("three", [text, image, speech], ranges, streams)
    write_files(tmp_path, {**files, "dataset.json": json.dumps(description).encode()})
    return tmp_path


def test_three_modalities_round_trip(folder):
    dataset = Dataset(folder)
    dataset.check_files()
    say, wave, picture, red, other = decode(dataset, dataset.split("train").document(0))
    assert (say, wave, red, other) == ("say", [7, 8, 9], " red", [15, 0])
    assert picture.getpixel((0, 0)) == (2, 2, 2)


def test_each_span_has_its_marks(folder):
    dataset = Dataset(folder)
    assert set(dataset.special) == {"end_of_document", "begin_image", "end_image", "begin_speech", "end_speech"}
    tokens = dataset.split("heldout").tokens
    spans = [span for span in find_spans(tokens, dataset.ranges) if span.modality == 2]
    assert [span.end - span.begin for span in spans] == [3, 2]
    assert all(tokens[span.begin - 1] == dataset.special["begin_speech"] for span in spans)
    assert all(tokens[span.end] == dataset.special["end_speech"] for span in spans)
    assert dataset.description["splits"]["train"]["tokens_by_modality"]["speech"] == 5


def test_modality_decides_what_an_item_is(folder):
    with pytest.raises(DataError, match=r"tokens 0\.\.0: a wave of 1 level is no sound; expected at least 2"):
        decode(folder, [Dataset(folder).ranges[2].begin])


def test_ranges_lie_side_by_side():
    assert lay_out([Speech(), Speech()]) == [Range("speech", 0, 16), Range("speech", 16, 32)]


def test_modality_of_the_ends_of_ranges():
    ranges = [Range("text", 0, 4), Range("image", 4, 6), Range("speech", 6, 9)]
    assert modality_of(np.array([0, 3, 4, 5, 6, 8]), ranges).tolist() == [0, 0, 1, 1, 2, 2]
    with pytest.raises(DataError, match=r"token 1 is 9; expected an id of the vocabulary, 0\.\.8"):
        modality_of(np.array([0, 9]), ranges)
