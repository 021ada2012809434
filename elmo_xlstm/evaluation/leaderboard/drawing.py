"""The kinds of plots of the leaderboard, each with its data, drawn with matplotlib.

Colours are those of Okabe and Ito ("Color Universal Design", 2008) and cividis (Nuñez, Anderton and
Renslow 2018), which colour-blind readers can tell apart; lines differ in their dashes as well. The
ground is white, so that plots are readable on dark pages too.
"""

from __future__ import annotations

import io
import math
import unicodedata
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from elmo_xlstm.evaluation.leaderboard.board import Column
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
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
CHOSEN_ROW = "#555555"
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
LONGEST = 28
"""Characters of a label."""
UNREADABLE = ("Cc", "Cs", "Co", "Cn")
"""Unicode's control characters, surrogates, private and unassigned ones: XML and fonts do without them."""
WRITTEN_LABELS = 12
"""Larger matrices have no numbers in their cells."""
DARK = 0.45
"""Share of the colour scale below which text is white."""


@dataclass(frozen=True)
class HeatMap:
    """Learned layer weights: (rows, columns) shares, NaN for layers that a model lacks."""

    rows: list[str]
    values: list[list[float]]

    def draw(self, figure: Figure) -> None:
        """Draw on an empty figure."""
        values = np.array(self.values)
        width = 2.6 + 0.75 * values.shape[1] + 0.06 * max(map(len, self.rows))
        figure.set_size_inches(width, 0.9 + 0.27 * len(self.rows))
        axes = figure.add_subplot()
        _cells(axes, values, float(np.nanmax(values)), "{:.2f}")
        axes.set_xticks(range(values.shape[1]), [f"layer {layer}" for layer in range(values.shape[1])])
        axes.set_yticks(range(len(self.rows)), self.rows)


@dataclass(frozen=True)
class Curves:
    """Training runs by model; the chosen row is named."""

    metric: str
    runs: dict[str, list[RunResult]]
    against: str | None

    def draw(self, figure: Figure) -> None:
        """Draw on an empty figure."""
        figure.set_size_inches(8, 3.4)
        losses, scores = figure.subplots(1, 2)
        for (model, runs), (color, dashes) in zip(self.runs.items(), _styles(self.runs, self.against), strict=True):
            for number, run in enumerate(runs):
                loss = [math.nan if epoch.train_loss is None else epoch.train_loss for epoch in run.curve]
                score = [100 * epoch.validation for epoch in run.curve]
                epochs, best = range(1, len(score) + 1), max(range(len(score)), key=score.__getitem__)
                label = f"{readable(model)} ({len(runs)} seeds)" if len(runs) > 1 else readable(model)
                line = {"color": color, "linestyle": dashes, "linewidth": 1}
                losses.plot(epochs, loss, **line, label=None if number else label)
                scores.plot(epochs, score, **line, marker="o", markersize=4, markevery=[best])
        losses.set_title("training loss")
        scores.set_title(f"validation {self.metric}, %; dot: epoch kept")
        for axes in (losses, scores):
            axes.set_xlabel("epoch")
            axes.grid()
            axes.locator_params(nbins=6)
            axes.locator_params(axis="x", integer=True)
        _legend(figure, losses)


@dataclass(frozen=True)
class Bars:
    """F1 of each type by model, in percent; the chosen row is named."""

    types: list[str]
    models: dict[str, list[Spread | None]]
    against: str | None

    def draw(self, figure: Figure) -> None:
        """Draw on an empty figure."""
        count = len(self.models)
        figure.set_size_inches(6.5, 1.2 + len(self.types) * (0.14 + 0.13 * count))
        axes = figure.add_subplot()
        height = 0.84 / count
        styles = _styles(self.models, self.against)
        for number, ((model, scores), (color, _)) in enumerate(zip(self.models.items(), styles, strict=True)):
            places = np.arange(len(scores)) + (number - (count - 1) / 2) * height
            means = [math.nan if score is None else score.mean for score in scores]
            deviations = [math.nan if score is None or score.sd is None else score.sd for score in scores]
            errors = {"linewidth": 0.9}
            axes.barh(places, means, height, xerr=deviations, error_kw=errors, color=color, label=readable(model))
        axes.set_yticks(range(len(self.types)), self.types)
        axes.set_ylim(len(self.types) - 0.5, -0.5)
        axes.set_xlim(0, 100)
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        axes.set_xlabel("F1, %; line: standard deviation over seeds")
        _legend(figure, axes)


@dataclass(frozen=True)
class Confusions:
    """Confusion matrices over all seeds, by model: labels, and counts whose rows are gold labels."""

    models: dict[str, tuple[list[str], list[list[int]]]]

    def draw(self, figure: Figure) -> None:
        """Draw on an empty figure."""
        panels = self.models
        size = max(len(labels) for labels, _ in panels.values())
        longest = max(len(label) for labels, _ in panels.values() for label in labels)
        side = max(2.6, 0.34 * size) if size <= WRITTEN_LABELS else max(4.2, 0.21 * size)
        figure.set_size_inches((side + 0.5 + 0.075 * longest) * len(panels), side + 0.9 + 0.06 * longest)
        row = figure.subplots(1, len(panels), squeeze=False)[0]
        for (model, (labels, counts)), axes in zip(panels.items(), row, strict=True):
            shares = np.array(counts) / np.maximum(np.sum(counts, axis=1, keepdims=True), 1)
            _cells(axes, 100 * shares, 100, "{:.0f}" if len(labels) <= WRITTEN_LABELS else "")
            axes.set_xticks(range(len(labels)), labels, rotation=90)
            axes.set_yticks(range(len(labels)), labels)
            axes.tick_params(labelsize=8)
            axes.set_aspect("equal")
            axes.set(title=f"{readable(model)}, % of the gold", xlabel="predicted", ylabel="gold")


@dataclass(frozen=True)
class AmountCurves:
    """Scores by share of the training data in percent, by model; the chosen row is named."""

    metric: str
    models: dict[str, dict[float, Spread]]
    against: str | None

    def draw(self, figure: Figure) -> None:
        """Draw on an empty figure."""
        figure.set_size_inches(5, 3.6)
        axes = figure.add_subplot()
        for (model, curve), (color, dashes) in zip(
            self.models.items(), _styles(self.models, self.against), strict=True
        ):
            means, deviations = [s.mean for s in curve.values()], [s.sd or 0.0 for s in curve.values()]
            line = {"color": color, "linestyle": dashes, "marker": "o", "markersize": 4, "capsize": 3}
            axes.errorbar(list(curve), means, yerr=deviations, **line, label=readable(model))
        shares = sorted({share for curve in self.models.values() for share in curve})
        axes.set_xscale("log")
        axes.set_xticks(shares, [f"{share:g}" for share in shares])
        axes.minorticks_off()
        axes.set_xlabel("share of the training data, % (logarithmic)")
        axes.set_ylabel(f"{self.metric}, %; line: sd over seeds")
        axes.grid()
        _legend(figure, axes)


class Content(Protocol):
    """What a plot shows."""

    def draw(self, figure: Figure) -> None:
        """Draw on an empty figure."""


@dataclass(frozen=True)
class Plot:
    """One plot.

    Attributes:
        name: of its file, without ending.
        title: what it shows.
        column: the task that it is about; ``None`` for all of them.
        content: what is drawn.
    """

    name: str
    title: str
    column: Column | None
    content: Content


def creator() -> str:
    """The name that every plot carries of what drew it; another version may draw the same otherwise."""
    import matplotlib

    return f"{MADE_BY}, matplotlib {matplotlib.__version__}"


def draw(plot: Plot) -> str:
    """Draw a plot as SVG, without dates or anything else that changes from time to time."""
    import matplotlib.style
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with matplotlib.style.context(["default", SETTINGS]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader's fonts draw the text
        content = plot.content
        square = isinstance(content, Confusions)  # axes of a fixed shape are to be laid out as such
        figure = Figure(layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08, compress=square))  # in inches
        content.draw(figure)
        figure.suptitle(plot.title, fontsize=11)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": creator(), "Title": plot.title})
    return file.getvalue()


def readable(text: str, longest: int = LONGEST) -> str:
    """A label that can be drawn: one line, no control characters, not too long."""
    text = "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in UNREADABLE else c for c in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _cells(axes: Axes, values: np.ndarray, highest: float, pattern: str) -> None:
    """A matrix of coloured cells, each with its number."""
    corners = [np.arange(size + 1) - 0.5 for size in reversed(values.shape)]
    axes.pcolormesh(*corners, values, cmap="cividis", vmin=0, vmax=highest or 1, edgecolor="white", linewidth=0.6)
    for (row, column), value in np.ndenumerate(values):
        text = pattern.format(value)
        if text not in ("0", "nan"):
            color = "white" if value < DARK * highest else "black"
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=8)
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 3), frameon=False)


def _styles(models: Iterable[str], against: str | None) -> list[tuple[str, Any]]:
    """Colour and dashes of each model; the chosen row is grey."""
    others = iter(zip(COLORS, DASHES, strict=True))
    return [(CHOSEN_ROW, (0, (3, 2))) if model == against else next(others) for model in models]
