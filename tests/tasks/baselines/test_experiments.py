from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from elmo_xlstm.config import evaluate_jsonnet, validate
from elmo_xlstm.modules import TagScheme
from elmo_xlstm.runs.run_directory import differences
from elmo_xlstm.tasks.data.absa_e2e import LABELS
from elmo_xlstm.tasks.data.indonlu import DATASETS
from elmo_xlstm.tasks.finetuning import FinetuneSettings
from elmo_xlstm.tasks.suite.settings import SuiteSettings

EXPERIMENTS = Path(__file__).parents[3] / "experiments"


@cache
def load(name: str) -> SuiteSettings:
    return validate(SuiteSettings, evaluate_jsonnet(EXPERIMENTS / name))


@cache
def original(task: str) -> FinetuneSettings:
    return validate(FinetuneSettings, evaluate_jsonnet(EXPERIMENTS / f"{task}.jsonnet"))


def test_every_task_has_its_baselines() -> None:
    suite = load("baselines.jsonnet")
    rows: dict[str, set[str]] = {}
    for experiment in suite.experiments:
        rows.setdefault(experiment.task.name, set()).add(experiment.model)
    assert set(rows) == {*DATASETS, "absa_e2e"} and suite.seeds == 1
    for task, models in rows.items():
        words = original(task).task.type in ("tagging", "question")
        assert models == {"majority", *(("linear-window",) if words else ("tfidf-lr", "tfidf-svm"))}


def test_data_and_scores_are_the_tasks_own() -> None:
    for experiment in load("baselines.jsonnet").experiments:
        before = original(experiment.task.name)
        changed = differences(before.model_dump(), experiment.model_dump())
        assert all(
            key in ("model", "embedder") or key.split(".")[0] == "trainer" or key.startswith("task.head.")
            for key in changed
        )
        assert experiment.embedder is None
        if experiment.task.type == "tagging":
            assert experiment.task.head.scheme == before.task.head.scheme


def test_without_a_crf() -> None:
    suite = load("bilstm_softmax.jsonnet")
    for experiment in suite.experiments:
        name = experiment.task.name
        twin = original(f"{name}_baseline")
        changed = set(differences(twin.model_dump(), experiment.model_dump()))
        assert changed == {"model", "task.head.crf"}
        assert experiment.model == "bilstm-softmax" and experiment.task.head.crf is False
        TagScheme(LABELS if name == "absa_e2e" else DATASETS[name].labels, experiment.task.head.scheme)
    tagging = {name for name, dataset in DATASETS.items() if dataset.kind == "tagging"}
    # POSP's twin has no CRF itself.
    assert {experiment.task.name for experiment in suite.experiments} == {*tagging - {"posp"}, "absa_e2e"}


@pytest.mark.parametrize("name", ["baselines.jsonnet", "bilstm_softmax.jsonnet"])
def test_a_stored_experiment_is_the_same_one(name) -> None:
    for experiment in load(name).experiments:
        assert validate(FinetuneSettings, experiment.model_dump(mode="json")) == experiment
