"""From scores to tables of text, which every format then only dresses: main tables, legend, and details of a task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import pandas as pd

from elmo_xlstm.evaluation.leaderboard.board import SPREAD, SYSTEM, Board, Column, Runs, average, frame, is_complete
from elmo_xlstm.evaluation.results import RunResult
from elmo_xlstm.evaluation.seeds import EXCHANGES, RESAMPLES, Spread, spread, spread_text, summarise

STAR = "★"
LEVEL = 0.05
AVERAGE = "average"
LEGEND = (
    "Test scores in percent, mean ± standard deviation over seeds; macro F1 where a column does not say otherwise. "
    "Bold: best of its column; italic: best of those measured here, where a published score is higher. "
    "† published by others, not measured here."
)
FEWER_SEEDS = "A number in brackets: the score has fewer seeds than the row's others."
FOLDS = "Of {tasks} each score is of one fold of cross-validation, which stands in the place of a seed."
INTERVALS = (
    f"95 % intervals: percentile bootstrap over test examples, {RESAMPLES:,} resamples; a drawn example brings its "
    "outcomes of all seeds, and each resample is scored seed by seed and averaged. They say how the mean would vary "
    "with other test examples, not with other seeds."
)
TESTS = (
    "{star}: differs from {against}, p < {level}, by approximate randomisation over test examples ({exchanges:,} "
    "random exchanges; runs are paired by seed, and an example's outcomes are exchanged for all seeds at once), "
    "p-values corrected by Holm's method for all tests of the table."
)
INTERVAL = "95 % interval"
DIFFERENT_DATA = "These results were not all measured on the same data files."
NO_OUTCOMES = "Rows without an interval have results that did not record their outcomes."
LAYERS = "Layer 0 is the token embedding; weights sum to 1."
ENTRY = [*SYSTEM, "column", *SPREAD, "p_holm"]

System = tuple[Any, ...]
"""The values of ``SYSTEM``: model, whether it was published by others, source."""
Texts = Mapping[str, Mapping[System, str]]
"""Further columns: their titles, and the text of each system that has one."""


class Cell(NamedTuple):
    """A text and whether it stands out."""

    text: str
    emphasis: Literal["", "best", "best measured"] = ""


@dataclass(frozen=True)
class Table:
    """Rows of text under a header, and which of them others published; the first column names the row."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    published: frozenset[int] = frozenset()
    note: str = ""


def main_table(board: Board, section: str) -> Table:
    """All systems on all tasks of a section."""
    scores = board.scores[board.scores.section == section]
    here = set(scores.task)
    columns = [column for column in board.columns if column.task in here]
    titles = {column: column_title(column, board) for column in columns}
    shown = [*titles.values(), *([AVERAGE] if is_complete(section, columns) else [])]
    titles[Column(average(section), "macro_f1")] = AVERAGE
    scores = scores.assign(column=[titles[Column(*pair)] for pair in zip(scores.task, scores.metric, strict=True)])
    sizes = scores.groupby(SYSTEM, sort=False).agg({"least": "min", "most": "max"})
    last = {
        "parameters": {system: _size(least, most) for system, least, most in sizes.itertuples()},
        "source": {system: system[2] or "measured here" for system in sizes.index},
    }
    return _score_table(section.capitalize(), scores, shown, {}, last)


def legend(board: Board) -> str:
    """How the main tables are to be read; only of what is in them."""
    scores = board.scores
    parts = [LEGEND]
    single = scores[~scores.task.isin([average(section) for section in scores.section.unique()])]
    if (single.groupby(["section", *SYSTEM]).seeds.nunique() > 1).any():
        parts.append(FEWER_SEEDS)
    if tasks := sorted({result.task for result in board.results if _is_of_a_fold(result)}):
        parts.append(FOLDS.format(tasks=", ".join(tasks)))
    if scores.interval_low.notna().any():
        parts.append(INTERVALS)
    if scores.p_value.notna().any():
        parts.append(TESTS.format(star=STAR, against=board.against, level=LEVEL, exchanges=EXCHANGES))
    return " ".join(parts)


def column_title(column: Column, board: Board) -> str:
    """The task's name, with the metric where it is not the benchmark's or the task has two."""
    unusual = column.metric != "macro_f1" or sum(other.task == column.task for other in board.columns) > 1
    return f"{column.task} ({metric_title(column.metric)})" if unusual else column.task


def metric_title(metric: str) -> str:
    """A metric's name in words."""
    return metric.replace("_f1", " F1").replace("_", " ")


def count_title(parameters: float | None) -> str:
    """A number of parameters, in millions or thousands; nothing where it is not known."""
    if parameters is None or pd.isna(parameters):
        return ""
    if not parameters:
        return "0"
    return f"{parameters / 1e6:.1f} M" if parameters >= 50_000 else f"{parameters / 1e3:.1f} k"


def _score_table(
    title: str, scores: pd.DataFrame, columns: Sequence[str], beside: Texts, last: Texts, note: str = ""
) -> Table:
    """A table of scores in which the best of each column, as printed, stand out; ``beside`` follows the first."""
    shown = scores["mean"].map(lambda mean: round(mean, 2))
    best = shown == shown.groupby(scores.column).transform("max")
    own = (shown == shown.mask(scores.published).groupby(scores.column).transform("max")) & ~scores.published
    by_system = scores.assign(best=best, own=own & ~best).groupby(SYSTEM, sort=False)
    rows = []
    for system, group in by_system:
        seeds = sorted(set(group.seeds) - {0})
        cells = {score.column: _score_cell(score, seeds[-1] if seeds else 0) for score in group.itertuples()}
        first, *others = (cells.get(column, Cell("")) for column in columns)
        between, after = ([Cell(texts.get(system, "")) for texts in part.values()] for part in (beside, last))
        name = f"{system[0]} †" if system[1] else system[0]
        number = f"{seeds[0]}–{seeds[-1]}" if len(seeds) > 1 else "".join(map(str, seeds))
        rows.append((Cell(name), Cell(number), first, *between, *others, *after))
    header = ("model", "seeds", columns[0], *beside, *columns[1:], *last)
    published = frozenset(place for place, (system, _) in enumerate(by_system) if system[1])
    return Table(title, header, tuple(rows), published, note)


def _score_cell(score: Any, seeds: int) -> Cell:
    text = spread_text(Spread(score.mean, score.sd, score.seeds))
    if 0 < score.seeds < seeds:  # the row's
        text += f" ({score.seeds})"
    if score.p_holm < LEVEL:
        text += f" {STAR}"
    return Cell(text, "best" if score.best else "best measured" if score.own else "")


def _is_of_a_fold(result: RunResult) -> bool:
    """Whether a run was tested on one fold of its data."""
    values: object = result.config
    for key in ("task", "dataset", "folds"):
        values = values.get(key) if isinstance(values, dict) else None
    return values is not None


def _size(least: float, most: float) -> str:
    low, high = count_title(least), count_title(most)
    if low == high:
        return low
    return f"{low.removesuffix(' M')}–{high}" if low.endswith(" M") else f"{low}–{high}"


def detail_tables(board: Board, column: Column) -> list[Table]:
    """The tables of one task: scores, F1 of each type, layer weights, amounts of data; those that there are."""
    runs = board.runs(column)
    tables = [_metrics_table(board, column, runs), _types_table(runs), _mix_table(runs), _amounts_table(board, column)]
    return [table for table in tables if table.rows]


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
        entries.append(entry | {"published": True, "source": score.source})
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
    return _score_table("Scores", scores, titles, beside, last, " ".join(notes))


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
    return {(row.Index, False, ""): pattern.format(row=row) for row in measured.dropna(subset=needed).itertuples()}


def _types_table(runs: Runs) -> Table:
    supports = defaultdict[str, set[int]](set)
    for run in (run for group in runs.values() for run in group):
        for name, score in run.types.items():
            supports[name].add(score.support)
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
    return Table("F1 of each type", ("type", "in the gold", *runs), tuple(rows))


def _mix_table(runs: Runs) -> Table:
    mixes = defaultdict[tuple[str, str, int], list[Sequence[float]]](list)
    for model, group in runs.items():
        for name, mix in ((name, mix) for run in group for name, mix in run.mix.items()):
            mixes[model, name, len(mix.weights)].append([*mix.weights, mix.gamma])
    layers = max((count for _, _, count in mixes), default=0)
    rows = []
    for (model, name, count), values in mixes.items():
        *weights, gamma = (spread_text(spread(numbers), 3) for numbers in zip(*values, strict=True))
        texts = (model, name, str(len(values)), *weights, *[""] * (layers - count), gamma)
        rows.append(tuple(map(Cell, texts)))
    header = ("model", "mix", "seeds", *(f"layer {layer}" for layer in range(layers)), "γ")
    return Table("Learned layer weights", header, tuple(rows), note=LAYERS)


def _amounts_table(board: Board, column: Column) -> Table:
    curves = board.amounts(column)
    entries = [_entry(model, f"{share:g} %", found) for model in curves for share, found in curves[model].items()]
    if not entries:
        return Table("", (), ())
    titles = [f"{share:g} %" for share in sorted({share for curve in curves.values() for share in curve})]
    return _score_table("Score by share of the training data", frame(entries, ENTRY), titles, {}, {})
