from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import elmo_xlstm
from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.tasks import predict
from elmo_xlstm.tasks.finetuning import run_finetuning
from elmo_xlstm.tasks.loading import Annotator, load
from elmo_xlstm.tasks.predict import FinishedRun


@pytest.fixture(scope="module")
def tagger(ner_settings, tmp_path_factory) -> Annotator:
    """Not trained, so that it finds spans in anything."""
    task = ner_settings(tmp_path_factory.mktemp("tagger"), bilm=False).task.build(None)
    task.prepare()
    return Annotator(task)


@pytest.fixture(scope="module")
def make(labelled_settings, tmp_path_factory):
    def make(kind: str) -> Annotator:
        task = labelled_settings(kind, tmp_path_factory.mktemp(kind), bilm=False).task.build(None)
        task.prepare()
        return Annotator(task)

    return make


@pytest.fixture(scope="module")
def run(ner_settings, tmp_path_factory) -> Path:
    chosen = ner_settings(tmp_path_factory.mktemp("run"))
    with open_run(chosen.directory, chosen):
        run_finetuning(chosen, chosen.directory, "python cli.py finetune tiny.jsonnet")
    return chosen.directory


ODD = [
    "🇮🇩",
    "👩‍👩‍👧",
    "e\u0301",
    "\u0301",
    "\u200b",
    "\u00a0",
    "\u3000",
    "\t",
    "\r\n",
    "ﬁ",
    "ＡＢＣ",
    "\ufeff",
    "مرحبا",
    "\x00",
]
TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from([*ODD, "Siti", "Rp50.000", "anak-anak", "...", " ", "  ", "@budi"]), max_size=12).map(
        "".join
    ),
    st.sampled_from(["", " ", "\n", "kata " * 700, "a" * 3000]),
)


@given(st.lists(TEXTS, min_size=25, max_size=25))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_spans_and_words_are_characters_of_the_text_as_given(tagger, texts) -> None:
    """A thousand texts."""
    for text, found in zip(texts, tagger.predict(texts), strict=True):
        assert found.text == text
        for part in (*found.words, *found.spans):
            assert text[part.start : part.end] == part.text and part.text.strip()
            assert 0 <= part.score <= 1
        ends = [0, *(word.end for word in found.words)]
        assert all(end <= word.start for end, word in zip(ends, found.words, strict=False))


def test_texts_without_words_have_no_answer(tagger, make) -> None:
    found = tagger.predict("\u200b ")
    assert (found.text, found.words, found.spans) == ("\u200b ", (), ())
    first, none, last = make("classification").predict(["hari", "", "hari"])
    assert first.label and none.label is None and none.labels == () and last.label == first.label
    assert make("aspects").predict("").aspects == ()


def test_words_that_are_given_stay_words(tagger) -> None:
    (found,) = tagger.predict([["Kota Batu", " di "]])
    assert found.text == "Kota Batu  di " and [word.text for word in found.words] == ["Kota Batu", "di"]


def test_an_endless_stream_is_answered_as_it_comes(tagger, monkeypatch) -> None:
    monkeypatch.setattr(predict, "CHUNK_EXAMPLES", 4)
    read: list[int] = []
    texts = (read.append(number) or f"hari {number}" for number in itertools.count())
    found = list(itertools.islice(tagger.predict(texts), 10))
    assert [answer.text for answer in found] == [f"hari {number}" for number in range(10)]
    assert len(read) == 12


def test_labels_come_with_their_probabilities_best_first(make) -> None:
    found = make("classification").predict("makanan enak")
    assert sum(label.score for label in found.labels) == pytest.approx(1, abs=1e-5)
    assert [label.score for label in found.labels] == sorted((label.score for label in found.labels), reverse=True)
    assert (found.label, found.score) == (found.labels[0].label, found.labels[0].score)
    (two,) = make("classification").predict(["makanan enak"], top_k=2)
    assert len(two.labels) == 2
    assert two.as_dict()["labels"][0] == {"label": two.label, "score": two.score}


def test_aspects_have_polarities(make) -> None:
    model = make("aspects")
    found = model.predict("makanan enak", top_k=1)
    assert [aspect.aspect for aspect in found.aspects] == ["makanan", "layanan"] == list(model.aspects)
    assert all(aspect.polarity in model.labels and len(aspect.labels) == 1 for aspect in found.aspects)


def test_pairs_are_two_texts(make) -> None:
    (found,) = make("pairs").predict([("hari ini", "makanan enak")])
    assert found.texts == ("hari ini", "makanan enak") and found.label
    with pytest.raises(UserError, match="text 2: 1 texts, expected first and second"):
        list(make("pairs").predict([("a", "b"), ("a",)]))


@pytest.mark.parametrize("bad", [3, [], ["a", 3], "kata " * 50_001, "hari \ud800"])
def test_what_is_no_text_is_refused_by_its_number(tagger, bad) -> None:
    with pytest.raises(UserError, match="text 2: "):
        list(tagger.predict(["hari", bad]))


def test_a_run_is_loaded_and_agrees_with_files_of_predictions(run, tmp_path) -> None:
    texts = ["Siti tiba di  Bogor.", "hari 🦜 ini", "Ani Lestari, Budi"]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts)))
    model: Any = elmo_xlstm.load(run)
    rows = FinishedRun(run).predict(path)
    for row, found in zip(rows, model.predict(texts), strict=True):
        values = found.as_dict()
        assert row["mentions"] == list(values["spans"]) and row["text"] == values["text"]
        assert [(w["text"], w["tag"], w["score"]) for w in values["words"]] == list(
            zip(row["words"], row["tags"], row["scores"], strict=True)
        )


def test_what_is_not_there_is_told(tmp_path, monkeypatch) -> None:
    with pytest.raises(UserError, match="runs/nothing: no run there, nor a model that the package carries"):
        load("runs/nothing")
    with pytest.raises(UserError, match="no run there"):
        load(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="the Hugging Face hub does not give it"):
        load("nobody/nothing-of-this-name")
