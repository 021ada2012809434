"""Pictures of results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.results import PEAK, RATES, Measurement, Result
from benchmarks.timing import quartiles
from elmo_xlstm.errors import UserError

NUMBERED = {"length": "tokens of a sequence", "batch": "windows of a batch"}
PER_TOKEN = {"s": (1e6, "µs"), "bytes": (2**-10, "KiB")}  # by unit of the values
WIDE_RANGE = 50  # between the longest bar and the shortest, which would no longer be seen
COLORS = ("#1b6ca8", "#d1495b", "#66a182", "#edae49", "#5f4b8b", "#8d8d8d", "#00798c")


def draw(result: Result, directory: Path) -> Path | None:
    """Draw a result: lines by length or batch size, else bars; nothing for a result without contenders.

    Args:
        result: to be drawn.
        directory: of the PNG file, which has the result's name.

    Raises:
        UserError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError("plots need matplotlib; pip install '.[benchmarks]'") from None
    shown = [m for m in result.measurements if m.contender != PEAK]
    if not shown:
        return None
    key = next((key for key in NUMBERED if all(key in m.case for m in shown)), None)
    figure = Figure(figsize=(8, 4.2 if key else 0.9 + 0.36 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    if key:
        _lines(axes, shown, key)
    else:
        _bars(axes, shown)
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    parts = result.command, result.size, result.part, result.hardware.device, f"{result.threads} threads"
    axes.set_title(", ".join(filter(None, parts)), fontsize=10)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{result.name}.png"
    figure.savefig(path, dpi=120, metadata={"Software": None})
    return path


def _lines(axes: Any, shown: list[Measurement], key: str) -> None:
    scale, unit = PER_TOKEN[shown[0].unit]
    for name, color in zip(dict.fromkeys(m.contender for m in shown), COLORS, strict=False):
        mine = [m for m in shown if m.contender == name]
        places = [m.case[key] for m in mine]
        spread = [[scale * value / m.work.get("tokens", 1.0) for value in quartiles(m.values)] for m in mine]
        axes.plot(places, [median for _, median, _ in spread], marker="o", label=name, color=color)
        axes.fill_between(
            places, [low for low, _, _ in spread], [high for _, _, high in spread], alpha=0.2, color=color
        )
    axes.set_xscale("log", base=2)
    places = sorted({m.case[key] for m in shown})
    axes.set_xticks(places, [f"{place:,}" for place in places])
    axes.set_yscale("log")
    axes.set_xlabel(NUMBERED[key])
    axes.set_ylabel(f"{unit} per token")
    axes.legend(fontsize=8)


def _bars(axes: Any, shown: list[Measurement]) -> None:
    what = next((rate for rate in RATES if all(m.rate(rate) is not None for m in shown)), None)
    in_bytes = all(m.unit == "bytes" for m in shown)
    labels, medians, errors = [], [], []
    for m in reversed(shown):
        values = [m.work[what] / v if what else v / 2**30 if in_bytes else v for v in m.values]
        low, median, high = quartiles(values)
        labels.append(", ".join([m.contender, *(str(value) for value in m.case.values())]))
        medians.append(median)
        errors.append((median - low, high - median))
    names = list(dict.fromkeys(m.contender for m in shown))
    colors = [COLORS[names.index(m.contender) % len(COLORS)] for m in reversed(shown)]
    places = list(range(len(labels)))
    axes.barh(places, medians, xerr=list(zip(*errors, strict=True)), color=colors, capsize=3)
    axes.set_yticks(places, labels, fontsize=8)
    axes.set_xlabel(f"{what} per second" if what else "GiB" if in_bytes else "seconds")
    if 0 < WIDE_RANGE * min(medians) < max(medians):
        axes.set_xscale("log")
