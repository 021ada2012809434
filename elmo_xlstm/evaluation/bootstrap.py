"""Confidence intervals of scores, and tests of whether one system is better than another.

Both work on sufficient statistics: a row of counts for each sentence, whose sum over sentences
determines the corpus-level score. A resample is then a weighted sum of rows, and all resamples are
one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Metric = Callable[[NDArray[Any]], NDArray[np.float64]]
"""From totals (..., K) to scores (...)."""

CHUNK = 256  # resamples per matrix product: bounds the memory on large test sets


@dataclass(frozen=True)
class Interval:
    """The bounds of a confidence interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Score of a first system less that of a second, and how often chance alone gives as large a difference."""

    difference: float
    p_value: float


def bootstrap_interval(
    statistics: NDArray[np.int64], metric: Metric, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Percentile bootstrap interval of a score of (S, K) counts (Efron and Tibshirani 1993, section 13.3)."""
    if len(statistics) == 0:
        raise ValueError("no sentences to draw from")
    if not 0 < level < 1:
        raise ValueError(f"level is {level}, expected a number between 0 and 1")
    random = np.random.default_rng(seed)
    sentences = len(statistics)
    rows = statistics.astype(_exact_float(sentences * np.abs(statistics).max(axis=0)))
    scores = []
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        drawn = random.integers(0, sentences, size=(size, sentences)) + sentences * np.arange(size)[:, None]
        times_drawn = np.bincount(drawn.ravel(), minlength=size * sentences).reshape(size, sentences)
        scores.append(metric((times_drawn.astype(rows.dtype) @ rows).astype(np.float64)))
    low, high = np.quantile(np.concatenate(scores), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def approximate_randomisation(
    first: NDArray[np.int64], second: NDArray[np.int64], metric: Metric, resamples: int = 10_000, seed: int = 0
) -> Comparison:
    """Test whether two systems, by (S, K) counts each, differ (Noreen 1989; for F1: Yeh 2000, "More accurate tests").

    Under the null hypothesis the systems' outputs for a sentence could be exchanged, so they are, at
    random, and the difference in score is computed anew. The p-value is (n + 1) / (resamples + 1) for
    n differences at least as large as the one observed, so it is never 0.

    Raises:
        ValueError: the shapes differ, or there are no sentences.
    """
    if first.shape != second.shape or len(first) == 0:
        raise ValueError(f"the statistics have shapes {first.shape} and {second.shape}, expected the same, not empty")
    random = np.random.default_rng(seed)
    change = second - first
    columns, rows = change.any(axis=0), change.any(axis=1)
    change = change[rows][:, columns]  # exchanging what is equal changes nothing
    change = change.astype(_exact_float(np.abs(change).sum(axis=0)))
    total_first, total_second = first.sum(axis=0), second.sum(axis=0)
    observed = float(metric(total_first) - metric(total_second))
    as_large = 0
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        bits = random.integers(0, 256, size=(size, -(-len(change) // 8)), dtype=np.uint8)  # an exchange a bit
        exchanged = np.unpackbits(bits, axis=1, count=len(change)).astype(change.dtype)
        moved = np.zeros((size, first.shape[1]))
        moved[:, columns] = exchanged @ change
        differences = metric(total_first + moved) - metric(total_second - moved)
        as_large += int((np.abs(differences) >= abs(observed) - 1e-12).sum())
    return Comparison(observed, (as_large + 1) / (resamples + 1))


def _exact_float(largest_sums: NDArray[np.int64]) -> type[np.floating[Any]]:
    """The fastest type whose products are exact: single precision holds whole numbers up to 2**24."""
    return np.float32 if largest_sums.max(initial=0) < 1 << 24 else np.float64
