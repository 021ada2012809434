"""The leaderboard as Markdown."""

from __future__ import annotations

import re

from elmo_xlstm.evaluation.leaderboard.board import Board
from elmo_xlstm.evaluation.leaderboard.tables import Table, Text, column_title, detail_tables, main_table

MARKS = {"": "", "best": "**", "best measured": "*"}


def render_markdown(board: Board) -> str:
    """The whole leaderboard, ending in a line break."""
    table = main_table(board)
    parts = ["# Leaderboard", table.note, _table(table)]
    for column in board.columns if board.results else ():
        parts.append(f"## {escape(column_title(column, board))}")
        for detail in detail_tables(board, column):
            parts += [f"### {detail.title}", _table(detail), *([detail.note] if detail.note else [])]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Keep what has a meaning in Markdown tables from having it."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", text)


def _table(table: Table) -> str:
    lines = [
        "| " + " | ".join(map(escape, table.header)) + " |",
        "|---" + "|---:" * (len(table.header) - 1) + "|",
        *("| " + " | ".join(map(_cell, row)) + " |" for row in table.rows),
    ]
    return "\n".join(lines)


def _cell(cell: Text) -> str:
    mark = MARKS[cell.emphasis]
    return f"{mark}{escape(cell.text)}{mark}"
