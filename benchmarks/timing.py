"""Interleaved timing of several contenders in one process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch.utils.benchmark import timer

from benchmarks.results import Measurement
from benchmarks.session import Session


@dataclass(frozen=True)
class Run:
    """One contender's call.

    Attributes:
        call: is timed.
        work: done by one call, such as ``{"tokens": 4096.0}``.
        parameters: of the model, where the table tells them.
        scores: for the table, such as megabytes on disk.
    """

    call: Callable[[], object]
    work: dict[str, float] = field(default_factory=dict)
    parameters: int | None = None
    scores: dict[str, float] = field(default_factory=dict)


def measure(
    session: Session,
    case: dict[str, str | int],
    runs: Mapping[str, Run],
    clock: Callable[[], float] = timer,
) -> list[Measurement]:
    """Time runs in turn, A B C A B C ..., so that other work on the machine slows all of them alike.

    Args:
        session: its repeats are timed, after a first round that compiles, allocates and warms up.
        case: of all runs, such as precision or length.
        runs: by name of the contender.
        clock: seconds; by default torch's, which waits until the accelerator has finished.
    """

    def seconds(run: Run) -> float:
        started = clock()
        run.call()
        return clock() - started

    first = {name: seconds(run) for name, run in runs.items()}
    rounds = [{name: seconds(run) for name, run in runs.items()} for _ in range(session.repeats)]
    return [
        Measurement(
            contender=name,
            case=case,
            work=run.work,
            values=[taken[name] for taken in rounds],
            first=first[name],
            parameters=run.parameters,
            scores=run.scores,
        )
        for name, run in runs.items()
    ]
