from __future__ import annotations

import math

import pytest
import torch

from benchmarks import checks
from benchmarks.checks import Check, check_compiled, check_device
from benchmarks.session import Session
from benchmarks.sizes import SIZES
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.compilation import compiler_problem


def test_all_checks_pass_here(session: Session) -> None:
    found = check_device(session)
    assert [str(check) for check in found if not check.passed] == []
    assert len(found) == 12  # two inputs, two precisions, three outputs


def test_a_device_that_computes_something_else_is_found(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def misplace(self: Session, model: BiXLSTM) -> BiXLSTM:
        with torch.no_grad():
            model.forward_stack.get_parameter(next(iter(dict(model.forward_stack.named_parameters())))).mul_(1.5)
        return model

    monkeypatch.setattr(Session, "place", misplace)
    failed = {check.name for check in check_device(session) if not check.passed}
    assert {"windows, fp32, loss", "windows, fp32, gradient", "a long text, fp32, layers"} <= failed


@pytest.mark.filterwarnings("ignore")  # torch.compile warns about itself
@pytest.mark.skipif(
    compiler_problem(torch.device("cpu")) is not None, reason="needs a compiler that torch.compile works with"
)
def test_compiled_stacks_compute_the_same_under_autocast(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "precisions", lambda self: ["bf16"])  # fp32: tests/lm/test_compilation.py
    found = check_compiled(session, "torch.compile", None)
    assert [check.name for check in found] == [f"torch.compile, bf16, {what}" for what in checks.HALF]
    assert [str(check) for check in found if not check.passed] == []


@pytest.mark.filterwarnings("ignore")  # torch.compile warns about itself
def test_a_compiler_that_fails_fails_the_check(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(model: BiXLSTM, mode: str | None) -> None:
        def forward(*arguments: object) -> None:
            raise RuntimeError("no code")

        model.forward_stack.forward = forward  # type: ignore[method-assign]

    monkeypatch.setattr(checks, "compile_stacks", broken)
    found = check_compiled(session, "torch.compile", None)
    assert found and not any(check.passed for check in found)
    assert "torch.compile, fp32 (RuntimeError)" in str(found[0])


def test_a_difference_that_is_no_number_fails() -> None:
    assert not Check("loss", math.nan, 1.0).passed
    assert str(Check("loss", 0.5, 1.0)).startswith("passed: loss")
    assert str(Check("loss", math.nan, 1.0)).startswith(checks.FAILED)


def test_pieces_are_as_uneven_as_words(session: Session) -> None:
    size = session.size.vocab_size
    pieces = session.pieces(64, 64)
    counts = torch.bincount(pieces.flatten(), minlength=size)
    assert counts.argmax() == 0 and pieces.max() < size
    # log-uniform: the first ten ranks have log(11) / log(301) of all.
    assert counts[:10].sum().item() / counts.sum().item() == pytest.approx(math.log(11) / math.log(size + 1), abs=0.03)


@pytest.mark.filterwarnings("ignore")  # torch.compile warns about itself
@pytest.mark.skipif(
    not torch.cuda.is_available() or compiler_problem(torch.device("cuda")) is not None,
    reason="needs a GPU that torch.compile works on",
)
def test_compiled_stacks_are_checked_on_a_gpu() -> None:
    found = check_device(Session(SIZES["tiny"], repeats=2, device=torch.device("cuda")))
    assert [str(check) for check in found if not check.passed] == []
    assert all(any(name in check.name for check in found) for name in checks.MODES)
