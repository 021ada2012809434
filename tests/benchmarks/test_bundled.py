from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import bundled
from benchmarks.bundled import (
    BERT,
    BERT_BF16,
    BERT_TUNED,
    ONE_CORE,
    OURS_BF16,
    OURS_INT8,
    BertEmbedder,
    measure_bundled,
    measure_cores,
)
from benchmarks.contenders import OURS
from benchmarks.results import table_rows
from benchmarks.sentences import evenly, make_tokenizer, read_sentences
from benchmarks.session import Session
from elmo_xlstm import BiXLSTM
from elmo_xlstm.errors import UserError
from elmo_xlstm.pretrained import bundled_model


@pytest.fixture(autouse=True)
def small_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "BERT_VOCABULARY", 100)  # fewer pieces than the tokenizer has


def test_sizes_stand_beside_speeds(session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Session, "precisions", lambda self: ["fp32", "bf16"])
    path = tmp_path / "some.txt"
    path.write_text("Siti tiba\nBudi pulang ke rumah\nSiti\n", encoding="utf-8")
    result = measure_bundled(replace(session, sentences=path, most=2), beside=session.size)
    assert [m.contender for m in result.measurements] == [OURS, OURS_BF16, OURS_INT8, BERT, BERT_TUNED, BERT_BF16]
    ours, beside = result.measurements[0], result.measurements[3]
    assert ours.parameters == BiXLSTM.from_pretrained(bundled_model()).num_parameters()
    assert ours.scores["MB"] == (bundled_model() / "model.safetensors").stat().st_size / 1e6
    assert beside.parameters is not None and beside.scores["MB"] == 4 * beside.parameters / 1e6
    assert ours.work["words"] == 6 and result.name == "bundled-small-cpu"
    assert {"words/s", "M parameters", "MB", f"speed against {BERT}"} <= set(table_rows(result)[0])


def test_without_bf16_instructions_bf16_is_left_out(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "precisions", lambda self: ["fp32"])
    session = replace(session, repeats=1, most=1, only=(OURS, OURS_BF16, OURS_INT8, BERT_BF16))
    result = measure_bundled(session, beside=session.size)
    assert [m.contender for m in result.measurements] == [OURS, OURS_INT8]


def test_one_core_stands_beside_all(session: Session) -> None:
    seen: list[int] = []
    several = replace(session, threads=3)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        sentences = [("Siti",), ("Budi", "pulang")]
        one, all_cores = measure_cores(several, lambda _: seen.append(torch.get_num_threads()), sentences)
    finally:
        torch.set_num_threads(before)
    assert (one.contender, all_cores.contender) == (ONE_CORE, OURS)
    assert one.case == all_cores.case and one.work == {"sentences": 2.0, "words": 3.0}
    assert seen == [1, 3] * 3  # a first call each, and two repeats


def test_bert_gives_one_vector_a_word_and_layer_whatever_the_batch(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentences = read_sentences(None)[:5]
    bert = BertEmbedder(session, make_tokenizer(300, sentences), longest=64)
    vectors = bert(sentences)
    assert [v.shape for v in vectors] == [(len(w), session.size.bert_layers + 1, 32) for w in sentences]
    monkeypatch.setattr(bundled, "BATCH", 1)
    for one, other in zip(vectors, bert(sentences), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_sentences_are_drawn_evenly() -> None:
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
def test_sentences_are_read_from_column_text_and_json_files(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert read_sentences(tmp_path / name) == [("Siti", "tiba"), ("Budi",)]


def test_a_missing_file_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere.txt: cannot be read"):
        read_sentences(tmp_path / "nowhere.txt")
