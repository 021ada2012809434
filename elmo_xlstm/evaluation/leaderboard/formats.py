"""The leaderboard as Markdown, HTML and CSV, and in a terminal. What comes from data is text in each of them."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text as RichText

from elmo_xlstm.evaluation.leaderboard.board import Board
from elmo_xlstm.evaluation.leaderboard.plots import Plot
from elmo_xlstm.evaluation.leaderboard.tables import Cell, Table, column_title, detail_tables, legend, main_table

PAGES = ("leaderboard.md", "leaderboard.html")
CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
MARKDOWN_MARKS = {"": "", "best": "**", "best measured": "*"}
TERMINAL_STYLES = {"": "", "best": "bold", "best measured": "italic"}
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
CSV_NUMBERS = {
    **dict.fromkeys(("mean", "sd", "interval_low", "interval_high", "difference"), "{:.2f}"),
    **dict.fromkeys(("p_value", "p_holm"), "{:.4f}"),
    **dict.fromkeys(("seeds", "parameters"), "{:.0f}"),
}
CSV_COLUMNS = [
    *("model", "task", "metric", "mean", "sd", "seeds", "interval_low", "interval_high"),
    *("against", "difference", "p_value", "p_holm", "parameters", "source"),
]


def render_pages(board: Board, plots: Sequence[Plot]) -> dict[str, str]:
    """The whole leaderboard as Markdown and as HTML, with plots from ``plots/``, by the names of their files."""
    content = {
        "legend": legend(board),
        "main": _main_tables(board),
        "overview": [plot for plot in plots if plot.column is None],
        "tasks": [
            (column_title(column, board), detail_tables(board, column), [p for p in plots if p.column == column])
            for column in (board.columns if board.results else ())
        ],
    }
    texts = {name: _templates().get_template(f"{name}.jinja").render(content) for name in PAGES}
    # JSON can hold halves of characters, which no file can.
    return {name: text.strip().encode(errors="replace").decode() + "\n" for name, text in texts.items()}


@functools.cache
def _templates() -> jinja2.Environment:
    # HTML escapes whatever it shows, Markdown what goes through its filters.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=lambda name: name is not None and name.endswith(".html.jinja"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {"text": escape_markdown, "cell": _markdown_cell}
    return environment


def render_csv(board: Board) -> str:
    """The main tables in long form; figures in percent, ``source`` empty for what was measured here."""
    scores = board.scores[CSV_COLUMNS].astype(object)
    scores.loc[scores.seeds == 0, "seeds"] = None
    for name in CSV_COLUMNS:
        scores[name] = [_csv_cell(value, CSV_NUMBERS.get(name)) for value in scores[name]]
    return str(scores.to_csv(index=False, lineterminator="\n"))


def leaderboard_tables(board: Board) -> Group:
    """The main tables, less their sources, and how they are read, to print with rich."""
    return Group(*map(_terminal_table, _main_tables(board)), RichText(legend(board), style="dim"))


def _main_tables(board: Board) -> list[Table]:
    return [main_table(board, section) for section in board.scores.section.unique()]


def escape_markdown(text: str) -> str:
    """Keep what has a meaning in Markdown tables from having it."""
    text = CONTROLS.sub("\N{REPLACEMENT CHARACTER}", re.sub(r"\s+", " ", text))
    return re.sub(r"([\\`*_\[\]<>|&~])", r"\\\1", text)


def _markdown_cell(cell: Cell) -> str:
    mark = MARKDOWN_MARKS[cell.emphasis]
    return f"{mark}{escape_markdown(cell.text)}{mark}"


def _csv_cell(value: Any, number: str | None) -> str:
    """A number as printed, or a text that no spreadsheet takes for a formula: an apostrophe before what would be."""
    if value is None or pd.isna(value):
        return ""
    if number is not None:
        return number.format(value)
    return f"'{value}" if value.startswith(FORMULA) else value


def _terminal_table(table: Table) -> RichTable:
    shown = RichTable(title=table.title, title_justify="left")
    for place, name in enumerate(table.header[:-1]):
        # A narrow screen folds numbers: an ellipsis would take digits away.
        shown.add_column(RichText(name), justify="left" if place == 0 else "right", no_wrap=place == 0, overflow="fold")
    for place, cells in enumerate(table.rows):
        texts = (RichText(cell.text, style=TERMINAL_STYLES[cell.emphasis]) for cell in cells[:-1])
        shown.add_row(*texts, style="dim" if place in table.published else "")
    return shown
