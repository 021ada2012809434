"""Whole runs of baselines: trained, filed, read again, evaluated and asked to predict."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from pathlib import Path

import pytest

from elmo_xlstm import cli
from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.results import load_results
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.tasks.finetuning import FinetuneSettings, describe_finetuning, run_finetuning
from elmo_xlstm.tasks.predict import FinishedRun

TFIDF = [{"type": "tfidf", "classifier": name} for name in ("logistic_regression", "linear_svm")]
CASES = [
    *[(kind, head) for kind in ("classification", "aspects", "pairs") for head in ({"type": "majority"}, *TFIDF)],
    ("tagging", {"type": "majority"}),
    ("tagging", {"type": "linear-window"}),
]


@pytest.fixture(scope="module")
def make_settings(labelled_settings, ner_settings):
    def make(kind, head, directory) -> FinetuneSettings:
        if kind == "tagging":
            return ner_settings(directory, False, head=head)
        return labelled_settings(kind, directory, bilm=False, head=head)

    return make


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join([case[0], *case[1].values()]))
def case(request) -> tuple[str, dict]:
    return request.param


def finetune(settings):
    with open_run(settings.directory, settings):
        return run_finetuning(settings, settings.directory, "python cli.py finetune x.jsonnet")


@pytest.fixture(scope="module")
def finished(case, make_settings, tmp_path_factory):
    directory = tmp_path_factory.mktemp("baseline")
    return directory, finetune(make_settings(*case, directory))


def test_result_file(finished, case) -> None:
    directory, result = finished
    (loaded,) = load_results(directory / "results")
    assert (
        loaded.score == pytest.approx(result.score, abs=1e-6)
        and loaded.config["task"]["head"]["type"] == case[1]["type"]
    )
    assert loaded.checkpoint is None and loaded.mix == {} and loaded.curve == [] and loaded.outcomes is not None
    counts = loaded.parameters
    assert counts.total == counts.trainable > 0 and counts.frozen_bilm == 0
    if case[1]["type"] != "majority":
        assert loaded.score > 0.9  # a word says it all
    history = json.loads((directory / "run" / "history.json").read_text())
    assert history["epochs"] == [] and 0 <= history["best_value"] <= 1
    assert {path.name for path in (directory / "run").iterdir()} == {
        *("run.json", "config.json", "data.json", "head.safetensors", "labels.json", "vocabulary.json"),
        *("checksums.json", "history.json", "predictions-test.jsonl", "result.json"),
    }


def test_a_run_is_all_that_is_needed(finished, case, tmp_path) -> None:
    directory, result = finished
    run = FinishedRun(Path(shutil.copytree(directory / "run", tmp_path / "moved")))
    assert run.evaluate("test")["metrics"] == result.metrics
    rows = [json.loads(line) for line in (directory / "run" / "predictions-test.jsonl").read_text().splitlines()]
    source = tmp_path / "input.jsonl"
    if case[0] == "tagging":
        source.write_text("".join(json.dumps({"words": row["words"]}) + "\n" for row in rows))
        assert [row["tags"] for row in run.predict(source)] == [row["predicted"] for row in rows]
    else:
        names = ("first", "second") if case[0] == "pairs" else ("text",)
        source.write_text("".join(json.dumps({name: row[name] for name in names}) + "\n" for row in rows))
        found = list(run.predict(source))
        assert [row.get("label", row.get("labels")) for row in found] == [row["predicted"] for row in rows]
        assert all(("probabilities" in row) == (case[1].get("classifier") != "linear_svm") for row in found)


def test_every_seed_is_the_same(finished, case, make_settings, tmp_path) -> None:
    directory, result = finished
    settings = make_settings(*case, tmp_path).model_copy(update={"seed": 7})
    again = finetune(settings)
    assert (again.metrics, again.outcomes, again.parameters) == (result.metrics, result.outcomes, result.parameters)
    for name in ("head.safetensors", "vocabulary.json", "predictions-test.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (directory / "run" / name).read_bytes()


@pytest.mark.parametrize("name", ["head.safetensors", "vocabulary.json", "labels.json"])
def test_damaged_runs_are_refused(name, finished, case, tmp_path) -> None:
    run = Path(shutil.copytree(finished[0] / "run", tmp_path / "run"))
    text = (run / name).read_bytes()
    if (case[1]["type"], case[0] == "tagging", name) == ("majority", False, "vocabulary.json"):
        damages = [b""]  # there are no strings
    else:
        damages = [b"", text[: len(text) // 2], b'{"labels": ["pos"], "aspects": []}', b"{}"]
    for damage in damages:
        (run / name).write_bytes(damage)
        with pytest.raises(UserError, match="damaged: .* finetune with --resume"):
            FinishedRun(run)
    (run / "checksums.json").unlink()  # as in runs from before there were checksums
    for damage in damages:
        (run / name).write_bytes(damage)
        with pytest.raises(UserError, match="no trained head there"):
            FinishedRun(run)
    (run / name).unlink()
    with pytest.raises(UserError, match="finish its training with --resume"):
        FinishedRun(run)


def test_dry_run(case, make_settings, tmp_path) -> None:
    sizes = describe_finetuning(make_settings(*case, tmp_path))
    assert sizes["sentences"]["train"] > 0 and sizes["parameters"].keys() <= {"labels"}


def test_settings_are_checked(ner_experiment, tmp_path) -> None:
    def problem(**changes) -> str:
        values = ner_experiment(tmp_path, False)
        values["task"]["head"] = {"type": "majority"}
        for key, value in changes.items():
            (values if key == "embedder" else values["task"])[key] = value
        with pytest.raises(ConfigError) as error:
            validate(FinetuneSettings, values)
        return str(error.value)

    assert "task.head.type: unknown type 'majorty'; did you mean 'majority'?" in problem(
        head={"type": "majorty"}
    ).replace("task.head: ", "task.head.type: ")
    assert "task.head.schema: unknown key; did you mean 'scheme'?" in problem(
        head={"type": "majority", "schema": "bio"}
    )
    assert "task.head.c[0]: input should be greater than 0" in problem(head={"type": "linear-window", "c": [0]})
    assert "task.head.crff: unknown key; did you mean 'crf'?" in problem(head={"words": {}, "crff": True})
    assert "the head does not read it" in problem(embedder={"model": "some"})


@pytest.fixture
def _logging_stays_inside():
    loggers = [logging.getLogger(name) for name in ("", "elmo_xlstm", "tasks")]
    levels, handlers = [logger.level for logger in loggers], list(loggers[0].handlers)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    loggers[0].handlers = handlers


@pytest.mark.usefixtures("_logging_stays_inside")
def test_commands(ner_experiment, tmp_path, monkeypatch, capsys) -> None:
    def call(*arguments) -> str:
        monkeypatch.setattr(sys, "argv", ["cli.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code
        return capsys.readouterr().out

    monkeypatch.setattr(sys, "path", list(sys.path))
    experiment, source = tmp_path / "experiment.jsonnet", tmp_path / "input.txt"
    experiment.write_text(json.dumps({**ner_experiment(tmp_path, False), "trainer": {}}))
    source.write_text("Siti tiba di Medan .\n")
    said = call("finetune", experiment, "-o", 'task.head={"type": "linear-window"}', "-o", "model=linear-window")
    (result,) = load_results(tmp_path / "results")
    assert f"test macro_f1: {100 * result.score:.2f}\n" in said and result.model == "linear-window"
    scores = json.loads(call("evaluate", tmp_path / "run"))
    assert scores["metrics"] == pytest.approx(result.metrics, abs=1e-6)
    (row,) = [json.loads(line) for line in call("predict", tmp_path / "run", source).splitlines()]
    assert row["tags"] == ["B-PER", "O", "O", "B-LOC", "O"]
    assert [span["text"] for span in row["spans"]] == ["Siti", "Medan"]
