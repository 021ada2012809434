"""The leaderboard as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from elmo_xlstm.evaluation.leaderboard.board import Board
from elmo_xlstm.evaluation.leaderboard.details import detail_tables
from elmo_xlstm.evaluation.leaderboard.pictures import Picture
from elmo_xlstm.evaluation.leaderboard.tables import Table, Text, column_title, legend, main_table

CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
MARKS = {"": "", "best": "**", "best measured": "*"}


def render_markdown(board: Board, pictures: Sequence[Picture]) -> str:
    """The whole leaderboard, ending in a line break; pictures are links to the files in ``plots/``."""
    parts = ["# Leaderboard", escape(legend(board))]
    for section in board.sections:
        table = main_table(board, section)
        parts += [f"## {table.title}", _table(table)]
    parts += [_link(picture) for picture in pictures if picture.column is None]
    for column in board.columns if board.results else ():
        parts.append(f"## {escape(column_title(column, board))}")
        for detail in detail_tables(board, column):
            parts += [f"### {detail.title}", _table(detail), *([escape(detail.note)] if detail.note else [])]
        parts += [_link(picture) for picture in pictures if picture.column == column]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Keep what has a meaning in Markdown tables from having it."""
    text = CONTROLS.sub("\N{REPLACEMENT CHARACTER}", re.sub(r"\s+", " ", text))
    return re.sub(r"([\\`*_\[\]<>|&~])", r"\\\1", text)


def _link(picture: Picture) -> str:
    return f"![{escape(picture.title)}](plots/{picture.name}.svg)"


def _table(table: Table) -> str:
    lines = [
        "| " + " | ".join(map(escape, table.header)) + " |",
        "|---" + "|---:" * (len(table.header) - 1) + "|",
        *("| " + " | ".join(map(_cell, row.cells)) + " |" for row in table.rows),
    ]
    return "\n".join(lines)


def _cell(cell: Text) -> str:
    mark = MARKS[cell.emphasis]
    return f"{mark}{escape(cell.text)}{mark}"
