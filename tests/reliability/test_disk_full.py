"""A disk that takes no more: one clear message, what was there before is intact, nothing half-written stays."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MakePlace = Callable[[], Path]
PRETRAIN = ["pretrain", "pretrain.jsonnet"]
FINETUNE = ["finetune", "finetune.jsonnet"]


def told(said: str) -> str:
    """The message: what, where, how much, what to do; and nothing of a traceback."""
    assert "Traceback" not in said, said
    message = said[said.rindex("error: ") :]
    for part in ("cannot be written", "are free in", "What was there before is unchanged", "--resume"):
        assert part in message, message
    return message


def whole_steps(worker: Any, place: Path) -> list[int]:
    found = [path for path in (place / "run" / "checkpoints").glob("step-*")]
    return sorted(json.loads((path / "state.json").read_text())["step"] for path in found)


@pytest.fixture(scope="module")
def alone(worker: Any, workplace: MakePlace) -> tuple[Path, Any]:
    place = workplace()
    outcome = worker.run(place, *PRETRAIN, do="tell")
    assert outcome.code == 0
    return place, outcome


def middle(moments: list[int]) -> dict[str, Any]:
    """The disk is full from the middle one of these changes on."""
    return {"at": moments[len(moments) // 2], "do": "full"}


@pytest.mark.parametrize(
    "part", ["/corpus/", "/run/.config.json", "/run/metrics.jsonl", "/run/checkpoints/", "/run/.model."]
)
def test_pretraining(worker: Any, workplace: MakePlace, alone: tuple[Path, Any], part: str) -> None:
    place = workplace()
    outcome = worker.run(place, *PRETRAIN, **middle(worker.moments(alone[1], part)))
    assert outcome.code == 1, outcome
    assert "no space left on device" in told(outcome.said)
    assert worker.left_overs(place) == []
    begun = (place / "run" / "config.json").exists()
    assert worker.run(place, *PRETRAIN, *(["--resume"] if begun else [])).code == 0
    assert worker.contents(place / "run" / "model") == worker.contents(alone[0] / "run" / "model")


def test_a_checkpoint_that_does_not_fit(worker: Any, workplace: MakePlace, alone: tuple[Path, Any]) -> None:
    """The weights fit, the optimizer's state does not: the write itself fails, in the safetensors library."""
    place = workplace()
    assert worker.run(place, *PRETRAIN, "-o", "training.max_steps=3").code == 0
    before = worker.contents(place / "run" / "checkpoints")
    config = json.loads((place / "run" / "config.json").read_text())
    config["training"]["max_steps"] = 12
    (place / "run" / "config.json").write_text(json.dumps(config))
    largest = max(path.stat().st_size for path in (place / "run" / "checkpoints").rglob("*.safetensors"))
    outcome = worker.run(place, *PRETRAIN, "--resume", limit=largest - 200, do="full")
    assert outcome.code == 1 and "file too large" in told(outcome.said), outcome
    assert worker.contents(place / "run" / "checkpoints") == before and worker.left_overs(place) == []


@pytest.fixture(scope="module")
def finetuning(worker: Any, workplace: MakePlace) -> Any:
    outcome = worker.run(workplace(), *FINETUNE, do="tell")
    assert outcome.code == 0
    return outcome


@pytest.mark.parametrize(
    "part",
    [
        "/.embedder",
        "/features",
        "/checkpoint/",
        "data.json",
        "labels.json",
        "words.vocabulary",
        "predictions",
        "checksums.json",
        "/results",
    ],
)
def test_finetuning(worker: Any, workplace: MakePlace, finetuning: Any, part: str) -> None:
    place = workplace()
    outcome = worker.run(place, *FINETUNE, **middle(worker.moments(finetuning, part)))
    assert outcome.code == 1, outcome
    told(outcome.said)
    assert worker.left_overs(place) == []
    assert worker.run(place, *FINETUNE, "--resume").code == 0
    assert len(list((place / "results").glob("*/*/*.json"))) == 1


def test_a_suite_and_a_leaderboard(worker: Any, workplace: MakePlace) -> None:
    """A run that finds the disk full has failed, says why, and is run by the same command when there is room."""
    place = workplace()
    command = ["suite", "suite.jsonnet", "--jobs", "1"]
    outcome = worker.run(place, *command, at=25, do="full")
    assert outcome.code == 1 and "no space left on device" in outcome.said, outcome
    assert "Traceback" not in outcome.said
    assert worker.run(place, *command).code == 0
    assert worker.left_overs(place) == [] and len(list((place / "results").glob("*/*/*.json"))) == 2
    assert worker.run(place, "leaderboard").code == 0
    whole = worker.run(place, "leaderboard", do="tell")
    before = worker.contents(place / "results")
    outcome = worker.run(place, "leaderboard", **middle(worker.moments(whole, "/results/")))
    assert outcome.code == 1 and "no space left on device" in told(outcome.said)
    assert worker.contents(place / "results") == before and worker.left_overs(place) == []


def test_a_real_small_disk(worker: Any, workplace: MakePlace, tmp_path: Path) -> None:
    """A file system of 400 kB, where mounting one is allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting is not permitted here")
    try:
        place = workplace()
        outcome = worker.run(place, *PRETRAIN, "--output", disk / "run", "-o", "training.keep_checkpoints=9")
        assert outcome.code == 1 and "no space left on device" in told(outcome.said), outcome
        steps = [path.name for path in sorted((disk / "run" / "checkpoints").iterdir())]
        assert steps and worker.left_overs(disk) == []
        assert all((disk / "run" / "checkpoints" / step / "checksums.json").is_file() for step in steps)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
