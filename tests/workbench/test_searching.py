from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from elmo_xlstm.config import ConfigError, read_experiment, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.finetuning import FinetuneSettings
from elmo_xlstm.workbench.searching import Range, read_search, run_search

pytest.importorskip("optuna", reason="the extra 'search' is not installed")
EXPERIMENT = """{
  model: 'kata',
  task: {
    type: 'classification',
    name: 'ulasan',
    dataset: {
      type: 'files', train: 'ulasan.csv', separator: ';', text: 'ulasan', label: 'sentimen',
      on_bad_row: 'skip', valid_fraction: 0.2, test_fraction: 0.2,
    },
    head: { words: { dim: 4 }, encoder: null },
  },
  trainer: { epochs: 2, patience: null },
  search: {
    'trainer.learning_rate': { low: 1e-3, high: 1e-1, log: true },
    'task.head.words.dim': { low: 2, high: 8, step: 2 },
    'task.head.pooling.methods': { choices: [['max'], ['attention', 'mean']] },
  },
}"""
OUTPUT = Path("runs/search/ulasan/kata")


def settings_of(workplace: Path, output: str | None = None, **changes):
    Path("cari.jsonnet").write_text(EXPERIMENT)
    return read_search({**read_experiment(Path("cari.jsonnet")), **changes}, output and Path(output), 0, "cari.jsonnet")


def table(path: Path = OUTPUT) -> list[dict[str, str]]:
    with open(path / "trials.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_values_are_tried_and_the_best_is_an_experiment(workplace, run, monkeypatch) -> None:
    Path("cari.jsonnet").write_text(EXPERIMENT)
    assert "3 of 3 trials to do" in run("search", "cari.jsonnet", "--trials", 3, "--dry-run")
    assert not OUTPUT.exists()
    monkeypatch.setattr("elmo_xlstm.tasks.task.Task.score", lambda *_: pytest.fail("scored on a split"))
    run("search", "cari.jsonnet", "--trials", 2)
    before = table()
    run("search", "cari.jsonnet", "--trials", 3)
    rows = table()
    assert len(rows) == 3 and rows[:2] == before and not list((OUTPUT / "trials").iterdir())
    assert all(1e-3 <= float(row["trainer.learning_rate"]) <= 1e-1 for row in rows)
    assert {row["task.head.words.dim"] for row in rows} <= {"2", "4", "6", "8"}
    best = max(rows, key=lambda row: float(row["validation"]))
    settings = validate(FinetuneSettings, read_experiment(OUTPUT / "best.jsonnet"))
    assert settings.model == "kata-searched"
    assert settings.trainer.learning_rate == pytest.approx(float(best["trainer.learning_rate"]))
    assert settings.task.head.words.dim == int(best["task.head.words.dim"])
    with pytest.raises(UserError, match="different now: seed"):
        run("search", "cari.jsonnet", "--trials", 3, "--seed", 1)


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(workplace, monkeypatch) -> None:
    monkeypatch.setattr(f"{__name__}.EXPERIMENT", EXPERIMENT.replace("epochs: 2", "epochs: 20"))
    run_search(settings_of(workplace, "utuh"), 3)
    command = [sys.executable, "-m", "elmo_xlstm.cli", "search", "cari.jsonnet", "--trials", "3", "--output", "mati"]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])})
    end = time.monotonic() + 300
    while not list(Path("mati").glob("trials/*/checkpoint/*")) and time.monotonic() < end and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert Path("mati/search.db").is_file() and not Path("mati/trials.csv").exists()
    run_search(settings_of(workplace, "mati"), 3)
    assert table(Path("mati")) == table(Path("utuh"))


@pytest.mark.slow
def test_a_trial_that_fails_does_not_stop_the_others(workplace, monkeypatch, caplog) -> None:
    from elmo_xlstm.workbench import searching

    settings, train = settings_of(workplace), searching.train

    def broken(experiment, *arguments):
        if experiment.task.head.pooling.methods == ("max",):
            raise UserError("no loss is finite")
        return train(experiment, *arguments)

    monkeypatch.setattr(searching, "train", broken)
    found = run_search(settings, 4)
    assert {trial.score is None for trial in found} == {True, False} and "no loss is finite" in caplog.text


@pytest.mark.parametrize(
    "values",
    [{}, {"low": 1}, {"low": 2, "high": 1}, {"low": 0, "high": 1, "log": True}, {"low": 1, "high": 2, "choices": [1]}],
)
def test_ranges_are_checked(values) -> None:
    with pytest.raises(ConfigError):
        validate(Range, values)


def test_ends_of_ranges_are_valid_settings(workplace) -> None:
    with pytest.raises(UserError, match="trainer.epochs: .*greater than 0"):
        settings_of(workplace, search={"trainer.epochs": {"low": 0, "high": 3}})
    with pytest.raises(UserError, match="trainer.epoch: unknown key; did you mean 'epochs'"):
        settings_of(workplace, search={"trainer.epoch": {"choices": [1]}})
    with pytest.raises(UserError, match="has no section 'search'"):
        settings_of(workplace, search=None)
