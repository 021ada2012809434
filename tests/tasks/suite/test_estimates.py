from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from elmo_xlstm.tasks.suite.planning import estimate_seconds, in_words


def config_of(epochs: int | None, head: str, embedder: bool, share: float) -> dict[str, Any]:
    return {
        "trainer": {"epochs": epochs} if epochs else {},
        "task": {"head": {"type": head}, "train_fraction": share},
        "embedder": {"model": "small"} if embedder else None,
    }


def run(
    task: str, model: str, epochs: int = 10, head: str = "neural", embedder: bool = True, share: float = 1.0
) -> Any:
    config = config_of(epochs, head, embedder, share)
    return SimpleNamespace(task=SimpleNamespace(name=task), model=model, model_dump=lambda mode: config)


def result(
    task: str,
    model: str,
    seconds: float,
    epochs: int | None = 10,
    head: str = "neural",
    embedder: bool = True,
    share: float = 1.0,
) -> Any:
    config = config_of(epochs, head, embedder, share)
    return cast(Any, SimpleNamespace(task=task, model=model, seconds=seconds, config=config))


def test_mean_of_the_same() -> None:
    earlier = [result("a", "x", 10), result("a", "x", 20), result("a", "y", 500)]
    assert estimate_seconds(run("a", "x"), earlier) == 15


def test_epochs() -> None:
    assert estimate_seconds(run("a", "x", epochs=5), [result("a", "x", 10)]) == 5
    assert estimate_seconds(run("a", "x"), [result("a", "x", 10, epochs=None)]) == 10


def test_a_model_that_was_never_run_takes_as_long_as_its_like() -> None:
    like = [result("a", name, seconds) for name, seconds in (("w", 10), ("x", 20), ("y", 90))]
    others = [result("a", "m", 1, head="majority"), result("a", "n", 2, embedder=False), result("b", "z", 500)]
    tuned = result("a", "o", 900)
    tuned.config["embedder"]["fine_tune"] = {"learning_rate": 1e-3}
    others.append(tuned)
    assert estimate_seconds(run("a", "z"), [*like, *others]) == 20

    assert estimate_seconds(run("a", "z", share=0.1, epochs=20), [*like, *others]) == pytest.approx(4)
    assert estimate_seconds(run("a", "z", head="linear"), [*like, *others]) is None
    assert estimate_seconds(run("a", "z"), [result("a", "x", 6, share=0.5)]) == 12


def test_unknown() -> None:
    assert estimate_seconds(run("c", "x"), [result("a", "x", 10)]) is None
    assert estimate_seconds(run("c", "x"), []) is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(45.4, "45 s"), (90, "2 min"), (3599, "1 h 00 min"), (11100, "3 h 05 min")]
)
def test_words(seconds, words) -> None:
    assert in_words(seconds) == words
