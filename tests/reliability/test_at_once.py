"""Two processes at once on the same run, corpus or feature store."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MakePlace = Callable[[], Path]
LONG = ["-o", "training.max_steps=100000", "-o", "training.validate_every=100000"]


@pytest.fixture
def second(worker: Any) -> Any:
    """Another worker."""
    other = type(worker)()
    yield other
    other.close()


@pytest.mark.parametrize("option", [None, "--resume", "--force"])
def test_a_run_is_refused_while_another_process_is_at_work(
    worker: Any, second: Any, workplace: MakePlace, option: str | None
) -> None:
    place = workplace()
    process = worker.start(place, "pretrain", "pretrain.jsonnet", *LONG)
    while not (place / "run" / "metrics.jsonl").exists():
        time.sleep(0.002)
    log = place.parent / "second.log"
    outcome = second.run(place, "pretrain", "pretrain.jsonnet", *LONG, *([option] if option else []), log=str(log))
    assert outcome.code == 1 and "another process is at work on this run just now" in outcome.said, outcome
    os.kill(process, signal.SIGTERM)
    assert worker.wait().code == 143  # it was not disturbed
    assert (place / "run" / "checkpoints").is_dir()


def test_a_corpus_and_a_feature_store_are_shared(worker: Any, second: Any, workplace: MakePlace) -> None:
    place = workplace()
    for number, process in enumerate((worker, second)):
        process.start(place, "pretrain", "pretrain.jsonnet", "--output", f"run{number}", log=f"{place}.{number}.log")
    for process in (worker, second):
        assert process.wait().code == 0
    assert worker.contents(place / "run0" / "model") == worker.contents(place / "run1" / "model")
    assert len(list((place / "corpus").glob("*/manifest.json"))) == 1
    for number, process in enumerate((worker, second)):
        arguments = ["--output", f"tagger{number}", "-o", f"results=results{number}"]
        process.start(place, "finetune", "finetune.jsonnet", *arguments, log=f"{place}.{number}.log")
    for process in (worker, second):
        assert process.wait().code == 0
    ours, theirs = (worker.contents(place / f"tagger{number}") for number in (0, 1))
    assert ours["head.safetensors"] == theirs["head.safetensors"]
    assert worker.left_overs(place) == []
    names = {path.stem for path in (place / "features").glob("*/*.bin")}
    assert names == {path.stem for path in (place / "features").glob("*/*.json")}
