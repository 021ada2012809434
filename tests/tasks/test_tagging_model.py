from __future__ import annotations

import numpy as np
import pytest
import torch

from elmo_xlstm.config import validate
from elmo_xlstm.embedding import FeatureStore
from elmo_xlstm.errors import UserError
from elmo_xlstm.modules import Tagger
from elmo_xlstm.tasks.model import CHARACTERS_FILE, WORDS_FILE
from elmo_xlstm.tasks.predictor import LABELS_FILE, WEIGHTS_FILE, LabelSpace
from elmo_xlstm.tasks.tagging import TaggingModel

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
SENTENCES = [
    ["Siti", "tiba", "di", "Jakarta"],
    ["Budi"],
    ["Kota", "Batu", "pada", "pagi", "hari"],
    ["ke", "rumah"],
]


def texts(sentences) -> list[tuple[list[str]]]:
    return [(sentence,) for sentence in sentences]


def tag(model: TaggingModel, sentences, batch_size: int = 64) -> list[list[str]]:
    return [prediction.labels for prediction in model.predict(model.read(texts(sentences)), batch_size)]


def head(**parts) -> Tagger.Config:
    return validate(Tagger.Config, {"encoder": {"hidden_size": 6}, **(parts or {"words": {"dim": 5}})})


def build(config: Tagger.Config, embedder=None, lower_case=False) -> TaggingModel:
    torch.manual_seed(3)
    return TaggingModel.for_training(config, LabelSpace(tuple(LABELS)), texts(SENTENCES), embedder, lower_case)


ALL_PARTS = {"mix": {}, "characters": {"dim": 4, "filters": 4}, "words": {"dim": 5}}


def test_every_word_has_a_tag_in_the_sentences_order(embedder) -> None:
    model = build(head(**ALL_PARTS), embedder)
    tags = tag(model, SENTENCES, batch_size=2)
    assert [len(sentence) for sentence in tags] == [4, 1, 5, 2]
    assert {tag for sentence in tags for tag in sentence} <= set(LABELS)
    for sentence, expected in zip(SENTENCES, tags, strict=True):
        assert tag(model, [sentence]) == [expected]
    assert model.predict([]) == []


def test_layers_are_the_same_with_a_store_and_without(embedder, tmp_path) -> None:
    model = build(head(**ALL_PARTS), embedder)
    stored = model.read(texts(SENTENCES), store=FeatureStore(tmp_path, embedder))
    fresh = model.read(texts(SENTENCES))
    for one, other in zip(stored, fresh, strict=True):
        assert one.layers.dtype == other.layers.dtype == np.float16
        np.testing.assert_array_equal(one.layers, other.layers)


def test_without_a_language_model_no_layers_are_read() -> None:
    read = build(head()).read(texts(SENTENCES), [["O"] * len(sentence) for sentence in SENTENCES])
    assert all(sentence.layers is None for sentence in read) and read[0].tags == ["O"] * 4


def test_lower_case_is_for_everything_that_reads_words(embedder, tmp_path) -> None:
    model = build(head(**ALL_PARTS), embedder, lower_case=True)
    assert "Siti" not in model.collate.words and "siti" in model.collate.words
    assert "S" not in model.collate.characters and "s" in model.collate.characters
    upper = [[word.upper() for word in sentence] for sentence in SENTENCES]
    for one, other in zip(model.read(texts(SENTENCES)), model.read(texts(upper)), strict=True):
        assert one.words == other.words
        np.testing.assert_array_equal(one.layers, other.layers)
    cased = build(head(**ALL_PARTS), embedder)
    assert not np.array_equal(cased.read(texts(SENTENCES))[0].layers, cased.read(texts(upper))[0].layers)


@pytest.mark.parametrize("parts", [ALL_PARTS, {"words": {"dim": 5}}, {"characters": {}}, {"mix": {}}])
def test_save_and_load(parts, embedder, tmp_path) -> None:
    embedder = embedder if "mix" in parts else None
    model = build(head(**parts), embedder, lower_case=True)
    model.save(tmp_path)
    assert (tmp_path / WORDS_FILE).exists() == ("words" in parts)
    assert (tmp_path / CHARACTERS_FILE).exists() == ("characters" in parts)
    loaded = TaggingModel.load(tmp_path, head(**parts), embedder, lower_case=True)
    assert loaded.space == LabelSpace(tuple(LABELS))
    for name, tensor in model.head.state_dict().items():
        assert torch.equal(loaded.head.state_dict()[name], tensor)
    assert tag(loaded, SENTENCES) == tag(model, SENTENCES)


@pytest.mark.parametrize("missing", [WEIGHTS_FILE, LABELS_FILE, WORDS_FILE])
def test_missing_files(missing, tmp_path) -> None:
    build(head()).save(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(UserError, match=str(tmp_path)):
        TaggingModel.load(tmp_path, head(), None, lower_case=False)


@pytest.mark.parametrize("damaged", [WEIGHTS_FILE, LABELS_FILE])
def test_damaged_files(damaged, tmp_path) -> None:
    build(head()).save(tmp_path)
    content = (tmp_path / damaged).read_bytes()
    (tmp_path / damaged).write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="no trained head there"):
        TaggingModel.load(tmp_path, head(), None, lower_case=False)


def test_weights_of_another_head(tmp_path) -> None:
    build(head()).save(tmp_path)
    with pytest.raises(UserError, match="no head as its head.safetensors has it: text"):
        TaggingModel.load(tmp_path, head(words={"dim": 7}), None, lower_case=False)
