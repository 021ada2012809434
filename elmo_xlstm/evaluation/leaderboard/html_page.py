"""The leaderboard as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from elmo_xlstm.evaluation.leaderboard.board import Board
from elmo_xlstm.evaluation.leaderboard.details import detail_tables
from elmo_xlstm.evaluation.leaderboard.pictures import Picture
from elmo_xlstm.evaluation.leaderboard.tables import Table, Text, column_title, legend, main_table

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0.5rem 0 1.5rem; }
th, td { border-bottom: 1px solid #8886; padding: 0.25rem 0.7rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #888; }
tr.published { opacity: 0.75; }
.note { max-width: 50rem; }
.pictures { align-items: flex-start; display: flex; flex-wrap: wrap; gap: 1rem; }
figure { background: white; border-radius: 4px; margin: 0; padding: 0.5rem; }
figure svg { display: block; height: auto; max-width: 100%; }
"""
MARKS = {"best": "strong", "best measured": "em"}


def render_html(board: Board, pictures: Sequence[Picture], drawn: Mapping[str, str]) -> str:
    """The whole leaderboard; every text in it is escaped.

    Args:
        board: what it says.
        pictures: in their order.
        drawn: SVG elements by the names of the pictures.
    """
    body = ["<h1>Leaderboard</h1>", f'<p class="note">{escape(legend(board))}</p>']
    for section in board.sections:
        table = main_table(board, section)
        body += [f"<h2>{escape(table.title)}</h2>", *_table(table)]
    body += _figures([drawn[picture.name] for picture in pictures if picture.column is None])
    for column in board.columns if board.results else ():
        body.append(f"<h2>{escape(column_title(column, board))}</h2>")
        for detail in detail_tables(board, column):
            body += [f"<h3>{escape(detail.title)}</h3>", *_table(detail)]
        body += _figures([drawn[picture.name] for picture in pictures if picture.column == column])
    head = (
        '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Leaderboard</title>\n<style>{STYLE}</style>"
    )
    content = "\n".join(body)
    return f'<!doctype html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{content}\n</body>\n</html>\n'


def _figures(drawn: Sequence[str]) -> list[str]:
    figures = [f"<figure>\n{svg.strip()}\n</figure>" for svg in drawn]
    return ['<div class="pictures">', *figures, "</div>"] if figures else []


def _table(table: Table) -> list[str]:
    lines = [f'<p class="note">{escape(table.note)}</p>'] if table.note else []
    header = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.header)
    lines += ['<div class="wide"><table>', f"<thead><tr>{header}</tr></thead>", "<tbody>"]
    for row in table.rows:
        published = ' class="published"' if row.published else ""
        first, *others = row.cells
        cells = "".join(f"<td>{_cell(cell)}</td>" for cell in others)
        lines.append(f'<tr{published}><th scope="row">{_cell(first)}</th>{cells}</tr>')
    return [*lines, "</tbody></table></div>"]


def _cell(cell: Text) -> str:
    text = escape(cell.text)
    mark = MARKS.get(cell.emphasis)
    return f"<{mark}>{text}</{mark}>" if mark else text
