"""Scores over seeds: mean and deviation, intervals, tests of significance, and which seeds make no row.

Intervals and tests are made from the outcomes in result files, without predictions.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.bootstrap import Comparison, Interval, Metric, approximate_randomisation, bootstrap_interval
from elmo_xlstm.evaluation.classification import label_accuracy, label_macro_f1, label_weighted_f1
from elmo_xlstm.evaluation.outcomes import Kind, decode_outcomes
from elmo_xlstm.evaluation.results import PLACES, RunResult
from elmo_xlstm.evaluation.tagging import span_macro_f1, span_micro_f1

METRICS: dict[tuple[str, str], Metric] = {
    ("spans", "macro_f1"): span_macro_f1,
    ("spans", "micro_f1"): span_micro_f1,
    ("labels", "macro_f1"): label_macro_f1,
    ("labels", "weighted_f1"): label_weighted_f1,
    ("labels", "accuracy"): label_accuracy,
    ("labels", "micro_f1"): label_accuracy,
}
"""Scores that follow from counts, by what was counted and the metric's name in result files."""
RESAMPLES = 1000
EXCHANGES = 10_000
TOLERANCE = 2e-6  # scores in result files are rounded to six decimals


class Spread(NamedTuple):
    """Mean and sample standard deviation (``None`` for a single seed) over so many seeds."""

    mean: float
    sd: float | None
    seeds: int


def spread(values: Sequence[float]) -> Spread:
    """Mean and deviation of a value of each seed."""
    return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


def summarise(scores: Sequence[float]) -> Spread:
    """Mean and deviation, in percent, of scores between 0 and 1."""
    return spread([100 * score for score in scores])


def spread_text(spread: Spread, digits: int = 2) -> str:
    """A mean as printed, with its deviation where there is one."""
    text = f"{spread.mean:.{digits}f}"
    return text if spread.sd is None or math.isnan(spread.sd) else f"{text} ± {spread.sd:.{digits}f}"


def mixed_rows(results: Iterable[RunResult]) -> list[str]:
    """Rows that have no mean: a line for each row of a column whose seeds differ in more than the seed.

    Settings that one of two versions of the program did not have yet are not compared.
    """
    first: dict[tuple[str, str, str, str], RunResult] = {}
    lines = []
    for result in results:
        one = first.setdefault((result.task, result.model, result.split, result.main_metric), result)
        different = [key for key in _different(one.config, result.config) if key not in PLACES | {"seed"}]
        different += ["language model"] if one.checkpoint != result.checkpoint else []
        different += ["data"] if one.data != result.data else []
        if different:
            lines.append(
                f"{result.task} {result.model}: seeds {one.seed} and {result.seed} differ in {', '.join(different)}"
            )
    return lines


def _different(one: Any, other: Any, path: str = "") -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        keys = [key for key in one if key in other]
        return [line for key in keys for line in _different(one[key], other[key], f"{path}.{key}" if path else key)]
    return [] if one == other else [path]


class Counts(NamedTuple):
    """A run's counts, (S, 3 T) spans or (S, T²) labels, by which the score of S examples in a metric is known."""

    kind: Kind
    metric: Metric
    values: NDArray[np.int64]

    def gold(self) -> NDArray[np.int64]:
        """(S, T) how often each type is in the gold of each example."""
        if self.kind == "spans":
            return self.values.reshape(len(self.values), 3, -1)[:, 2]
        size = math.isqrt(self.values.shape[1])
        sums: NDArray[np.int64] = self.values.reshape(len(self.values), size, size).sum(axis=2)
        return sums


def unpack(run: RunResult) -> Counts | None:
    """A run's counts, if they tell its main metric; UserError if they are damaged, or not those of its score."""
    if run.outcomes is None or (run.outcomes.kind, run.main_metric) not in METRICS:
        return None
    metric = METRICS[run.outcomes.kind, run.main_metric]
    name = f"result {run.task}/{run.model}/seed-{run.seed}"
    try:
        counts = decode_outcomes(run.outcomes)
    except ValueError as error:
        raise UserError(f"{name}: {error}; measure it again") from None
    columns = counts.shape[1]
    if columns % 3 if run.outcomes.kind == "spans" else math.isqrt(columns) ** 2 != columns:
        raise UserError(f"{name}: {columns} counts for each example are none of {run.outcomes.kind}; measure it again")
    score = float(metric(counts.sum(axis=0)))
    if abs(score - run.score) > TOLERANCE:
        raise UserError(
            f"{name}: its outcomes give {run.main_metric} {score:.6f}, its score is {run.score:.6f}; measure it again"
        )
    return Counts(run.outcomes.kind, metric, counts)


def interval_over_seeds(runs: Sequence[RunResult]) -> Interval | None:
    """95 % percentile bootstrap interval of the mean over seeds, over test examples.

    A drawn example brings its outcomes of all seeds; each resample is scored seed by seed and averaged.
    The interval of a single run is the one in its result file, if it recorded no outcomes.
    """
    if together := _together(runs):
        values = np.concatenate([counts.values for counts in together], axis=1)
        return bootstrap_interval(values, _mean_over(together), resamples=RESAMPLES)
    if len(runs) == 1 and runs[0].main_metric in runs[0].intervals:
        return Interval(*runs[0].intervals[runs[0].main_metric])
    return None


def compare_over_seeds(runs: Sequence[RunResult], others: Sequence[RunResult]) -> Comparison | None:
    """Approximate randomisation over test examples, of two systems' means over the seeds that both have.

    Runs are paired by seed; an example's outcomes are exchanged for all seeds at once, because it is the
    examples that are drawn from a population. ``None`` where outcomes are missing, or the two were not
    measured on the same examples.
    """
    partners = {run.seed: run for run in others}
    mine = [run for run in runs if run.seed in partners]
    together = _together([*mine, *(partners[run.seed] for run in mine)])
    if not together:
        return None
    sides = together[: len(mine)], together[len(mine) :]
    first, second = (np.concatenate([counts.values for counts in side], axis=1) for side in sides)
    return approximate_randomisation(first, second, _mean_over(sides[0]), resamples=EXCHANGES)


def _together(runs: Sequence[RunResult]) -> list[Counts]:
    """The counts of runs that were all measured on the same examples; else none."""
    found = [counts for run in runs if (counts := unpack(run)) is not None]
    if len(found) < len(runs) or len({(c.kind, c.metric, c.values.shape) for c in found}) > 1:
        return []
    return found if all(np.array_equal(found[0].gold(), counts.gold()) for counts in found[1:]) else []


def _mean_over(runs: Sequence[Counts]) -> Metric:
    """The mean score of N runs, from totals (..., N K)."""
    return lambda totals: runs[0].metric(totals.reshape(*totals.shape[:-1], len(runs), -1)).mean(axis=-1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of several tests (Holm 1979, "A simple sequentially rejective multiple test procedure")."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted
