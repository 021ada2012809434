from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.contenders import ELMO, LSTM, OURS, PACKAGE, SAMPLED, build_contender
from benchmarks.session import Session


def counted(session: Session, name: str) -> tuple[float, float]:
    """Operations per token of one contender's step: as torch counts them, and by the formula."""
    contender = build_contender(name, session)
    input_ids = session.pieces(2, session.size.length)
    torch.backends.mkldnn.set_flags(_enabled=False)  # its LSTM is one operation, of which torch does not know the parts
    try:
        with FlopCounterMode(display=False) as counter:
            contender.step(input_ids)
    finally:
        torch.backends.mkldnn.set_flags(_enabled=True)
    counts = {str(operation): count for operation, count in counter.get_flop_counts()["Global"].items()}
    # Of the backward pass of a depth-wise convolution torch counts all pairs of channels: it is twice the forward pass.
    if counts.pop("aten.convolution_backward", 0):
        counts["twice the convolution"] = 2 * counts["aten.convolution"]
    return sum(counts.values()) / input_ids.numel(), contender.flops_per_token


def test_the_formula_is_what_the_package_computes(session: Session):
    found, formula = counted(session, PACKAGE)
    assert formula == pytest.approx(found, rel=0.01)  # its convolution computes a few positions that it throws away


@pytest.mark.parametrize("name", [ELMO, LSTM])
def test_the_formula_is_what_lstms_compute(name: str, session: Session):
    size = replace(session.size, samples=200)
    found, formula = counted(replace(session, size=size), name)
    # The first token has no state before it to be differentiated, and negatives are so many on average only.
    assert formula == pytest.approx(found, rel=0.08)


def test_sampling_saves_as_much_as_the_formula_says(session: Session):
    size = replace(session.size, vocab_size=3000, samples=300)
    exact, exact_formula = counted(replace(session, size=size), OURS)
    sampled, sampled_formula = counted(replace(session, size=size), SAMPLED)
    assert exact - sampled == pytest.approx(exact_formula - sampled_formula, rel=0.05)
