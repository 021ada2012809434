"""Forms of predictions in a file or on a terminal, one row at a time; and where a file that was cut off goes on."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from rich.console import Console
from rich.text import Text

from elmo_xlstm.errors import UserError, printable
from elmo_xlstm.tasks.new_examples import ROW

OutputFormat = Literal["jsonl", "csv", "conll", "view"]
SUFFIXES: dict[str, OutputFormat] = {".csv": "csv", ".conll": "conll", ".jsonl": "jsonl"}
COLOURS = ("green", "cyan", "magenta", "yellow", "blue", "red")
ROW_NUMBER = re.compile(rf"^# {ROW} = (\d+)$", re.MULTILINE)
Writer = Callable[[Mapping[str, Any]], str]


def output_format(path: Path | None, asked: str | None) -> OutputFormat:
    """The format of predictions: the one that is asked for, or by the file's name; JSON lines else.

    Raises:
        UserError: there is no such format.
    """
    if asked is None:
        return SUFFIXES.get(path.suffix.lower(), "jsonl") if path is not None else "jsonl"
    for known in get_args(OutputFormat):
        if asked == known:
            found: OutputFormat = known
            return found
    raise UserError(f"--format {asked}: expected {', '.join(get_args(OutputFormat))}")


def make_writer(form: OutputFormat, console: Console, begun: Path | None = None) -> Writer:
    """A function from a row to its text, line ends included.

    Args:
        form: of the rows.
        console: whose colours a view has.
        begun: a CSV file that the rows are added to, whose columns they have.
    """
    match form:
        case "jsonl":
            return lambda row: json.dumps(row, ensure_ascii=False, default=str) + "\n"
        case "csv":
            return _CsvRows(begun)
        case "conll":
            return _conll
        case "view":
            return lambda row: _view(row, console)


class _CsvRows:
    """Rows of a table with the columns of its first one.

    Args:
        begun: a file that has columns already.
    """

    def __init__(self, begun: Path | None) -> None:
        self._columns: list[str] | None = None
        if begun is not None and begun.is_file() and begun.stat().st_size:
            with open(begun, encoding="utf-8", newline="") as file:
                self._columns = next(csv.reader(file))

    def __call__(self, row: Mapping[str, Any]) -> str:
        cells = _flat(row)
        rows = [list(map(_cell, cells.values()))]
        if self._columns is None:
            self._columns = list(cells)
            rows.insert(0, self._columns)
        elif missing := [name for name in cells if name not in self._columns]:
            raise UserError(
                f"row {row[ROW]}: has '{missing[0]}', which the first row of the table lacks; choose --format jsonl"
            )
        else:
            rows = [[_cell(cells.get(name, "")) for name in self._columns]]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue()


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Values by column: those of an object, such as probabilities, each in a column of its own."""
    cells: dict[str, Any] = {}
    for name, value in row.items():
        if name == "spans":
            continue  # mentions say the same, and where
        if isinstance(value, dict):
            cells |= {f"{name}.{key}": entry for key, entry in _flat(value).items()}
        else:
            cells[name] = value
    return cells


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict | bool) else value


def _conll(row: Mapping[str, Any]) -> str:
    """Words, what stood beside them, and their tags; what else the row holds in comments before them.

    Raises:
        UserError: there are no tags of words.
    """
    if "tags" not in row:
        raise UserError("--format conll is for tags of words; choose jsonl or csv")
    words, tags = row.get("words", row.get("passage")), row["tags"]
    beside = row.get("columns") or [[]] * len(tags)
    left = ("words", "passage", "tags", "columns", "spans", "mentions", "scores", "answers", "text")
    comments = [f"# {name} = {_line(_cell(value))}" for name, value in row.items() if name not in left]
    if "text" in row:
        comments.append(f"# text = {_line(row['text'])}")
    lines = ["\t".join(map(_line, (word, *values, tag))) for word, values, tag in zip(words, beside, tags, strict=True)]
    return "\n".join([*comments, *lines]) + "\n\n"


def _line(value: Any) -> str:
    """A value in one line, without what would be a separator."""
    return " ".join(str(value).split())


def _view(row: Mapping[str, Any], console: Console) -> str:
    """Texts with what was found in them, for people."""
    shown = Text()
    text = str(row.get("text", ""))
    if "mentions" in row and ("answers" in row or row["mentions"] or row["spans"]):
        place = 0
        for span in row["mentions"]:
            colour = COLOURS[sum(map(ord, span["type"])) % len(COLOURS)]
            shown.append(printable(text[place : span["start"]]))
            shown.append(printable(span["text"]), style=f"bold {colour}")
            shown.append(f"[{span['type'] or 'found'}{_percent(span['score'])}]", style=colour)
            place = span["end"]
        shown.append(printable(text[place:]))
    elif "tags" in row:
        words = row.get("words", row.get("passage", ()))
        for word, tag in zip(words, row["tags"], strict=True):
            shown.append(printable(f"{word}"))
            shown.append(f"/{tag} ", style="dim")
    else:
        texts = [str(row[name]) for name in ("text", "first", "second") if name in row]
        labels = row["labels"] if "labels" in row else {"": row["label"]}
        scores = row.get("scores") or {"": row.get("score")}
        for name, label in labels.items():
            colour = COLOURS[sum(map(ord, str(label))) % len(COLOURS)]
            shown.append(f"{name}: " if name else "").append(f"{label}{_percent(scores.get(name))}  ", style=colour)
        shown.append(printable(" | ".join(texts)))
    with console.capture() as captured:
        console.print(Text.assemble((f"{row[ROW]}: ", "dim"), shown), soft_wrap=True, highlight=False)
    return captured.get()


def _percent(score: float | None) -> str:
    return "" if score is None else f" {100 * score:.0f} %"


def last_whole_row(path: Path, form: OutputFormat) -> tuple[int, int]:
    """Where a file of predictions that was cut off goes on.

    Args:
        path: of the file.
        form: of its rows.

    Returns:
        How many of its bytes are whole rows, and the number of the last of them; zeros if there is none.

    Raises:
        UserError: it holds something else.
    """
    if form == "view":
        raise UserError("--resume: a view cannot be gone on with; choose another --format")
    end = number = place = 0
    held: list[bytes] = []
    header: list[str] | None = None
    with open(path, "rb") as file:
        for line in file:
            place += len(line)
            held.append(line)
            if not _ends_row(held, form):
                continue
            text = b"".join(held).decode()
            held = []
            try:
                if form == "csv":
                    (cells,) = csv.reader(io.StringIO(text))
                    if header is None:
                        header, end = cells, place
                        continue
                    number = int(cells[header.index(ROW)])
                elif form == "jsonl":
                    number = int(json.loads(text)[ROW])
                else:
                    number = int(ROW_NUMBER.search(text)[1])  # type: ignore[index]
            except (ValueError, KeyError, TypeError, IndexError):
                raise UserError(f"{path}: holds no predictions as {form} that --resume could go on with") from None
            end = place
    return end, number


def _ends_row(lines: list[bytes], form: OutputFormat) -> bool:
    if not lines[-1].endswith(b"\n"):
        return False
    if form == "csv":
        return sum(line.count(b'"') for line in lines) % 2 == 0
    return form == "jsonl" or lines[-1] == b"\n"
