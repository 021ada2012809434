"""Interleaved timing of several runs in one process."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Samples(Generic[K]):
    """Wall-clock times.

    Attributes:
        first: seconds of each run's first call, which compiles, allocates and warms up; not part of ``seconds``.
        seconds: of each run, one value per repeat.
    """

    first: dict[K, float]
    seconds: dict[K, list[float]]


def interleave(
    runs: Mapping[K, Callable[[], object]],
    repeats: int,
    synchronize: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Samples[K]:
    """Time runs in turn, A B C A B C ..., so that what else the machine does falls on all of them alike.

    Args:
        runs: what to call, by name.
        repeats: timed calls of each, after one untimed round.
        synchronize: waits until the device has finished.
        clock: seconds.
    """

    def timed(run: Callable[[], object]) -> float:
        synchronize()
        started = clock()
        run()
        synchronize()
        return clock() - started

    first = {name: timed(run) for name, run in runs.items()}
    seconds: dict[K, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            seconds[name].append(timed(run))
    return Samples(first, seconds)


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile."""
    low, median, high = np.percentile(values, [25, 50, 75]).tolist()
    return low, median, high
