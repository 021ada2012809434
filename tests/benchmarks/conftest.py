from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.session import Session
from benchmarks.sizes import SIZES


@pytest.fixture
def session() -> Session:
    torch.manual_seed(0)
    return Session(SIZES["tiny"], repeats=2)


@pytest.fixture
def sentences_file(tmp_path: Path) -> Path:
    path = tmp_path / "sentences.conll"
    path.write_text("Siti\tB-PER\nAminah\tI-PER\ntiba\tO\n\nBudi\tB-PER\npulang\tO\n\nke\tO\nrumah\tO\n.\tO\n")
    return path
