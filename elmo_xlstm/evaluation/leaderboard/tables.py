"""From scores to tables of text, which every format then only dresses: the main tables and their legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import pandas as pd

from elmo_xlstm.evaluation.leaderboard.board import SYSTEM, Board, Column, average, is_complete
from elmo_xlstm.evaluation.results import RunResult
from elmo_xlstm.evaluation.seeds import EXCHANGES, RESAMPLES, Spread

STAR = "★"
LEVEL = 0.05
AVERAGE = "average"
LEGEND = (
    "Test scores in percent, mean ± standard deviation over seeds; macro F1 where a column does not say otherwise. "
    "Bold: best of its column; italic: best of those measured here, where a published score is higher. "
    "† published by others, not measured here."
)
FEWER_SEEDS = "A number in brackets: the score has fewer seeds than the row's others."
FOLDS = "Of {tasks} each score is of one fold of cross-validation, which stands in the place of a seed."
INTERVALS = (
    f"95 % intervals: percentile bootstrap over test examples, {RESAMPLES:,} resamples; a drawn example brings its "
    "outcomes of all seeds, and each resample is scored seed by seed and averaged. They say how the mean would vary "
    "with other test examples, not with other seeds."
)
TESTS = (
    "{star}: differs from {against}, p < {level}, by approximate randomisation over test examples ({exchanges:,} "
    "random exchanges; runs are paired by seed, and an example's outcomes are exchanged for all seeds at once), "
    "p-values corrected by Holm's method for all tests of the table."
)

System = tuple[Any, ...]
"""The values of ``SYSTEM``: model, whether it was published by others, source."""
Texts = Mapping[str, Mapping[System, str]]
"""Further columns: their titles, and the text of each system that has one."""


class Cell(NamedTuple):
    """A text and whether it stands out."""

    text: str
    emphasis: Literal["", "best", "best measured"] = ""


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first column names the row.

    Attributes:
        title: what it shows.
        header: as many names as every row has cells.
        rows: the cells of each row.
        published: for each row whether others published it.
        note: what a reader has to know beside it.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    published: tuple[bool, ...]
    note: str = ""


def main_table(board: Board, section: str) -> Table:
    """All systems on all tasks of a section."""
    scores = board.scores[board.scores.section == section]
    here = set(scores.task)
    columns = [column for column in board.columns if column.task in here]
    titles = {column: column_title(column, board) for column in columns}
    shown = [*titles.values(), *([AVERAGE] if is_complete(section, columns) else [])]
    titles[Column(average(section), "macro_f1")] = AVERAGE
    scores = scores.assign(column=[titles[Column(*pair)] for pair in zip(scores.task, scores.metric, strict=True)])
    sizes = scores.groupby(SYSTEM, sort=False).agg({"least": "min", "most": "max"})
    last = {
        "parameters": {system: _size(least, most) for system, least, most in sizes.itertuples()},
        "source": {system: system[2] or "measured here" for system in sizes.index},
    }
    return score_table(section.capitalize(), scores, shown, {}, last)


def legend(board: Board) -> str:
    """How the main tables are to be read; only of what is in them."""
    scores = board.scores
    parts = [LEGEND]
    single = scores[~scores.task.isin([average(section) for section in scores.section.unique()])]
    if (single.groupby(["section", *SYSTEM]).seeds.nunique() > 1).any():
        parts.append(FEWER_SEEDS)
    if tasks := sorted({result.task for result in board.results if _is_of_a_fold(result)}):
        parts.append(FOLDS.format(tasks=", ".join(tasks)))
    if scores.interval_low.notna().any():
        parts.append(INTERVALS)
    if scores.p_value.notna().any():
        parts.append(TESTS.format(star=STAR, against=board.against, level=LEVEL, exchanges=EXCHANGES))
    return " ".join(parts)


def column_title(column: Column, board: Board) -> str:
    """The task's name, with the metric where it is not the benchmark's or the task has two."""
    unusual = column.metric != "macro_f1" or sum(other.task == column.task for other in board.columns) > 1
    return f"{column.task} ({metric_title(column.metric)})" if unusual else column.task


def metric_title(metric: str) -> str:
    """A metric's name in words."""
    return metric.replace("_f1", " F1").replace("_", " ")


def count_title(parameters: float | None) -> str:
    """A number of parameters, in millions or thousands; nothing where it is not known."""
    if parameters is None or pd.isna(parameters):
        return ""
    if not parameters:
        return "0"
    return f"{parameters / 1e6:.1f} M" if parameters >= 50_000 else f"{parameters / 1e3:.1f} k"


def spread_text(spread: Spread, digits: int = 2) -> str:
    """A mean as printed, with its deviation where there is one."""
    text = f"{spread.mean:.{digits}f}"
    return text if spread.sd is None or pd.isna(spread.sd) else f"{text} ± {spread.sd:.{digits}f}"


def score_table(
    title: str,
    scores: pd.DataFrame,
    columns: Sequence[str],
    beside: Texts,
    last: Texts,
    note: str = "",
) -> Table:
    """A table of scores in which the best of each column, as they are printed, stand out.

    Args:
        title: of the table.
        scores: a row for each score: ``SYSTEM``, ``column`` (its title), ``SPREAD`` and ``p_holm``; systems come in the
            order of the table.
        columns: titles of the scores in their order.
        beside: columns after the first score.
        last: columns after the last one.
        note: beside the table.
    """
    shown = scores["mean"].map(lambda mean: round(mean, 2))
    best = shown == shown.groupby(scores.column).transform("max")
    own = (shown == shown.mask(scores.published).groupby(scores.column).transform("max")) & ~scores.published
    by_system = scores.assign(best=best, own=own & ~best).groupby(SYSTEM, sort=False)
    rows = []
    for system, group in by_system:
        seeds = sorted(set(group.seeds) - {0})
        cells = {score.column: _score_cell(score, seeds[-1] if seeds else 0) for score in group.itertuples()}
        first, *others = (cells.get(column, Cell("")) for column in columns)
        between, after = ([Cell(texts.get(system, "")) for texts in part.values()] for part in (beside, last))
        name = f"{system[0]} †" if system[1] else system[0]
        number = f"{seeds[0]}–{seeds[-1]}" if len(seeds) > 1 else "".join(map(str, seeds))
        rows.append((Cell(name), Cell(number), first, *between, *others, *after))
    header = ("model", "seeds", columns[0], *beside, *columns[1:], *last)
    return Table(title, header, tuple(rows), tuple(bool(system[1]) for system, _ in by_system), note)


def _score_cell(score: Any, seeds: int) -> Cell:
    """A score as printed; its number of seeds is said where it is less than the row's."""
    text = spread_text(Spread(score.mean, score.sd, score.seeds))
    if 0 < score.seeds < seeds:
        text += f" ({score.seeds})"
    if score.p_holm < LEVEL:
        text += f" {STAR}"
    return Cell(text, "best" if score.best else "best measured" if score.own else "")


def _is_of_a_fold(result: RunResult) -> bool:
    """Whether a run was tested on one fold of its data."""
    values: object = result.config
    for key in ("task", "dataset", "folds"):
        values = values.get(key) if isinstance(values, dict) else None
    return values is not None


def _size(least: float, most: float) -> str:
    low, high = count_title(least), count_title(most)
    if low == high:
        return low
    return f"{low.removesuffix(' M')}–{high}" if low.endswith(" M") else f"{low}–{high}"
