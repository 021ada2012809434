from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor, nn

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.losses import AdaptiveSoftmax, cross_entropy, softmax_losses
from elmo_xlstm.lm.losses.adaptive import check_cutoffs, frequency_order

Inputs = tuple[Tensor, Tensor, Tensor, Tensor]


def draw(tokens: int, dim: int, vocabulary: int, clusters: int, seed: int = 0) -> Inputs:
    """Hidden states, weights of pieces and of clusters, targets."""
    generator = torch.Generator().manual_seed(seed)
    shapes = (tokens, dim), (vocabulary, dim), (clusters, dim)
    hidden, weight, rows = (torch.randn(shape, generator=generator).requires_grad_() for shape in shapes)
    return hidden, weight, rows, torch.randint(vocabulary, (tokens,), generator=generator)


def shuffled(vocabulary: int) -> Tensor:
    return torch.randperm(vocabulary, generator=torch.Generator().manual_seed(5))


def torchs_own(inputs: Inputs, cutoffs: list[int], order: Tensor) -> Tensor:
    """The loss by torch.nn.AdaptiveLogSoftmaxWithLoss, whose targets are ranks and whose tails are projected."""
    hidden, weight, clusters, targets = inputs
    dim, ranked = hidden.shape[1], weight[order]
    reference = nn.AdaptiveLogSoftmaxWithLoss(dim, len(weight), cutoffs, div_value=1.0)
    pieces = [nn.Identity() for _ in cutoffs]
    bounds = [*cutoffs, len(weight)]
    del reference.head.weight
    reference.head.weight = torch.cat([ranked[: cutoffs[0]], clusters])  # type: ignore[assignment]
    for index, (begin, end) in enumerate(zip(bounds, bounds[1:], strict=False)):
        linear = nn.Linear(dim, end - begin, bias=False)
        del linear.weight
        linear.weight = ranked[begin:end]  # type: ignore[assignment]
        reference.tail[index] = nn.Sequential(pieces[index], linear)
    return -reference(hidden, order.argsort()[targets]).output.sum()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(4, 20), st.data(), st.sampled_from([1, 7, 1024]))
def test_value_and_gradients_are_those_of_torch(tokens: int, vocabulary: int, data: st.DataObject, chunk: int) -> None:
    cutoffs = sorted(data.draw(st.sets(st.integers(1, vocabulary - 1), min_size=1, max_size=4)))
    inputs, order = draw(tokens, 5, vocabulary, len(cutoffs)), shuffled(vocabulary)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cross_entropy, "CHUNK_ROWS", chunk)
        loss = AdaptiveSoftmax(cutoffs, order)(*inputs)
    expected = torchs_own(inputs, cutoffs, order)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for mine, theirs in zip(
        torch.autograd.grad(loss, inputs[:3]), torch.autograd.grad(expected, inputs[:3]), strict=True
    ):
        assert torch.allclose(mine, theirs, atol=1e-5)


@pytest.mark.parametrize("cutoffs", [[1], [11], [4, 8], [1, 2, 3]])
def test_probabilities_of_all_pieces_sum_to_one(cutoffs: list[int]) -> None:
    hidden, weight, clusters, _ = draw(3, 6, 12, len(cutoffs))
    adaptive = AdaptiveSoftmax(cutoffs, shuffled(12))
    for state in hidden.detach():
        nats = [adaptive(state.unsqueeze(0), weight, clusters, torch.tensor([piece])) for piece in range(12)]
        assert torch.stack(nats).neg().exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_a_piece_of_a_cluster_has_the_cluster_s_probability_times_its_own() -> None:
    hidden, weight, clusters, _ = draw(1, 6, 7, 2)
    order = torch.tensor([6, 0, 5, 1, 4, 2, 3])
    adaptive = AdaptiveSoftmax([2, 4], order)
    head = (hidden[0] @ torch.cat([weight[[6, 0]], clusters]).T).log_softmax(0)
    last = (hidden[0] @ weight[[4, 2, 3]].T).log_softmax(0)
    for target, expected in ((0, head[1]), (2, head[3] + last[1])):
        assert adaptive(hidden, weight, clusters, torch.tensor([target])).item() == pytest.approx(-expected.item())


def test_no_gradient_comes_to_clusters_without_a_target_and_none_is_missing() -> None:
    hidden, weight, clusters, _ = draw(4, 3, 10, 2)
    loss = AdaptiveSoftmax([3, 6], torch.arange(10))(hidden, weight, clusters, torch.tensor([0, 1, 4, 2]))
    for_weight, for_clusters = torch.autograd.grad(loss, [weight, clusters])
    assert for_weight[6:].abs().max() == 0 and for_weight[:6].abs().amin() > 0
    assert for_clusters.abs().amin() > 0


def test_without_gradients_only_the_loss_is_computed() -> None:
    inputs, adaptive = draw(9, 4, 12, 2), AdaptiveSoftmax([4, 8], shuffled(12))
    with torch.no_grad():
        loss = adaptive(*inputs)
    assert not loss.requires_grad and loss.item() == adaptive(*inputs).item()


def test_bfloat16_autocast_is_close_and_keeps_types() -> None:
    inputs, adaptive = draw(200, 32, 50, 2), AdaptiveSoftmax([10, 25], shuffled(50))
    expected = adaptive(*inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = adaptive(*inputs)
    assert loss.dtype == torch.float32 and loss.item() != expected.item()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-2)
    for mine, theirs in zip(
        torch.autograd.grad(loss, inputs[:3]), torch.autograd.grad(expected, inputs[:3]), strict=True
    ):
        assert mine.dtype == torch.float32 and (mine - theirs).norm() < 0.02 * theirs.norm()


def test_large_logits_stay_finite() -> None:
    hidden, weight, clusters, targets = draw(9, 4, 12, 2)
    loss = AdaptiveSoftmax([4, 8], shuffled(12))(hidden * 1e4, weight, clusters, targets)
    assert torch.isfinite(loss) and torch.isfinite(torch.autograd.grad(loss, [hidden])[0]).all()


def test_the_order_is_that_of_falling_counts_and_keeps_ties() -> None:
    assert frequency_order(np.array([5, 100, 0, 7, 7])).tolist() == [1, 3, 4, 0, 2]


@pytest.mark.parametrize("cutoffs", [[], [0, 3], [3, 3], [5, 3], [3, 10], [11]])
def test_cutoffs_that_leave_a_part_empty_are_refused(cutoffs: list[int]) -> None:
    with pytest.raises(ValueError, match="ascending ranks above 0 and below the vocabulary's size 10"):
        check_cutoffs(cutoffs, 10)


class TestSettings:
    def test_the_default_suits_any_vocabulary(self) -> None:
        config = softmax_losses["adaptive"]()
        assert config.clusters_for(32_000) == [4000, 8000, 16_000]
        assert config.clusters_for(7) == [1, 3] and config.clusters_for(2) == [1]
        assert config.build(np.arange(9)) is None

    def test_what_does_not_suit_the_vocabulary_is_said_with_its_key(self) -> None:
        assert softmax_losses["adaptive"](clusters=[2, 9]).clusters_for(10) == [2, 9]
        with pytest.raises(UserError, match=r"softmax_loss.clusters: \[2, 10\] must be .* vocabulary's size 10"):
            softmax_losses["adaptive"](clusters=[2, 10]).clusters_for(10)
        for wrong in ([], [0], [-1, 3]):
            with pytest.raises(ValidationError):
                softmax_losses["adaptive"](clusters=wrong)

    def test_rows_per_token_are_the_head_and_each_tail_for_its_share(self) -> None:
        counts = np.array([1, 10, 2, 80, 3, 4])
        # 80 and 10 in the head with two clusters, 7 % of tokens in [4, 3], 3 % in [2, 1].
        expected = 2 + 2 + 0.07 * 2 + 0.03 * 2
        assert softmax_losses["adaptive"](clusters=[2, 4]).classes(counts) == pytest.approx(expected)
        assert softmax_losses["adaptive"](clusters=[2, 4]).classes(0 * counts) == 4

    def test_rows_per_token_are_those_that_are_multiplied(self, monkeypatch: pytest.MonkeyPatch) -> None:
        counts = np.random.default_rng(0).integers(1, 9, 30)
        targets = torch.repeat_interleave(torch.arange(30), torch.from_numpy(counts))
        config = softmax_losses["adaptive"](clusters=[4, 12])
        products = []
        monkeypatch.setattr(
            "elmo_xlstm.lm.losses.adaptive.ChunkedCrossEntropy.apply",
            lambda hidden, rows, *_: products.append(len(hidden) * len(rows)) or torch.zeros(()),
        )
        hidden, weight, clusters, _ = draw(len(targets), 4, 30, 2)
        AdaptiveSoftmax([4, 12], frequency_order(counts))(hidden, weight, clusters, targets)
        assert sum(products) / len(targets) == pytest.approx(config.classes(counts))
