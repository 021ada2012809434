from __future__ import annotations

import numpy as np
import pytest

from elmo_xlstm.text.words import split_words

TEXTS = [
    "Siti tiba di Surabaya pada pagi hari.",
    "Budi",
    "Rumah tetangga, dan Kebun-Raya Bogor!",
    "",
    "Jakarta " * 30,
]


def test_every_pooling_is_that_of_the_words_of_a_text_alone(embedder) -> None:
    layers = [embedder([split_words(text)])[0] for text in TEXTS]
    assert [len(words) for words in layers][:4] == [8, 1, 7, 0]
    for layer, chosen in (
        (0, [words[:, 0] for words in layers]),
        (-1, [words[:, 2] for words in layers]),
        ("mean", [words.mean(axis=1) for words in layers]),
        ("all", layers),
    ):
        for found, expected in zip(embedder.encode(TEXTS, "words", layer), chosen, strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-5)
        nothing = np.zeros(chosen[0].shape[1:])
        means = [words.mean(axis=0) if len(words) else nothing for words in chosen]
        maxima = [words.max(axis=0) if len(words) else nothing for words in chosen]
        np.testing.assert_allclose(embedder.encode(TEXTS, "mean", layer), means, atol=1e-5)
        np.testing.assert_allclose(embedder.encode(TEXTS, "max", layer), maxima, atol=1e-5)


def test_what_is_given_in_words_is_not_split(embedder) -> None:
    assert [len(words) for words in embedder.encode([["pada pagi", "hari"], "pada pagi hari"], "words")] == [2, 3]


def test_a_text_alone_and_no_text(embedder) -> None:
    np.testing.assert_array_equal(embedder.encode("Siti tiba"), embedder.encode(["Siti tiba"])[0])
    assert embedder.encode("Siti tiba", "words", "all").shape == (2, 3, 32)
    assert embedder.encode([]).shape == (0, 32) and embedder.encode([], layer="all").shape == (0, 3, 32)
    assert embedder.encode([], "words") == []


def test_types_and_memory(embedder) -> None:
    vectors = embedder.encode(["Siti"], "words", 1)[0]
    assert vectors.dtype == np.float32 and vectors.base is None, "keeps no more than what was asked for"


@pytest.mark.parametrize("wrong", [{"pool": "first"}, {"layer": 3}, {"layer": -4}, {"layer": "top"}])
def test_unknown_choices(embedder, wrong) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*mean"):
        embedder.encode(TEXTS, **wrong)


@pytest.mark.parametrize("texts", [[3], [None], [["Siti", 3]]])
def test_no_texts(embedder, texts) -> None:
    with pytest.raises(TypeError, match="expected sentences as lists of words|a word is a str"):
        embedder.encode(texts)
