"""The leaderboard as one HTML page that needs nothing else."""

from __future__ import annotations

from html import escape

from elmo_xlstm.evaluation.leaderboard.board import Board
from elmo_xlstm.evaluation.leaderboard.tables import Table, Text, column_title, detail_tables, main_table

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0.5rem 0 1.5rem; }
th, td { border-bottom: 1px solid #8886; padding: 0.25rem 0.7rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #888; }
tr.published { opacity: 0.75; }
.note { max-width: 50rem; }
"""
MARKS = {"best": "strong", "best measured": "em"}


def render_html(board: Board) -> str:
    """The whole leaderboard; every text in it is escaped."""
    body = ["<h1>Leaderboard</h1>", *_table(main_table(board))]
    for column in board.columns if board.results else ():
        body.append(f"<h2>{escape(column_title(column, board))}</h2>")
        for detail in detail_tables(board, column):
            body += [f"<h3>{escape(detail.title)}</h3>", *_table(detail)]
    head = (
        '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Leaderboard</title>\n<style>{STYLE}</style>"
    )
    content = "\n".join(body)
    return f'<!doctype html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{content}\n</body>\n</html>\n'


def _table(table: Table) -> list[str]:
    lines = [f'<p class="note">{escape(table.note)}</p>'] if table.note else []
    header = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.header)
    lines += ['<div class="wide"><table>', f"<thead><tr>{header}</tr></thead>", "<tbody>"]
    for first, *others in table.rows:
        published = ' class="published"' if first.text.endswith("†") else ""
        cells = "".join(f"<td>{_cell(cell)}</td>" for cell in others)
        lines.append(f'<tr{published}><th scope="row">{_cell(first)}</th>{cells}</tr>')
    return [*lines, "</tbody></table></div>"]


def _cell(cell: Text) -> str:
    text = escape(cell.text)
    mark = MARKS.get(cell.emphasis)
    return f"<{mark}>{text}</{mark}>" if mark else text
