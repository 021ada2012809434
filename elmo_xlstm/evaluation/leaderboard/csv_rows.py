"""The leaderboard as CSV, one line for each system and column, for further work."""

from __future__ import annotations

import csv
import io

from elmo_xlstm.evaluation.leaderboard.board import Board, Cell

HEADER = (
    "model",
    "task",
    "metric",
    "mean",
    "sd",
    "seeds",
    "interval_low",
    "interval_high",
    "against",
    "difference",
    "p_value",
    "p_holm",
    "parameters",
    "source",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def render_csv(board: Board) -> str:
    """The main tables in long form; figures in percent, ``source`` empty for what was measured here."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for section in board.sections:
        for row in section.rows:
            for column in section.columns:
                cell = row.cells.get(column)
                if cell is not None:
                    numbers = _numbers(cell, board.against)
                    names = map(_plain, (row.model, column.task, column.metric))
                    writer.writerow((*names, *numbers, _plain(row.source or "")))
            if row.average is not None:
                numbers = _numbers(Cell(row.average, None, 0), None)
                names = map(_plain, (row.model, f"average, {section.title}", "macro_f1"))
                writer.writerow((*names, *numbers, _plain(row.source or "")))
    return text.getvalue()


def _plain(text: str) -> str:
    """A text that no program for tables takes for a formula: an apostrophe goes before what would begin one."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _numbers(cell: Cell, against: str | None) -> tuple[str, ...]:
    interval, test = cell.interval, cell.significance
    return (
        f"{cell.mean:.2f}",
        "" if cell.sd is None else f"{cell.sd:.2f}",
        str(cell.seeds or ""),
        f"{interval.low:.2f}" if interval else "",
        f"{interval.high:.2f}" if interval else "",
        _plain(against or "") if test else "",
        f"{test.difference:.2f}" if test else "",
        f"{test.p_value:.4f}" if test else "",
        f"{test.corrected:.4f}" if test else "",
        "" if cell.parameters is None else str(cell.parameters),
    )
