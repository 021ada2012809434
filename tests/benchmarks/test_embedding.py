from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import embedding
from benchmarks.checks import randomize
from benchmarks.contenders import OURS, PACKAGE
from benchmarks.embedding import (
    BERT,
    OURS_BF16,
    OURS_INT8,
    OURS_RANDOM,
    BertEmbedder,
    RandomBatchesEmbedder,
    evenly,
    measure_embedding,
)
from benchmarks.package_model import with_package_stacks
from benchmarks.sentences import make_tokenizer, read_sentences
from benchmarks.session import Session
from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTM


def test_every_embedder_gives_the_same_vectors(session: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedding, "BATCH", 3)  # several batches, padding in them
    sentences = read_sentences(None)[:8]
    tokenizer = make_tokenizer(None, 300, sentences)
    model = BiXLSTM(session.size.config(tokenizer.vocab_size))
    randomize(model)
    longest = max(len(tokenizer.encode_words(words).input_ids) + 2 for words in sentences)
    expected = ElmoEmbedder(model, tokenizer)(sentences)
    random_batches = RandomBatchesEmbedder(model, tokenizer)(sentences)
    package = RandomBatchesEmbedder(with_package_stacks(model, longest), tokenizer)(sentences)
    for words, one, other, third in zip(sentences, expected, random_batches, package, strict=True):
        assert len(one) == len(words)
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(third, one, rtol=1e-4, atol=1e-5)


def test_bert_gives_one_vector_a_word_and_layer_whatever_the_batch(session: Session, monkeypatch: pytest.MonkeyPatch):
    sentences = read_sentences(None)[:5]
    tokenizer = make_tokenizer(None, 300, sentences)
    bert = BertEmbedder(session, tokenizer, longest=64)
    vectors = bert(sentences)
    assert [v.shape for v in vectors] == [(len(w), session.size.bert_layers + 1, 32) for w in sentences]
    monkeypatch.setattr(embedding, "BATCH", 1)
    for one, other in zip(vectors, bert(sentences), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_precisions_stand_beside_the_package_in_fp32(session: Session, monkeypatch: pytest.MonkeyPatch):
    chosen = (OURS, OURS_RANDOM, OURS_BF16, OURS_INT8, PACKAGE, BERT)
    monkeypatch.setattr(Session, "precisions", lambda self: ["fp32", "bf16"])
    sentences = read_sentences(None)[:9]
    tokenizer = make_tokenizer(None, 300, sentences)
    session = Session(session.size, repeats=1, only=chosen)
    result = measure_embedding(session, sentences, tokenizer, most=4)
    for case in ({"input": "2 × 16"}, {"input": "sentences"}):
        rows = [m for m in result.measurements if m.case == case]
        assert {m.contender for m in rows} == set(chosen) - ({OURS_RANDOM} if "2 × 16" in case["input"] else set())
        assert all(result.ratio(m) is not None for m in rows)
    assert [result.peak_fraction(m) is not None for m in result.measurements if m.contender == OURS] == [True, False]
    assert "4 sentences" in result.notes[0] and result.notes[1] == "these sentences are drawn evenly from 9"


def test_without_bf16_instructions_bf16_is_left_out(session: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Session, "precisions", lambda self: ["fp32"])
    sentences = read_sentences(None)[:2]
    tokenizer = make_tokenizer(None, 300, sentences)
    session = Session(session.size, repeats=1, only=(OURS, OURS_BF16, OURS_INT8))
    result = measure_embedding(session, sentences, tokenizer)
    assert {m.contender for m in result.measurements if "input" in m.case} == {OURS, OURS_INT8}


def test_sentences_are_drawn_evenly():
    sentences = [(str(index),) for index in range(10)]
    assert evenly(sentences, 4) == [("0",), ("2",), ("5",), ("7",)]
    assert evenly(sentences, 10) == evenly(sentences, 99) == evenly(sentences, None) == sentences


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.conll", "Siti\tB-PER\ntiba\tO\n\nBudi\tB-PER\n"),
        ("a.txt", "Siti tiba\n\nBudi\n"),
        ("a.jsonl", '{"words": ["Siti", "tiba"]}\n{"text": "Budi"}\n'),
    ],
)
def test_sentences_are_read_from_column_text_and_json_files(name: str, text: str, tmp_path: Path):
    (tmp_path / name).write_text(text)
    assert read_sentences(tmp_path / name) == [("Siti", "tiba"), ("Budi",)]


def test_a_missing_file_is_the_users_to_mend(tmp_path: Path):
    with pytest.raises(UserError, match="nowhere.txt: cannot be read"):
        read_sentences(tmp_path / "nowhere.txt")
