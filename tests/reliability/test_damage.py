"""Bytes that have changed on disk: noticed, named, made anew where that can be done, refused where it can't."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MakePlace = Callable[[], Path]
PRETRAIN = ["pretrain", "pretrain.jsonnet"]
FINETUNE = ["finetune", "finetune.jsonnet"]


def flip(path: Path) -> None:
    """One bit near the end."""
    data = bytearray(path.read_bytes())
    data[-40] ^= 4
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


@pytest.fixture(scope="module")
def finished(worker: Any, workplace: MakePlace) -> Path:
    """A pretraining run and a fine-tuning run."""
    place = workplace()
    assert worker.run(place, *PRETRAIN).code == 0
    assert worker.run(place, *FINETUNE, "--output", "tagger").code == 0
    return place


@pytest.fixture
def place(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "place")


@pytest.mark.parametrize("damage", [flip, cut])
@pytest.mark.parametrize(
    "name", ["optimizer.safetensors", "model/model.safetensors", "random-0.safetensors", "optimizer.json", "state.json"]
)
def test_a_damaged_checkpoint_is_passed_over(
    worker: Any, place: Path, finished: Path, damage: Callable[[Path], None], name: str
) -> None:
    damage(place / "run" / "checkpoints" / "step-00000012" / name)
    shutil.rmtree(place / "run" / "model")
    outcome = worker.run(place, *PRETRAIN, "--resume")
    assert outcome.code == 0, outcome
    assert "step-00000012 is damaged and not used" in outcome.said and name in outcome.said
    assert "resuming after step 9 of 12" in outcome.said
    assert worker.contents(place / "run" / "model") == worker.contents(finished / "run" / "model")


def test_checkpoints_that_are_all_damaged_are_refused(worker: Any, place: Path) -> None:
    for path in (place / "run" / "checkpoints").iterdir():
        flip(path / "optimizer.safetensors")
    outcome = worker.run(place, *PRETRAIN, "--resume")
    assert outcome.code == 1 and "every checkpoint is damaged" in outcome.said and "--force" in outcome.said


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_damaged_model_is_refused_and_made_again(worker: Any, place: Path, finished: Path, name: str) -> None:
    path = place / "run" / "model" / name
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"num_heads": 2', b'"num_heads": 1') if name == "config.json" else data[:-50])
    assert path.read_bytes() != data
    (place / "some.txt").write_text("ibu pergi ke pasar\n")
    outcome = worker.run(place, "perplexity", "run", "some.txt")
    assert outcome.code == 1 and "the model is damaged" in outcome.said and name in outcome.said, outcome
    assert worker.run(place, *PRETRAIN, "--resume").code == 0
    assert worker.contents(place / "run" / "model") == worker.contents(finished / "run" / "model")


@pytest.mark.parametrize("name", ["train-00000.bin", "manifest.json", "token_counts.npy"])
def test_a_damaged_corpus_is_built_anew(worker: Any, place: Path, finished: Path, name: str) -> None:
    (damaged,) = (place / "corpus").glob(f"*/{name}")
    if name == "manifest.json":
        damaged.write_text(damaged.read_text().replace('"documents": ', '"documents": 1', 1))
    else:
        flip(damaged)
    outcome = worker.run(place, *PRETRAIN, "--output", "other")
    assert outcome.code == 0 and name in outcome.said and "the corpus is built anew" in outcome.said, outcome
    assert worker.contents(place / "corpus") == worker.contents(finished / "corpus")


@pytest.mark.parametrize("name", ["latest.safetensors", "best"])
def test_a_damaged_checkpoint_of_a_head_is_trained_again(worker: Any, place: Path, finished: Path, name: str) -> None:
    (path,) = (place / "tagger" / "checkpoint").glob(f"{name}*")
    flip(path)
    outcome = worker.run(place, *FINETUNE, "--output", "tagger", "--resume")
    assert outcome.code == 0 and path.name in outcome.said and "training begins again" in outcome.said, outcome
    ours, theirs = (worker.contents(where / "tagger") for where in (place, finished))
    assert ours["head.safetensors"] == theirs["head.safetensors"]


def test_a_damaged_head_is_refused_and_made_again(worker: Any, place: Path) -> None:
    flip(place / "tagger" / "head.safetensors")
    outcome = worker.run(place, "evaluate", "tagger")
    assert outcome.code == 1 and "head.safetensors: its content is not what was written" in outcome.said, outcome
    assert worker.run(place, *FINETUNE, "--output", "tagger", "--resume").code == 0
    assert worker.run(place, "evaluate", "tagger").code == 0


def test_a_damaged_result_is_refused(worker: Any, place: Path) -> None:
    (path,) = (place / "results").glob("*/*/*.json")
    result = json.loads(path.read_text())
    result["metrics"]["macro_f1"] = 0.987654
    path.write_text(json.dumps(result))
    outcome = worker.run(place, "leaderboard")
    assert outcome.code == 1 and str(path.relative_to(place)) in outcome.said and "SHA-256 differs" in outcome.said


def test_a_damaged_configuration_of_a_run_is_refused(worker: Any, place: Path) -> None:
    cut(place / "tagger" / "config.json")
    for arguments in (["evaluate", "tagger"], [*FINETUNE, "--output", "tagger", "--resume"]):
        outcome = worker.run(place, *arguments)
        assert outcome.code == 1 and "config.json: damaged configuration" in outcome.said, outcome


def test_a_damaged_tokenizer_is_refused(worker: Any, place: Path) -> None:
    shutil.copytree(place / "run" / "model", place / "saved")
    path = place / "saved" / "tokenizer.json"
    path.write_text(path.read_text().replace('"pasar"', '"pasir"'))
    outcome = worker.run(place, *PRETRAIN, "--output", "other", "-o", "tokenizer.name=saved")
    assert outcome.code == 1 and "tokenizer.json: has changed since it was saved" in outcome.said, outcome
