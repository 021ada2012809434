"""Batches of examples of similar length, in an order that follows from seed and epoch alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

POOL_BATCHES = 50  # examples are sorted within pools of so many batches: little padding, and still random batches


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
