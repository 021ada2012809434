"""Writing the leaderboard's files beside the results, and checking that they say what the results say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from os.path import commonprefix
from pathlib import Path

from elmo_xlstm.atomic import write_text_atomically
from elmo_xlstm.evaluation.leaderboard.board import Board
from elmo_xlstm.evaluation.leaderboard.csv_rows import render_csv
from elmo_xlstm.evaluation.leaderboard.html_page import render_html
from elmo_xlstm.evaluation.leaderboard.markdown import render_markdown
from elmo_xlstm.evaluation.leaderboard.pictures import Picture, pictures
from elmo_xlstm.evaluation.leaderboard.svg import data_digest, digests_only, is_ours, placeholder
from elmo_xlstm.files import read_file

PLOTS = "plots"
PAGE = "leaderboard.html"


def write_leaderboard(board: Board, directory: Path) -> list[Path]:
    """Generate the leaderboard's files in the directory of the results.

    A picture is drawn only if its data have changed. Pictures of earlier leaderboards that are no
    longer of anything are deleted.

    Returns:
        The pictures, then Markdown, CSV, HTML.
    """
    chosen = pictures(board)
    drawn = {}
    paths = []
    for picture in chosen:
        path = directory / PLOTS / f"{picture.name}.svg"
        found = _read(path)
        if found is None or data_digest(found) != picture.digest:
            from elmo_xlstm.evaluation.leaderboard.drawing import draw

            found = draw(picture)
            write_text_atomically(path, found)
        drawn[picture.name] = found
        paths.append(path)
    for path in _abandoned(directory, chosen):
        path.unlink()
    for path, text in _render(board, chosen, drawn, directory).items():
        write_text_atomically(path, text)
        paths.append(path)
    return paths


def check_leaderboard(board: Board, directory: Path) -> list[str]:
    """Compare the leaderboard's files with what the results give.

    Pictures are compared by the digests of their data, which they carry: another version of matplotlib
    may draw the same data otherwise.

    Returns:
        A line for each file that is missing, differs (with its first difference) or is of earlier
        results; empty if all is well.
    """
    chosen = pictures(board)
    differences = []
    for picture in chosen:
        path = directory / PLOTS / f"{picture.name}.svg"
        found = _read(path)
        if found is None:
            differences.append(f"{path}: missing")
        elif data_digest(found) is None:
            differences.append(f"{path}: was changed after it was drawn")
        elif data_digest(found) != picture.digest:
            differences.append(f"{path}: shows other data than the results give")
    differences += [f"{path}: is of results that are no longer there" for path in _abandoned(directory, chosen)]
    drawn = {picture.name: placeholder(picture.digest) for picture in chosen}
    for path, expected in _render(board, chosen, drawn, directory).items():
        found = _read(path)
        if found is None:
            differences.append(f"{path}: missing")
        elif (shown := digests_only(found) if path.name == PAGE else found) != expected:
            differences.append(_first_difference(path, shown, expected))
    return differences


def _render(board: Board, chosen: Sequence[Picture], drawn: Mapping[str, str], directory: Path) -> dict[Path, str]:
    texts = {
        "leaderboard.md": render_markdown(board, chosen),
        "leaderboard.csv": render_csv(board),
        PAGE: render_html(board, chosen, drawn),
    }
    # JSON can hold halves of characters, which no file can.
    return {directory / name: text.encode(errors="replace").decode() for name, text in texts.items()}


def _abandoned(directory: Path, chosen: Sequence[Picture]) -> list[Path]:
    """Pictures of an earlier leaderboard; files that others put there are left alone."""
    names = {picture.name for picture in chosen}
    found = sorted((directory / PLOTS).glob("*.svg"))
    return [path for path in found if path.stem not in names and is_ours(_read(path) or "")]


def _read(path: Path) -> str | None:
    """The text of a file; ``None`` if there is none of ours."""
    try:
        return read_file(path).decode("utf-8", errors="replace")
    except (OSError, ValueError):
        return None


def _first_difference(path: Path, found: str, expected: str) -> str:
    for number, (is_, should) in enumerate(zip_longest(found.split("\n"), expected.split("\n")), start=1):
        if is_ != should:
            start = max(0, len(commonprefix([is_ or "", should or ""])) - 40)
            shown = ["nothing" if line is None else repr(line[start : start + 160]) for line in (is_, should)]
            line = "" if path.name == PAGE else f":{number}"  # pictures were left out of the page, and their lines
            return f"{path}{line}: is {shown[0]}, the results give {shown[1]}"
    return f"{path}: differs"
