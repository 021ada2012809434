"""From the board to tables of text, which every format then only dresses: the main tables and their legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from elmo_xlstm.evaluation.leaderboard.board import Board, Cell, Column, Row, Section, best
from elmo_xlstm.evaluation.leaderboard.evidence import EXCHANGES, RESAMPLES

Emphasis = Literal["", "best", "best measured"]
STAR = "★"
LEVEL = 0.05
AVERAGE = "average"
LEGEND = (
    "Test scores in percent, mean ± standard deviation over seeds; macro F1 where a column does not say otherwise. "
    "Bold: best of its column; italic: best of those measured here, where a published score is higher. "
    "† published by others, not measured here."
)
FEWER_SEEDS = "A number in brackets: the score has fewer seeds than the row's others."
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


@dataclass(frozen=True)
class Text:
    """One cell: its text and whether it stands out."""

    text: str
    emphasis: Emphasis = ""


@dataclass(frozen=True)
class Line:
    """One row: its cells, and whether it was published by others."""

    cells: tuple[Text, ...]
    published: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first column names the row.

    Attributes:
        title: what it shows.
        header: as many names as every row has cells.
        rows: the lines.
        note: what a reader has to know beside it.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[Line, ...]
    note: str = ""


@dataclass(frozen=True)
class Entry:
    """A row before it is text: its numbers by column title, and its other columns."""

    name: str
    published: bool
    cells: dict[str, Cell]
    beside: tuple[str, ...]
    """After the first score."""
    extra: tuple[str, ...]
    """After the last one."""


def main_table(board: Board, section: Section) -> Table:
    """All systems on all tasks of a section."""
    titles = {column: column_title(column, board) for column in section.columns}
    entries = []
    for row in section.rows:
        cells = {titles[column]: cell for column, cell in row.cells.items()}
        if row.average is not None:
            cells[AVERAGE] = Cell(row.average, None, 0)
        extra = (_size(row), row.source or "measured here")
        entries.append(Entry(row.model, row.source is not None, cells, (), extra))
    columns = [*titles.values(), *([AVERAGE] if section.complete else [])]
    return score_table(section.title.capitalize(), entries, columns, ("parameters", "source"))


def legend(board: Board) -> str:
    """How the main tables are to be read; only of what is in them."""
    rows = [row for section in board.sections for row in section.rows]
    cells = [cell for row in rows for cell in row.cells.values()]
    parts = [LEGEND]
    if any(len({cell.seeds for cell in row.cells.values()}) > 1 for row in rows):
        parts.append(FEWER_SEEDS)
    if any(cell.interval for cell in cells):
        parts.append(INTERVALS)
    if any(cell.significance for cell in cells):
        parts.append(TESTS.format(star=STAR, against=board.against, level=LEVEL, exchanges=EXCHANGES))
    return " ".join(parts)


def column_title(column: Column, board: Board) -> str:
    """The task's name, with the metric where it is not the benchmark's or the task has two."""
    unusual = column.metric != "macro_f1" or sum(other.task == column.task for other in board.columns) > 1
    return f"{column.task} ({metric_title(column.metric)})" if unusual else column.task


def metric_title(metric: str) -> str:
    """A metric's name in words."""
    return metric.replace("_f1", " F1").replace("_", " ")


def count_title(parameters: int | None) -> str:
    """A number of parameters, in millions or thousands."""
    if not parameters:
        return "" if parameters is None else "0"
    return f"{parameters / 1e6:.1f} M" if parameters >= 50_000 else f"{parameters / 1e3:.1f} k"


def score_text(cell: Cell, seeds: int = 0) -> str:
    """A score as printed.

    Args:
        cell: the score.
        seeds: how many the row has; said where the score has fewer.
    """
    text = f"{cell.mean:.2f}" if cell.sd is None else f"{cell.mean:.2f} ± {cell.sd:.2f}"
    if 0 < cell.seeds < seeds:
        text += f" ({cell.seeds})"
    return f"{text} {STAR}" if cell.significance and cell.significance.corrected < LEVEL else text


def score_table(
    title: str,
    entries: Sequence[Entry],
    columns: Sequence[str],
    extra: Sequence[str],
    beside: Sequence[str] = (),
    note: str = "",
) -> Table:
    """A table of scores in which the best of each column stand out.

    Args:
        title: of the table.
        entries: its rows.
        columns: titles of the scores.
        extra: titles of the entries' last columns.
        beside: titles of the entries' columns after the first score.
        note: beside the table.
    """
    top = {name: best([e.cells[name].mean for e in entries if name in e.cells]) for name in columns}
    own = {name: best([e.cells[name].mean for e in entries if name in e.cells and not e.published]) for name in columns}
    rows = []
    for entry in entries:
        texts = []
        numbers = sorted({cell.seeds for cell in entry.cells.values()} - {0})
        for name in columns:
            cell = entry.cells.get(name)
            if cell is None:
                texts.append(Text(""))
                continue
            emphasis: Emphasis = ""
            if cell.shown == top[name]:
                emphasis = "best"
            elif cell.shown == own[name] and not entry.published:
                emphasis = "best measured"
            texts.append(Text(score_text(cell, numbers[-1] if numbers else 0), emphasis))
        name = f"{entry.name} †" if entry.published else entry.name
        seeds = f"{numbers[0]}–{numbers[-1]}" if len(numbers) > 1 else "".join(map(str, numbers))
        texts[1:1] = map(Text, entry.beside)
        rows.append(Line((Text(name), Text(seeds), *texts, *map(Text, entry.extra)), entry.published))
    return Table(title, ("model", "seeds", columns[0], *beside, *columns[1:], *extra), tuple(rows), note)


def _size(row: Row) -> str:
    if row.parameters is None:
        return ""
    low, high = map(count_title, row.parameters)
    if low == high:
        return low
    return f"{low.removesuffix(' M')}–{high}" if low.endswith(" M") else f"{low}–{high}"
