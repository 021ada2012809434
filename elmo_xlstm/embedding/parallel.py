"""Batches side by side, one a core."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")

# Results that wait for their turn, beyond those that are being computed.
WAITING = 2


def map_on_cores(function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """``function`` of each item, in order, on as many threads as torch has, each with one core of its own.

    Cores that share every operation of one batch wait for each other at the end of each; cores that have a batch of
    their own never do. Few items are computed one after the other on all cores.

    Args:
        function: computes with torch alone, without gradients.
        items: arguments of the function.
    """
    threads = torch.get_num_threads()
    if threads == 1 or len(items) < 2 * threads:
        yield from map(function, items)
        return

    def compute(item: T) -> R:
        with torch.inference_mode():  # a setting of each thread
            return function(item)

    pool = ThreadPoolExecutor(threads, "embed", initializer=torch.set_num_threads, initargs=(1,))
    waiting: deque[Future[R]] = deque()
    rest = iter(items)
    try:
        waiting.extend(pool.submit(compute, item) for item in islice(rest, threads + WAITING))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(compute, item) for item in islice(rest, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)  # the calling thread's number is its own, but new threads take the last one set
