"""One seed for every source of randomness."""

from __future__ import annotations

import os
import random

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and torch on all devices, and ask torch for deterministic algorithms.

    Operations that have no deterministic implementation on a GPU warn and run all the same.

    Args:
        seed: 0 … 2³² − 1.

    Raises:
        ValueError: the seed is outside this range.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"a seed is between 0 and {2**32 - 1}, not {seed}")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with a fixed workspace
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # only guards against bugs, and costs time
    torch.backends.cudnn.benchmark = False
