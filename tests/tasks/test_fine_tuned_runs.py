"""Whole runs in which the language model is trained with the head; tests/tasks/question has questions of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from elmo_xlstm.config import validate
from elmo_xlstm.embedding import ElmoEmbedder, FeatureStore
from elmo_xlstm.evaluation.results import RunResult, load_results
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.tasks.finetuning import FinetuneSettings, describe_finetuning, run_finetuning
from elmo_xlstm.tasks.model import TaskModel
from elmo_xlstm.tasks.predict import FinishedRun
from elmo_xlstm.tasks.predictor import WEIGHTS_FILE
from elmo_xlstm.tasks.run_contents import EMBEDDER_DIRECTORY

LANGUAGE_MODEL = "language_model."


def finetune(settings: FinetuneSettings, resume: bool = False) -> RunResult:
    with open_run(settings.directory, settings, resume=resume):
        return run_finetuning(settings, settings.directory, "python cli.py finetune x.jsonnet", resume)


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / WEIGHTS_FILE)


@pytest.fixture(scope="module")
def make(ner_settings, labelled_settings):
    """Makes an experiment of a kind below a directory; its language model learns unless told otherwise."""

    def make(kind: str, directory: Path, fine_tune: dict[str, Any] | None = None) -> FinetuneSettings:
        settings = ner_settings(directory) if kind == "tagging" else labelled_settings(kind, directory)
        values = settings.model_dump(mode="json")
        values["trainer"]["epochs"] = 3
        values["embedder"]["fine_tune"] = {"learning_rate": 0.01, "dropout": 0.2} if fine_tune is None else fine_tune
        return validate(FinetuneSettings, values)

    return make


@pytest.fixture(scope="module", params=["tagging", "classification", "aspects", "pairs"])
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def finished(kind, make, tmp_path_factory) -> tuple[Path, RunResult]:
    """A run of each kind, left alone: its parent directory and its result."""
    directory = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureStore, "features", lambda *_: pytest.fail("stored vectors were read"))
        return directory, finetune(make(kind, directory))


def test_the_language_model_has_learned(finished, model_directory) -> None:
    directory, result = finished
    begun = ElmoEmbedder.from_pretrained(model_directory, device="cpu")
    kept = ElmoEmbedder.from_pretrained(directory / "run" / EMBEDDER_DIRECTORY, device="cpu")
    assert result.checkpoint == begun.fingerprint == kept.fingerprint  # what it began with
    assert not (directory / "features").exists()
    learned = {
        name.partition(LANGUAGE_MODEL + "model.")[2]: tensor
        for name, tensor in weights(directory / "run").items()
        if LANGUAGE_MODEL in name
    }
    before = begun.model.state_dict()
    assert learned.keys() == {name for name in before if "softmax" not in name}
    assert all(not torch.equal(tensor, before[name]) for name, tensor in learned.items())


def test_result_file_counts_it_as_trained(finished) -> None:
    directory, result = finished
    (loaded,) = load_results(directory / "results")
    total = sum(tensor.numel() for tensor in weights(directory / "run").values())
    # Buffers, which are few, are no parameters.
    assert loaded.parameters == result.parameters and 0 <= total - loaded.parameters.total < 100
    assert loaded.parameters.trainable == loaded.parameters.total and loaded.parameters.frozen_bilm == 0
    assert len(loaded.mix["head"].weights) == 3
    assert loaded.config["embedder"]["fine_tune"] == {"learning_rate": 0.01, "dropout": 0.2}


def test_evaluate_is_what_the_result_says(finished) -> None:
    directory, result = finished
    run = FinishedRun(directory / "run")
    assert run.evaluate("test")["metrics"] == result.metrics
    history = json.loads((directory / "run" / "history.json").read_text())
    best = history["epochs"][history["best_epoch"] - 1]
    assert run.evaluate("valid")["metrics"] == best["metrics"]


def test_a_moved_run_predicts_with_what_was_learned(finished, kind, tmp_path) -> None:
    directory, _ = finished
    moved = shutil.copytree(directory / "run", tmp_path / "moved")
    source = tmp_path / "input.txt"
    texts = ["hari makanan enak layanan buruk", "di " * 700 + "Bogor"]  # the second is longer than any in training
    source.write_text("".join(f"hari\t{text}\n" if kind == "pairs" else f"{text}\n" for text in texts))
    rows = list(FinishedRun(moved).predict(source))
    assert rows == list(FinishedRun(directory / "run").predict(source))
    if kind == "tagging":
        assert [len(row["tags"]) for row in rows] == [5, 701]


def test_same_seed_same_run(finished, kind, make, tmp_path) -> None:
    directory, result = finished
    torch.manual_seed(12345)  # what ran before does not matter
    again = finetune(make(kind, tmp_path))
    assert (again.metrics, again.curve, again.mix) == (result.metrics, result.curve, result.mix)
    before = weights(directory / "run")
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(tmp_path / "run").items())


def test_resume_gives_the_same_bits(finished, kind, make, tmp_path, crash_in_second_validation) -> None:
    directory, result = finished
    settings = make(kind, tmp_path)
    with crash_in_second_validation(TaskModel):
        finetune(settings)
    resumed = finetune(settings, resume=True)
    assert (resumed.metrics, resumed.curve, resumed.mix) == (result.metrics, result.curve, result.mix)
    before, after = weights(directory / "run"), weights(tmp_path / "run")
    assert before.keys() == after.keys() and all(torch.equal(tensor, after[name]) for name, tensor in before.items())


def test_company_does_not_matter(finished) -> None:
    task = FinishedRun(finished[0] / "run").task
    texts = [task.texts(example) for example in task.split("test")]
    together = task.model.predict_texts(texts)
    for text, prediction in zip(texts, together, strict=True):
        (alone,) = task.model.predict_texts([text])
        assert list(alone.labels) == list(prediction.labels)
        torch.testing.assert_close(torch.tensor(alone.probabilities), torch.tensor(prediction.probabilities))


def test_description_counts_it_with_the_head(make, tmp_path) -> None:
    sizes = describe_finetuning(make("tagging", tmp_path))
    assert sizes["parameters"]["language_model"] > 0 and "frozen language model" not in sizes


def test_random_weights_learn_too(make, tmp_path) -> None:
    values = make("classification", tmp_path).model_dump(mode="json")
    values["embedder"]["weights"] = "random"
    values["trainer"]["epochs"] = 1
    result = finetune(validate(FinetuneSettings, values))
    assert FinishedRun(tmp_path / "run").evaluate("test")["metrics"] == result.metrics
