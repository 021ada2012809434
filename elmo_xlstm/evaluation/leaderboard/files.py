"""Writing the leaderboard's files beside the results, and checking that they say what the results say."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import zip_longest
from os.path import commonprefix
from pathlib import Path

from elmo_xlstm.evaluation.leaderboard.board import Board
from elmo_xlstm.evaluation.leaderboard.formats import render_csv, render_pages
from elmo_xlstm.evaluation.leaderboard.plots import MADE_BY, Plot, creator, plots
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.runs.files import read_file


def write_leaderboard(board: Board, directory: Path) -> list[Path]:
    """Generate plots, Markdown, CSV and HTML in the directory of the results; returns their paths.

    Plots of earlier leaderboards that are no longer of anything are deleted.
    """
    chosen = _plots(board, directory)
    files = {path: plot.draw() for path, plot in chosen.items()}
    for path in _abandoned(directory, chosen):
        path.unlink()
    files |= _tables(board, list(chosen.values()), directory)
    for path, text in files.items():
        write_text_atomically(path, text)
    return list(files)


def check_leaderboard(board: Board, directory: Path) -> list[str]:
    """Compare the leaderboard's files with what the results give.

    Plots are drawn anew and compared where this version of matplotlib drew them: another may draw the same otherwise.

    Returns:
        A line for each file that is missing, differs (with its first difference) or is of earlier
        results; empty if all is well.
    """
    chosen = _plots(board, directory)
    differences = []
    for path, plot in chosen.items():
        found = _read(path)
        if found is None:
            differences.append(f"{path}: missing")
        elif MADE_BY not in found:
            differences.append(f"{path}: was drawn by something else")
        elif f"{creator()}<" in found and found != plot.draw():
            differences.append(f"{path}: is not what the results give")
    differences += [f"{path}: is of results that are no longer there" for path in _abandoned(directory, chosen)]
    for path, expected in _tables(board, list(chosen.values()), directory).items():
        found = _read(path)
        if found is None:
            differences.append(f"{path}: missing")
        elif found != expected:
            differences.append(_first_difference(path, found, expected))
    return differences


def _plots(board: Board, directory: Path) -> dict[Path, Plot]:
    return {directory / "plots" / f"{plot.name}.svg": plot for plot in plots(board)}


def _tables(board: Board, chosen: Sequence[Plot], directory: Path) -> dict[Path, str]:
    pages = render_pages(board, chosen)
    pages = {"leaderboard.md": pages.pop("leaderboard.md"), "leaderboard.csv": render_csv(board), **pages}
    return {directory / name: text for name, text in pages.items()}


def _abandoned(directory: Path, chosen: Collection[Path]) -> list[Path]:
    """Plots of an earlier leaderboard; files that others put there are left alone."""
    found = sorted((directory / "plots").glob("*.svg"))
    return [path for path in found if path not in chosen and MADE_BY in (_read(path) or "")]


def _read(path: Path) -> str | None:
    try:
        return read_file(path).decode("utf-8", errors="replace")
    except (OSError, ValueError):
        return None


def _first_difference(path: Path, found: str, expected: str) -> str:
    for number, (is_, should) in enumerate(zip_longest(found.split("\n"), expected.split("\n")), start=1):
        if is_ != should:
            start = max(0, len(commonprefix([is_ or "", should or ""])) - 40)
            shown = ["nothing" if line is None else repr(line[start : start + 160]) for line in (is_, should)]
            return f"{path}:{number}: is {shown[0]}, the results give {shown[1]}"
    return f"{path}: differs"
