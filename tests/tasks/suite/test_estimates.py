from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tasks.suite.estimates import estimate_seconds, in_words, total_seconds


def run(task: str, model: str, epochs: int = 10) -> Any:
    return SimpleNamespace(task=SimpleNamespace(name=task), model=model, trainer=SimpleNamespace(epochs=epochs))


def result(task: str, model: str, seconds: float, epochs: int | None = 10) -> Any:
    config = {"trainer": {"epochs": epochs}} if epochs else {}
    return cast(Any, SimpleNamespace(task=task, model=model, seconds=seconds, config=config))


def test_mean_of_the_same() -> None:
    earlier = [result("a", "x", 10), result("a", "x", 20), result("a", "y", 500)]
    assert estimate_seconds(run("a", "x"), earlier) == 15


def test_epochs() -> None:
    assert estimate_seconds(run("a", "x", epochs=5), [result("a", "x", 10)]) == 5
    assert estimate_seconds(run("a", "x"), [result("a", "x", 10, epochs=None)]) == 10


def test_other_models_on_the_task() -> None:
    earlier = [result("a", "y", 10), result("b", "y", 100), result("b", "x", 300)]
    assert estimate_seconds(run("a", "x"), earlier) == pytest.approx(30)  # x takes three times y's time
    assert estimate_seconds(run("a", "z"), earlier) is None  # what has met no other on any task


def test_unknown() -> None:
    assert estimate_seconds(run("c", "x"), [result("a", "x", 10)]) is None
    assert estimate_seconds(run("c", "x"), []) is None


def test_total() -> None:
    assert total_seconds([10, 10, None, 20], jobs=2) == 20
    assert total_seconds([30, 1], jobs=2) == 30
    assert total_seconds([None], jobs=2) == 0


@pytest.mark.parametrize(
    ("seconds", "words"), [(45.4, "45 s"), (90, "2 min"), (3599, "1 h 00 min"), (11100, "3 h 05 min")]
)
def test_words(seconds, words) -> None:
    assert in_words(seconds) == words
