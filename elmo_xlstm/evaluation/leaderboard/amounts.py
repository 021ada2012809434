"""Scores by the amount of training data: runs on a share of it, beside those on all of it."""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from elmo_xlstm.evaluation.results import RunResult

SUFFIX = re.compile(r"-[0-9.]+pct$")
"""Ends the model's name of runs on a share, so that these have a place beside the runs on all data."""


@dataclass(frozen=True)
class Amount:
    """A model's score after training on a share of the data, over seeds, in percent."""

    share: float
    """In percent."""
    mean: float
    sd: float | None
    seeds: int


def train_fraction(result: RunResult) -> float:
    """The share of the training data that a run was given, between 0 and 1; 1 where it does not say."""
    task = result.config.get("task")
    fraction = task.get("train_fraction", 1.0) if isinstance(task, dict) else 1.0
    return float(fraction) if isinstance(fraction, int | float) and 0 < fraction < 1 else 1.0


def family(model: str) -> str:
    """The name that runs of one model have in common, whatever their share of the data."""
    return SUFFIX.sub("", model)


def amounts(results: Sequence[RunResult]) -> dict[str, list[Amount]]:
    """Scores by share, smallest first, of those models that were trained on several shares.

    Args:
        results: of one task by one metric.
    """
    scores: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        scores[family(result.model)][train_fraction(result)].append(100 * result.score)
    return {
        model: [Amount(100 * share, statistics.fmean(s), _sd(s), len(s)) for share, s in sorted(by_share.items())]
        for model, by_share in sorted(scores.items())
        if len(by_share) > 1
    }


def _sd(scores: Sequence[float]) -> float | None:
    return statistics.stdev(scores) if len(scores) > 1 else None
