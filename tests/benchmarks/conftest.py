from __future__ import annotations

import pytest
import torch

from benchmarks.session import Session
from benchmarks.sizes import SIZES


@pytest.fixture
def session() -> Session:
    torch.manual_seed(0)
    return Session(SIZES["tiny"], repeats=2)
