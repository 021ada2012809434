"""Drawing the leaderboard's pictures with matplotlib.

Colours are those of Okabe and Ito ("Color Universal Design", 2008) and cividis (Nuñez, Anderton and
Renslow 2018), which colour-blind readers can tell apart; lines differ in their dashes as well. The
ground is white, so that pictures are readable on dark pages too.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from elmo_xlstm.evaluation.leaderboard.pictures import (
    AmountCurves,
    Bars,
    ConfusionPanel,
    Confusions,
    Curves,
    HeatMap,
    Picture,
    readable,
)
from elmo_xlstm.evaluation.leaderboard.svg import to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

SETTINGS = {
    "svg.fonttype": "none",  # text stays text: small, and searchable
    "svg.hashsalt": "elmo-xlstm",
    "text.parse_math": False,  # labels are data
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "figure.facecolor": "white",
    "path.simplify": False,
}
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
CHOSEN_ROW = "#555555"
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
LEVELS = 10
"""Steps of the colour scale: few enough for its parts to be told apart."""
WRITTEN_LABELS = 12
"""Larger matrices have no numbers in their cells."""
DARK = 0.45
"""Share of the colour scale below which text is white."""


def draw(picture: Picture) -> str:
    """Draw a picture as SVG."""
    import matplotlib.style
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with matplotlib.style.context(["default", SETTINGS]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader's fonts draw the text
        content = picture.content
        square = isinstance(content, Confusions)  # axes of a fixed shape are to be laid out as such
        figure = Figure(layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08, compress=square))  # in inches
        if isinstance(content, HeatMap):
            _draw_heat_map(figure, content)
        elif isinstance(content, Curves):
            _draw_curves(figure, content)
        elif isinstance(content, Bars):
            _draw_bars(figure, content)
        elif isinstance(content, AmountCurves):
            _draw_amounts(figure, content)
        else:
            _draw_confusions(figure, content)
        figure.suptitle(picture.title, fontsize=11)
        return to_svg(figure, picture.title, picture.digest)


def _draw_heat_map(figure: Figure, content: HeatMap) -> None:
    width = 2.6 + 0.75 * len(content.columns) + 0.06 * max(map(len, content.rows))
    figure.set_size_inches(width, 0.9 + 0.27 * len(content.rows))
    axes = figure.add_subplot()
    highest = max(value for row in content.values for value in row if value is not None)
    texts = [["" if value is None else f"{value:.2f}" for value in row] for row in content.values]
    _cells(axes, content.values, highest, texts)
    axes.set_xticks(range(len(content.columns)), content.columns)
    axes.set_yticks(range(len(content.rows)), content.rows)


def _draw_confusions(figure: Figure, content: Confusions) -> None:
    size = max(len(panel.labels) for panel in content.panels)
    side = max(2.6, 0.34 * size) if size <= WRITTEN_LABELS else max(4.2, 0.21 * size)
    longest = max(len(label) for panel in content.panels for label in panel.labels)
    figure.set_size_inches((side + 0.5 + 0.075 * longest) * len(content.panels), side + 0.9 + 0.06 * longest)
    for panel, axes in zip(content.panels, figure.subplots(1, len(content.panels), squeeze=False)[0], strict=True):
        _draw_confusion(axes, panel)


def _draw_confusion(axes: Axes, panel: ConfusionPanel) -> None:
    sums = [sum(row) for row in panel.counts]
    shares = [[count / max(total, 1) for count in row] for row, total in zip(panel.counts, sums, strict=True)]
    written = len(panel.labels) <= WRITTEN_LABELS
    texts = [[f"{100 * share:.0f}" if written and share >= 0.005 else "" for share in row] for row in shares]
    _cells(axes, shares, 1.0, texts)
    places = range(len(panel.labels))
    axes.set_xticks(places, panel.labels, rotation=90)
    axes.set_yticks(places, panel.labels)
    axes.tick_params(labelsize=8)
    axes.set_aspect("equal")
    axes.set_title(f"{readable(panel.model)}, % of the gold")
    axes.set_xlabel("predicted")
    axes.set_ylabel("gold")


def _cells(
    axes: Axes, values: Sequence[Sequence[float | None]], highest: float, texts: Sequence[Sequence[str]]
) -> None:
    """A matrix of coloured cells, each with its text."""
    from matplotlib import colormaps

    by_level: dict[int, list[tuple[int, int]]] = {}
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            if value is not None:
                level = min(LEVELS - 1, math.floor(LEVELS * value / highest)) if highest > 0 else 0
                by_level.setdefault(level, []).append((row, column))
                if texts[row][column]:
                    color = "white" if level / LEVELS < DARK else "black"
                    axes.text(column, row, texts[row][column], ha="center", va="center", color=color, fontsize=8)
    width, height = max(map(len, values)), len(values)
    if all(value is not None for line in values for value in line):  # the lowest colour is the ground: most is of it
        by_level[0] = []
        _shape(axes, [_rectangle(-0.5, width - 0.5, -0.5, height - 0.5)], colormaps["cividis"](0.0))
    for level, places in sorted(by_level.items()):
        squares = [_rectangle(column - 0.5, column + 0.5, row - 0.5, row + 0.5) for row, column in places]
        if squares:
            _shape(axes, squares, colormaps["cividis"](level / (LEVELS - 1)))
    upright = [end for x in range(1, width) for end in ((x - 0.5, -0.5), (x - 0.5, height - 0.5), (math.nan, math.nan))]
    flat = [end for y in range(1, height) for end in ((-0.5, y - 0.5), (width - 0.5, y - 0.5), (math.nan, math.nan))]
    axes.plot(*zip(*upright, *flat, (math.nan, math.nan), strict=True), color="white", linewidth=0.6)
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _shape(axes: Axes, rectangles: Sequence[Path], color: Any) -> PathPatch:
    """Rectangles of one colour as one path, which keeps the file small."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    path = Path.make_compound_path(*rectangles) if rectangles else Path([(0, 0)])
    patch = PathPatch(path, facecolor=color, edgecolor="white", linewidth=0.5)
    axes.add_patch(patch)
    return patch


def _rectangle(left: float, right: float, top: float, bottom: float) -> Path:
    from matplotlib.path import Path

    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return Path(corners, [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY])


def _draw_curves(figure: Figure, content: Curves) -> None:
    figure.set_size_inches(8, 3.4)
    losses, scores = figure.subplots(1, 2)
    handles, labels = [], []
    for (model, runs), (color, dashes) in zip(
        content.runs.items(), _styles(list(content.runs), content.against), strict=True
    ):
        for run in runs:
            epochs = range(1, len(run.validation) + 1)
            loss = [math.nan if value is None else value for value in run.losses]
            losses.plot(epochs, loss, color=color, linestyle=dashes, linewidth=1)
            (line,) = scores.plot(epochs, run.validation, color=color, linestyle=dashes, linewidth=1)
            best = max(range(len(run.validation)), key=run.validation.__getitem__)
            scores.plot([best + 1], [run.validation[best]], marker="o", markersize=4, color=color, linestyle="none")
        handles.append(line)
        labels.append(f"{readable(model)} ({len(runs)} seeds)" if len(runs) > 1 else readable(model))
    losses.set_title("training loss")
    scores.set_title(f"validation {content.metric}, %; dot: epoch kept")
    for axes in (losses, scores):
        axes.set_xlabel("epoch")
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.tick_params(length=0)
        axes.locator_params(nbins=6)
        axes.locator_params(axis="x", integer=True)
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 3), frameon=False)


def _draw_amounts(figure: Figure, content: AmountCurves) -> None:
    figure.set_size_inches(5, 3.6)
    axes = figure.add_subplot()
    shares = sorted({amount.share for curve in content.models.values() for amount in curve})
    for (model, curve), (color, dashes) in zip(
        content.models.items(), _styles(list(content.models), content.against), strict=True
    ):
        x, mean = [amount.share for amount in curve], [amount.mean for amount in curve]
        sd = [0.0 if amount.sd is None else amount.sd for amount in curve]
        axes.errorbar(
            x, mean, yerr=sd, color=color, linestyle=dashes, marker="o", markersize=4, capsize=3, label=readable(model)
        )
    axes.set_xscale("log")
    axes.set_xticks(shares, [f"{share:g}" for share in shares])
    axes.minorticks_off()
    axes.set_xlabel("share of the training data, % (logarithmic)")
    axes.set_ylabel(f"{content.metric}, %; line: sd over seeds")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.tick_params(length=0)
    figure.legend(loc="outside lower center", ncols=min(len(content.models), 3), frameon=False)


def _draw_bars(figure: Figure, content: Bars) -> None:
    models = list(content.models)
    figure.set_size_inches(6.5, 1.2 + len(content.types) * (0.14 + 0.13 * len(models)))
    axes = figure.add_subplot()
    height = 0.84 / len(models)
    handles = []
    for number, (model, (color, _)) in enumerate(zip(models, _styles(models, content.against), strict=True)):
        top = (number - len(models) / 2) * height
        scores = [(place, *score) for place, score in enumerate(content.models[model]) if score is not None]
        bars = [_rectangle(0, mean, place + top, place + top + height) for place, mean, _ in scores]
        handles.append(_shape(axes, bars, color))
        lines = [(mean - sd, mean + sd, place + top + height / 2) for place, mean, sd in scores if sd is not None]
        ends = [end for low, high, _ in lines for end in (low, high, math.nan)]
        axes.plot(ends, [y for *_, y in lines for _ in range(3)], color="black", linewidth=0.9)
    axes.set_yticks(range(len(content.types)), content.types)
    axes.set_ylim(len(content.types) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.tick_params(length=0)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("F1, %; line: standard deviation over seeds")
    figure.legend(
        handles, list(map(readable, models)), loc="outside lower center", ncols=min(len(models), 3), frameon=False
    )


def _styles(models: Sequence[str], against: str | None) -> list[tuple[str, Any]]:
    """Colour and dashes of each model; the chosen row is grey."""
    others = iter(zip(COLORS, DASHES, strict=True))
    return [(CHOSEN_ROW, (0, (3, 2))) if model == against else next(others) for model in models]
