"""The leaderboard's plots: those that the results hold something for, drawn with matplotlib.

Colours are those of Okabe and Ito ("Color Universal Design", 2008) and cividis (Nuñez, Anderton and
Renslow 2018), which colour-blind readers can tell apart; lines differ in their dashes as well. The
ground is white, so that plots are readable on dark pages too.
"""

from __future__ import annotations

import io
import math
import re
import statistics
import unicodedata
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from elmo_xlstm.evaluation.leaderboard.board import Board, Column, Runs
from elmo_xlstm.evaluation.leaderboard.tables import column_title, metric_title, type_f1
from elmo_xlstm.evaluation.results import RunResult
from elmo_xlstm.evaluation.seeds import Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MADE_BY = "elmo-xlstm leaderboard"
SETTINGS = {
    "svg.fonttype": "none",  # text stays text: small, and searchable
    "svg.hashsalt": "elmo-xlstm",
    "text.parse_math": False,  # labels are data
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}
PADDING = 0.08  # inches
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
CHOSEN_ROW = "#555555"
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
LONGEST = 28  # characters of a label
UNREADABLE = ("Cc", "Cs", "Co", "Cn")  # Unicode categories that XML and fonts do without
MOST_MODELS, MOST_CONFUSIONS = 3, 1  # systems that a plot shows, the best ones; the chosen row comes beside them
MOST_TYPES, MOST_LABELS, MOST_MIXES = 20, 20, 60  # that one plot shows; the tables have all
WRITTEN_LABELS = 12  # larger matrices have no numbers in their cells
DARK = 0.45  # share of the colour scale below which text is white


@dataclass(frozen=True)
class Plot:
    """What a plot shows, in which task (``None``: in all), its file's name, and what draws it on an empty figure."""

    name: str
    title: str
    column: Column | None
    content: partial[None]

    def draw(self) -> str:
        """The plot as SVG, without dates or anything else that changes from time to time."""
        import matplotlib.style
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        with matplotlib.style.context(["default", SETTINGS]), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader's fonts draw the text
            fixed_shape = self.content.func is _draw_confusions
            figure = Figure(layout=ConstrainedLayoutEngine(w_pad=PADDING, h_pad=PADDING, compress=fixed_shape))
            self.content(figure)
            figure.suptitle(self.title, fontsize=11)
            file = io.StringIO()
            figure.savefig(file, format="svg", metadata={"Date": None, "Creator": creator(), "Title": self.title})
        return file.getvalue()


def creator() -> str:
    """The name that every plot carries of what drew it; another version may draw the same otherwise."""
    import matplotlib

    return f"{MADE_BY}, matplotlib {matplotlib.__version__}"


def readable(text: str, longest: int = LONGEST) -> str:
    """A label that can be drawn: one line, no control characters, not too long."""
    text = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in UNREADABLE else c for c in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def plots(board: Board) -> list[Plot]:
    """All plots, in the order of the page."""
    weights = _layer_weights(board)
    found = [Plot("layer-weights", "Learned layer weights", None, weights)] if weights else []
    for column in board.columns if board.results else ():
        runs = board.runs(column)
        ranked = {model: runs[model] for model in board.measured(column).index}
        contents = {
            "curves": ("training", _curves(ranked, column, board.against)),
            "types": ("F1 of each type", _bars(ranked, board.against)),
            "confusion": ("confusion", _confusions(ranked, board.against)),
            "amounts": ("score by amount of training data", _amounts(board, column)),
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


def _layer_weights(board: Board) -> partial[None] | None:
    rows: list[str] = []
    values: list[list[float]] = []
    for column in board.columns:
        for model, runs in board.runs(column).items():
            learned = defaultdict[tuple[str, int], list[list[float]]](list)
            kinds = {(name, len(mix.weights)) for run in runs for name, mix in run.mix.items()}
            for run in runs:
                for name, mix in sorted(run.mix.items()):
                    if max(mix.weights) < 1 and _is_trained(run.config):
                        learned[name, len(mix.weights)].append(mix.weights)
            for (name, _), weights in learned.items():
                label = f"{column_title(column, board)} · {model}" + (f" · {name}" if len(kinds) > 1 else "")
                rows.append(readable(label, 2 * LONGEST))
                values.append([statistics.fmean(layer) for layer in zip(*weights, strict=True)])
    if not rows:
        return None
    rows, values = rows[:MOST_MIXES], values[:MOST_MIXES]
    layers = max(map(len, values))
    return partial(
        _draw_layer_weights, rows=rows, values=[row + [float("nan")] * (layers - len(row)) for row in values]
    )


def _is_trained(config: object) -> bool:
    for key in ("task", "head", "mix"):
        config = config.get(key) if isinstance(config, dict) else None
    return not isinstance(config, dict) or config.get("trainable") is not False


def _draw_layer_weights(figure: Figure, rows: list[str], values: list[list[float]]) -> None:
    shares = np.array(values)  # (rows, layers), NaN for layers that a model lacks
    figure.set_size_inches(2.6 + 0.75 * shares.shape[1] + 0.06 * max(map(len, rows)), 0.9 + 0.27 * len(rows))
    axes = figure.add_subplot()
    _draw_cells(axes, shares, float(np.nanmax(shares)), "{:.2f}")
    axes.set_xticks(range(shares.shape[1]), [f"layer {layer}" for layer in range(shares.shape[1])])
    axes.set_yticks(range(len(rows)), rows)


def _curves(runs: Runs, column: Column, against: str | None) -> partial[None] | None:
    trained = {model: found for model, group in runs.items() if (found := [run for run in group if run.curve])}
    chosen = {model: trained[model] for model in _chosen(trained, MOST_MODELS, against)}
    return partial(_draw_curves, metric=_metric(column), runs=chosen, against=against) if chosen else None


def _metric(column: Column) -> str:
    return readable(metric_title(column.metric), 2 * LONGEST)


def _draw_curves(figure: Figure, metric: str, runs: Runs, against: str | None) -> None:
    figure.set_size_inches(8, 3.4)
    losses, scores = figure.subplots(1, 2)
    for model, group, color, dashes in _styled(runs, against):
        for number, run in enumerate(group):
            loss = [math.nan if epoch.train_loss is None else epoch.train_loss for epoch in run.curve]
            score = [100 * epoch.validation for epoch in run.curve]
            epochs, best = range(1, len(score) + 1), max(range(len(score)), key=score.__getitem__)
            label = f"{readable(model)} ({len(group)} seeds)" if len(group) > 1 else readable(model)
            line = {"color": color, "linestyle": dashes, "linewidth": 1}
            losses.plot(epochs, loss, **line, label=None if number else label)
            scores.plot(epochs, score, **line, marker="o", markersize=4, markevery=[best])
    losses.set_title("training loss")
    scores.set_title(f"validation {metric}, %; dot: epoch kept")
    for axes in (losses, scores):
        axes.set_xlabel("epoch")
        axes.grid()
        axes.locator_params(nbins=6)
        axes.locator_params(axis="x", integer=True)
    _draw_legend(figure, losses)


def _bars(runs: Runs, against: str | None) -> partial[None] | None:
    support = {name: score.support for group in runs.values() for run in group for name, score in run.types.items()}
    types = sorted(sorted(support, key=lambda name: (-support[name], name))[:MOST_TYPES])
    chosen = _chosen((m for m, group in runs.items() if any(run.types for run in group)), MOST_MODELS, against)
    scores = {model: [type_f1(runs[model], name) for name in types] for model in chosen}
    names = [readable(name) for name in types]
    return partial(_draw_bars, types=names, models=scores, against=against) if types else None


def _draw_bars(
    figure: Figure, types: list[str], models: Mapping[str, list[Spread | None]], against: str | None
) -> None:
    count = len(models)
    figure.set_size_inches(6.5, 1.2 + len(types) * (0.14 + 0.13 * count))
    axes = figure.add_subplot()
    height = 0.84 / count
    for number, (model, scores, color, _) in enumerate(_styled(models, against)):
        places = np.arange(len(scores)) + (number - (count - 1) / 2) * height
        means = [math.nan if score is None else score.mean for score in scores]
        deviations = [math.nan if score is None or score.sd is None else score.sd for score in scores]
        errors = {"linewidth": 0.9}
        axes.barh(places, means, height, xerr=deviations, error_kw=errors, color=color, label=readable(model))
    axes.set_yticks(range(len(types)), types)
    axes.set_ylim(len(types) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.set_xlabel("F1, %; line: standard deviation over seeds")
    _draw_legend(figure, axes)


def _confusions(runs: Runs, against: str | None) -> partial[None] | None:
    having = {model: found for model, group in runs.items() if (found := [r for r in group if r.confusion])}
    chosen = _chosen(having, MOST_CONFUSIONS, against)
    return partial(_draw_confusions, models={m: _confusion(having[m]) for m in chosen}) if chosen else None


def _confusion(runs: Sequence[RunResult]) -> tuple[list[str], list[list[int]]]:
    """The sum over runs, gold in rows, of those labels that are most often gold or predicted."""
    totals, size = Counter[tuple[str, str]](), Counter[str]()
    matrices = [run.confusion for run in runs if run.confusion is not None]
    for matrix in matrices:
        for gold, row in zip(matrix.labels, matrix.counts, strict=True):
            for predicted, count in zip(matrix.labels, row, strict=True):
                totals[gold, predicted] += count
                for label in {gold, predicted}:
                    size[label] += count
    most = {label for label, _ in size.most_common(MOST_LABELS)}
    kept = [label for label in dict.fromkeys(label for m in matrices for label in m.labels) if label in most]
    return [readable(label) for label in kept], [[totals[gold, predicted] for predicted in kept] for gold in kept]


def _draw_confusions(figure: Figure, models: Mapping[str, tuple[list[str], list[list[int]]]]) -> None:
    size = max(len(labels) for labels, _ in models.values())
    longest = max(len(label) for labels, _ in models.values() for label in labels)
    side = max(2.6, 0.34 * size) if size <= WRITTEN_LABELS else max(4.2, 0.21 * size)
    figure.set_size_inches((side + 0.5 + 0.075 * longest) * len(models), side + 0.9 + 0.06 * longest)
    row = figure.subplots(1, len(models), squeeze=False)[0]
    for (model, (labels, counts)), axes in zip(models.items(), row, strict=True):
        shares = np.array(counts) / np.maximum(np.sum(counts, axis=1, keepdims=True), 1)
        _draw_cells(axes, 100 * shares, 100, "{:.0f}" if len(labels) <= WRITTEN_LABELS else "")
        axes.set_xticks(range(len(labels)), labels, rotation=90)
        axes.set_yticks(range(len(labels)), labels)
        axes.tick_params(labelsize=8)
        axes.set_aspect("equal")
        axes.set(title=f"{readable(model)}, % of the gold", xlabel="predicted", ylabel="gold")


def _amounts(board: Board, column: Column) -> partial[None] | None:
    found = board.amounts(column)
    ranked = sorted(found, key=lambda model: -list(found[model].values())[-1].mean)
    chosen = {model: found[model] for model in _chosen(ranked, MOST_MODELS, board.against)}
    return partial(_draw_amounts, metric=_metric(column), models=chosen, against=board.against) if chosen else None


def _draw_amounts(
    figure: Figure, metric: str, models: Mapping[str, Mapping[float, Spread]], against: str | None
) -> None:
    figure.set_size_inches(5, 3.6)
    axes = figure.add_subplot()
    for model, curve, color, dashes in _styled(models, against):
        means, deviations = [s.mean for s in curve.values()], [s.sd or 0.0 for s in curve.values()]
        line = {"color": color, "linestyle": dashes, "marker": "o", "markersize": 4, "capsize": 3}
        axes.errorbar(list(curve), means, yerr=deviations, **line, label=readable(model))
    shares = sorted({share for curve in models.values() for share in curve})
    axes.set_xscale("log")
    axes.set_xticks(shares, [f"{share:g}" for share in shares])
    axes.minorticks_off()
    axes.set_xlabel("share of the training data, % (logarithmic)")
    axes.set_ylabel(f"{metric}, %; line: sd over seeds")
    axes.grid()
    _draw_legend(figure, axes)


def _draw_cells(axes: Axes, values: np.ndarray, highest: float, pattern: str) -> None:
    corners = [np.arange(size + 1) - 0.5 for size in reversed(values.shape)]
    axes.pcolormesh(*corners, values, cmap="cividis", vmin=0, vmax=highest or 1, edgecolor="white", linewidth=0.6)
    for (row, column), value in np.ndenumerate(values):
        text = pattern.format(value)
        if text not in ("0", "nan"):
            color = "white" if value < DARK * highest else "black"
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=8)
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)


def _draw_legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 3), frameon=False)


def _styled(models: Mapping[str, Any], against: str | None) -> Iterator[tuple[str, Any, str, Any]]:
    """Each model, what is drawn of it, and its colour and dashes; the chosen row is grey."""
    others = iter(zip(COLORS, DASHES, strict=True))
    for model, content in models.items():
        yield model, content, *((CHOSEN_ROW, (0, (3, 2))) if model == against else next(others))
