"""Randomness of a run: one seed for every source of it, and the order of batches that follows from it."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence

import numpy as np
import torch

POOL_BATCHES = 50  # examples are sorted within pools of so many batches: little padding, and still random batches


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


def length_buckets(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Cut shuffled examples into batches with little padding.

    Args:
        lengths: of the examples.
        batch_size: examples per batch; the rest makes one smaller batch.
        seed: of the run.
        epoch: of the run; each has another order.

    Returns:
        Indices of the examples of each batch; each example once.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(lengths))
    sizes = np.asarray(lengths)
    pool = batch_size * POOL_BATCHES
    sorted_pools = []
    for start in range(0, len(order), pool):
        part = order[start : start + pool]
        sorted_pools.append(part[np.argsort(sizes[part], kind="stable")])
    arranged = np.concatenate(sorted_pools) if sorted_pools else order
    batches = [arranged[start : start + batch_size].tolist() for start in range(0, len(arranged), batch_size)]
    return [batches[index] for index in generator.permutation(len(batches))]
