"""The leaderboard as CSV, one line for each system and column, for further work."""

from __future__ import annotations

import csv
import io

from elmo_xlstm.evaluation.leaderboard.board import Board

HEADER = ("model", "task", "metric", "mean", "sd", "seeds", "parameters", "source")


def render_csv(board: Board) -> str:
    """The main table in long form; figures in percent, ``source`` empty for what was measured here."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for row in board.rows:
        common = (row.parameters if row.parameters is not None else "", row.source or "")
        for column in board.columns:
            cell = row.cells.get(column)
            if cell is not None:
                sd = "" if cell.sd is None else f"{cell.sd:.2f}"
                seeds = cell.seeds or ""
                writer.writerow((row.model, column.task, column.metric, f"{cell.mean:.2f}", sd, seeds, *common))
        for group in board.groups:
            if group in row.averages:
                average = f"{row.averages[group]:.2f}"
                writer.writerow((row.model, f"average, {group}", "macro_f1", average, "", "", *common))
    return text.getvalue()
