"""From the board to tables of text, which every format then only dresses."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from elmo_xlstm.evaluation.leaderboard.board import Board, Cell, Column, best, summarise
from elmo_xlstm.evaluation.results import RunResult

Emphasis = Literal["", "best", "best measured"]
LEGEND = (
    "Test scores in percent, mean ± standard deviation over seeds; macro F1 where a column does not say otherwise. "
    "Bold: best of its column; italic: best of those measured here, where a published score is higher. "
    "† published by others, not measured here."
)


@dataclass(frozen=True)
class Text:
    """One cell: its text and whether it stands out."""

    text: str
    emphasis: Emphasis = ""


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first column names the row.

    Attributes:
        title: what it shows.
        header: as many names as every row has cells.
        rows: the cells.
        note: what a reader has to know beside it.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Text, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Entry:
    """A row before it is text: its numbers by column title, and its other columns."""

    name: str
    published: bool
    seeds: str
    cells: dict[str, Cell]
    extra: tuple[str, ...]


def main_table(board: Board) -> Table:
    """All systems on all tasks."""
    titles = {column: column_title(column, board) for column in board.columns}
    averages = {group: f"average, {group}" for group in board.groups}
    entries = []
    for row in board.rows:
        cells = {titles[column]: cell for column, cell in row.cells.items()}
        cells |= {averages[group]: Cell(value, None, 0) for group, value in row.averages.items()}
        seeds = sorted({cell.seeds for cell in row.cells.values()} - {0})
        shown = f"{seeds[0]}–{seeds[-1]}" if len(seeds) > 1 else "".join(map(str, seeds))
        extra = (millions(row.parameters), row.source or "measured here")
        entries.append(Entry(row.model, row.source is not None, shown, cells, extra))
    return _score_table(
        "Leaderboard", entries, [*titles.values(), *averages.values()], ("parameters", "source"), LEGEND
    )


def detail_tables(board: Board, column: Column) -> list[Table]:
    """Everything about one task: all metrics, F1 of each type, learned layer weights."""
    runs: dict[str, list[RunResult]] = defaultdict(list)
    for result in board.results:
        if (result.task, result.main_metric) == (column.task, column.metric):
            runs[result.model].append(result)
    tables = [_metrics_table(board, column, runs)]
    if any(run.types for group in runs.values() for run in group):
        tables.append(_types_table(runs))
    if any(run.mix for group in runs.values() for run in group):
        tables.append(_mix_table(runs))
    return tables


def column_title(column: Column, board: Board) -> str:
    """The task's name, with the metric where it is not the benchmark's or the task has two."""
    unusual = column.metric != "macro_f1" or sum(other.task == column.task for other in board.columns) > 1
    return f"{column.task} ({metric_title(column.metric)})" if unusual else column.task


def metric_title(metric: str) -> str:
    """A metric's name in words."""
    return metric.replace("_f1", " F1").replace("_", " ")


def millions(parameters: int | None) -> str:
    """A number of parameters, in millions."""
    return "" if parameters is None else f"{parameters / 1e6:.1f} M"


def _metrics_table(board: Board, column: Column, runs: dict[str, list[RunResult]]) -> Table:
    metrics = list(
        dict.fromkeys([column.metric, *(m for group in runs.values() for run in group for m in run.metrics)])
    )
    published = [score for score in board.published if score.task == column.task]
    metrics += [m for m in dict.fromkeys(score.metric for score in published) if m not in metrics]
    entries = []
    for model, group in runs.items():
        cells = {
            metric_title(metric): summarise([run.metrics[metric] for run in group])
            for metric in metrics
            if all(metric in run.metrics for run in group)
        }
        trainable = {run.parameters.trainable for run in group}
        extra = (millions(trainable.pop() if len(trainable) == 1 else None), "measured here")
        entries.append(Entry(model, False, str(len(group)), cells, extra))
    systems: dict[tuple[str, str], dict[str, Cell]] = defaultdict(dict)
    for score in published:
        systems[score.model, score.source][metric_title(score.metric)] = Cell(score.value, None, 0)
    entries += [Entry(model, True, "", cells, ("", source)) for (model, source), cells in systems.items()]
    main = metric_title(column.metric)
    entries.sort(key=lambda entry: (main not in entry.cells, -_first(entry.cells, main), entry.name))
    data = {tuple(sorted(run.data.items())) for group in runs.values() for run in group}
    note = "These results were not all measured on the same data files." if len(data) > 1 else ""
    titles = [metric_title(metric) for metric in metrics]
    return _score_table("Scores", entries, titles, ("trainable parameters", "source"), note)


def _first(cells: dict[str, Cell], preferred: str) -> float:
    """The number that a row is sorted by."""
    return (cells.get(preferred) or next(iter(cells.values()))).mean


def _score_table(
    title: str, entries: Sequence[Entry], columns: Sequence[str], extra: tuple[str, ...], note: str
) -> Table:
    top = {name: best([e.cells[name].mean for e in entries if name in e.cells]) for name in columns}
    own = {name: best([e.cells[name].mean for e in entries if name in e.cells and not e.published]) for name in columns}
    rows = []
    for entry in entries:
        texts = []
        for name in columns:
            cell = entry.cells.get(name)
            if cell is None:
                texts.append(Text(""))
                continue
            emphasis: Emphasis = ""
            if cell.shown == top[name]:
                emphasis = "best"
            elif cell.shown == own[name] and not entry.published:
                emphasis = "best measured"
            texts.append(Text(score_text(cell), emphasis))
        name = f"{entry.name} †" if entry.published else entry.name
        rows.append((Text(name), Text(entry.seeds), *texts, *map(Text, entry.extra)))
    return Table(title, ("model", "seeds", *columns, *extra), tuple(rows), note)


def score_text(cell: Cell) -> str:
    """A score as printed."""
    return f"{cell.mean:.2f}" if cell.sd is None else f"{cell.mean:.2f} ± {cell.sd:.2f}"


def _types_table(runs: dict[str, list[RunResult]]) -> Table:
    names = sorted({name for group in runs.values() for run in group for name in run.types})
    models = sorted(runs)
    rows = []
    for name in names:
        supports = {run.types[name].support for group in runs.values() for run in group if name in run.types}
        support = str(supports.pop()) if len(supports) == 1 else "differs"
        cells = [_type_f1(runs[model], name) for model in models]
        top = best([cell.mean for cell in cells if cell is not None])
        texts = [
            Text("") if cell is None else Text(score_text(cell), "best" if cell.shown == top else "") for cell in cells
        ]
        rows.append((Text(name), Text(support), *texts))
    return Table("F1 of each type", ("type", "in the gold", *models), tuple(rows))


def _type_f1(group: Sequence[RunResult], name: str) -> Cell | None:
    values = [run.types[name].f1 for run in group if name in run.types]
    return summarise(values) if values else None


def _mix_table(runs: dict[str, list[RunResult]]) -> Table:
    grouped: dict[tuple[str, str, int], list[RunResult]] = defaultdict(list)
    for model in sorted(runs):
        for run in runs[model]:
            for name, mix in run.mix.items():
                grouped[model, name, len(mix.weights)].append(run)
    layers = max(count for _, _, count in grouped)
    rows = []
    for (model, name, count), group in grouped.items():
        mixes = [run.mix[name] for run in group]
        texts = [_plain_mean([mix.weights[layer] for mix in mixes]) for layer in range(count)]
        texts += [""] * (layers - count)
        gamma = _plain_mean([mix.gamma for mix in mixes])
        rows.append(tuple(map(Text, (model, name, str(len(group)), *texts, gamma))))
    header = ("model", "mix", "seeds", *(f"layer {layer}" for layer in range(layers)), "γ")
    return Table("Learned layer weights", header, tuple(rows), "Layer 0 is the token embedding; weights sum to 1.")


def _plain_mean(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{statistics.fmean(values):.3f} ± {statistics.stdev(values):.3f}"
