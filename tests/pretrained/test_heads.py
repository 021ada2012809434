"""The heads that the package carries are whole, small, and read the language model that it carries."""

from __future__ import annotations

import json

import pytest

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.pretrained import CARRIED_HEADS, DEFAULT_MODEL, carried_head
from elmo_xlstm.runs.checksums import find_damage
from elmo_xlstm.tasks.loading import load

MOST_BYTES = 3_000_000


@pytest.mark.parametrize("name", CARRIED_HEADS)
def test_files(name: str) -> None:
    directory = carried_head(name)
    assert find_damage(directory) == []
    assert (directory / "head.safetensors").stat().st_size <= MOST_BYTES
    facts = json.loads((directory / "head.json").read_text())
    assert facts["language_model"]["name"] == DEFAULT_MODEL
    assert all(facts["data"]["examples"].values()) and facts["data"]["licence"]
    card = (directory / "README.md").read_text()
    result = json.loads((directory / "result.json").read_text())
    assert result["main_metric"] in facts["scores"]["test"] and result["git_commit"] in card
    assert f"{100 * facts['scores']['test'][result['main_metric']]:.2f}" in card and facts["data"]["licence"] in card


def test_all_were_trained_on_the_carried_language_model() -> None:
    fingerprint = ElmoEmbedder.from_pretrained(device="cpu").fingerprint
    facts = {name: json.loads((carried_head(name) / "head.json").read_text()) for name in CARRIED_HEADS}
    assert {name: fact["language_model"]["fingerprint"] for name, fact in facts.items()} == dict.fromkeys(
        CARRIED_HEADS, fingerprint
    )


@pytest.mark.slow
def test_they_answer() -> None:
    (person, place) = load("ner").predict("Jokowi tiba di Surabaya.").spans
    assert (person.text, place.text) == ("Jokowi", "Surabaya")
    assert load("sentiment").predict("makanannya enak sekali, pelayanannya ramah").label == "positive"
    assert load("emotion").predict("aku sedih sekali hari ini").label == "sadness"
    tags = load("pos").predict("Saya makan nasi.").words
    assert len(tags) == 4 and all(word.score > 0 for word in tags)
    aspects = load("absa").predict("kamarnya kotor dan bau").aspects
    assert next(aspect for aspect in aspects if aspect.aspect == "kebersihan").polarity == "neg"
    assert load("keyphrases").predict("@bca kartu atm saya tertelan mesin").spans
