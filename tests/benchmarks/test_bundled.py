from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import bundled
from benchmarks.bundled import ALL, BERT_BASE, BERT_BASE_BF16, BERT_BASE_TUNED, ONE_CORE, measure_bundled
from benchmarks.contenders import OURS
from benchmarks.embedding import OURS_BF16, OURS_INT8
from benchmarks.report import write_report
from benchmarks.results import table_rows
from benchmarks.sentences import read_sentences
from benchmarks.session import Session
from elmo_xlstm import BiXLSTM
from elmo_xlstm.pretrained import bundled_model


def test_sizes_stand_beside_speeds(session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Session, "precisions", lambda self: ["fp32", "bf16"])
    monkeypatch.setattr(bundled, "BERT_VOCABULARY", 100)  # fewer pieces than the bundled tokenizer has
    sentences = read_sentences(None)[:4]
    result = measure_bundled(session, sentences, 3, beside=session.size)
    beside_ours = [BERT_BASE, BERT_BASE_TUNED, BERT_BASE_BF16]
    assert [m.contender for m in result.measurements] == [OURS, OURS_BF16, OURS_INT8, *beside_ours]
    ours, beside = result.measurements[0], result.measurements[3]
    assert ours.parameters == BiXLSTM.from_pretrained(bundled_model()).num_parameters()
    assert ours.scores["MB"] == (bundled_model() / "model.safetensors").stat().st_size / 1e6
    assert beside.parameters is not None and beside.scores["MB"] == 4 * beside.parameters / 1e6
    assert ours.work["words"] == sum(len(words) for words in (sentences[0], sentences[1], sentences[2]))
    headings, rows = table_rows(result)
    assert {"words/s", "M parameters", "MB", f"speed against {BERT_BASE}"} <= set(headings)
    assert len(rows) == 6
    write_report([result], tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "## The bundled model: tiny, cpu" in page and f"the speed of {BERT_BASE_TUNED}." in page


def test_one_core_stands_beside_all(session: Session) -> None:
    seen = []

    class Counting:
        def __call__(self, sentences: object) -> None:
            seen.append(torch.get_num_threads())

    several = replace(session, threads=3, repeats=2)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        one, all_cores = bundled._cores(several, Counting(), [("Siti",), ("Budi", "pulang")])  # type: ignore[arg-type]
    finally:
        torch.set_num_threads(before)
    assert (one.contender, all_cores.contender) == (ONE_CORE, OURS)
    assert one.case == all_cores.case == {"input": ALL} and one.work == {"sentences": 2.0, "words": 3.0}
    assert seen == [1, 3] * 3  # a first call each, and two repeats
