"""Estimated times of runs, from earlier ones."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from elmo_xlstm.evaluation.results import RunResult
from elmo_xlstm.tasks.finetuning import FinetuneSettings

Key = tuple[str, Hashable]
"""A task, and a model's name or kind."""


def estimate_seconds(settings: FinetuneSettings, earlier: Iterable[RunResult]) -> float | None:
    """Seconds that a run will take.

    Earlier runs of the same task and model give their mean. Else other models on the task do, each scaled by how
    much longer the model takes than that one on the tasks that both have been run on: without such a task they are no
    guide, since a majority baseline takes a second. Without one, the run takes the median of those of its task with the
    same type of head and the same kind of language model: frozen, fine-tuned or none; or else those of other kinds,
    scaled in the same way. Runs of another number of epochs, or share of the training data, are scaled to this one's.

    Returns:
        None if too little is known.
    """
    values = settings.model_dump(mode="json")
    work, by_model, by_kind = _work(values), defaultdict[Key, list[float]](list), defaultdict[Key, list[float]](list)
    for result in earlier:
        seconds = result.seconds * work / (_work(result.config) or work)
        by_model[result.task, result.model].append(seconds)
        by_kind[result.task, _kind(result.config)].append(seconds)
    task = settings.task.name
    guess = _guess(task, settings.model, {key: statistics.fmean(found) for key, found in by_model.items()})
    if guess is not None:
        return guess
    return _guess(task, _kind(values), {key: statistics.median(found) for key, found in by_kind.items()})


def total_seconds(estimates: Sequence[float | None], jobs: int) -> float:
    """Time on the clock for the runs whose time is known, ``jobs`` at once."""
    known = [estimate for estimate in estimates if estimate is not None]
    return max(sum(known) / jobs, max(known, default=0.0))


def in_words(seconds: float) -> str:
    """As ``45 s``, ``12 min`` or ``3 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _work(config: Mapping[str, Any]) -> float:
    """Epochs times the share of the training data, which time is proportional to; 0 if not known."""
    epochs: float = config.get("trainer", {}).get("epochs") or 0
    share: float = config.get("task", {}).get("train_fraction", 1.0)
    return epochs * share


def _kind(config: Mapping[str, Any]) -> tuple[Any, bool, bool]:
    """The type of head, whether there is a language model, and whether it learns with the head."""
    head, embedder = config.get("task", {}).get("head") or {}, config.get("embedder")
    return head.get("type"), embedder is not None, bool(embedder and embedder.get("fine_tune"))


def _guess(task: str, one: Hashable, seconds: dict[Key, float]) -> float | None:
    """The time of one on a task, or of others there, each scaled by how much longer the one takes elsewhere."""
    if (task, one) in seconds:
        return seconds[task, one]
    guesses = [
        known * ratio
        for (known_task, other), known in seconds.items()
        if known_task == task and (ratio := _ratio(one, other, seconds)) is not None
    ]
    return statistics.fmean(guesses) if guesses else None


def _ratio(one: Hashable, other: Hashable, seconds: dict[Key, float]) -> float | None:
    """How much longer one takes than another, if they have a task in common."""
    tasks = {task for task, name in seconds if name == one} & {task for task, name in seconds if name == other}
    ratios = [seconds[task, one] / seconds[task, other] for task in tasks if seconds[task, other] > 0]
    return statistics.geometric_mean(ratios) if ratios and min(ratios) > 0 else None
