from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch

from elmo_xlstm.embedding import ElmoEmbedder, embedder
from elmo_xlstm.embedding.parallel import WAITING, map_on_cores


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [0, 1, 3, 20])
def test_results_in_order(threads, count) -> None:
    def slower_for_small_ones(item: int) -> int:
        time.sleep(0.002 if item % 3 == 0 else 0.0)
        return item * item

    assert list(map_on_cores(slower_for_small_ones, range(count))) == [item * item for item in range(count)]
    assert torch.get_num_threads() == threads


def test_each_thread_has_one_core_and_no_gradients(two_threads) -> None:
    def seen(item: int) -> tuple[int, bool, bool]:
        time.sleep(0.005)
        return torch.get_num_threads(), torch.is_inference_mode_enabled(), threading.current_thread().name == main

    main = threading.current_thread().name
    assert set(map_on_cores(seen, range(8))) == {(1, True, False)}
    assert torch.get_num_threads() == 2
    found: list[int] = []
    later = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert found == [2]  # as for threads that begin afterwards


def test_few_items_take_all_cores_together(two_threads) -> None:
    assert list(map_on_cores(lambda item: torch.get_num_threads(), range(3))) == [2, 2, 2]


def test_an_error_ends_it(two_threads) -> None:
    done: list[int] = []

    def fail_at_three(item: int) -> int:
        if item == 3:
            raise RuntimeError("three")
        done.append(item)
        return item

    with pytest.raises(RuntimeError, match="three"):
        list(map_on_cores(fail_at_three, range(1000)))
    assert max(done) <= 3 + 2 + WAITING and torch.get_num_threads() == 2


def test_no_more_is_computed_ahead_than_waits(two_threads) -> None:
    begun: list[int] = []
    results = map_on_cores(begun.append, range(1000))
    next(results)
    time.sleep(0.05)
    assert len(begun) <= 1 + 2 + WAITING
    results.close()
    assert torch.get_num_threads() == 2 and len(begun) <= 1 + 2 + WAITING


def test_vectors_do_not_depend_on_threads(model_directory, monkeypatch, two_threads) -> None:
    monkeypatch.setattr(embedder, "TOKEN_BUDGET", 20)
    sentences = [["Siti", "tiba", "di", "Surabaya"][: 1 + number % 4] * (1 + number % 3) for number in range(30)]
    model = ElmoEmbedder.from_pretrained(model_directory, device="cpu")
    together = model(sentences)
    torch.set_num_threads(1)
    for one, other in zip(model(sentences), together, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)
