from __future__ import annotations

from benchmarks.results import quartiles
from benchmarks.session import Session
from benchmarks.timing import Run, measure


class Clock:
    """Stands still unless a run moves it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.calls: list[str] = []

    def __call__(self) -> float:
        return self.now

    def run(self, name: str, *seconds: float) -> Run:
        left = list(seconds)

        def call() -> None:
            self.calls.append(name)
            self.now += left.pop(0)

        return Run(call, {"tokens": 4.0})


def test_runs_take_turns_and_the_first_round_is_kept_apart(session: Session) -> None:
    clock = Clock()
    runs = {"a": clock.run("a", 50, 1, 2), "b": clock.run("b", 70, 10, 30)}
    one, other = measure(session, {"length": 8}, runs, clock)
    assert clock.calls == ["a", "b"] * 3
    assert (one.contender, one.first, one.values) == ("a", 50, [1, 2])
    assert (other.contender, other.first, other.values) == ("b", 70, [10, 30])
    assert one.case == {"length": 8} and one.rate("tokens") == 4 / 1.5


def test_quartiles() -> None:
    assert quartiles([5.0, 1.0, 2.0, 4.0, 3.0]) == (2.0, 3.0, 4.0)
    assert quartiles([7.0]) == (7.0, 7.0, 7.0)
