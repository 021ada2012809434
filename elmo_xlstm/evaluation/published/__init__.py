"""Scores that others published, as facts with their source."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from elmo_xlstm.errors import UserError

GROUPS: dict[str, tuple[str, ...]] = {
    "classification": ("emot", "smsa", "casa", "hoasa", "wrete"),
    "sequence labelling": ("posp", "bapos", "terma", "keps", "nergrit", "nerp", "facqa"),
}
"""The benchmark's two groups of tasks, over which Table 5 averages, in its order."""

MACRO_F1 = "macro_f1"
METRICS = {
    "seqeval micro F1": "micro_f1",
    "entity-level F1 of (aspect span + polarity) BIOES tags": "micro_f1",
}
"""Metrics of ``other.csv`` that result files also have, by their name there."""

HERE = Path(__file__).parent


@dataclass(frozen=True)
class PublishedScore:
    """One published figure.

    Attributes:
        task: as in result files.
        metric: as in result files, or in the source's own words where those have no such metric.
        model: the system, with its setting if the source tells several.
        value: as published; F1 in percent.
        source: where it was published.
        parameters: how many the system has, where the source says so.
    """

    task: str
    metric: str
    model: str
    value: float
    source: str
    parameters: int | None = None


def read_published(directory: Path = HERE) -> list[PublishedScore]:
    """All published scores that the package carries, in the order of their files.

    Args:
        directory: of the two tables.

    Raises:
        UserError: a table is missing or damaged; names file and line.
    """
    everything = [task for group in GROUPS.values() for task in group]
    return [
        *_read(directory / "indonlu_table5.csv", partial(_of_benchmark, tasks=everything)),
        *_read(directory / "nusabert.csv", partial(_of_benchmark, tasks=GROUPS["classification"])),
        *_read(directory / "other.csv", _of_other),
    ]


def read_own_published(path: Path) -> list[PublishedScore]:
    """Scores of one's own table, whose columns are task, metric, model, value and source, and parameters if known.

    Args:
        path: CSV; values are in percent, and the metric is named as in result files: macro_f1.

    Raises:
        UserError: it is missing, or lacks a column or a value; names file and line.
    """
    return _read(path, _of_own, "mend the file")


def _of_own(row: dict[str, str]) -> list[PublishedScore]:
    if empty := [name for name in ("task", "metric", "model", "value", "source") if not row[name].strip()]:
        raise ValueError(f"no {empty[0]}")
    parameters = row.get("parameters") or ""
    value = _number(row["value"])
    if value > 100:
        raise ValueError(f"{row['value'][:40]!r} is no score in percent")
    task, metric, model, source = (row[name].strip() for name in ("task", "metric", "model", "source"))
    return [PublishedScore(task, metric, model, value, source, round(_number(parameters)) if parameters else None)]


def _of_benchmark(row: dict[str, str], tasks: Sequence[str]) -> list[PublishedScore]:
    parameters = round(_number(row["params_million"]) * 1e6) if row["params_million"] else None
    return [
        PublishedScore(task, MACRO_F1, row["model"], _number(row[task]), row["source"], parameters) for task in tasks
    ]


def _of_other(row: dict[str, str]) -> list[PublishedScore]:
    model = f"{row['model']} ({row['setting']})" if row["setting"] else row["model"]
    metric = METRICS.get(row["metric"], row["metric"])
    return [PublishedScore(row["task"], metric, model, _number(row["value"]), row["source"])]


def _number(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1e12:
        raise ValueError(f"{text[:40]!r} is no score or size")
    return number


def _read(
    path: Path, parse: Callable[[dict[str, str]], list[PublishedScore]], remedy: str = "restore the file"
) -> list[PublishedScore]:
    """The scores of each row."""
    scores: list[PublishedScore] = []
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, restval="", strict=True)
            for row in rows:
                line = rows.line_num
                if None in row:
                    raise ValueError("more columns than the header has")
                scores += parse(row)
    except KeyError as error:
        raise UserError(f"{path}:{line}: no column {error}; {remedy}") from None
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path}:{line}: cannot be read ({str(error)[:200]}); {remedy}") from None
    return scores
