from __future__ import annotations

import pytest
import torch
from torch import Tensor

from elmo_xlstm.embedding.pooling import pool_words

# Five pieces in three words: [0], [1 2 3], [4]; a special piece stands before and after.
FIRST, LAST = torch.tensor([1, 2, 5]), torch.tensor([1, 4, 5])


@pytest.fixture
def directions() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(7, 3, 4, generator=generator), torch.randn(7, 3, 4, generator=generator)


@pytest.mark.parametrize(
    ("pooling", "forward_at", "backward_at"),
    [("boundary", LAST, FIRST), ("first", FIRST, FIRST), ("last", LAST, LAST)],
)
def test_one_piece_of_each_direction(directions, pooling, forward_at, backward_at) -> None:
    forward, backward = directions
    pooled = pool_words(forward, backward, FIRST, LAST, pooling)
    assert pooled.shape == (3, 3, 8)
    for word in range(3):
        assert torch.equal(pooled[word, :, :4], forward[forward_at[word]])
        assert torch.equal(pooled[word, :, 4:], backward[backward_at[word]])


def test_mean_of_a_words_own_pieces(directions) -> None:
    forward, backward = directions
    pooled = pool_words(forward, backward, FIRST, LAST, "mean")
    for word, (first, last) in enumerate(zip(FIRST.tolist(), LAST.tolist(), strict=True)):
        torch.testing.assert_close(pooled[word, :, :4], forward[first : last + 1].mean(0))
        torch.testing.assert_close(pooled[word, :, 4:], backward[first : last + 1].mean(0))


def test_all_agree_on_words_of_one_piece(directions) -> None:
    forward, backward = directions
    alone = torch.arange(1, 6)
    expected = torch.cat([forward[1:6], backward[1:6]], dim=-1)
    for pooling in ("boundary", "first", "last", "mean"):
        torch.testing.assert_close(pool_words(forward, backward, alone, alone, pooling), expected)
