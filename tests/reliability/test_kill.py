"""Jobs are killed over and over, at every kind of moment; what comes out is what an undisturbed one makes."""

from __future__ import annotations

import json
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

KILLED = (-signal.SIGKILL, -signal.SIGXFSZ)  # the latter in the middle of a write
MakePlace = Callable[[], Path]


def killed_over_and_over(
    worker: Any,
    make_place: MakePlace,
    first: list[str],
    again: list[str],
    faults: list[dict[str, Any]],
    check: Callable[[Path], None],
) -> None:
    """Start a job, kill it, go on, kill it ...; at last let it end. One that ends before is checked and begun anew."""

    def go(place: Path, **fault: Any) -> tuple[int, str, int]:
        begun = (place / "run" / "config.json").exists()
        return worker.run(place, *(again if begun else first), **fault)

    place = make_place()
    for fault in faults:
        code, said, _ = go(place, **fault)
        if code == 0:
            check(place)
            place = make_place()
            code, said, _ = go(place, **fault)
        assert code in KILLED or "killed by SIGKILL" in said, (code, said)
    code, said, _ = go(place)
    assert code == 0, said
    assert worker.left_overs(place) == []
    check(place)


def kill_points(changes: int, count: int, seed: int) -> list[dict[str, Any]]:
    """Moments spread over a job of so many changes; few of each start's, so that a job gets anywhere."""
    generator = random.Random(seed)
    return [{"at": generator.randrange(1, changes), "do": "kill"} for _ in range(count)]


PRETRAIN = ["pretrain", "pretrain.jsonnet"]
FINETUNE = ["finetune", "finetune.jsonnet"]


@pytest.fixture(scope="module")
def pretraining(worker: Any, workplace: MakePlace) -> tuple[Path, int]:
    """An undisturbed run, and how many changes it made."""
    place = workplace()
    outcome = worker.run(place, *PRETRAIN)
    assert outcome.code == 0, outcome
    assert worker.left_overs(place) == []
    return place, outcome.changes


@pytest.fixture(scope="module")
def check_pretraining(worker: Any, pretraining: tuple[Path, int]) -> Callable[[Path], None]:
    def made(place: Path) -> tuple[Any, ...]:
        lines = (place / "run" / "metrics.jsonl").read_text().splitlines()
        validations = [line for line in lines if json.loads(line)["kind"] == "validation"]
        checkpoints = sorted(path.name for path in (place / "run" / "checkpoints").iterdir())
        return worker.contents(place / "run" / "model"), validations, checkpoints, worker.contents(place / "corpus")

    def check(place: Path) -> None:
        assert made(place) == made(pretraining[0])

    return check


@pytest.mark.parametrize("seed", [0, 1])
def test_pretraining_and_its_corpus(
    worker: Any, workplace: MakePlace, pretraining: tuple[Path, int], check_pretraining: Any, seed: int
) -> None:
    """Corpus preparation makes the first changes; a checkpoint makes most of the others."""
    faults = kill_points(pretraining[1], 5, seed)
    killed_over_and_over(worker, workplace, PRETRAIN, [*PRETRAIN, "--resume"], faults, check_pretraining)


def test_pretraining_in_the_middle_of_a_write(
    worker: Any, workplace: MakePlace, pretraining: tuple[Path, int], check_pretraining: Any
) -> None:
    sizes = sorted(path.stat().st_size for path in (pretraining[0] / "run" / "checkpoints").rglob("*.safetensors"))
    faults = [{"limit": size - 100, "do": "kill"} for size in (sizes[-1], sizes[len(sizes) // 2])]
    killed_over_and_over(worker, workplace, PRETRAIN, [*PRETRAIN, "--resume"], faults, check_pretraining)


def test_pretraining_at_any_time(worker: Any, workplace: MakePlace, check_pretraining: Any) -> None:
    place, generator = workplace(), random.Random(3)
    for _ in range(3):
        begun = (place / "run" / "config.json").exists()
        worker.run_killed_after(generator.uniform(0.2, 1.2), place, *PRETRAIN, *(["--resume"] if begun else []))
    killed_over_and_over(worker, lambda: place, PRETRAIN, [*PRETRAIN, "--resume"], [], check_pretraining)


@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "two-renames"])
def test_a_model_that_is_replaced(
    worker: Any, pretraining: tuple[Path, int], tmp_path: Path, check_pretraining: Any, exchange: bool
) -> None:
    """A finished run that is resumed writes its model once more, in place of the one that is there."""
    place = tmp_path / "place"
    shutil.copytree(pretraining[0], place)
    model = worker.contents(place / "run" / "model")
    changes = worker.run(place, *PRETRAIN, "--resume", exchange=exchange).changes
    for before_the_end in (6, 3, 1):
        fault = {"at": changes - before_the_end, "do": "kill", "exchange": exchange}
        assert worker.run(place, *PRETRAIN, "--resume", **fault).code in KILLED
        if exchange:  # elsewhere the next start mends it
            assert worker.contents(place / "run" / "model") == model
    assert worker.run(place, *PRETRAIN, "--resume", exchange=exchange).code == 0
    assert worker.left_overs(place) == []
    check_pretraining(place)


def test_feature_extraction_and_finetuning(worker: Any, workplace: MakePlace) -> None:
    alone = workplace()
    outcome = worker.run(alone, *FINETUNE)
    assert outcome.code == 0, outcome

    def made(place: Path) -> dict[str, Any]:
        result = json.loads((place / "results" / "tiny" / "bilm" / "seed-0.json").read_text())
        run = worker.contents(place / "run")
        return {
            **{key: result[key] for key in ("metrics", "intervals", "types", "mix", "curve", "outcomes", "data")},
            "weights": [run[name] for name in sorted(run) if name.endswith("safetensors") and "/" not in name],
            "predictions": run["predictions-test.jsonl"],
            "words": run["words.vocabulary"],
            "features": worker.contents(place / "features"),
        }

    def check(place: Path) -> None:
        assert made(place) == made(alone)

    for seed in (0, 1):
        faults = kill_points(outcome.changes, 3, seed)
        killed_over_and_over(worker, workplace, FINETUNE, [*FINETUNE, "--resume"], faults, check)


def scores(place: Path) -> dict[str, Any]:
    results = {path: json.loads(path.read_text()) for path in sorted((place / "results").glob("*/*/*.json"))}
    return {str(path.relative_to(place)): (r["metrics"], r["mix"], r["curve"]) for path, r in results.items()}


@pytest.fixture(scope="module")
def suite(worker: Any, workplace: MakePlace) -> Path:
    place = workplace()
    outcome = worker.run(place, "suite", "suite.jsonnet", "--jobs", "1")
    assert outcome.code == 0, outcome
    return place


def test_a_suite(worker: Any, workplace: MakePlace, suite: Path) -> None:
    def check(place: Path) -> None:
        assert scores(place) == scores(suite) and len(scores(place)) == 2

    command = ["suite", "suite.jsonnet", "--jobs", "1"]
    faults = [{"at": at, "do": "kill"} for at in (3, 12, 30)]  # in the suite, or in the run that it has started
    killed_over_and_over(worker, workplace, command, command, faults, check)


def test_a_leaderboard(worker: Any, suite: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(suite, alone)
    command = ["leaderboard", "--results", "results"]
    outcome = worker.run(alone, *command)
    assert outcome.code == 0, outcome
    places = iter(range(9))

    def make_place() -> Path:
        return shutil.copytree(suite, tmp_path / f"place{next(places)}")

    def check(place: Path) -> None:
        ours, theirs = (worker.contents(where / "results") for where in (place, alone))
        assert ours.keys() == theirs.keys()
        assert all(ours[name] == theirs[name] for name in ours if name.endswith((".md", ".csv", ".json")))
        assert worker.run(place, *command, "--check").code == 0

    killed_over_and_over(worker, make_place, command, command, kill_points(outcome.changes, 3, 0), check)
