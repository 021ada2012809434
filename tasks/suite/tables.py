"""A suite's plan and its scores in a terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from rich.table import Table

from elmo_xlstm.evaluation.results import RunResult
from elmo_xlstm.evaluation.seeds import spread_text, summarise
from elmo_xlstm.tasks.suite.planning import PlannedRun, State, in_words


def plan_table(plan: Sequence[PlannedRun], jobs: int) -> Table:
    """A row for each task and model: which seeds are done and which are not, and how long these will take."""
    todo = [run for run in plan if run.state is not State.DONE]
    known = [run.seconds for run in todo if run.seconds is not None]
    unknown = len(todo) - len(known)
    about = f"about {in_words(max(sum(known) / jobs, *known))} with --jobs {jobs}" if known else ""
    parts = [f"{len(todo)} of {len(plan)} runs to do", about, f"time unknown for {unknown}" if unknown else ""]
    states = [state for state in State if any(run.state is state for run in plan)]
    table = Table(caption="; ".join(filter(None, parts)), caption_justify="left")
    for name in ("task", "model", *(state.value for state in states), "time each"):
        table.add_column(name, overflow="fold")
    rows = defaultdict[tuple[str, str], list[PlannedRun]](list)
    for run in plan:
        rows[run.key[:2]].append(run)
    for (task, model), runs in rows.items():
        seeds = (_seeds([run.key[2] for run in runs if run.state is state]) for state in states)
        left = [run for run in runs if run.state is not State.DONE]
        each = next((run.seconds for run in left if run.seconds is not None), None)
        table.add_row(task, model, *seeds, "" if not left else "unknown" if each is None else in_words(each))
    return table


def _seeds(seeds: Sequence[int]) -> str:
    # A lone number would be taken for how many there are.
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}" if seeds else "none"


def problem_lines(plan: Sequence[PlannedRun]) -> list[str]:
    """A line for each stale run, with the reason, and for each missing file, with the runs that need it."""
    missing = defaultdict[str, dict[str, None]](dict)  # in the plan's order, each once
    for run in plan:
        for name in run.missing:
            missing[name][" ".join(run.key[:2])] = None
    return [
        *(f"{run.label}: {run.reason}" for run in plan if run.reason),
        *(f"{name}: is not there, and is needed by {', '.join(labels)}" for name, labels in missing.items()),
    ]


def summary_table(results: Sequence[RunResult]) -> Table:
    """Main score of each task (row) and model (column): mean ± standard deviation over seeds, and their number."""
    models = list(dict.fromkeys(result.model for result in results))
    scores: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        scores[result.task, result.main_metric][result.model].append(result.score)
    table = Table("task", "metric", *models)
    for (task, metric), row in scores.items():
        table.add_row(task, metric, *(_cell(row.get(model, [])) for model in models))
    return table


def _cell(scores: Sequence[float]) -> str:
    return f"{spread_text(summarise(scores))} ({len(scores)})" if scores else ""
