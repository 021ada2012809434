from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.scoring import validation_windows
from elmo_xlstm.lm.windows import WindowPrefetcher, WindowSampler
from elmo_xlstm.text.shards import TokenStream

# The streams that a test makes in its directory replace each other, which does no harm.
few = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MakeStream = Callable[..., TokenStream]


@few
@given(st.integers(60, 200), st.integers(2, 9), st.integers(1, 5), st.integers(0, 5), st.integers(0, 2))
def test_an_epoch_holds_every_window_at_most_once_and_nearly_all(
    make_stream: MakeStream, tokens: int, length: int, batch: int, seed: int, epoch: int
) -> None:
    sampler = WindowSampler(make_stream(np.arange(tokens)), length, batch, seed)
    steps = range(epoch * sampler.steps_per_epoch, (epoch + 1) * sampler.steps_per_epoch)
    windows = torch.cat([sampler.batch(step) for step in steps])
    assert windows.shape == (sampler.steps_per_epoch * batch, length) and windows.dtype == torch.long
    assert torch.equal(windows, windows[:, :1] + torch.arange(length))  # tokens are their own positions
    starts = windows[:, 0]
    assert len(starts.unique()) == len(starts)
    offsets = (starts % length).unique()
    assert len(offsets) == 1  # windows do not overlap
    assert len(starts) > tokens // length - 1 - batch


def test_other_epochs_have_other_orders_and_offsets(make_stream: MakeStream) -> None:
    sampler = WindowSampler(make_stream(np.arange(330)), 10, 4, seed=0)
    epochs = [
        torch.cat([sampler.batch(epoch * sampler.steps_per_epoch + step) for step in range(8)])[:, 0]
        for epoch in range(4)
    ]
    assert len({int(starts[0]) % 10 for starts in epochs}) > 1
    assert len({tuple((starts // 10).tolist()) for starts in epochs}) == 4
    assert all(not torch.equal(starts, starts.sort().values) for starts in epochs)


def test_a_step_alone_says_which_windows_it_has(make_stream: MakeStream) -> None:
    stream = make_stream(np.arange(330))
    first, other = WindowSampler(stream, 10, 4, seed=0), WindowSampler(stream, 10, 4, seed=1)
    batches = [first.batch(step) for step in range(20)]
    for step in (19, 0, 9, 8, 7, 8, 19):  # in any order, from a new sampler
        assert torch.equal(WindowSampler(stream, 10, 4, seed=0).batch(step), batches[step])
        assert torch.equal(first.batch(step), batches[step])
    assert not torch.equal(other.batch(0), batches[0])


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_shares_of_processes_partition_the_global_batch(make_stream: MakeStream, processes: int) -> None:
    sampler = WindowSampler(make_stream(np.arange(330)), 10, 8, seed=0)
    for step in range(8):
        whole = sampler.batch(step)
        shares = [sampler.batch(step, process, processes) for process in range(processes)]
        assert {len(share) for share in shares} == {8 // processes}
        assert torch.equal(torch.cat(shares)[:, 0].sort().values, whole[:, 0].sort().values)


def test_windows_cross_shards_and_hold_the_tokens_of_the_stream(make_stream: MakeStream) -> None:
    tokens = np.random.default_rng(0).integers(0, 1000, 200)
    windows = WindowSampler(make_stream(tokens, shard_tokens=7), 16, 11, seed=0).batch(0)
    text = " ".join(map(str, tokens))
    assert all(" ".join(map(str, window.tolist())) in text for window in windows)


def test_a_corpus_that_is_too_small_says_what_to_do(make_stream: MakeStream) -> None:
    WindowSampler(make_stream(np.arange(50)), 10, 4, seed=0)
    with pytest.raises(UserError, match=r"49 tokens, too few for one step of 4 windows of 10.*training\.batch_size"):
        WindowSampler(make_stream(np.arange(49)), 10, 4, seed=0)


@few
@given(st.integers(0, 100), st.integers(2, 12), st.none() | st.integers(1, 120))
def test_validation_windows_cover_the_stream(
    make_stream: MakeStream, tokens: int, length: int, most: int | None
) -> None:
    bounds = validation_windows(make_stream(np.arange(tokens)), length, most)
    covered = [position for start, stop in bounds for position in range(start, stop)]
    end = min(tokens, most or tokens)
    assert covered == list(range(len(covered)))
    assert all(2 <= stop - start <= length for start, stop in bounds)
    # A last token on its own predicts nothing and is left.
    assert end - len(covered) == (1 if end % length == 1 else 0)
    shares = [validation_windows(make_stream(np.arange(tokens)), length, most, process, 3) for process in range(3)]
    assert sorted(bound for share in shares for bound in share) == bounds


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
