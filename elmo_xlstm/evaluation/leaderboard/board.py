"""What the leaderboard says, before it is put into any format."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.bootstrap import Interval
from elmo_xlstm.evaluation.leaderboard.amounts import train_fraction
from elmo_xlstm.evaluation.leaderboard.evidence import compare_over_seeds, holm, interval_over_seeds
from elmo_xlstm.evaluation.published import GROUPS, PublishedScore, read_published
from elmo_xlstm.evaluation.results import RunResult, mixed_rows

GROUP_METRIC = "macro_f1"
OTHER_TASKS = "other tasks"
BASELINE = "no-bilm"
"""The row that others are tested against unless another is named."""


@dataclass(frozen=True)
class Column:
    """One task by one metric; figures of another metric never stand in it."""

    task: str
    metric: str


@dataclass(frozen=True)
class Significance:
    """A test against the chosen row.

    Attributes:
        difference: in percentage points, over the seeds that both rows have.
        p_value: of approximate randomisation.
        corrected: the p-value by Holm's method, for all tests of the section.
    """

    difference: float
    p_value: float
    corrected: float


@dataclass(frozen=True)
class Cell:
    """A score over seeds.

    Attributes:
        mean: in percent.
        sd: sample standard deviation over seeds; ``None`` for a single seed or a published score.
        seeds: how many; 0 for a published score, whose source may not say.
        interval: bounds of the 95 % interval over test examples, in percent, where outcomes tell.
        significance: the test against the chosen row, where outcomes tell.
        parameters: how many the system has on this task, where all seeds agree.
    """

    mean: float
    sd: float | None
    seeds: int
    interval: Interval | None = None
    significance: Significance | None = None
    parameters: int | None = None

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
        parameters: the least and the most that it has, over tasks; ``None`` where that is not known.
        cells: its scores.
        average: mean over the tasks of the section, if it is a group of which the row has all tasks.
    """

    model: str
    source: str | None
    parameters: tuple[int, int] | None
    cells: dict[Column, Cell]
    average: float | None


@dataclass(frozen=True)
class Section:
    """One of the main tables.

    Attributes:
        title: the group of tasks.
        columns: its tasks that were measured here, by their main metric; every published one if none was.
        complete: whether these are all tasks of the benchmark's group, so that an average has a meaning.
        rows: best first; systems that lack a column after those that do not.
    """

    title: str
    columns: tuple[Column, ...]
    complete: bool
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Board:
    """The main tables and what they were made of.

    Attributes:
        sections: the benchmark's groups, then other tasks; those that have a column.
        results: the measured results on test, which the details are made of.
        partial: those of runs on a share of the training data, which stand in no table.
        published: the published scores.
        against: the row that others were tested against, if there is one.
    """

    sections: tuple[Section, ...]
    results: tuple[RunResult, ...]
    partial: tuple[RunResult, ...]
    published: tuple[PublishedScore, ...]
    against: str | None

    @property
    def columns(self) -> tuple[Column, ...]:
        """Those of all sections."""
        return tuple(column for section in self.sections for column in section.columns)

    def runs(self, column: Column) -> dict[str, list[RunResult]]:
        """The measured results of a column by model, in the order of models and seeds."""
        return _runs(self.results, column)

    def all_runs(self, column: Column) -> list[RunResult]:
        """The measured results of a column, those on a share of the training data among them."""
        return [r for r in (*self.results, *self.partial) if Column(r.task, r.main_metric) == column]

    def cell(self, model: str, column: Column) -> Cell:
        """The score of a system measured here."""
        return next(
            row.cells[column]
            for section in self.sections
            for row in section.rows
            if row.source is None and row.model == model and column in row.cells
        )


def build_board(
    results: Sequence[RunResult], published: Sequence[PublishedScore] | None = None, against: str | None = None
) -> Board:
    """Gather the leaderboard.

    Args:
        results: of all splits; those on test count.
        published: scores of other systems; those that the package carries by default.
        against: the row that others are tested against; ``no-bilm`` by default, if it was measured.

    Raises:
        UserError: nothing was measured by the name of ``against``, recorded outcomes are damaged, or seeds of a row
            differ in more than the seed.
    """
    tested = [result for result in results if result.split == "test"]
    if mixed := mixed_rows(tested):
        raise UserError(
            "\n".join(
                [
                    "these rows are of several configurations, and a mean over their seeds would be a score of none:",
                    *(f"  {line}" for line in mixed),
                    "Measure them again with one configuration, or give each a name (-o model=NAME) or a directory "
                    "(-o results=DIRECTORY) of its own",
                ]
            )
        )
    results = tuple(result for result in tested if train_fraction(result) == 1)
    partial = tuple(result for result in tested if train_fraction(result) < 1)
    published = tuple(read_published() if published is None else published)
    measured = sorted({result.model for result in results})
    if against is not None and against not in measured:
        known = ", ".join(measured) or "nothing yet"
        raise UserError(f"--against {against}: no such row was measured; there are: {known}")
    if against is None and BASELINE in measured:
        against = BASELINE
    columns = _columns(results, published)
    sections = []
    for title, tasks in {**GROUPS, OTHER_TASKS: ()}.items():
        mine = tuple(column for column in columns if _group(column) == title)
        complete = bool(tasks) and all(Column(task, GROUP_METRIC) in mine for task in tasks)
        if mine:
            rows = [*_measured_rows(results, mine, complete, against), *_published_rows(published, mine, complete)]
            rows.sort(key=lambda r: (-len(r.cells), -statistics.fmean(c.mean for c in r.cells.values()), r.model))
            sections.append(Section(title, mine, complete, tuple(_correct(rows))))
    return Board(tuple(sections), results, partial, published, against)


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


def _runs(results: Sequence[RunResult], column: Column) -> dict[str, list[RunResult]]:
    runs: dict[str, list[RunResult]] = defaultdict(list)
    for result in sorted(results, key=lambda result: (result.model, result.seed)):
        if Column(result.task, result.main_metric) == column:
            runs[result.model].append(result)
    return dict(runs)


def _group(column: Column) -> str:
    return next((title for title, tasks in GROUPS.items() if column.task in tasks), OTHER_TASKS)


def _average(cells: dict[Column, Cell], columns: Sequence[Column], complete: bool) -> float | None:
    """The mean over the group's tasks by the benchmark's metric."""
    benchmark = [column for column in columns if column.metric == GROUP_METRIC]
    if not complete or not all(column in cells for column in benchmark):
        return None
    return statistics.fmean(cells[column].mean for column in benchmark)


def _measured_rows(
    results: Sequence[RunResult], columns: Sequence[Column], complete: bool, against: str | None
) -> list[Row]:
    cells: dict[str, dict[Column, Cell]] = defaultdict(dict)
    sizes: dict[str, set[int]] = defaultdict(set)
    for column in columns:
        runs = _runs(results, column)
        for model, group in runs.items():
            sizes[model] |= {run.parameters.total for run in group}
            others = runs.get(against, []) if against is not None and model != against else []
            cells[model][column] = _measured_cell(group, others)
    return [
        Row(model, None, (min(sizes[model]), max(sizes[model])), scores, _average(scores, columns, complete))
        for model, scores in cells.items()
    ]


def _measured_cell(runs: Sequence[RunResult], others: Sequence[RunResult]) -> Cell:
    interval = interval_over_seeds(runs)
    comparison = compare_over_seeds(runs, others)
    totals = {run.parameters.total for run in runs}
    return replace(
        summarise([run.score for run in runs]),
        interval=Interval(100 * interval.low, 100 * interval.high) if interval else None,
        significance=Significance(100 * comparison.difference, comparison.p_value, 1.0) if comparison else None,
        parameters=totals.pop() if len(totals) == 1 else None,
    )


def _correct(rows: Sequence[Row]) -> list[Row]:
    """Put in p-values corrected for all tests of the rows."""
    places = [(number, column) for number, row in enumerate(rows) for column in row.cells]
    tests = [(place, found) for place in places if (found := rows[place[0]].cells[place[1]].significance)]
    corrected = [dict(row.cells) for row in rows]
    for ((number, column), test), p_value in zip(tests, holm([test.p_value for _, test in tests]), strict=True):
        cell = corrected[number][column]
        corrected[number][column] = replace(cell, significance=replace(test, corrected=p_value))
    return [replace(row, cells=cells) for row, cells in zip(rows, corrected, strict=True)]


def _published_rows(published: Sequence[PublishedScore], columns: Sequence[Column], complete: bool) -> list[Row]:
    by_system: dict[tuple[str, str], list[PublishedScore]] = defaultdict(list)
    for score in published:
        if Column(score.task, score.metric) in columns:
            by_system[score.model, score.source].append(score)
    rows = []
    for (model, source), scores in by_system.items():
        size = scores[0].parameters
        cells = {Column(s.task, s.metric): Cell(s.value, None, 0, parameters=s.parameters) for s in scores}
        rows.append(Row(model, source, (size, size) if size else None, cells, _average(cells, columns, complete)))
    return rows
