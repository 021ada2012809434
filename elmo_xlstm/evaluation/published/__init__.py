"""Scores that others published, as facts with their source."""

from __future__ import annotations

import csv
from dataclasses import dataclass
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


OWN_COLUMNS = ("task", "metric", "model", "value", "source")


@dataclass(frozen=True)
class PublishedScore:
    """One published figure."""

    task: str
    metric: str  # as in result files, or in the source's own words where those have no such metric
    model: str  # with its setting if the source tells several
    value: float  # F1 in percent
    source: str
    parameters: int | None = None  # where the source says how many


def read_published() -> list[PublishedScore]:
    """All published scores that the package carries, in the order of their files."""
    scores = []
    for row in (*_rows("indonlu_table5.csv"), *_rows("nusabert.csv")):
        parameters = round(float(row["params_million"]) * 1e6) if row["params_million"] else None
        for task in (task for group in GROUPS.values() for task in group if task in row):
            scores.append(PublishedScore(task, MACRO_F1, row["model"], float(row[task]), row["source"], parameters))
    for row in _rows("other.csv"):
        model = f"{row['model']} ({row['setting']})" if row["setting"] else row["model"]
        metric = METRICS.get(row["metric"], row["metric"])
        scores.append(PublishedScore(row["task"], metric, model, float(row["value"]), row["source"]))
    return scores


def read_own_published(path: Path) -> list[PublishedScore]:
    """Scores of one's own table, whose columns are task, metric, model, value and source, and parameters if known.

    Args:
        path: CSV; values are in percent, and the metric is named as in result files: macro_f1.

    Raises:
        UserError: it is missing, or lacks a column or a value; names file and line.
    """
    scores, line = [], 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, restval="", strict=True)
            for row in rows:
                line = rows.line_num
                scores.append(_of_own(row))
    except KeyError as error:
        raise UserError(f"{path}:{line}: no column {error}; mend the file") from None
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path}:{line}: cannot be read ({str(error)[:200]}); mend the file") from None
    return scores


def _of_own(row: dict[str, str]) -> PublishedScore:
    if None in row:
        raise ValueError("more columns than the header has")
    task, metric, model, value, source = (row[name].strip() for name in OWN_COLUMNS)
    if empty := [name for name in OWN_COLUMNS if not row[name].strip()]:
        raise ValueError(f"no {empty[0]}")
    if not 0 <= float(value) <= 100:
        raise ValueError(f"{value[:40]!r} is no score in percent")
    parameters = row.get("parameters") or ""
    size = float(parameters) if parameters else None
    if size is not None and not 0 <= size < 1e12:
        raise ValueError(f"{parameters[:40]!r} is no number of parameters")
    return PublishedScore(task, metric, model, float(value), source, round(size) if size is not None else None)


def _rows(name: str) -> list[dict[str, str]]:
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
