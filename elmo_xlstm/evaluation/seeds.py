"""Scores over seeds: mean and deviation, intervals, tests of significance, and which seeds make no row.

Intervals and tests are made from the outcomes in result files, without predictions.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.bootstrap import (
    Comparison,
    Interval,
    Metric,
    approximate_randomisation,
    bootstrap_interval,
)
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
TOLERANCE = 2e-6
"""Scores in result files are rounded to six decimals."""


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


@dataclass(frozen=True)
class Counts:
    """The unpacked outcomes of a run.

    Attributes:
        kind: what was counted.
        metric: from summed counts to the main score.
        types: names of the T types or labels, in their order; ``None`` if the file does not tell them.
        counts: (S, 3 T) for spans of S examples: right, predicted and gold of each type; (S, T²) for labels: gold
            rows, predicted columns.
    """

    kind: Kind
    metric: Metric
    types: tuple[str, ...] | None
    counts: NDArray[np.int64]

    def over(self, types: Sequence[str]) -> NDArray[np.int64]:
        """The counts with places for further types, which this run has none of."""
        if self.types is None or list(types) == list(self.types):
            return self.counts
        places = [list(types).index(name) for name in self.types]
        examples, known, size = len(self.counts), len(self.types), len(types)
        if self.kind == "spans":
            wide = np.zeros((examples, 3, size), dtype=np.int64)
            wide[:, :, places] = self.counts.reshape(examples, 3, known)
        else:
            wide = np.zeros((examples, size, size), dtype=np.int64)
            wide[:, np.array(places)[:, None], places] = self.counts.reshape(examples, known, known)
        return wide.reshape(examples, -1)


def unpack(run: RunResult) -> Counts | None:
    """The counts of a run; ``None`` if it recorded none, or its main metric does not follow from them.

    Raises:
        UserError: they are damaged, or are not those of the run's score.
    """
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
    if run.outcomes.kind == "spans":
        types = sorted(run.types) if 3 * len(run.types) == columns else None
    else:
        labels = run.confusion.labels if run.confusion is not None else []
        types = labels if len(labels) ** 2 == columns else None
    return Counts(run.outcomes.kind, metric, None if types is None else tuple(types), counts)


def interval_over_seeds(runs: Sequence[RunResult]) -> Interval | None:
    """95 % percentile bootstrap interval of the mean over seeds, over test examples.

    A drawn example brings its outcomes of all seeds; each resample is scored seed by seed and averaged.
    The interval of a single run is the one in its result file, if it recorded no outcomes.
    """
    counts = [unpack(run) for run in runs]
    together = _together([c for c in counts if c is not None]) if all(c is not None for c in counts) else None
    if together is not None:
        return bootstrap_interval(*together, resamples=RESAMPLES)
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
    pairs = [(run, partners[run.seed]) for run in runs if run.seed in partners]
    unpacked = [unpack(run) for pair in pairs for run in pair]
    counts = [c for c in unpacked if c is not None]
    together = _together(counts) if len(counts) == len(unpacked) else None
    if together is None:
        return None
    stacked, metric = together
    stacked = stacked.reshape(len(stacked), len(pairs), 2, -1)
    first, second = (stacked[:, :, side].reshape(len(stacked), -1) for side in (0, 1))
    seeds = len(pairs)
    return approximate_randomisation(first, second, _mean_over(counts[0].metric, seeds), resamples=EXCHANGES)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of several tests (Holm 1979, "A simple sequentially rejective multiple test procedure").

    Returns:
        In the order given: each may be compared with a level that then holds for all tests together.
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def _together(counts: Sequence[Counts]) -> tuple[NDArray[np.int64], Metric] | None:
    """Counts of several runs side by side, (S, N 3 T), if they are of the same examples; and their mean score."""
    if not counts or len({(c.kind, c.metric, len(c.counts)) for c in counts}) > 1:
        return None
    named = all(c.types is not None for c in counts)
    if not named and len({c.counts.shape[1] for c in counts}) > 1:
        return None
    types = sorted({name for c in counts for name in c.types or ()})
    aligned = [c.over(types) if named else c.counts for c in counts]
    gold = [_gold(values, counts[0].kind) for values in aligned]
    if not all(np.array_equal(gold[0], other) for other in gold[1:]):
        return None
    return np.concatenate(aligned, axis=1), _mean_over(counts[0].metric, len(counts))


def _gold(counts: NDArray[np.int64], kind: Kind) -> NDArray[np.int64]:
    """(S, T) how often each type is in the gold of each example."""
    if kind == "spans":
        return counts.reshape(len(counts), 3, -1)[:, 2]
    size = math.isqrt(counts.shape[1])
    return counts.reshape(len(counts), size, size).sum(axis=2)


def _mean_over(metric: Metric, seeds: int) -> Metric:
    """The mean score of N runs, from totals (..., N K)."""
    return lambda totals: metric(totals.reshape(*totals.shape[:-1], seeds, -1)).mean(axis=-1)
