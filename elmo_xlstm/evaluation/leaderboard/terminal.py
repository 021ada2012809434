"""The leaderboard in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table as RichTable
from rich.text import Text as RichText

from elmo_xlstm.evaluation.leaderboard.board import build_board
from elmo_xlstm.evaluation.leaderboard.tables import main_table
from elmo_xlstm.evaluation.published import PublishedScore
from elmo_xlstm.evaluation.results import RunResult

STYLES = {"": "", "best": "bold", "best measured": "italic"}


def leaderboard_table(results: Sequence[RunResult], published: Sequence[PublishedScore] | None = None) -> RichTable:
    """The main table, to print with rich.

    Args:
        results: of all splits; those on test count.
        published: scores of other systems; those that the package carries by default.
    """
    table = main_table(build_board(results, published))
    shown = RichTable(title=table.title, caption=table.note, title_justify="left", caption_justify="left")
    for place, name in enumerate(table.header):
        shown.add_column(RichText(name), justify="left" if place == 0 else "right", no_wrap=place == 0)
    for row in table.rows:
        style = "dim" if row[0].text.endswith("†") else ""
        shown.add_row(*(RichText(cell.text, style=STYLES[cell.emphasis]) for cell in row), style=style)
    return shown
