"""The heads that the package carries are whole, small, and read the language model that it carries."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

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
    for name in CARRIED_HEADS:
        facts = json.loads((carried_head(name) / "head.json").read_text())
        assert facts["language_model"]["fingerprint"] == fingerprint, name


ANSWERS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "ner": ("Jokowi tiba di Surabaya.", lambda a: [span.text for span in a.spans] == ["Jokowi", "Surabaya"]),
    "pos": ("Saya makan nasi.", lambda a: len(a.words) == 4),
    "sentiment": ("makanannya enak sekali, pelayanannya ramah", lambda a: a.label == "positive"),
    "emotion": ("aku sedih sekali hari ini", lambda a: a.label == "sadness"),
    "absa": ("kamarnya kotor dan bau", lambda a: {x.aspect: x.polarity for x in a.aspects}["kebersihan"] == "neg"),
    "keyphrases": ("@bca kartu atm saya tertelan mesin", lambda a: len(a.spans) > 0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CARRIED_HEADS)
def test_they_answer(name: str) -> None:
    text, is_right = ANSWERS[name]
    assert is_right(load(name).predict(text))
