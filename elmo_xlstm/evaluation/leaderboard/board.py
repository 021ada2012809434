"""The scores of the leaderboard: a frame of all systems and tasks, before it is put into any format."""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.published import GROUPS, PublishedScore, read_published
from elmo_xlstm.evaluation.results import RunResult
from elmo_xlstm.evaluation.seeds import Spread, compare_over_seeds, holm, interval_over_seeds, mixed_rows, summarise

GROUP_METRIC = "macro_f1"
OTHER_TASKS = "other tasks"
BASELINE = "no-bilm"  # the row that others are tested against unless another is named
SYSTEM = ["model", "published", "source"]  # the key of a row: a published system may have a measured one's name
SPREAD = ["mean", "sd", "seeds"]
TEST = ["interval_low", "interval_high", "against", "difference", "p_value", "p_holm"]
SCORES = ["section", *SYSTEM, "task", "metric", *SPREAD, *TEST, "parameters", "least", "most"]
SUFFIX = re.compile(r"-[0-9.]+pct$")  # ends the model's name of runs on a share of the training data

Runs = Mapping[str, Sequence[RunResult]]
"""The runs of a column by model."""


class Column(NamedTuple):
    """One task by one metric; figures of another metric never stand in it."""

    task: str
    metric: str


@dataclass(frozen=True)
class Board:
    """The main scores and what they were made of.

    Attributes:
        scores: a row for each system and column, all in percent, in the order of the tables: sections; within them
            systems, those with more columns and better means first; the columns of each, and its average, a row whose
            task is :func:`average`, where it has all tasks of a benchmark's group. Its columns are ``SCORES``: ``sd``
            is missing for one seed, ``seeds`` is 0 for what others published, ``TEST`` is missing where outcomes do
            not tell, ``parameters`` where seeds differ; ``least`` and ``most`` are their smallest and largest number.
        columns: the tasks that were measured here, by their main metric, in the benchmark's order and then others;
            every published one if none was.
        results: the measured results on test, which the details are made of.
        partial: those of runs on a share of the training data, which stand in no main table.
        published: the published scores.
        against: the row that others were tested against, if there is one.
    """

    scores: pd.DataFrame
    columns: tuple[Column, ...]
    results: tuple[RunResult, ...]
    partial: tuple[RunResult, ...]
    published: tuple[PublishedScore, ...]
    against: str | None

    def runs(self, column: Column) -> dict[str, list[RunResult]]:
        """The measured results of a column by model, in the order of models and seeds."""
        runs: dict[str, list[RunResult]] = defaultdict(list)
        for result in sorted(self.results, key=lambda result: (result.model, result.seed)):
            if Column(result.task, result.main_metric) == column:
                runs[result.model].append(result)
        return dict(runs)

    def amounts(self, column: Column) -> dict[str, dict[float, Spread]]:
        """Scores by share of the training data in percent, smallest first, of models that were trained on several."""
        scores: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
        for result in (*self.results, *self.partial):
            if Column(result.task, result.main_metric) == column:
                scores[family(result.model)][100 * train_fraction(result)].append(result.score)
        return {
            model: {share: summarise(found) for share, found in sorted(by_share.items())}
            for model, by_share in sorted(scores.items())
            if len(by_share) > 1
        }

    def measured(self, column: Column) -> pd.DataFrame:
        """The rows of ``scores`` that were measured here for a column, by model, best first."""
        scores = self.scores
        mine = scores[~scores.published & (scores.task == column.task) & (scores.metric == column.metric)]
        return mine.set_index("model").sort_index().sort_values("mean", ascending=False, kind="stable")


def train_fraction(result: RunResult) -> float:
    """The share of the training data that a run was given, between 0 and 1; 1 where it does not say."""
    task = result.config.get("task")
    fraction = task.get("train_fraction", 1.0) if isinstance(task, dict) else 1.0
    return float(fraction) if isinstance(fraction, int | float) and 0 < fraction < 1 else 1.0


def family(model: str) -> str:
    """The name that runs of one model have in common, whatever their share of the data."""
    return SUFFIX.sub("", model)


def build_board(
    results: Sequence[RunResult], published: Sequence[PublishedScore] | None = None, against: str | None = None
) -> Board:
    """Gather the leaderboard; UserError if ``against`` was not measured, or a row's seeds or outcomes do not fit."""
    tested = [result for result in results if result.split == "test"]
    if mixed := mixed_rows(tested):
        lines = "".join(f"  {line}\n" for line in mixed)
        raise UserError(
            "these rows are of several configurations, and a mean over their seeds would be a score of none:\n"
            f"{lines}Measure them again with one configuration, or give each a name (-o model=NAME) or a directory "
            "(-o results=DIRECTORY) of its own"
        )
    whole = tuple(result for result in tested if train_fraction(result) == 1)
    partial = tuple(result for result in tested if train_fraction(result) < 1)
    published = tuple(read_published() if published is None else published)
    measured = sorted({result.model for result in whole})
    if against is not None and against not in measured:
        known = ", ".join(measured) or "nothing yet"
        raise UserError(f"--against {against}: no such row was measured; there are: {known}")
    if against is None and BASELINE in measured:
        against = BASELINE
    board = Board(frame([], SCORES), _columns(whole, published), whole, partial, published, against)
    rows = [row for column in board.columns for row in (*_measured(board, column), *_published(board, column))]
    scores = [score for title in (*GROUPS, OTHER_TASKS) for score in _section(title, rows)]
    return Board(frame(scores, SCORES), board.columns, whole, partial, published, against)


def frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Rows as a frame. JSON can hold halves of characters, which neither frames nor files can: they become ``?``."""
    whole = [{k: v.encode(errors="replace").decode() if isinstance(v, str) else v for k, v in r.items()} for r in rows]
    return pd.DataFrame(whole, columns=list(columns))


def average(section: str) -> str:
    """The name that the mean over a section's tasks has in the place of a task."""
    return f"average, {section}"


def is_complete(section: str, columns: Sequence[Column]) -> bool:
    """Whether the columns hold all tasks of a benchmark's group, so that an average has a meaning."""
    return section in GROUPS and all(Column(task, GROUP_METRIC) in columns for task in GROUPS[section])


def _columns(results: Sequence[RunResult], published: Sequence[PublishedScore]) -> tuple[Column, ...]:
    found = {Column(result.task, result.main_metric) for result in results}
    order = [task for tasks in GROUPS.values() for task in tasks]
    if not found:
        found = {Column(score.task, GROUP_METRIC) for score in published if score.task in order}

    def place(column: Column) -> tuple[int, Column]:
        return order.index(column.task) if column.task in order else len(order), column

    return tuple(sorted(found, key=place))


def _in_section(column: Column) -> dict[str, Any]:
    section = next((title for title, tasks in GROUPS.items() if column.task in tasks), OTHER_TASKS)
    return {"section": section, **column._asdict()}


def _measured(board: Board, column: Column) -> list[dict[str, Any]]:
    runs = board.runs(column)
    rows = []
    for model, group in runs.items():
        sizes = [run.parameters.total for run in group]
        row = {**_in_section(column), "model": model, "published": False, "source": ""}
        row |= summarise([run.score for run in group])._asdict()
        row |= {"parameters": sizes[0] if len(set(sizes)) == 1 else None, "least": min(sizes), "most": max(sizes)}
        if interval := interval_over_seeds(group):
            row |= {"interval_low": 100 * interval.low, "interval_high": 100 * interval.high}
        others = runs.get(board.against, []) if board.against is not None and model != board.against else []
        if test := compare_over_seeds(group, others):
            row |= {"against": board.against, "difference": 100 * test.difference, "p_value": test.p_value}
        rows.append(row)
    return rows


def _published(board: Board, column: Column) -> list[dict[str, Any]]:
    return [
        {
            **_in_section(column),
            **{"model": score.model, "published": True, "source": score.source, "mean": score.value, "seeds": 0},
            **dict.fromkeys(("parameters", "least", "most"), score.parameters),
        }
        for score in board.published
        if (score.task, score.metric) == column
    ]


def _section(title: str, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    mine = [row for row in rows if row["section"] == title]
    tests = [row for row in mine if "p_value" in row]
    for row, corrected in zip(tests, holm([row["p_value"] for row in tests]), strict=True):
        row["p_holm"] = corrected
    complete = is_complete(title, [Column(row["task"], row["metric"]) for row in mine])
    systems: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in mine:
        systems[tuple(row[key] for key in SYSTEM)].append(row)
    ordered = []
    for group in sorted(systems.values(), key=lambda group: (-len(group), -_mean(group), group[0]["model"])):
        ordered += group
        benchmark = [row for row in group if row["metric"] == GROUP_METRIC]
        if complete and len(benchmark) == len(GROUPS[title]):
            place = {"section": title, "task": average(title), "metric": GROUP_METRIC}
            ordered.append({**place, **{key: group[0][key] for key in SYSTEM}, "mean": _mean(benchmark), "seeds": 0})
    return ordered


def _mean(rows: Sequence[dict[str, Any]]) -> float:
    return statistics.fmean(row["mean"] for row in rows)
