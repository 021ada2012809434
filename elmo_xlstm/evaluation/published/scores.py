"""Reading the tables of published scores."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

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


def read_published() -> list[PublishedScore]:
    """All published scores that the package carries, in the order of their files."""
    return [*_read_table5(HERE / "indonlu_table5.csv"), *_read_other(HERE / "other.csv")]


def _read_table5(path: Path) -> list[PublishedScore]:
    tasks = [task for group in GROUPS.values() for task in group]
    scores = []
    for row in _rows(path):
        parameters = round(float(row["params_million"]) * 1e6) if row["params_million"] else None
        for task in tasks:
            score = PublishedScore(task, MACRO_F1, row["model"], float(row[task]), row["source"], parameters)
            scores.append(score)
    return scores


def _read_other(path: Path) -> list[PublishedScore]:
    scores = []
    for row in _rows(path):
        model = f"{row['model']} ({row['setting']})" if row["setting"] else row["model"]
        metric = METRICS.get(row["metric"], row["metric"])
        scores.append(PublishedScore(row["task"], metric, model, float(row["value"]), row["source"]))
    return scores


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
