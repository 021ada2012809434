"""Which plots the leaderboard has, and what they show: only of what the results hold."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Sequence

from elmo_xlstm.evaluation.leaderboard.amounts import amounts
from elmo_xlstm.evaluation.leaderboard.board import Board, Column
from elmo_xlstm.evaluation.leaderboard.details import Runs, type_f1
from elmo_xlstm.evaluation.leaderboard.drawing import (
    LONGEST,
    AmountCurves,
    Bars,
    Confusions,
    Content,
    Curves,
    HeatMap,
    Plot,
    readable,
)
from elmo_xlstm.evaluation.leaderboard.tables import column_title, metric_title
from elmo_xlstm.evaluation.results import MixWeights, RunResult

MOST_MODELS, MOST_CONFUSIONS = 3, 1
"""How many systems a plot shows, the best ones; the chosen row comes beside them."""
MOST_TYPES, MOST_LABELS, MOST_MIXES = 20, 20, 60
"""The most that one plot shows; the tables have all."""


def plots(board: Board) -> list[Plot]:
    """All plots, in the order of the page."""
    weights = _layer_weights(board)
    found = [Plot("layer-weights", "Learned layer weights", None, weights)] if weights else []
    for column in board.columns if board.results else ():
        runs, metric = board.runs(column), readable(metric_title(column.metric), 2 * LONGEST)
        ranked = {model: runs[model] for model in board.measured(column).index}
        contents: dict[str, tuple[str, Content | None]] = {
            "curves": ("training", _curves(ranked, metric, board.against)),
            "types": ("F1 of each type", _bars(ranked, board.against)),
            "confusion": ("confusion", _confusions(ranked, board.against)),
            "amounts": ("score by amount of training data", _amounts(board, column, metric)),
        }
        name, title = column.task, readable(column_title(column, board), 3 * LONGEST)
        if sum(other.task == column.task for other in board.columns) > 1:
            name += "-" + re.sub(r"[^A-Za-z0-9]+", "_", column.metric)
        for kind, (shown, content) in contents.items():
            if content is not None:
                found.append(Plot(f"{name}-{kind}", f"{title}: {shown}", column, content))
    return found


def _chosen(models: Iterable[str], count: int, against: str | None) -> list[str]:
    """The first models, and the chosen row after them if it is one."""
    models = list(models)
    return [*[model for model in models if model != against][:count], *(model for model in models if model == against)]


def _layer_weights(board: Board) -> HeatMap | None:
    rows: list[str] = []
    values: list[list[float]] = []
    for column in board.columns:
        for model, runs in board.runs(column).items():
            learned: dict[tuple[str, int], list[Sequence[float]]] = {}
            kinds = {(name, len(mix.weights)) for run in runs for name, mix in run.mix.items()}
            for run in runs:
                for name, mix in sorted(run.mix.items()):
                    if _learns(run, mix):
                        learned.setdefault((name, len(mix.weights)), []).append(mix.weights)
            for (name, _), weights in learned.items():
                label = f"{column_title(column, board)} · {model}" + (f" · {name}" if len(kinds) > 1 else "")
                rows.append(readable(label, 2 * LONGEST))
                values.append([statistics.fmean(layer) for layer in zip(*weights, strict=True)])
    if not rows:
        return None
    rows, values = rows[:MOST_MIXES], values[:MOST_MIXES]
    layers = max(map(len, values))
    return HeatMap(rows, [row + [float("nan")] * (layers - len(row)) for row in values])


def _learns(run: RunResult, mix: MixWeights) -> bool:
    """Whether weights could have come out otherwise: there are several layers, and the mix was to be trained."""
    settings: object = run.config
    for key in ("task", "head", "mix"):
        settings = settings.get(key) if isinstance(settings, dict) else None
    trained = not isinstance(settings, dict) or settings.get("trainable") is not False
    return trained and max(mix.weights) < 1


def _curves(runs: Runs, metric: str, against: str | None) -> Curves | None:
    trained = {model: found for model, group in runs.items() if (found := [run for run in group if run.curve])}
    chosen = _chosen(trained, MOST_MODELS, against)
    return Curves(metric, {model: trained[model] for model in chosen}, against) if chosen else None


def _bars(runs: Runs, against: str | None) -> Bars | None:
    support = {name: score.support for group in runs.values() for run in group for name, score in run.types.items()}
    types = sorted(sorted(support, key=lambda name: (-support[name], name))[:MOST_TYPES])
    chosen = _chosen((m for m, group in runs.items() if any(run.types for run in group)), MOST_MODELS, against)
    scores = {model: [type_f1(runs[model], name) for name in types] for model in chosen}
    return Bars([readable(name) for name in types], scores, against) if types else None


def _confusions(runs: Runs, against: str | None) -> Confusions | None:
    having = {model: found for model, group in runs.items() if (found := [r for r in group if r.confusion])}
    chosen = _chosen(having, MOST_CONFUSIONS, against)
    return Confusions({model: _confusion(having[model]) for model in chosen}) if chosen else None


def _confusion(runs: Sequence[RunResult]) -> tuple[list[str], list[list[int]]]:
    """The sum over runs, of those labels that are most often gold or predicted."""
    totals: dict[tuple[str, str], int] = {}
    size: dict[str, int] = {}
    for matrix in (run.confusion for run in runs if run.confusion is not None):
        for gold, row in zip(matrix.labels, matrix.counts, strict=True):
            for predicted, count in zip(matrix.labels, row, strict=True):
                totals[gold, predicted] = totals.get((gold, predicted), 0) + count
                for label in {gold, predicted}:
                    size[label] = size.get(label, 0) + count
    most = set(sorted(size, key=lambda label: -size[label])[:MOST_LABELS])
    labels = [label for matrix in (run.confusion for run in runs) if matrix for label in matrix.labels]
    kept = [label for label in dict.fromkeys(labels) if label in most]
    counts = [[totals.get((gold, predicted), 0) for predicted in kept] for gold in kept]
    return [readable(label) for label in kept], counts


def _amounts(board: Board, column: Column, metric: str) -> AmountCurves | None:
    found = amounts(board.all_runs(column))
    ranked = sorted(found, key=lambda model: -list(found[model].values())[-1].mean)
    chosen = _chosen(ranked, MOST_MODELS, board.against)
    return AmountCurves(metric, {model: found[model] for model in chosen}, board.against) if chosen else None
