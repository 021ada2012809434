"""How long runs take, by those that were made before."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from elmo_xlstm.evaluation.results import RunResult
from tasks.finetuning import FinetuneSettings


def estimate_seconds(settings: FinetuneSettings, earlier: Iterable[RunResult]) -> float | None:
    """Seconds that a run will take.

    Earlier runs of the same task and model give their mean. Else other models on the task do, each scaled by how
    much longer the model takes than that one on the tasks that both have been run on: without such a task they are no
    guide, since a majority baseline takes a second. Without one, the run takes the median of those of its task with the
    same type of head and the same kind of language model: frozen, fine-tuned or none. Runs of another number of epochs,
    or share of the training data, are scaled to this one's.

    Returns:
        None if too little is known.
    """
    values = settings.model_dump(mode="json")
    earlier, work = list(earlier), _work(values)
    scaled = [result.seconds * work / (_work(result.config) or work) for result in earlier]
    seconds = _means(earlier, scaled)
    task, model = settings.task.name, settings.model
    if (task, model) in seconds:
        return seconds[task, model]
    guesses = [
        known * ratio
        for (known_task, other), known in seconds.items()
        if known_task == task and (ratio := _ratio(model, other, seconds)) is not None
    ]
    if guesses:
        return statistics.fmean(guesses)
    alike = [
        known
        for result, known in zip(earlier, scaled, strict=True)
        if result.task == task and _kind(result.config) == _kind(values)
    ]
    return statistics.median(alike) if alike else None


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
    """What time grows with: epochs and the share of the training data; 0 if it is not known."""
    epochs: float = config.get("trainer", {}).get("epochs") or 0
    share: float = config.get("task", {}).get("train_fraction", 1.0)
    return epochs * share


def _kind(config: Mapping[str, Any]) -> tuple[Any, bool, bool]:
    """The type of head, whether there is a language model, and whether it learns with the head."""
    head, embedder = config.get("task", {}).get("head") or {}, config.get("embedder")
    return head.get("type"), embedder is not None, bool(embedder and embedder.get("fine_tune"))


def _means(earlier: Sequence[RunResult], seconds: Sequence[float]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for result, known in zip(earlier, seconds, strict=True):
        found[result.task, result.model].append(known)
    return {key: statistics.fmean(values) for key, values in found.items()}


def _ratio(model: str, other: str, seconds: dict[tuple[str, str], float]) -> float | None:
    """How much longer ``model`` takes than ``other``, if they have a task in common."""
    tasks = {task for task, name in seconds if name == model} & {task for task, name in seconds if name == other}
    ratios = [seconds[task, model] / seconds[task, other] for task in tasks if seconds[task, other] > 0]
    return statistics.geometric_mean(ratios) if ratios and min(ratios) > 0 else None
