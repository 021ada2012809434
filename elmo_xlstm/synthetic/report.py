"""Tables and figures of synthetic tasks, like figure 4 and figure 5 of the xLSTM paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.synthetic.grid import best_of_rates

HEAT_MAP = "heat-map.svg"
TABLE = "table.md"


def write_report(results: Sequence[dict[str, Any]], directory: Path) -> list[Path]:
    """Write table and heat map of the mean over seeds.

    Args:
        results: of cells; of several learning rates the best is taken.
        directory: where to.

    Returns:
        The files written.
    """
    chosen = best_of_rates(results)
    tasks = list(dict.fromkeys(result["task_name"] for result in chosen))
    models = list(dict.fromkeys(result["model_name"] for result in chosen))
    table, heat_map = directory / TABLE, directory / HEAT_MAP
    write_text_atomically(table, _table(chosen, tasks, models))
    _draw(chosen, tasks, models, heat_map)
    return [table, heat_map]


def scores(chosen: Sequence[dict[str, Any]], task: str, model: str, bucket: int) -> list[float]:
    """Scaled accuracies of all seeds; of the last range of lengths there is if there is no such one."""
    mine = [result for result in chosen if (result["task_name"], result["model_name"]) == (task, model)]
    return [result["scaled"][min(bucket, len(result["scaled"]) - 1)] for result in mine]


def _table(chosen: Sequence[dict[str, Any]], tasks: Sequence[str], models: Sequence[str]) -> str:
    lines = [f"| task | {' | '.join(models)} |", f"|---|{'---:|' * len(models)}"]
    for task in tasks:
        cells = [_cell(chosen, task, model) for model in models]
        lines.append(f"| {task} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(chosen: Sequence[dict[str, Any]], task: str, model: str) -> str:
    """``0.98 / 0.51 (2)``: on lengths of training, on longer ones, seeds."""
    found = [scores(chosen, task, model, bucket) for bucket in (0, 1)]
    if not found[0]:
        return "–"
    several = any(len(result["scaled"]) > 1 for result in chosen if result["task_name"] == task)
    numbers = [f"{mean(values):.2f}" for values in (found if several else found[:1])]
    return f"{' / '.join(numbers)} ({len(found[0])})"


def _draw(chosen: Sequence[dict[str, Any]], tasks: Sequence[str], models: Sequence[str], path: Path) -> None:
    """Models by tasks, coloured by the scaled accuracy on the longest sequences."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib.figure import Figure

    values = [[mean(scores(chosen, task, model, 1) or [float("nan")]) for task in tasks] for model in models]
    figure = Figure(figsize=(1.6 + 0.62 * len(tasks), 1.7 + 0.42 * len(models)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(values, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    axes.set_xticks(range(len(tasks)), tasks, rotation=40, ha="right")
    axes.set_yticks(range(len(models)), models)
    for row, numbers in enumerate(values):
        for column, value in enumerate(numbers):
            colour = "white" if not value > 0.6 else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
    figure.savefig(path, metadata={"Date": None})
