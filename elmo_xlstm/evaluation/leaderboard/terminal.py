"""The leaderboard in a terminal."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text as RichText

from elmo_xlstm.evaluation.leaderboard.board import Board
from elmo_xlstm.evaluation.leaderboard.tables import Table, legend, main_table

STYLES = {"": "", "best": "bold", "best measured": "italic"}


def leaderboard_tables(board: Board) -> Group:
    """The main tables, less their sources, and how they are read, to print with rich."""
    tables = [_table(main_table(board, section)) for section in board.sections]
    return Group(*tables, RichText(legend(board), style="dim"))


def _table(table: Table) -> RichTable:
    shown = RichTable(title=table.title, title_justify="left")
    for place, name in enumerate(table.header[:-1]):
        # A narrow screen folds numbers: an ellipsis would take digits away.
        shown.add_column(RichText(name), justify="left" if place == 0 else "right", no_wrap=place == 0, overflow="fold")
    for row in table.rows:
        texts = (RichText(cell.text, style=STYLES[cell.emphasis]) for cell in row.cells[:-1])
        shown.add_row(*texts, style="dim" if row.published else "")
    return shown
