from __future__ import annotations

import csv
import hashlib
import json

import pytest

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.results import load_results
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.tasks.data import indonlu
from elmo_xlstm.tasks.data.repository import DataFile
from elmo_xlstm.tasks.finetuning import FinetuneSettings, describe_finetuning, run_finetuning
from elmo_xlstm.tasks.predict import FinishedRun
from elmo_xlstm.tasks.question import QuestionTask  # noqa: F401 (registers the task)

COUNTS = {"train": 32, "valid": 8, "test": 8}


def write_csv(path, rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["question", "passage", "seq_label"])
        writer.writerows([repr(part) for part in row] for row in rows)


@pytest.fixture(scope="module")
def data(make_rows, tmp_path_factory):
    """Three files in place of FacQA's, declared; their directory."""
    directory = tmp_path_factory.mktemp("facqa")
    files = {}
    for number, (split, count) in enumerate(COUNTS.items()):
        path = directory / f"facqa/{split}.csv"
        write_csv(path, make_rows(count, seed=number))
        files[split] = DataFile(f"facqa/{split}.csv", count, hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.MonkeyPatch.context() as patch:
        facqa = indonlu.DATASETS["facqa"]
        declared = indonlu.Dataset(facqa.name, facqa.kind, facqa.labels, files)
        patch.setitem(indonlu.DATASETS, "facqa", declared)
        yield directory


@pytest.fixture(scope="module")
def experiment(data, model_directory):
    def make(directory, bilm=True, **head):
        values = {
            "model": "bilm" if bilm else "no-bilm",
            "task": {
                "type": "question",
                "name": "facqa",
                "dataset": {"type": "indonlu", "location": {"data_dir": str(data)}},
                "head": {
                    "words": {"dim": 12},
                    "encoder": {"hidden_size": 8, "output_dropout": 0.1},
                    "passage_encoder": {"hidden_size": 8, "output_dropout": 0.1},
                    "dropout": 0.1,
                    **({"mix": {}} if bilm else {}),
                    **head,
                },
            },
            "trainer": {"epochs": 8, "batch_size": 8, "learning_rate": 0.02},
            "output": str(directory / "run"),
            "results": str(directory / "results"),
        }
        if bilm:
            values["embedder"] = {"model": str(model_directory), "store": str(directory / "features")}
        return values

    return make


@pytest.fixture(scope="module", params=[True, False], ids=["bilm", "baseline"])
def finished(request, experiment, tmp_path_factory):
    """The parent directory of a finished run."""
    directory = tmp_path_factory.mktemp("question")
    settings = validate(FinetuneSettings, experiment(directory, request.param))
    with open_run(settings.directory, settings):
        run_finetuning(settings, settings.directory, "python cli.py finetune x.jsonnet")
    return directory


def test_result_file(finished) -> None:
    (result,) = load_results(finished / "results")
    assert (result.task, result.main_metric) == ("facqa", "macro_f1")
    assert set(result.data) == {f"facqa/{split}.csv" for split in COUNTS}
    assert result.metrics["macro_f1"] == result.metrics["micro_f1"] > 0.4  # one type of span; chance is far below
    assert result.types.keys() == {"_"}
    assert bool(result.mix) == (result.model == "bilm")


def test_predictions_cover_every_word_of_the_passages(finished) -> None:
    rows = [json.loads(line) for line in (finished / "run/predictions-test.jsonl").read_text().splitlines()]
    assert len(rows) == COUNTS["test"]
    for row in rows:
        assert len(row["passage"]) == len(row["gold"]) == len(row["predicted"])
        assert row["question"] and row["predicted"].count("B") >= 1


def test_a_finished_run_answers_and_scores(finished, make_rows, tmp_path) -> None:
    run = FinishedRun(finished / "run")
    path = tmp_path / "questions.jsonl"
    questions = [
        {"question": "siapa pergi?", "passage": "Kemarin Siti pergi ke Bogor."},
        {"question": ["ke", "mana", "?"], "passage": ["x"]},
    ]
    path.write_text("".join(json.dumps(question) + "\n" for question in questions))
    first, second = run.predict(path)
    assert first["question"] == ["siapa", "pergi", "?"]
    assert len(first["tags"]) == len(first["passage"]) == 6
    assert second["answers"] == [{"start": 0, "end": 1, "text": "x"}] and second["tags"] == ["B"]
    (result,) = load_results(finished / "results")
    assert run.evaluate("test")["metrics"]["macro_f1"] == pytest.approx(result.score, abs=1e-6)
    own = tmp_path / "own.csv"
    write_csv(own, make_rows(3, seed=9))
    assert run.evaluate("test", data=own)["types"]["_"]["support"] == 3


def test_the_language_model_may_learn_too(experiment, tmp_path) -> None:
    values = experiment(tmp_path)
    values["trainer"]["epochs"] = 2
    values["embedder"]["fine_tune"] = {"learning_rate": 0.01}
    settings = validate(FinetuneSettings, values)
    with open_run(settings.directory, settings):
        result = run_finetuning(settings, settings.directory, "python cli.py finetune x.jsonnet")
    assert result.parameters.frozen_bilm == 0 and result.curve[1].train_loss < result.curve[0].train_loss
    assert FinishedRun(tmp_path / "run").evaluate("test")["metrics"] == result.metrics


def test_sizes(experiment, tmp_path) -> None:
    sizes = describe_finetuning(validate(FinetuneSettings, experiment(tmp_path, bilm=False)))
    assert sizes["sentences"] == COUNTS and sizes["labels"] == 3
    assert sizes["parameters"]["attention"] == 3 * 16


def test_settings_are_checked(experiment, tmp_path) -> None:
    values = experiment(tmp_path, bilm=False, mix=None, characters=None, words=None)
    with pytest.raises(ConfigError, match="at least one of mix, characters and words"):
        validate(FinetuneSettings, values)
    values = experiment(tmp_path)
    values["task"]["dataset"]["name"] = "nerp"
    with pytest.raises(ConfigError, match="dataset.name"):
        validate(FinetuneSettings, values)


def test_masked_labels_and_short_files_are_refused(data, experiment, tmp_path, make_rows, monkeypatch) -> None:
    settings = validate(FinetuneSettings, experiment(tmp_path))
    declared = indonlu.DATASETS["facqa"]

    def declare(rows, count) -> None:
        path = tmp_path / "facqa/test.csv"
        write_csv(path, rows)
        for split in ("train", "valid"):
            (path.parent / f"{split}.csv").write_bytes((data / f"facqa/{split}.csv").read_bytes())
        file = DataFile("facqa/test.csv", count, hashlib.sha256(path.read_bytes()).hexdigest())
        files = {**declared.files, "test": file}
        changed = indonlu.Dataset("facqa", "question", declared.labels, files)
        monkeypatch.setitem(indonlu.DATASETS, "facqa", changed)

    location = settings.task.dataset.location.model_copy(update={"data_dir": tmp_path})
    dataset = settings.task.dataset.model_copy(update={"location": location})
    declare([(question, passage, ["O"] * len(passage)) for question, passage, _ in make_rows(8, 3)], 8)
    with pytest.raises(UserError, match=r"test.csv: every label is 'O': .* masked; use test_preprocess"):
        dataset.load()
    declare(make_rows(7, 3), 8)
    with pytest.raises(UserError, match=r"test.csv: 7 rows, expected 8"):
        dataset.load()
