"""Everything about one task, as tables of text: all metrics, intervals and tests, F1 of each type, layer weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from elmo_xlstm.evaluation.leaderboard.amounts import amounts
from elmo_xlstm.evaluation.leaderboard.board import SPREAD, SYSTEM, Board, Column, frame
from elmo_xlstm.evaluation.leaderboard.tables import (
    Cell,
    System,
    Table,
    Texts,
    count_title,
    metric_title,
    score_table,
    spread_text,
)
from elmo_xlstm.evaluation.results import RunResult
from elmo_xlstm.evaluation.seeds import Spread, spread, summarise

Runs = Mapping[str, Sequence[RunResult]]
"""The runs of a task by model."""
INTERVAL = "95 % interval"
DIFFERENT_DATA = "These results were not all measured on the same data files."
NO_OUTCOMES = "Rows without an interval have results that did not record their outcomes."
LAYERS = "Layer 0 is the token embedding; weights sum to 1."
ENTRY = [*SYSTEM, "column", *SPREAD, "p_holm"]


def detail_tables(board: Board, column: Column) -> list[Table]:
    """The tables of one task: scores, F1 of each type, layer weights, amounts of data; those that there are."""
    runs = board.runs(column)
    tables = [_metrics_table(board, column, runs), _types_table(runs), _mix_table(runs), _amounts_table(board, column)]
    return [table for table in tables if table is not None]


def type_f1(runs: Sequence[RunResult], name: str) -> Spread | None:
    """F1 of a type over the seeds that have it."""
    values = [run.types[name].f1 for run in runs if name in run.types]
    return summarise(values) if values else None


def _metrics_table(board: Board, column: Column, runs: Runs) -> Table:
    measured = board.measured(column)
    published = [score for score in board.published if score.task == column.task]
    named = [metric for group in runs.values() for run in group for metric in run.metrics]
    metrics = list(dict.fromkeys([column.metric, *named, *(score.metric for score in published)]))
    entries: list[dict[str, Any]] = []
    for model, group in runs.items():
        for metric in metrics:
            if all(metric in run.metrics for run in group):
                test = {"p_holm": measured.p_holm[model]} if metric == column.metric else {}
                entry = _entry(model, metric_title(metric), summarise([run.metrics[metric] for run in group]))
                entries.append(entry | test)
    for score in published:
        entry = _entry(score.model, metric_title(score.metric), Spread(score.value, None, 0))
        entries.append({**entry, "published": True, "source": score.source})
    main = metric_title(column.metric)
    scores = frame(entries, ENTRY)
    first = scores["mean"].where(scores.column == main).groupby([scores[key] for key in SYSTEM]).transform("max")
    # Rows without the main metric come last, by whichever of theirs stands first.
    other = scores.groupby(SYSTEM)["mean"].transform("first")
    scores = scores.assign(lacks=first.isna(), place=-first.fillna(other))
    scores = scores.sort_values(["lacks", "place", "model"], kind="stable")
    beside = _evidence(measured, board.against)
    sizes = {model: {run.parameters.trainable for run in group} for model, group in runs.items()}
    last = {
        "trainable parameters": {
            (m, False, ""): count_title(size.pop()) for m, size in sizes.items() if len(size) == 1
        },
        "source": {key: key[2] or "measured here" for key, _ in scores.groupby(SYSTEM)},
    }
    data = {tuple(sorted(run.data.items())) for group in runs.values() for run in group}
    notes = [DIFFERENT_DATA] if len(data) > 1 else []
    if INTERVAL in beside and measured.interval_low.isna().any():
        notes.append(NO_OUTCOMES)
    titles = list(dict.fromkeys(map(metric_title, metrics)))
    return score_table("Scores", scores, titles, beside, last, " ".join(notes))


def _entry(model: str, column: str, score: Spread) -> dict[str, Any]:
    return {"model": model, "published": False, "source": "", "column": column, **score._asdict()}


def _evidence(measured: pd.DataFrame, against: str | None) -> Texts:
    """Intervals, and tests against the chosen row, of the systems that have them."""
    columns = {}
    if measured.interval_low.notna().any():
        columns[INTERVAL] = _texts(measured, "{row.interval_low:.2f} to {row.interval_high:.2f}", "interval_low")
    if measured.p_value.notna().any():
        differences = _texts(measured, "{row.difference:+.2f}", "p_value")
        columns[f"against {against}"] = {system: text.replace("-", "−") for system, text in differences.items()}
        columns["p"] = _texts(measured, "{row.p_value:.4f}", "p_value")
        columns["p (Holm)"] = _texts(measured, "{row.p_holm:.4f}", "p_value")
    return columns


def _texts(measured: pd.DataFrame, pattern: str, needed: str) -> dict[System, str]:
    """A text for each measured system that has what is needed for it."""
    return {(row.Index, False, ""): pattern.format(row=row) for row in measured.dropna(subset=needed).itertuples()}


def _types_table(runs: Runs) -> Table | None:
    supports: dict[str, set[int]] = {}
    for run in (run for group in runs.values() for run in group):
        for name, score in run.types.items():
            supports.setdefault(name, set()).add(score.support)
    rows = []
    for name in sorted(supports):
        found = [type_f1(group, name) for group in runs.values()]
        best = max(round(s.mean, 2) for s in found if s is not None)
        cells = [
            Cell(spread_text(s), "best" if round(s.mean, 2) == best else "") if s is not None else Cell("")
            for s in found
        ]
        support = str(*supports[name]) if len(supports[name]) == 1 else "differs"
        rows.append((Cell(name), Cell(support), *cells))
    return Table("F1 of each type", ("type", "in the gold", *runs), tuple(rows), (False,) * len(rows)) if rows else None


def _mix_table(runs: Runs) -> Table | None:
    mixes: dict[tuple[str, str, int], list[Sequence[float]]] = {}
    for model, group in runs.items():
        for name, mix in ((name, mix) for run in group for name, mix in run.mix.items()):
            mixes.setdefault((model, name, len(mix.weights)), []).append([*mix.weights, mix.gamma])
    layers = max((count for _, _, count in mixes), default=0)
    rows = []
    for (model, name, count), values in mixes.items():
        *weights, gamma = (spread_text(spread(numbers), 3) for numbers in zip(*values, strict=True))
        texts = (model, name, str(len(values)), *weights, *[""] * (layers - count), gamma)
        rows.append(tuple(map(Cell, texts)))
    header = ("model", "mix", "seeds", *(f"layer {layer}" for layer in range(layers)), "γ")
    return Table("Learned layer weights", header, tuple(rows), (False,) * len(rows), LAYERS) if rows else None


def _amounts_table(board: Board, column: Column) -> Table | None:
    curves = amounts(board.all_runs(column))
    entries = [
        _entry(model, f"{share:g} %", found) for model, curve in curves.items() for share, found in curve.items()
    ]
    shares = sorted({share for curve in curves.values() for share in curve})
    titles = [f"{share:g} %" for share in shares]
    return (
        score_table("Score by share of the training data", frame(entries, ENTRY), titles, {}, {}) if entries else None
    )
