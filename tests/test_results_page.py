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


def test_means_and_deviations_are_of_the_frozen_model() -> None:
    shown = {
        f"{statistics.fmean(s):.2f} ± {statistics.stdev(s):.2f}" for (_, m), s in scores().items() if m == MODELS[0]
    }
    found = re.findall(r"\d+\.\d\d ± \d+\.\d\d", PAGE)
    assert len(found) >= 5 and set(found) <= shown


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
