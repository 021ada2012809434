"""Jobs are killed over and over, at every kind of moment; what comes out is what an undisturbed one makes."""

from __future__ import annotations

import json
import random
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

KILLED = (-signal.SIGKILL, -signal.SIGXFSZ)  # the latter in the middle of a write
MakePlace = Callable[[], Path]
# How often each kind of job is killed; every one of these kills is seen to happen.
KILLS = {
    "corpus preparation": 3,
    "pretraining": 2 * 5,
    "in the middle of a write": 2,
    "a model that is replaced": 2 * 3,
    "feature extraction": 3,
    "finetuning": 2 * 3,
    "a suite": 3,
    "a leaderboard": 3,
}


def test_kills_are_many() -> None:
    assert sum(KILLS.values()) >= 25


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


def kill_points(moments: Sequence[int], count: int, seed: int) -> list[dict[str, Any]]:
    """Some of a job's changes of files, by chance."""
    generator = random.Random(seed)
    return [{"at": generator.choice(moments), "do": "kill"} for _ in range(count)]


PRETRAIN = ["pretrain", "pretrain.jsonnet"]
FINETUNE = ["finetune", "finetune.jsonnet"]


@pytest.fixture(scope="module")
def pretraining(worker: Any, workplace: MakePlace) -> tuple[Path, Any]:
    """An undisturbed run, and how it ended."""
    place = workplace()
    outcome = worker.run(place, *PRETRAIN, do="tell")
    assert outcome.code == 0, outcome
    assert worker.left_overs(place) == []
    return place, outcome


@pytest.fixture(scope="module")
def check_pretraining(worker: Any, pretraining: tuple[Path, Any]) -> Callable[[Path], None]:
    def made(place: Path) -> tuple[Any, ...]:
        lines = (place / "run" / "metrics.jsonl").read_text().splitlines()
        validations = [line for line in lines if json.loads(line)["kind"] == "validation"]
        checkpoints = sorted(path.name for path in (place / "run" / "checkpoints").iterdir())
        return worker.contents(place / "run" / "model"), validations, checkpoints, worker.contents(place / "corpus")

    def check(place: Path) -> None:
        assert made(place) == made(pretraining[0])

    return check


def test_corpus_preparation(
    worker: Any, workplace: MakePlace, pretraining: tuple[Path, Any], check_pretraining: Any
) -> None:
    moments = worker.moments(pretraining[1], "/corpus/")
    for fault in kill_points(moments, KILLS["corpus preparation"], seed=0):
        killed_over_and_over(worker, workplace, PRETRAIN, [*PRETRAIN, "--resume"], [fault], check_pretraining)


@pytest.mark.parametrize("seed", [0, 1])
def test_pretraining(
    worker: Any, workplace: MakePlace, pretraining: tuple[Path, Any], check_pretraining: Any, seed: int
) -> None:
    """First while a checkpoint is written, then anywhere."""
    count = KILLS["pretraining"] // 2
    faults = kill_points(worker.moments(pretraining[1], "/checkpoints/"), 1, seed)
    faults += kill_points(range(1, pretraining[1].changes), count - 1, seed)
    killed_over_and_over(worker, workplace, PRETRAIN, [*PRETRAIN, "--resume"], faults, check_pretraining)


def test_pretraining_in_the_middle_of_a_write(
    worker: Any, workplace: MakePlace, pretraining: tuple[Path, Any], check_pretraining: Any
) -> None:
    sizes = sorted(path.stat().st_size for path in (pretraining[0] / "run" / "checkpoints").rglob("*.safetensors"))
    faults = [{"limit": size - 100, "do": "kill"} for size in (sizes[-1], sizes[len(sizes) // 2])]
    assert len(faults) == KILLS["in the middle of a write"]
    killed_over_and_over(worker, workplace, PRETRAIN, [*PRETRAIN, "--resume"], faults, check_pretraining)


def test_pretraining_at_any_time(worker: Any, workplace: MakePlace, check_pretraining: Any) -> None:
    place, generator = workplace(), random.Random(3)
    for _ in range(3):
        begun = (place / "run" / "config.json").exists()
        worker.run_killed_after(generator.uniform(0.2, 1.2), place, *PRETRAIN, *(["--resume"] if begun else []))
    killed_over_and_over(worker, lambda: place, PRETRAIN, [*PRETRAIN, "--resume"], [], check_pretraining)


@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "two-renames"])
def test_a_model_that_is_replaced(
    worker: Any, pretraining: tuple[Path, Any], tmp_path: Path, check_pretraining: Any, exchange: bool
) -> None:
    """A finished run that is resumed writes its model once more, in place of the one that is there."""
    place = tmp_path / "place"
    shutil.copytree(pretraining[0], place)
    model = worker.contents(place / "run" / "model")
    changes = worker.run(place, *PRETRAIN, "--resume", exchange=exchange).changes
    moments = (6, 3, 1)
    assert 2 * len(moments) == KILLS["a model that is replaced"]
    for before_the_end in moments:
        fault = {"at": changes - before_the_end, "do": "kill", "exchange": exchange}
        assert worker.run(place, *PRETRAIN, "--resume", **fault).code in KILLED
        if exchange:  # elsewhere the next start mends it
            assert worker.contents(place / "run" / "model") == model
    assert worker.run(place, *PRETRAIN, "--resume", exchange=exchange).code == 0
    assert worker.left_overs(place) == []
    check_pretraining(place)


@pytest.fixture(scope="module")
def finetuning(worker: Any, workplace: MakePlace) -> tuple[Path, Any]:
    """An undisturbed run, and how it ended."""
    place = workplace()
    outcome = worker.run(place, *FINETUNE, do="tell")
    assert outcome.code == 0, outcome
    return place, outcome


@pytest.fixture(scope="module")
def check_finetuning(worker: Any, finetuning: tuple[Path, Any]) -> Callable[[Path], None]:
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
        assert made(place) == made(finetuning[0])

    return check


def test_feature_extraction(
    worker: Any, workplace: MakePlace, finetuning: tuple[Path, Any], check_finetuning: Any
) -> None:
    moments = worker.moments(finetuning[1], "/features/")
    for fault in kill_points(moments, KILLS["feature extraction"], seed=0):
        killed_over_and_over(worker, workplace, FINETUNE, [*FINETUNE, "--resume"], [fault], check_finetuning)


@pytest.mark.parametrize("seed", [0, 1])
def test_finetuning(
    worker: Any, workplace: MakePlace, finetuning: tuple[Path, Any], check_finetuning: Any, seed: int
) -> None:
    """First while a checkpoint is written, then anywhere."""
    faults = kill_points(worker.moments(finetuning[1], "/checkpoint/"), 1, seed)
    faults += kill_points(range(1, finetuning[1].changes), KILLS["finetuning"] // 2 - 1, seed)
    killed_over_and_over(worker, workplace, FINETUNE, [*FINETUNE, "--resume"], faults, check_finetuning)


def scores(place: Path) -> dict[str, Any]:
    results = {path: json.loads(path.read_text()) for path in sorted((place / "results").glob("*/*/*.json"))}
    return {str(path.relative_to(place)): (r["metrics"], r["mix"], r["curve"]) for path, r in results.items()}


def weights(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.glob("runs/**/head.safetensors")}


@pytest.fixture(scope="module")
def suite(worker: Any, workplace: MakePlace) -> Path:
    place = workplace()
    outcome = worker.run(place, "suite", "suite.jsonnet", "--jobs", "1")
    assert outcome.code == 0, outcome
    return place


def test_a_suite(worker: Any, workplace: MakePlace, suite: Path) -> None:
    def check(place: Path) -> None:
        assert scores(place) == scores(suite) and len(scores(place)) == 2
        assert weights(place) == weights(suite) and len(weights(place)) == 2

    command = ["suite", "suite.jsonnet", "--jobs", "1"]
    faults = [{"at": at, "do": "kill"} for at in (3, 12, 30)]  # in the suite, or in the run that it has started
    assert len(faults) == KILLS["a suite"]
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
        assert ours == theirs
        assert worker.run(place, *command, "--check").code == 0

    faults = kill_points(range(1, outcome.changes), KILLS["a leaderboard"], seed=0)
    killed_over_and_over(worker, make_place, command, command, faults, check)
