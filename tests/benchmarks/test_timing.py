from __future__ import annotations

from benchmarks.timing import interleave, quartiles


class Clock:
    """Stands still unless a run moves it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.calls: list[str] = []

    def run(self, name: str, *seconds: float):
        left = list(seconds)

        def call() -> None:
            self.calls.append(name)
            self.now += left.pop(0)

        return call


def test_runs_take_turns_and_the_first_round_is_kept_apart():
    clock = Clock()
    runs = {"a": clock.run("a", 50, 1, 2, 6), "b": clock.run("b", 70, 10, 30, 20)}
    samples = interleave(runs, repeats=3, clock=lambda: clock.now)
    assert clock.calls == ["a", "b"] * 4
    assert samples.first == {"a": 50, "b": 70}
    assert samples.seconds == {"a": [1, 2, 6], "b": [10, 30, 20]}


def test_the_device_is_waited_for_before_and_after_the_clock_is_read():
    clock = Clock()
    pending = [0.0]

    def launch() -> None:
        pending[0] += 5.0  # the device works on; the call returns at once

    def synchronize() -> None:
        clock.now += pending[0]
        pending[0] = 0.0

    pending[0] = 1000.0  # left over from before: not the run's time
    samples = interleave({"a": launch}, repeats=2, synchronize=synchronize, clock=lambda: clock.now)
    assert samples.first == {"a": 5.0}
    assert samples.seconds == {"a": [5.0, 5.0]}


def test_quartiles():
    assert quartiles([5.0, 1.0, 2.0, 4.0, 3.0]) == (2.0, 3.0, 4.0)
    assert quartiles([7.0]) == (7.0, 7.0, 7.0)
