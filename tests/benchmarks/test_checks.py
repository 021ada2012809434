from __future__ import annotations

import math

import pytest
import torch

from benchmarks import checks
from benchmarks.checks import Check, check_device
from benchmarks.session import Session
from benchmarks.sizes import SIZES
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.backbones.mlstm import cell
from elmo_xlstm.lm.compilation import compiler_problem


def test_all_checks_pass_here(session: Session):
    found = check_device(session)
    assert [str(check) for check in found if not check.passed] == []
    assert len(found) == 9


def test_a_cell_that_reads_ahead_is_found(session: Session, monkeypatch: pytest.MonkeyPatch):
    right = cell.F.logsigmoid
    monkeypatch.setattr(cell.F, "logsigmoid", lambda gates: right(gates) + 0.1 * gates.mean(dim=-1, keepdim=True))
    failed = " ".join(check.name for check in check_device(session) if not check.passed)
    assert "forward: a piece changes nothing before it" in failed
    assert "backward: a piece changes nothing after it" in failed


def test_a_state_that_is_not_carried_on_is_found(session: Session, monkeypatch: pytest.MonkeyPatch):
    right = checks.SHORT
    monkeypatch.setattr(checks, "SHORT", checks.LONG - 1)  # both in chunks: nothing to be seen
    model = session.place(BiXLSTM(session.size.config())).eval()
    [check] = checks._long(session, model)
    assert check.passed and check.difference < 1e-5
    monkeypatch.setattr(checks, "SHORT", right)
    read = checks.last_layers
    monkeypatch.setattr(
        checks, "last_layers", lambda model, ids: read(model, ids) * (1.001 if ids.shape[1] == checks.LONG else 1.0)
    )
    [check] = checks._long(session, model)
    assert not check.passed


@pytest.mark.filterwarnings("ignore")  # torch.compile warns about itself
@pytest.mark.skipif(
    compiler_problem(torch.device("cpu")) is not None, reason="needs a compiler that torch.compile works with"
)
def test_what_is_compiled_computes_the_same_under_autocast(session: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Session, "precisions", lambda self: ["bf16"])  # fp32: tests/lm/test_compilation.py
    found = checks.compiled(session, "torch.compile", None)
    assert [check.name for check in found] == [
        "loss with torch.compile, bf16",
        "gradient of the embedding with torch.compile, bf16",
    ]
    assert [str(check) for check in found if not check.passed] == []


@pytest.mark.filterwarnings("ignore")  # torch.compile warns about itself
def test_a_compiler_that_fails_fails_the_check(session: Session, monkeypatch: pytest.MonkeyPatch):
    def broken(model: BiXLSTM, mode: str | None) -> None:
        def forward(*arguments: object) -> None:
            raise RuntimeError("no code")

        model.forward_stack.forward = forward  # type: ignore[method-assign]

    monkeypatch.setattr(checks, "compile_stacks", broken)
    found = checks.compiled(session, "torch.compile", None)
    assert found and not any(check.passed for check in found)
    assert "torch.compile, fp32 (RuntimeError)" in str(found[0])


def test_what_is_no_number_fails():
    assert not Check("loss", math.nan, 1.0).passed
    assert str(Check("loss", 0.5, 1.0)).startswith("passed: loss")


def test_pieces_are_as_uneven_as_words(session: Session):
    pieces = session.pieces(64, 64, vocab_size=1000)
    counts = torch.bincount(pieces.flatten(), minlength=1000)
    assert counts.argmax() == 0 and pieces.max() < 1000
    # log-uniform: the first ten ranks have log(11) / log(1001) of all.
    assert counts[:10].sum().item() / counts.sum().item() == pytest.approx(math.log(11) / math.log(1001), abs=0.03)


@pytest.mark.filterwarnings("ignore")  # torch.compile warns about itself
@pytest.mark.skipif(
    not torch.cuda.is_available() or compiler_problem(torch.device("cuda")) is not None,
    reason="needs a GPU that torch.compile works on",
)
def test_compiled_stacks_are_checked_on_a_gpu():
    found = check_device(Session(SIZES["tiny"], repeats=2, device=torch.device("cuda")))
    assert [str(check) for check in found if not check.passed] == []
    assert all(any(name in check.name for check in found) for name in checks.MODES)
