"""Multi-query associative recall (Arora et al. 2024, "Zoology", appendix): pairs of key and value, then keys alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

IGNORED = -100
Ids = npt.NDArray[np.int64]


def recall_batch(
    rng: np.random.Generator, size: int, context: int, pairs: int, vocabulary: int, power: float = 0.01
) -> tuple[Ids, Ids]:
    """Draw sequences.

    A sequence begins with ``pairs`` keys, each followed by its value. Each key is asked for once in what follows, more
    often soon than late: the gap ``g`` has a probability in proportion to ``g ** (power - 1)``. Elsewhere are zeros.

    Args:
        rng: draws everything.
        size: number of sequences.
        context: their length, even.
        pairs: of key and value; at most a quarter of the context.
        vocabulary: keys are drawn from 1 to half of it, values from there on, each once in a sequence.
        power: exponent of the gaps.

    Returns:
        Inputs and targets, (size, context) each: the value at a key that is asked for, :data:`IGNORED` elsewhere.
    """
    half = vocabulary // 2
    keys = _distinct(rng, size, half - 1, pairs) + 1
    values = _distinct(rng, size, vocabulary - half, pairs) + half
    inputs = np.zeros((size, context), dtype=np.int64)
    targets = np.full((size, context), IGNORED, dtype=np.int64)
    inputs[:, 0 : 2 * pairs : 2] = keys
    inputs[:, 1 : 2 * pairs : 2] = values
    space = (context - 2 * pairs) // 2
    log_weights = (power - 1) * np.log(np.arange(1, space + 1))
    gaps = _largest(log_weights + rng.gumbel(size=(size, space)), pairs)  # without replacement (Gumbel top-k)
    places = 2 * pairs + 2 * gaps
    np.put_along_axis(inputs, places, keys, axis=1)
    np.put_along_axis(targets, places, values, axis=1)
    return inputs, targets


def _distinct(rng: np.random.Generator, size: int, values: int, count: int) -> Ids:
    """(size, count) numbers below ``values``, none twice in a row, in random order."""
    return _largest(rng.random((size, values)), count)


def _largest(scores: npt.NDArray[np.float64], count: int) -> Ids:
    """(rows, count) places of the largest scores of each row, from the largest down."""
    found = np.argpartition(-scores, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(scores, found, axis=1), axis=1)
    return np.take_along_axis(found, order, axis=1)
