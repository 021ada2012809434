"""Scores that others published, as facts with their source."""

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


def _rows(name: str) -> list[dict[str, str]]:
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
