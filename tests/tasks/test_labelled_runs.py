"""Whole runs of the tasks on labelled texts: trained, filed, read again, evaluated and asked to predict."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.classification import label_macro_f1
from elmo_xlstm.evaluation.outcomes import decode_outcomes
from elmo_xlstm.evaluation.results import RunResult, load_results
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.tasks.finetuning import FinetuneSettings, run_finetuning
from elmo_xlstm.tasks.predict import FinishedRun

LABELS = ["pos", "neg", "none"]
ASPECTS = ["makanan", "layanan"]
SPLITS = ("train", "valid", "test")


def finetune(settings: FinetuneSettings) -> RunResult:
    with open_run(settings.directory, settings):
        return run_finetuning(settings, settings.directory, "python cli.py finetune x.jsonnet")


@pytest.fixture(scope="module", params=["classification", "aspects", "pairs"])
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def finished(kind, labelled_settings, tmp_path_factory) -> tuple[Path, RunResult]:
    """A run of each kind: its parent directory and its result."""
    directory = tmp_path_factory.mktemp("runs")
    return directory, finetune(labelled_settings(kind, directory))


def test_skipped_rows_are_in_the_result_file(labelled_settings, labelled_files, tmp_path) -> None:
    paths = {name: shutil.copy(labelled_files["classification"] / f"{name}.csv", tmp_path) for name in SPLITS}
    with open(paths["train"], "a", encoding="utf-8") as file:
        file.write("enak,\n")
    values = {"type": "files", **paths, "on_bad_row": "skip"}
    settings = labelled_settings("classification", tmp_path, bilm=False, dataset=values, head={"type": "majority"})
    assert finetune(settings).skipped == {paths["train"]: 1}
    (loaded,) = load_results(tmp_path / "results")
    assert loaded.skipped == {paths["train"]: 1}


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_result_file(finished, kind) -> None:
    directory, result = finished
    (loaded,) = load_results(directory / "results")
    assert loaded.score == pytest.approx(result.score, abs=1e-6)
    assert loaded.main_metric == "macro_f1" and set(loaded.intervals) == {"macro_f1", "accuracy"}
    assert set(loaded.metrics) >= {"macro_f1", "weighted_f1", "micro_f1", "accuracy", "exact_match"}
    assert set(loaded.types) <= set(LABELS) and len(loaded.mix["head"].weights) == 3
    decisions = 12 * (2 if kind == "aspects" else 1)
    assert loaded.confusion.labels == LABELS and np.sum(loaded.confusion.counts) == decisions
    assert sum(score.support for score in loaded.types.values()) == decisions
    history = json.loads((directory / "run" / "history.json").read_text())
    assert [e.validation for e in loaded.curve] == pytest.approx(
        [e["metrics"]["macro_f1"] for e in history["epochs"]], abs=1e-6
    )
    assert all(epoch.train_loss > 0 for epoch in loaded.curve)


def test_outcomes_hold_the_score_and_the_confusion(finished) -> None:
    result = finished[1]
    statistics = decode_outcomes(result.outcomes)
    assert result.outcomes.kind == "labels" and statistics.shape == (12, 9)
    assert label_macro_f1(statistics.sum(axis=0)) == pytest.approx(result.score)
    assert statistics.sum(axis=0).reshape(3, 3).tolist() == result.confusion.counts


def test_something_is_learned(finished) -> None:
    result = finished[1]
    assert result.curve[-1].train_loss < 0.7 * result.curve[0].train_loss
    assert max(epoch.validation for epoch in result.curve) > 0.6  # by chance about a third


def test_predictions_of_the_test_split(finished, kind) -> None:
    rows = rows_of(finished[0] / "run" / "predictions-test.jsonl")
    assert len(rows) == 12
    for row in rows:
        texts = [row["first"], row["second"]] if kind == "pairs" else [row["text"]]
        assert texts[0].startswith("hari")
        for labels in (row["gold"], row["predicted"]):
            assert list(labels) == ASPECTS if kind == "aspects" else labels in LABELS
    gold = [row["gold"]["makanan"] if kind == "aspects" else row["gold"] for row in rows]
    assert gold == [LABELS[number % 3] for number in range(12)]


def test_evaluate_is_what_the_result_says(finished, kind, labelled_files, tmp_path) -> None:
    directory, result = finished
    run = FinishedRun(directory / "run")
    assert run.evaluate("test")["metrics"] == result.metrics
    copy = shutil.copy(labelled_files[kind] / "test.csv", tmp_path / "further.csv")
    assert run.evaluate("valid", Path(copy))["metrics"] == result.metrics
    text = Path(copy).read_text().replace(",pos", ",mixed")
    Path(copy).write_text(text)
    with pytest.raises(UserError, match="further.csv:2: unknown label 'mixed'"):
        run.evaluate("test", Path(copy))


def test_moved_run_predicts_without_its_data(kind, finished, labelled_settings, tmp_path) -> None:
    shutil.copytree(finished[0] / "run", tmp_path / "moved")
    config = tmp_path / "moved" / "config.json"
    values = json.loads(config.read_text())
    values["task"]["dataset"]["directory"] = str(tmp_path / "gone")
    config.write_text(json.dumps(values))
    source = tmp_path / "input.txt"
    texts = ["hari makanan enak layanan buruk", "🦜 漢字 …"]
    source.write_text(
        "".join(f"hari\t{text}\n" if kind == "pairs" else f"{text}\n" for text in texts), encoding="utf-8"
    )
    rows = list(FinishedRun(tmp_path / "moved").predict(source))
    assert rows == list(FinishedRun(finished[0] / "run").predict(source))
    for row, text in zip(rows, texts, strict=True):
        if kind == "aspects":
            assert row["text"] == text and list(row["labels"]) == list(row["probabilities"]) == ASPECTS
            pairs = [(row["labels"][aspect], row["probabilities"][aspect]) for aspect in ASPECTS]
        else:
            assert row.get("second", row.get("text")) == text
            pairs = [(row["label"], row["probabilities"])]
        for label, probabilities in pairs:
            assert list(probabilities) == LABELS and sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
            assert probabilities[label] == max(probabilities.values())
    json.dumps(rows)


def test_same_seed_same_run(kind, finished, labelled_settings, tmp_path) -> None:
    directory, result = finished
    again = finetune(labelled_settings(kind, tmp_path))
    assert (again.metrics, again.curve, again.outcomes) == (result.metrics, result.curve, result.outcomes)


def test_without_a_language_model(kind, labelled_settings, tmp_path) -> None:
    result = finetune(labelled_settings(kind, tmp_path, bilm=False))
    assert result.mix == {} and result.checkpoint is None and result.parameters.frozen_bilm == 0
