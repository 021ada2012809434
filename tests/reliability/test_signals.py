"""SIGTERM and Ctrl-C: the step ends, a checkpoint is written, the message says how to go on, the status is usual."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MakePlace = Callable[[], Path]
PRETRAIN = ["pretrain", "pretrain.jsonnet"]
FINETUNE = ["finetune", "finetune.jsonnet"]


def way_on(said: str) -> list[str]:
    """The command that a message tells, without the interpreter."""
    found = re.search(r"Go on with: python cli\.py (.+)", said)
    assert found, said
    return shlex.split(found[1])


def model(worker: Any, place: Path) -> dict[str, bytes]:
    contents: dict[str, bytes] = worker.contents(place / "run" / "model")
    assert contents
    return contents


@pytest.fixture(scope="module")
def pretraining(worker: Any, workplace: MakePlace) -> Path:
    place = workplace()
    assert worker.run(place, *PRETRAIN).code == 0
    return place


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_pretraining_stops_within_a_step_and_goes_on(
    worker: Any, workplace: MakePlace, pretraining: Path, number: int, status: int
) -> None:
    """The signal comes while the checkpoint of step 3 is written, and again in the middle of later steps."""
    place = workplace()
    process = worker.start(place, *PRETRAIN, "-o", "training.validate_every=6")
    metrics = place / "run" / "metrics.jsonl"
    while not metrics.exists():
        time.sleep(0.002)
    os.kill(process, number)
    outcome = worker.wait()
    assert outcome.code == status, outcome
    name = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
    said = re.search(rf"stopped by {name}; run: a checkpoint was written after step (\d+)", outcome.said)
    assert said and int(said[1]) >= 3, outcome.said
    kept = place / "run" / "checkpoints" / f"step-{int(said[1]):08d}"
    assert json.loads((kept / "state.json").read_text())["step"] == int(said[1])
    arguments = way_on(outcome.said)
    assert arguments == [*PRETRAIN, "-o", "training.validate_every=6", "--resume"]
    assert worker.run(place, *arguments).code == 0
    steps = [path.name for path in sorted((place / "run" / "checkpoints").iterdir())]
    assert steps == ["step-00000006", "step-00000012"]  # what was written only for the stop is gone
    assert model(worker, place)["model.safetensors"] == model(worker, pretraining)["model.safetensors"]


def test_a_stop_is_acknowledged_at_once(worker: Any, workplace: MakePlace) -> None:
    place = workplace()
    process = worker.start(place, *PRETRAIN, "-o", "training.max_steps=100000", "-o", "training.validate_every=100000")
    while not (place / "run" / "metrics.jsonl").exists():
        time.sleep(0.002)
    os.kill(process, signal.SIGTERM)
    outcome = worker.wait()
    assert outcome.code == 143 and "once more stops at once" in outcome.said


def test_corpus_preparation_is_cleared_away(worker: Any, workplace: MakePlace) -> None:
    place = workplace()
    outcome = worker.run(place, *PRETRAIN, signals={8: signal.SIGTERM})
    assert outcome.code == 143 and "stopped by SIGTERM" in outcome.said, outcome
    assert not (place / "run" / "checkpoints").exists() and worker.left_overs(place) == []
    assert worker.run(place, *way_on(outcome.said)).code == 0


def test_finetuning_stops_within_an_epoch_and_goes_on(worker: Any, workplace: MakePlace) -> None:
    alone, place = workplace(), workplace()
    whole = worker.run(alone, *FINETUNE)
    assert whole.code == 0, whole
    stops = 0
    arguments = FINETUNE
    for at in range(6, whole.changes, max(1, whole.changes // 6)):
        number, status = ((signal.SIGTERM, 143), (signal.SIGINT, 130))[stops % 2]
        outcome = worker.run(place, *arguments, signals={at: number})
        if outcome.code == 0:
            break
        assert outcome.code == status, outcome
        stops += 1
        arguments = way_on(outcome.said)
    if outcome.code:
        assert worker.run(place, *arguments).code == 0
    assert stops >= 2 and worker.left_overs(place) == []
    result = [json.loads((p / "results/tiny/bilm/seed-0.json").read_text()) for p in (alone, place)]
    assert result[0]["metrics"] == result[1]["metrics"] and result[0]["curve"] == result[1]["curve"]


@pytest.mark.parametrize(
    ("number", "status", "name"), [(signal.SIGTERM, 143, "SIGTERM"), (signal.SIGINT, 130, "Ctrl-C")]
)
def test_a_suite_stops_its_runs_and_goes_on(
    worker: Any, workplace: MakePlace, number: int, status: int, name: str
) -> None:
    place = workplace()
    process = worker.start(place, "suite", "suite.jsonnet", "--jobs", "1")
    while not list(place.glob("runs/*/*/seed-0/log.txt")):
        time.sleep(0.002)
    os.kill(process, number)
    outcome = worker.wait()
    assert outcome.code == status and f"stopped by {name}" in outcome.said, outcome
    assert way_on(outcome.said) == ["suite", "suite.jsonnet", "--jobs", "1"]
    assert worker.run(place, *way_on(outcome.said)).code == 0
    assert len(list((place / "results").glob("*/*/seed-0.json"))) == 2 and worker.left_overs(place) == []
