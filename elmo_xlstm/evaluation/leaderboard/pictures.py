"""What the leaderboard's pictures show, before anything is drawn: only of what the results hold."""

from __future__ import annotations

import hashlib
import json
import re
import statistics
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from elmo_xlstm.evaluation.leaderboard.amounts import Amount, amounts
from elmo_xlstm.evaluation.leaderboard.board import Board, Column
from elmo_xlstm.evaluation.leaderboard.details import type_f1
from elmo_xlstm.evaluation.leaderboard.tables import column_title, metric_title
from elmo_xlstm.evaluation.results import MixWeights, RunResult

DRAWING = 1
"""Version of the drawing; raised when pictures of the same data are to look different."""
CURVE_MODELS, BAR_MODELS, CONFUSION_MODELS = 3, 3, 1
"""How many systems a picture shows, the best ones; the chosen row comes beside them."""
MOST_TYPES, MOST_LABELS, MOST_MIXES, MOST_LAYERS = 20, 20, 60, 100
"""What is beyond these stands in the tables."""
LONGEST = 28
"""Characters of a label."""
DECIMALS = 4
UNREADABLE = ("Cc", "Cs", "Co", "Cn")
"""Unicode's control characters, surrogates, private and unassigned ones: XML and fonts do without them."""


@dataclass(frozen=True)
class HeatMap:
    """Learned layer weights: (rows, columns) shares, ``None`` for layers that a model lacks."""

    rows: list[str]
    columns: list[str]
    values: list[list[float | None]]


@dataclass(frozen=True)
class Curve:
    """The training of one run."""

    losses: list[float | None]
    validation: list[float]
    """In percent."""


@dataclass(frozen=True)
class Curves:
    """Training runs by model; the chosen row is named."""

    metric: str
    runs: dict[str, list[Curve]]
    against: str | None


@dataclass(frozen=True)
class ConfusionPanel:
    """Counts over all seeds of one model; rows are gold labels."""

    model: str
    labels: list[str]
    counts: list[list[int]]


@dataclass(frozen=True)
class Confusions:
    """Confusion matrices side by side."""

    panels: list[ConfusionPanel]


@dataclass(frozen=True)
class Bars:
    """F1 of each type by model, in percent: mean and standard deviation (``None`` for one seed), or ``None``."""

    types: list[str]
    models: dict[str, list[tuple[float, float | None] | None]]
    against: str | None


@dataclass(frozen=True)
class AmountCurves:
    """Scores by share of the training data, by model; the chosen row is named."""

    metric: str
    models: dict[str, list[Amount]]
    against: str | None


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        name: of its file, without ending.
        title: what it shows.
        column: the task that it is about; ``None`` for all of them.
        content: what is drawn.
    """

    name: str
    title: str
    column: Column | None
    content: HeatMap | Curves | Confusions | Bars | AmountCurves

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of all that is drawn."""
        values: dict[str, Any] = {"drawing": DRAWING, "kind": type(self.content).__name__, "title": self.title}
        text = json.dumps(values | {"content": asdict(self.content)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def pictures(board: Board) -> list[Picture]:
    """All pictures, in the order of the page."""
    found = [] if (mixes := _layer_weights(board)) is None else [mixes]
    for column in board.columns if board.results else ():
        found += [_picture(board, column, *made) for made in _of_task(board, column) if made[2] is not None]
    return found


def readable(text: str, longest: int = LONGEST) -> str:
    """A label that can be drawn: one line, no control characters, not too long."""
    text = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in UNREADABLE else c for c in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _picture(board: Board, column: Column, kind: str, title: str, content: Any) -> Picture:
    name = column.task
    if sum(other.task == column.task for other in board.columns) > 1:
        name += "-" + re.sub(r"[^A-Za-z0-9]+", "_", column.metric)
    return Picture(f"{name}-{kind}", f"{readable(column_title(column, board), 3 * LONGEST)}: {title}", column, content)


def _of_task(board: Board, column: Column) -> list[tuple[str, str, Any]]:
    runs = board.runs(column)
    order = sorted(runs, key=lambda model: (-board.cell(model, column).mean, model))
    metric = readable(metric_title(column.metric), 2 * LONGEST)
    return [
        ("curves", "training", _curves({m: runs[m] for m in order}, metric, board.against)),
        ("types", "F1 of each type", _bars({m: runs[m] for m in order}, board.against)),
        ("confusion", "confusion", _confusions({m: runs[m] for m in order}, board.against)),
        ("amounts", "score by amount of training data", _amounts(board, column, metric)),
    ]


def _chosen(models: Sequence[str], count: int, against: str | None) -> list[str]:
    """The best models, and the chosen row after them."""
    best = [model for model in models if model != against][:count]
    return [*best, against] if against is not None and against in models else best


def _layer_weights(board: Board) -> Picture | None:
    rows: list[str] = []
    values: list[list[float | None]] = []
    for column in board.columns:
        for model, runs in board.runs(column).items():
            kinds = sorted({(name, len(mix.weights)) for run in runs for name, mix in run.mix.items()})
            kinds = [(name, count) for name, count in kinds if count <= MOST_LAYERS]
            for name, count in kinds:
                having = [run for run in runs if name in run.mix and len(run.mix[name].weights) == count]
                mixes = [run.mix[name] for run in having if _learns(run, run.mix[name])]
                if not mixes:
                    continue
                label = f"{column_title(column, board)} · {model}" + (f" · {name}" if len(kinds) > 1 else "")
                rows.append(readable(label, 2 * LONGEST))
                values.append([_rounded(statistics.fmean(mix.weights[i] for mix in mixes)) for i in range(count)])
    if not rows:
        return None
    rows, values = rows[:MOST_MIXES], values[:MOST_MIXES]
    layers = max(map(len, values))
    padded = [row + [None] * (layers - len(row)) for row in values]
    columns = [f"layer {layer}" for layer in range(layers)]
    return Picture("layer-weights", "Learned layer weights", None, HeatMap(rows, columns, padded))


def _learns(run: RunResult, mix: MixWeights) -> bool:
    """Whether weights could have come out otherwise: there are several layers, and the mix was to be trained."""
    settings: object = run.config
    for key in ("task", "head", "mix"):
        settings = settings.get(key) if isinstance(settings, dict) else None
    trained = not isinstance(settings, dict) or settings.get("trainable") is not False
    return trained and max(mix.weights) < 1


def _curves(runs: dict[str, list[RunResult]], metric: str, against: str | None) -> Curves | None:
    trained = {model: [run for run in group if run.curve] for model, group in runs.items()}
    chosen = _chosen([model for model, group in trained.items() if group], CURVE_MODELS, against)
    if not chosen:
        return None
    curves = {
        model: [
            Curve(
                [None if epoch.train_loss is None else _rounded(epoch.train_loss) for epoch in run.curve],
                [_rounded(100 * epoch.validation) for epoch in run.curve],
            )
            for run in trained[model]
        ]
        for model in chosen
    }
    return Curves(metric, curves, against)


def _amounts(board: Board, column: Column, metric: str) -> AmountCurves | None:
    found = {
        model: [
            replace(a, share=_rounded(a.share), mean=_rounded(a.mean), sd=None if a.sd is None else _rounded(a.sd))
            for a in curve
        ]
        for model, curve in amounts(board.all_runs(column)).items()
    }
    best = sorted(found, key=lambda model: -found[model][-1].mean)
    chosen = _chosen(best, CURVE_MODELS, board.against)
    return AmountCurves(metric, {model: found[model] for model in chosen}, board.against) if chosen else None


def _bars(runs: dict[str, list[RunResult]], against: str | None) -> Bars | None:
    support = {name: score.support for group in runs.values() for run in group for name, score in run.types.items()}
    types = sorted(sorted(support, key=lambda name: (-support[name], name))[:MOST_TYPES])
    chosen = _chosen([m for m, group in runs.items() if any(run.types for run in group)], BAR_MODELS, against)
    if not types:
        return None
    cells = {model: [type_f1(runs[model], name) for name in types] for model in chosen}
    scores = {
        model: [None if c is None else (_rounded(c.mean), None if c.sd is None else _rounded(c.sd)) for c in of_model]
        for model, of_model in cells.items()
    }
    return Bars([readable(name) for name in types], scores, against)


def _confusions(runs: dict[str, list[RunResult]], against: str | None) -> Confusions | None:
    panels = {model: panel for model, group in runs.items() if (panel := _confusion(model, group)) is not None}
    chosen = _chosen(list(panels), CONFUSION_MODELS, against)
    return Confusions([panels[model] for model in chosen]) if chosen else None


def _confusion(model: str, runs: Sequence[RunResult]) -> ConfusionPanel | None:
    matrices = [run.confusion for run in runs if run.confusion is not None]
    totals: dict[tuple[str, str], int] = {}
    for matrix in matrices:
        for gold, row in zip(matrix.labels, matrix.counts, strict=True):
            for predicted, count in zip(matrix.labels, row, strict=True):
                totals[gold, predicted] = totals.get((gold, predicted), 0) + count
    labels = list(dict.fromkeys(label for matrix in matrices for label in matrix.labels))
    if not labels:
        return None
    size = {label: sum(n for pair, n in totals.items() if label in pair) for label in labels}
    most = set(sorted(labels, key=lambda label: -size[label])[:MOST_LABELS])
    kept = [label for label in labels if label in most]
    counts = [[totals.get((gold, predicted), 0) for predicted in kept] for gold in kept]
    return ConfusionPanel(model, [readable(label) for label in kept], counts)


def _rounded(value: float) -> float:
    return round(value, DECIMALS)
