from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.modules import Pooling

METHODS = ["attention", "max", "mean"]


def build(methods, dim=4, num_queries=1) -> Pooling:
    torch.manual_seed(0)
    return Pooling(validate(Pooling.Config, {"methods": methods, "attention_dim": 6}), dim, num_queries)


def mask_of(lengths: list[int], length: int) -> torch.Tensor:
    return torch.arange(length) < torch.tensor(lengths).unsqueeze(1)


@given(
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    padding=st.integers(0, 3),
    methods=st.lists(st.sampled_from(METHODS), min_size=1, unique=True),
    num_queries=st.integers(1, 3),
)
@settings(max_examples=30, deadline=None)
def test_padding_and_other_texts_do_not_matter(lengths, padding, methods, num_queries) -> None:
    pooling = build(methods, num_queries=num_queries)
    hidden = torch.randn(len(lengths), max(lengths) + padding, 4)
    pooled = pooling(hidden, mask_of(lengths, hidden.shape[1]))
    assert pooled.shape == (len(lengths), num_queries, pooling.output_dim)
    for row, length in enumerate(lengths):
        alone = pooling(hidden[row : row + 1, :length], torch.ones(1, length, dtype=torch.bool))
        torch.testing.assert_close(pooled[row], alone[0])


def test_each_method_by_hand() -> None:
    hidden = torch.tensor([[[1.0, -5.0], [3.0, -1.0], [9.0, 9.0]]])
    mask = mask_of([2], 3)
    assert build(["max"], 2)(hidden, mask).tolist() == [[[3.0, -1.0]]]
    assert build(["mean"], 2)(hidden, mask).tolist() == [[[2.0, -3.0]]]
    attention = build(["attention"], 2, num_queries=2)
    weights = attention.attention(hidden, mask)  # (1, 2, 3)
    scores = attention.queries(torch.tanh(attention.keys(hidden[0, :2])))  # (2 words, 2 queries)
    torch.testing.assert_close(weights[0, :, :2], scores.softmax(dim=0).T)
    assert (weights[0, :, 2] == 0).all()
    torch.testing.assert_close(attention(hidden, mask)[0], weights[0] @ hidden[0])
    assert not torch.allclose(weights[0, 0], weights[0, 1])  # each query looks for itself


def test_methods_are_concatenated_in_their_order() -> None:
    hidden, mask = torch.randn(2, 3, 4), mask_of([3, 1], 3)
    pooling = build(["mean", "max"])
    expected = [build([method])(hidden, mask) for method in ("mean", "max")]
    torch.testing.assert_close(pooling(hidden, mask), torch.cat(expected, dim=-1))
    assert pooling.output_dim == 8 and not list(pooling.parameters())


def test_masks_are_checked() -> None:
    hidden = torch.randn(1, 3, 4)
    for mask in (torch.zeros(1, 3, dtype=torch.bool), torch.tensor([[False, True, True]])):
        with pytest.raises(ValueError, match="no words|right-padded"):
            build(METHODS)(hidden, mask)


@pytest.mark.parametrize(("methods", "message"), [([], "methods"), (["max", "max"], "once"), (["first"], "methods")])
def test_wrong_methods(methods, message) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(Pooling.Config, {"methods": methods})
