"""Writing the leaderboard's files beside the results, and checking that they say what the results say."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

from elmo_xlstm.atomic import write_text_atomically
from elmo_xlstm.evaluation.leaderboard.board import build_board
from elmo_xlstm.evaluation.leaderboard.csv_rows import render_csv
from elmo_xlstm.evaluation.leaderboard.html_page import render_html
from elmo_xlstm.evaluation.leaderboard.markdown import render_markdown
from elmo_xlstm.evaluation.results import load_results

RENDERERS = {"leaderboard.md": render_markdown, "leaderboard.csv": render_csv, "leaderboard.html": render_html}


def write_leaderboard(results_dir: Path) -> list[Path]:
    """Generate the leaderboard's files in the directory of the results.

    Returns:
        The files written: Markdown, CSV, HTML.

    Raises:
        ResultError: result files are broken; nothing is written.
    """
    rendered = _render(results_dir)
    for path, text in rendered.items():
        write_text_atomically(path, text)
    return list(rendered)


def check_leaderboard(results_dir: Path) -> list[str]:
    """Compare the leaderboard's files with what the results give.

    Returns:
        A line for each file that is missing or differs, with its first difference; empty if all is well.

    Raises:
        ResultError: result files are broken.
    """
    differences = []
    for path, expected in _render(results_dir).items():
        if not path.is_file():
            differences.append(f"{path}: missing")
            continue
        found = path.read_bytes().decode("utf-8", errors="replace")
        if found != expected:
            differences.append(_first_difference(path, found, expected))
    return differences


def _render(results_dir: Path) -> dict[Path, str]:
    board = build_board(load_results(results_dir))
    return {results_dir / name: render(board) for name, render in RENDERERS.items()}


def _first_difference(path: Path, found: str, expected: str) -> str:
    for number, (is_, should) in enumerate(zip_longest(found.split("\n"), expected.split("\n")), start=1):
        if is_ != should:
            shown = ["nothing" if line is None else repr(line[:160]) for line in (is_, should)]
            return f"{path}:{number}: is {shown[0]}, the results give {shown[1]}"
    return f"{path}: differs"
