from __future__ import annotations

import pytest

from benchmarks.soak import Sample, slopes, soak, summary


def samples(memory, files, minutes: int = 30) -> list[Sample]:
    return [Sample(s, memory(s / 3600), round(files(s / 3600)), s) for s in range(1, 60 * minutes, 5)]


def test_memory_that_settles_is_no_leak() -> None:
    growth = slopes(samples(lambda hour: 300 + 40 * min(1, hour * 20), lambda hour: 20))
    assert growth.problems() == [] and growth.megabytes == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    ("memory", "files", "problem"),
    [
        (lambda hour: 300 + 30 * hour, lambda hour: 20, "memory grows by 30.0 MB an hour"),
        (lambda hour: 300, lambda hour: 20 + 40 * hour, "open files grow by"),
    ],
)
def test_a_leak_is_found(memory, files, problem) -> None:
    (found,) = slopes(samples(memory, files)).problems()
    assert found.startswith(problem)


def test_a_short_soak_of_the_real_thing() -> None:
    found = soak(2.0, every=0.0)
    assert found[-1].rounds == len(found) and found[0].megabytes > 50 and found[-1].files <= found[0].files + 4
    assert "open files" in summary(found, slopes(found))
