"""Everything about one task, as tables of text: all metrics, intervals and tests, F1 of each type, layer weights."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from elmo_xlstm.evaluation.leaderboard.amounts import Amount, amounts
from elmo_xlstm.evaluation.leaderboard.board import Board, Cell, Column, best, summarise
from elmo_xlstm.evaluation.leaderboard.tables import (
    Entry,
    Line,
    Table,
    Text,
    count_title,
    metric_title,
    score_table,
    score_text,
)
from elmo_xlstm.evaluation.results import RunResult

DIFFERENT_DATA = "These results were not all measured on the same data files."
NO_OUTCOMES = "Rows without an interval have results that did not record their outcomes."


def detail_tables(board: Board, column: Column) -> list[Table]:
    """The tables of one task: scores, F1 of each type, layer weights, amounts of data; those that there are."""
    runs = board.runs(column)
    tables = [_metrics_table(board, column, runs)]
    if any(run.types for group in runs.values() for run in group):
        tables.append(_types_table(runs))
    if any(run.mix for group in runs.values() for run in group):
        tables.append(_mix_table(runs))
    if curves := amounts(board.all_runs(column)):
        tables.append(_amounts_table(curves))
    return tables


def _amounts_table(curves: dict[str, list[Amount]]) -> Table:
    shares = sorted({amount.share for curve in curves.values() for amount in curve})
    entries = [
        Entry(model, False, {_percent(a.share): Cell(a.mean, a.sd, a.seeds) for a in curve}, (), ())
        for model, curve in curves.items()
    ]
    return score_table("Score by share of the training data", entries, list(map(_percent, shares)), ())


def _percent(share: float) -> str:
    return f"{share:g} %"


def _metrics_table(board: Board, column: Column, runs: dict[str, list[RunResult]]) -> Table:
    metrics = list(
        dict.fromkeys([column.metric, *(m for group in runs.values() for run in group for m in run.metrics)])
    )
    published = [score for score in board.published if score.task == column.task]
    metrics += [m for m in dict.fromkeys(score.metric for score in published) if m not in metrics]
    main = metric_title(column.metric)
    scores = {model: board.cell(model, column) for model in runs}
    columns: dict[str, dict[str, str]] = {}
    if any(cell.interval for cell in scores.values()):
        columns["95 % interval"] = {model: _interval(cell) for model, cell in scores.items()}
    if any(cell.significance for cell in scores.values()):
        columns[f"against {board.against}"] = {model: _difference(cell) for model, cell in scores.items()}
        columns["p"] = {model: _p_value(cell, corrected=False) for model, cell in scores.items()}
        columns["p (Holm)"] = {model: _p_value(cell, corrected=True) for model, cell in scores.items()}
    entries = []
    for model, group in runs.items():
        cells = {
            metric_title(metric): summarise([run.metrics[metric] for run in group])
            for metric in metrics
            if all(metric in run.metrics for run in group)
        }
        cells[main] = replace(cells[main], significance=scores[model].significance)
        trainable = {run.parameters.trainable for run in group}
        size = count_title(trainable.pop() if len(trainable) == 1 else None)
        beside = tuple(texts[model] for texts in columns.values())
        entries.append(Entry(model, False, cells, beside, (size, "measured here")))
    systems: dict[tuple[str, str], dict[str, Cell]] = defaultdict(dict)
    for score in published:
        systems[score.model, score.source][metric_title(score.metric)] = Cell(score.value, None, 0)
    blank = ("",) * len(columns)
    entries += [Entry(model, True, cells, blank, ("", source)) for (model, source), cells in systems.items()]
    entries.sort(key=lambda entry: (main not in entry.cells, -_first(entry.cells, main), entry.name))
    data = {tuple(sorted(run.data.items())) for group in runs.values() for run in group}
    notes = [DIFFERENT_DATA] if len(data) > 1 else []
    if "95 % interval" in columns and not all(columns["95 % interval"].values()):
        notes.append(NO_OUTCOMES)
    titles = [metric_title(metric) for metric in metrics]
    return score_table("Scores", entries, titles, ("trainable parameters", "source"), list(columns), " ".join(notes))


def _first(cells: dict[str, Cell], preferred: str) -> float:
    """The number that a row is sorted by."""
    return (cells.get(preferred) or next(iter(cells.values()))).mean


def _interval(cell: Cell) -> str:
    return f"{cell.interval.low:.2f} to {cell.interval.high:.2f}" if cell.interval else ""


def _difference(cell: Cell) -> str:
    return f"{cell.significance.difference:+.2f}".replace("-", "−") if cell.significance else ""


def _p_value(cell: Cell, corrected: bool) -> str:
    if cell.significance is None:
        return ""
    value = cell.significance.corrected if corrected else cell.significance.p_value
    return f"{value:.4f}"


def _types_table(runs: dict[str, list[RunResult]]) -> Table:
    names = sorted({name for group in runs.values() for run in group for name in run.types})
    models = sorted(runs)
    rows = []
    for name in names:
        supports = {run.types[name].support for group in runs.values() for run in group if name in run.types}
        support = str(supports.pop()) if len(supports) == 1 else "differs"
        cells = [type_f1(runs[model], name) for model in models]
        top = best([cell.mean for cell in cells if cell is not None])
        texts = [
            Text("") if cell is None else Text(score_text(cell), "best" if cell.shown == top else "") for cell in cells
        ]
        rows.append(Line((Text(name), Text(support), *texts)))
    return Table("F1 of each type", ("type", "in the gold", *models), tuple(rows))


def type_f1(group: Sequence[RunResult], name: str) -> Cell | None:
    """F1 of a type over the seeds that have it."""
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
        rows.append(Line(tuple(map(Text, (model, name, str(len(group)), *texts, gamma)))))
    header = ("model", "mix", "seeds", *(f"layer {layer}" for layer in range(layers)), "γ")
    return Table("Learned layer weights", header, tuple(rows), "Layer 0 is the token embedding; weights sum to 1.")


def _plain_mean(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{statistics.fmean(values):.3f} ± {statistics.stdev(values):.3f}"
