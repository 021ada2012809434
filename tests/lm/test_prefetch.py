from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor

from elmo_xlstm.lm.prefetch import WindowPrefetcher

CPU = torch.device("cpu")


class Source:
    """Windows that say their step; remembers what was read, and by which thread."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.threads: set[int] = set()
        self.read = threading.Semaphore(0)

    def __call__(self, step: int) -> Tensor:
        self.steps.append(step)
        self.threads.add(threading.get_ident())
        self.read.release()
        return torch.full((2, 3), step)


def test_every_step_gets_its_own_windows_read_once_in_order() -> None:
    source = Source()
    with WindowPrefetcher(source, CPU, stop=6) as prefetcher:
        for step in range(2, 6):
            assert torch.equal(prefetcher.windows(step), torch.full((2, 3), step))
    assert source.steps == [2, 3, 4, 5]


def test_the_next_step_is_read_while_this_one_runs() -> None:
    source = Source()
    with WindowPrefetcher(source, CPU, stop=10) as prefetcher:
        prefetcher.windows(0)
        for _ in range(2):  # without a call for step 1
            assert source.read.acquire(timeout=30)
        assert source.steps == [0, 1]
    assert len(source.threads) == 1 and threading.get_ident() not in source.threads


def test_a_jump_is_followed() -> None:
    with WindowPrefetcher(Source(), CPU, stop=100) as prefetcher:
        for step in (0, 1, 50, 51, 3, 3):
            assert torch.equal(prefetcher.windows(step), torch.full((2, 3), step))


def test_global_random_numbers_are_left_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    with WindowPrefetcher(Source(), CPU, stop=5) as prefetcher:
        prefetcher.windows(0)
        assert torch.equal(torch.rand(3), expected)


def test_an_error_in_reading_comes_with_its_step_and_no_sooner() -> None:
    def read(step: int) -> Tensor:
        if step == 2:
            raise OSError("disk gone")
        return torch.zeros(1)

    with WindowPrefetcher(read, CPU, stop=5) as prefetcher:
        prefetcher.windows(0)
        prefetcher.windows(1)
        with pytest.raises(OSError, match="disk gone"):
            prefetcher.windows(2)


def test_the_thread_ends_with_the_context_also_after_an_error() -> None:
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt), WindowPrefetcher(Source(), CPU, stop=5) as prefetcher:
        prefetcher.windows(0)
        raise KeyboardInterrupt
    assert set(threading.enumerate()) <= before
