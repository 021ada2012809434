"""The columns of a table, a JSON-lines or a Parquet file, and what each of them looks like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.readers.columns import LABEL_NAMES, TEXT_NAMES, csv_rows, most_common
from elmo_xlstm.tasks.data.readers.json_lines import parse_object
from elmo_xlstm.tasks.data.readers.problems import filled_lines
from elmo_xlstm.tasks.data.readers.table import NO_ROW, Column

LOOKED_AT = 5000
"""Rows from which columns are told."""
SEPARATORS = (",", ";", "\t", "|")
EVEN = 0.9
"""The share of rows that has to have the same number of columns, without quotes."""
MOST_LABELS = 200
LONGEST_LABEL = 60

Looks = Literal["text", "label", "list", "constant", "other"]


@dataclass(frozen=True)
class Profile:
    """One column.

    Attributes:
        name: or number.
        looks: like texts, labels, lists of words or tags, one value alone, or anything else (numbers, names, dates).
        values: that are filled, as texts, how often each occurs; of lists, their items.
        filled: how many rows have a value.
    """

    name: Column
    looks: Looks
    values: Counter[str]
    filled: int

    @property
    def shown(self) -> str:
        """Name and looks, for messages."""
        some = ", ".join(f"{value[:30]!r} ×{count}" for value, count in self.values.most_common(3))
        return f"{self.name!r} ({self.looks}: {len(self.values)} different values, {some})"


@dataclass(frozen=True)
class Columns:
    """The columns of a file.

    Attributes:
        path: of it.
        rows: how many were looked at.
        profiles: of the columns, in their order.
        settings: that a data set needs to read the file so.
    """

    path: Path
    rows: int
    profiles: tuple[Profile, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    def that_look_like(self, looks: Looks) -> list[Profile]:
        """Those columns."""
        return [profile for profile in self.profiles if profile.looks == looks]

    def find(self, column: str) -> Profile:
        """The column of a name or number.

        Raises:
            UserError: there is none.
        """
        for profile in self.profiles:
            if str(profile.name) == column:
                return profile
        raise UserError(f"{self.path}: no column {column!r}; there are:\n{self.listing}")

    @property
    def listing(self) -> str:
        """A line for each column."""
        return "\n".join(f"  {profile.shown}" for profile in self.profiles)


def read_table(path: Path, separator: str | None = None, header: bool | None = None) -> Columns:
    """Read a CSV or TSV file, told what is not said: separator, quotes and header.

    Raises:
        UserError: no separator makes columns of it, or its quotes are not closed.
    """
    rows, settings = _best_rows(path, (separator,) if separator else SEPARATORS)
    width = most_common(map(len, rows))
    whole = [row for row in rows if len(row) == width]
    if header is None:
        header = _is_header(whole)
    names: Sequence[Column] = whole[0] if header else range(width)
    body = whole[1:] if header else whole
    if not header:
        settings["header"] = False
    if not body:
        raise UserError(f"{path}: holds no row beside the names of its columns")
    if len(set(names)) < width:
        raise UserError(f"{path}: a name stands over two columns: {', '.join(map(str, names))}; name each differently")
    profiles = (profile(name, [row[place] for row in body]) for place, name in enumerate(names))
    return Columns(path, len(body), tuple(profiles), settings)


def read_json_lines(path: Path) -> Columns:
    """Read a file of one object a line.

    Raises:
        UserError: none of its lines is one.
    """
    objects, problem = [], "holds no line"
    for _, line in islice(filled_lines(path), LOOKED_AT):
        try:
            objects.append(parse_object(line, "an object"))
        except ValueError as error:
            problem = str(error)
    if not objects:
        raise UserError(f"{path}: {problem}; write one JSON object a line")
    return Columns(path, len(objects), _profiles(objects))


def read_parquet(path: Path) -> Columns:
    """Read the first rows of a Parquet file.

    Raises:
        UserError: it is none.
    """
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            batch = next(file.iter_batches(LOOKED_AT), None)
            rows = batch.to_pylist() if batch is not None else []
    except (OSError, pyarrow.ArrowException) as error:
        raise UserError(f"{path}: cannot be read as Parquet ({str(error).splitlines()[0]})") from None
    if not rows:
        raise UserError(f"{path}: holds no row")
    return Columns(path, len(rows), _profiles(rows))


def profile(name: Column, values: Sequence[Any]) -> Profile:
    """Tell what a column looks like from its values."""
    filled = [value for value in values if value is not None and not (isinstance(value, str) and not value.strip())]
    lists = [value for value in filled if isinstance(value, list)]
    if filled and len(lists) == len(filled):
        return Profile(name, "list", Counter(str(item) for items in lists for item in items), len(filled))
    texts = [str(value).strip() for value in filled]
    counts = Counter(texts)
    return Profile(name, _looks(name, filled, texts, counts), counts, len(filled))


def _looks(name: Column, filled: Sequence[Any], texts: Sequence[str], counts: Counter[str]) -> Looks:
    if len(counts) <= 1:
        return "constant"
    words = sum(len(text.split()) for text in texts) / len(texts)
    repeats = len(texts) / len(counts)
    numbers = any(isinstance(value, float) and not value.is_integer() for value in filled)
    short = words <= 3 and max(map(len, texts)) <= LONGEST_LABEL
    if short and not numbers and repeats >= 2 and len(counts) <= MOST_LABELS:
        return "label"
    named = str(name).strip().lower() in TEXT_NAMES
    if all(isinstance(value, str) for value in filled) and (words >= 3 or (named and words > 1)):
        return "text"
    return "other"


def _profiles(rows: Sequence[dict[str, Any]]) -> tuple[Profile, ...]:
    names = dict.fromkeys(name for row in rows for name in row)
    return tuple(profile(name, [row.get(name) for row in rows]) for name in names)


def _best_rows(path: Path, separators: Sequence[str]) -> tuple[list[list[str]], dict[str, Any]]:
    """The rows by the separator that makes several columns, and as many, of the most of them."""
    best: tuple[float, list[list[str]], dict[str, Any]] = (0, [], {})
    problem: UserError | None = None
    for quoted in (True, False):
        for separator in separators:
            try:
                rows = [row for _, row in islice(csv_rows(path, NO_ROW, separator, quoted), LOOKED_AT)]
            except UserError as error:
                if not path.is_file() or NO_ROW.split("{")[0] not in str(error):
                    raise
                problem = problem or error
                continue
            share = _evenness(rows)
            if share > best[0]:
                best = (share, rows, {"separator": separator, **({} if quoted else {"quoted": False})})
        if best[0] >= EVEN or (quoted and best[1] and problem is None):
            break
    share, rows, settings = best
    if not rows or (problem is not None and (share < EVEN or any(map(_is_quoted, rows)))):
        raise problem or UserError(
            f"{path}: none of {', '.join(map(repr, separators))} makes columns of its lines; say what stands between "
            "them: --separator"
        )
    return rows, settings


def _is_quoted(row: Sequence[str]) -> bool:
    """Whether a field stands in quotes, in a row that was read without regard to them."""
    return any(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in row)


def _evenness(rows: Sequence[Sequence[str]]) -> float:
    """The share of rows that has as many columns as most, if these are several."""
    width = most_common(map(len, rows))
    return sum(len(row) == width for row in rows) / len(rows) if width > 1 else 0.0


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: short, different, and nowhere a value that a column has again."""
    first, body = [cell.strip() for cell in rows[0]], rows[1:]
    if not body or not all(first) or len(set(first)) < len(first) or any(len(name) > LONGEST_LABEL for name in first):
        return False
    if any(_is_number(name) for name in first):
        return False
    if {name.lower() for name in first} & (TEXT_NAMES | LABEL_NAMES):
        return True
    again = list(_columns_with(first, body))
    repeating = any(len({row[place] for row in body}) <= len(body) / 2 for place in range(len(first)))
    return not again and repeating


def _columns_with(first: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[int]:
    """The places where the value of the first row comes again below."""
    for place, name in enumerate(first):
        if any(row[place].strip() == name for row in body):
            yield place


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True
