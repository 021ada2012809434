from __future__ import annotations

import math

import pytest
import torch

from benchmarks.checks import Check, check_device
from benchmarks.session import Session
from benchmarks.sizes import SIZES
from elmo_xlstm.lm import cell
from elmo_xlstm.lm.compilation import compiler_problem


def test_all_checks_pass_here(session: Session):
    checks = check_device(session)
    assert [str(check) for check in checks if not check.passed] == []
    assert len(checks) == 8


def test_a_cell_that_reads_ahead_is_found(session: Session, monkeypatch: pytest.MonkeyPatch):
    right = cell.F.logsigmoid
    monkeypatch.setattr(cell.F, "logsigmoid", lambda gates: right(gates) + 0.1 * gates.mean(dim=-1, keepdim=True))
    failed = " ".join(check.name for check in check_device(session) if not check.passed)
    assert "forward: a piece changes nothing before it" in failed
    assert "backward: a piece changes nothing after it" in failed


def test_what_is_no_number_fails():
    assert not Check("loss", math.nan, 1.0).passed
    assert str(Check("loss", 0.5, 1.0)).startswith("passed: loss")


def test_pieces_are_as_uneven_as_words(session: Session):
    pieces = session.pieces(64, 64, vocab_size=1000)
    counts = torch.bincount(pieces.flatten(), minlength=1000)
    assert counts.argmax() == 0 and pieces.max() < 1000
    # log-uniform: the first ten ranks have log(11) / log(1001) of all.
    assert counts[:10].sum().item() / counts.sum().item() == pytest.approx(math.log(11) / math.log(1001), abs=0.03)


@pytest.mark.skipif(
    not torch.cuda.is_available() or compiler_problem(torch.device("cuda")) is not None,
    reason="needs a GPU that torch.compile works on",
)
def test_compiled_stacks_are_checked_on_a_gpu():
    checks = check_device(Session(SIZES["tiny"], repeats=2, device=torch.device("cuda")))
    assert [str(check) for check in checks if not check.passed] == []
    assert any("torch.compile" in check.name for check in checks)
