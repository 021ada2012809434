from __future__ import annotations

import sys

import pytest
import torch

from benchmarks import crf
from benchmarks.session import Session


def test_both_crfs_compute_the_same():
    pytest.importorskip("torchcrf")
    ours, theirs = crf.both_crfs(5)
    mask = torch.tensor([[True] * 6, [True] * 2 + [False] * 4])
    logits, tags = torch.randn(2, 6, 5), torch.randint(5, (2, 6))
    loss = -theirs(logits, tags, mask, reduction="mean")
    torch.testing.assert_close(ours.loss(logits, tags, mask), loss, rtol=1e-5, atol=1e-5)
    assert ours.decode(logits, mask) == theirs.decode(logits, mask)


def test_without_pytorch_crf_ours_is_measured_alone(session: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torchcrf", None)
    result = crf.measure_crf(session)
    assert {m.contender for m in result.measurements} == {crf.OURS}
    assert "pytorch-crf is not installed" in result.notes[0]
