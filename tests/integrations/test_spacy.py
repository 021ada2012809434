from __future__ import annotations

import numpy as np
import pytest

from elmo_xlstm.tasks.answers import Tag, TaggedText

spacy = pytest.importorskip("spacy")
TAGS = {"Siti": "B-PER", "Nur": "I-PER", "Surabaya": "B-LOC"}


class Predictor:
    """Knows some words."""

    def predict(self, sentences):
        for words in sentences:
            assert all(word.strip() for word in words)
            yield TaggedText("", tuple(Tag(TAGS.get(word, "O"), 0, 0, word, 1.0) for word in words), ())


@pytest.fixture
def nlp(monkeypatch, model_directory):
    from elmo_xlstm.integrations import spacy as module

    monkeypatch.setattr(module, "load", lambda name: Predictor())
    nlp = spacy.blank("id")
    nlp.add_pipe("elmo_entities")
    nlp.add_pipe("elmo_tags")
    nlp.add_pipe("elmo_vectors", config={"model": str(model_directory), "layer": 1})
    return nlp


def test_entities_tags_and_vectors(nlp, embedder) -> None:
    texts = ["Siti Nur  tiba di Surabaya.", "", "Budi"]
    doc, empty, _ = nlp.pipe(texts)
    assert [(entity.text, entity.label_) for entity in doc.ents] == [("Siti Nur", "PER"), ("Surabaya", "LOC")]
    assert [token.tag_ for token in doc if not token.is_space][:2] == ["B-PER", "I-PER"]
    [expected] = embedder.encode([[token.text for token in doc]], "words", 1)
    np.testing.assert_allclose(doc[0].vector, expected[0], atol=1e-5)
    np.testing.assert_allclose(doc.vector, expected.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(doc[0:2].vector, expected[0:2].mean(axis=0), atol=1e-5)
    assert doc.has_vector and doc[0].has_vector and doc.similarity(doc) == pytest.approx(1.0)
    assert len(empty) == 0 and not empty.ents


def test_a_pipeline_is_saved_by_its_settings(nlp, tmp_path) -> None:
    nlp.to_disk(tmp_path / "pipeline")
    again = spacy.load(tmp_path / "pipeline")
    one, other = nlp("Siti tiba"), again("Siti tiba")
    np.testing.assert_array_equal(one.tensor, other.tensor)
    assert [entity.text for entity in other.ents] == ["Siti"]
