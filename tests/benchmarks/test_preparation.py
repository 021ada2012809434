from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import preparation
from benchmarks.preparation import ONE_CORE, PEAK_MEMORY, measure_preparation, write_text
from benchmarks.process import benchmark_environment
from benchmarks.session import Session
from elmo_xlstm.errors import UserError


def test_text_of_a_size_without_a_document_twice(tmp_path: Path) -> None:
    words = write_text(tmp_path / "a.txt", 0.1)
    text = (tmp_path / "a.txt").read_text(encoding="utf-8")
    documents = [document for document in text.split("\n\n") if document]
    assert len(text.split()) == words
    assert 0.1e6 <= (tmp_path / "a.txt").stat().st_size < 0.11e6
    assert len(set(documents)) == len(documents)


def test_each_number_of_processes_is_measured(session: Session) -> None:
    result = measure_preparation(replace(session, threads=2, repeats=1))
    assert [m.contender for m in result.measurements] == [ONE_CORE, "1 process", "2 processes"]
    assert all(m.values[0] > 0 and m.scores[PEAK_MEMORY] > 10 for m in result.measurements)


def test_a_process_that_fails_is_named(session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(preparation, "write_text", lambda path, megabytes: 0)  # no file is there
    with pytest.raises(UserError, match=r"preparing .*txt with workers=1: its process ended with status 1"):
        measure_preparation(replace(session, threads=1, repeats=1))


def test_a_measured_process_imports_no_torch() -> None:
    """Each worker process imports it again, which would be timed; those of the command line import none either."""
    for module in ("benchmarks.preparation_process", "cli"):
        code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], env=benchmark_environment()).returncode == 0, module
