"""What the leaderboard says, before it is put into any format."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from elmo_xlstm.evaluation.published import GROUPS, PublishedScore, read_published
from elmo_xlstm.evaluation.results import RunResult

GROUP_METRIC = "macro_f1"


@dataclass(frozen=True)
class Column:
    """One task by one metric; figures of another metric never stand in it."""

    task: str
    metric: str


@dataclass(frozen=True)
class Cell:
    """A score over seeds.

    Attributes:
        mean: in percent.
        sd: sample standard deviation over seeds; ``None`` for a single seed or a published score.
        seeds: how many; 0 for a published score, whose source may not say.
    """

    mean: float
    sd: float | None
    seeds: int

    @property
    def shown(self) -> float:
        """The mean as it is printed, with two decimals: what counts for ties."""
        return round(self.mean, 2)


@dataclass(frozen=True)
class Row:
    """One system.

    Attributes:
        model: its name.
        source: where its scores were published; ``None`` if they were measured here.
        parameters: how many it has, where that is known and the same in all its runs.
        cells: its scores.
        averages: mean over the tasks of a group, for groups of which it has all tasks.
    """

    model: str
    source: str | None
    parameters: int | None
    cells: dict[Column, Cell]
    averages: dict[str, float]


@dataclass(frozen=True)
class Board:
    """The main table and what it was made of.

    Attributes:
        columns: tasks that were measured here, by their main metric; every published task if none was.
        groups: groups of tasks all of which are among the columns.
        rows: best first; systems that lack a column after those that do not.
        results: the measured results on test, which the details are made of.
        published: the published scores.
    """

    columns: tuple[Column, ...]
    groups: tuple[str, ...]
    rows: tuple[Row, ...]
    results: tuple[RunResult, ...]
    published: tuple[PublishedScore, ...]


def build_board(results: Sequence[RunResult], published: Sequence[PublishedScore] | None = None) -> Board:
    """Gather the leaderboard.

    Args:
        results: of all splits; those on test count.
        published: scores of other systems; those that the package carries by default.
    """
    results = tuple(result for result in results if result.split == "test")
    published = tuple(read_published() if published is None else published)
    columns = _columns(results, published)
    groups = tuple(
        name for name, tasks in GROUPS.items() if all(Column(task, GROUP_METRIC) in columns for task in tasks)
    )
    rows = [*_measured_rows(results, columns, groups), *_published_rows(published, columns, groups)]
    rows.sort(key=lambda row: (-len(row.cells), -statistics.fmean(c.mean for c in row.cells.values()), row.model))
    return Board(columns, groups, tuple(rows), results, published)


def summarise(values: Sequence[float]) -> Cell:
    """Mean and standard deviation over seeds, of scores between 0 and 1, in percent."""
    percent = [100 * value for value in values]
    return Cell(statistics.fmean(percent), statistics.stdev(percent) if len(percent) > 1 else None, len(percent))


def best(values: Sequence[float | None]) -> float:
    """The highest of the values that are there, as printed; minus infinity if none is."""
    return max((round(value, 2) for value in values if value is not None), default=-math.inf)


def _columns(results: Sequence[RunResult], published: Sequence[PublishedScore]) -> tuple[Column, ...]:
    found = {Column(result.task, result.main_metric) for result in results}
    order = [task for tasks in GROUPS.values() for task in tasks]
    if not found:
        found = {Column(score.task, GROUP_METRIC) for score in published if score.task in order}

    def place(column: Column) -> tuple[int, str, str]:
        return order.index(column.task) if column.task in order else len(order), column.task, column.metric

    return tuple(sorted(found, key=place))


def _averages(cells: dict[Column, Cell], groups: Sequence[str]) -> dict[str, float]:
    averages = {}
    for group in groups:
        columns = [Column(task, GROUP_METRIC) for task in GROUPS[group]]
        if all(column in cells for column in columns):
            averages[group] = statistics.fmean(cells[column].mean for column in columns)
    return averages


def _measured_rows(results: Sequence[RunResult], columns: Sequence[Column], groups: Sequence[str]) -> list[Row]:
    by_model: dict[str, list[RunResult]] = defaultdict(list)
    for result in results:
        by_model[result.model].append(result)
    rows = []
    for model, runs in by_model.items():
        cells = {}
        for column in columns:
            scores = [run.score for run in runs if Column(run.task, run.main_metric) == column]
            if scores:
                cells[column] = summarise(scores)
        sizes = {run.parameters.total for run in runs}
        rows.append(Row(model, None, sizes.pop() if len(sizes) == 1 else None, cells, _averages(cells, groups)))
    return rows


def _published_rows(published: Sequence[PublishedScore], columns: Sequence[Column], groups: Sequence[str]) -> list[Row]:
    by_system: dict[tuple[str, str], list[PublishedScore]] = defaultdict(list)
    for score in published:
        if Column(score.task, score.metric) in columns:
            by_system[score.model, score.source].append(score)
    rows = []
    for (model, source), scores in by_system.items():
        cells = {Column(score.task, score.metric): Cell(score.value, None, 0) for score in scores}
        rows.append(Row(model, source, scores[0].parameters, cells, _averages(cells, groups)))
    return rows
