"""Scores by the amount of training data: runs on a share of it, beside those on all of it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from elmo_xlstm.evaluation.results import RunResult
from elmo_xlstm.evaluation.seeds import Spread, summarise

SUFFIX = re.compile(r"-[0-9.]+pct$")
"""Ends the model's name of runs on a share, so that these have a place beside the runs on all data."""


def train_fraction(result: RunResult) -> float:
    """The share of the training data that a run was given, between 0 and 1; 1 where it does not say."""
    task = result.config.get("task")
    fraction = task.get("train_fraction", 1.0) if isinstance(task, dict) else 1.0
    return float(fraction) if isinstance(fraction, int | float) and 0 < fraction < 1 else 1.0


def family(model: str) -> str:
    """The name that runs of one model have in common, whatever their share of the data."""
    return SUFFIX.sub("", model)


def amounts(results: Sequence[RunResult]) -> dict[str, dict[float, Spread]]:
    """Scores over seeds by share in percent, smallest first, of those models that were trained on several shares.

    Args:
        results: of one task by one metric.
    """
    scores: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        scores[family(result.model)][100 * train_fraction(result)].append(result.score)
    return {
        model: {share: summarise(found) for share, found in sorted(by_share.items())}
        for model, by_share in sorted(scores.items())
        if len(by_share) > 1
    }
