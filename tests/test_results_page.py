"""What docs/results.md and the model card say in numbers is what the result files say."""

from __future__ import annotations

import re
import statistics
from functools import cache
from pathlib import Path

import pytest

from elmo_xlstm.evaluation.published import GROUPS
from elmo_xlstm.evaluation.results import load_results

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
CARD = (ROOT / "MODEL_CARD.md").read_text(encoding="utf-8")
TASKS = [task for tasks in GROUPS.values() for task in tasks]
MODELS = ("frozen-bilm", "no-bilm")


@cache
def scores() -> dict[tuple[str, str], list[float]]:
    """In percent, over seeds."""
    found: dict[tuple[str, str], list[float]] = {}
    for result in load_results(ROOT / "results"):
        found.setdefault((result.task, result.model), []).append(100 * result.score)
    return found


def mean(task: str, model: str) -> float:
    return statistics.fmean(scores()[task, model])


def gain(task: str) -> float:
    return mean(task, "frozen-bilm") - mean(task, "no-bilm")


def test_every_task_has_three_seeds_with_the_model_and_without() -> None:
    assert {len(scores()[task, model]) for task in (*TASKS, "absa_e2e") for model in MODELS} == {3}


@pytest.mark.parametrize("tasks", GROUPS.values(), ids=list(GROUPS))
def test_averages(tasks: tuple[str, ...]) -> None:
    frozen, without = (f"{statistics.fmean(mean(task, model) for task in tasks):.2f}" for model in MODELS)
    assert f"| {frozen} | {without} |" in PAGE
    assert frozen in CARD and without in CARD


def spread(task: str, model: str) -> str:
    return f"{mean(task, model):.2f} ± {statistics.stdev(scores()[task, model]):.2f}"


def test_means_and_deviations_are_of_the_frozen_model() -> None:
    shown = {spread(task, model) for task, model in scores() if model == MODELS[0]}
    found = re.findall(r"\d+\.\d\d ± \d+\.\d\d", "\n".join(line for line in PAGE.splitlines() if line[:1] != "|"))
    assert len(found) >= 5 and set(found) <= shown


def test_tables_of_models_by_tasks_are_what_the_result_files_say() -> None:
    tables, columns = set(), []
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == "model":
            columns = [heading.lower() for heading in cells[1:]]
        elif line[:1] != "|":
            columns = []
        elif columns and set(cells[0]) != {"-"}:
            model = cells[0].strip("`")
            assert {column: spread(column, model) for column in columns} == dict(zip(columns, cells[1:], strict=True))
            assert {len(scores()[column, model]) for column in columns} == {3}
            tables.add(model)
    assert {"frozen-bilm", "int8-bilm", "forward-only", "random-bilm", "unfrozen-bilm"} <= tables


def test_gains() -> None:
    known = {
        "TermA": "terma",
        "ABSA": "absa_e2e",
        "FacQA": "facqa",
        "CASA": "casa",
        "SmSA": "smsa",
        "NERGrit": "nergrit",
    }
    found = dict(re.findall(r"(\w+)\W+\(\+(\d+\.\d)\)", PAGE))
    assert found == {name: f"{gain(task):.1f}" for name, task in known.items()}
    assert f"by {min(map(gain, TASKS)):.1f} (TermA) to {max(map(gain, TASKS)):.1f} points (FacQA)" in PAGE


def test_what_pretraining_is_worth() -> None:
    names = {"NERP": "nerp", "CASA": "casa", "SmSA": "smsa", "TermA": "terma"}
    [listed] = re.findall(r"with untrained weights every task loses\s+\(([^)]*)\)", PAGE)
    found = {name: float(number) for name, number in re.findall(r"(\w+) (\d+\.\d)", listed)}
    lost = {name: round(mean(task, "frozen-bilm") - mean(task, "random-bilm"), 1) for name, task in names.items()}
    assert found == lost


def test_what_is_not_significant_has_no_star_on_the_leaderboard() -> None:
    [listed] = re.findall(r"On ([^.]*)\s+the difference is not significant", PAGE)
    named = {
        "absa_e2e" if name == "ABSA" else name.lower() for name in re.findall(r"\w+", listed.replace(" and ", " "))
    }
    unstarred, headings = set(), []
    for line in (
        (ROOT / "results" / "leaderboard.md").read_text(encoding="utf-8").split("\n## Significance")[0].splitlines()
    ):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == "model" and "parameters" in cells and "interval" not in line:
            headings = [cell.split(" ")[0].replace("\\", "") for cell in cells]
        elif cells[0] == "frozen-bilm" and headings:
            row = dict(zip(headings, cells, strict=True))
            unstarred |= {task for task in (*TASKS, "absa_e2e") if task in row and "★" not in row[task]}
            headings = []
    assert named == unstarred
