from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional as F

from elmo_xlstm.lm import losses
from elmo_xlstm.lm.losses import FullSoftmax, SampledSoftmax, softmax_losses


def draw(tokens: int, dim: int, vocabulary: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(tokens, dim, generator=generator)
    weight = torch.randn(vocabulary, dim, generator=generator)
    targets = torch.randint(vocabulary, (tokens,), generator=generator)
    return hidden.requires_grad_(), weight.requires_grad_(), targets


def reference(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(hidden @ weight.T, targets, reduction="sum")


class TestFullSoftmax:
    @settings(max_examples=25, deadline=None)
    @given(st.integers(1, 40), st.integers(1, 8), st.integers(1, 20), st.sampled_from([1, 7, 16, 1024]))
    def test_value_and_gradients_are_those_of_cross_entropy(
        self, tokens: int, dim: int, vocabulary: int, chunk: int
    ) -> None:
        hidden, weight, targets = draw(tokens, dim, vocabulary)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(losses, "CHUNK_ROWS", chunk)
            loss = FullSoftmax()(hidden, weight, targets)
            gradients = torch.autograd.grad(loss * 0.3, [hidden, weight])
        expected = reference(hidden, weight, targets)
        assert loss.item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-4)
        for mine, theirs in zip(gradients, torch.autograd.grad(expected * 0.3, [hidden, weight]), strict=True):
            assert torch.allclose(mine, theirs, atol=2e-5)

    def test_a_frozen_side_gets_no_gradient_and_the_other_the_same(self) -> None:
        hidden, weight, targets = draw(6, 4, 9)
        expected = torch.autograd.grad(reference(hidden, weight, targets), [hidden, weight])
        (for_hidden,) = torch.autograd.grad(FullSoftmax()(hidden, weight.detach(), targets), [hidden])
        (for_weight,) = torch.autograd.grad(FullSoftmax()(hidden.detach(), weight, targets), [weight])
        assert torch.allclose(for_hidden, expected[0], atol=1e-5)
        assert torch.allclose(for_weight, expected[1], atol=1e-5)

    def test_without_gradients_only_the_loss_is_computed(self) -> None:
        hidden, weight, targets = draw(6, 4, 9)
        with torch.no_grad():
            loss = FullSoftmax()(hidden, weight, targets)
        assert not loss.requires_grad
        assert loss.item() == pytest.approx(reference(hidden, weight, targets).item(), rel=1e-5)

    def test_large_logits_stay_finite(self) -> None:
        hidden, weight, targets = draw(6, 4, 9)
        loss = FullSoftmax()(hidden * 1e4, weight, targets)
        assert loss.item() == pytest.approx(reference(hidden * 1e4, weight, targets).item(), rel=1e-5)
        assert torch.isfinite(torch.autograd.grad(loss, [hidden])[0]).all()

    def test_bfloat16_autocast_is_close_and_keeps_types(self) -> None:
        hidden, weight, targets = draw(200, 32, 50)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = FullSoftmax()(hidden, weight, targets)
        gradients = torch.autograd.grad(loss, [hidden, weight])
        expected = reference(hidden, weight, targets)
        assert loss.dtype == torch.float32 and loss.item() == pytest.approx(expected.item(), rel=1e-2)
        for mine, theirs in zip(gradients, torch.autograd.grad(expected, [hidden, weight]), strict=True):
            assert mine.dtype == torch.float32
            assert (mine - theirs).norm() < 0.02 * theirs.norm()


class TestSampledSoftmax:
    def test_ranks_follow_counts_and_the_proposal_the_log_uniform_law(self) -> None:
        proposal = SampledSoftmax(3, np.array([5, 100, 0, 7, 7], dtype=np.int64)).proposal
        by_rank = [np.log((rank + 2) / (rank + 1)) / np.log(6) for rank in range(5)]
        # Ties keep the order of their ids.
        assert torch.allclose(proposal[[1, 3, 4, 0, 2]], torch.tensor(by_rank, dtype=torch.float32))
        assert proposal.sum().item() == pytest.approx(1.0, abs=1e-6)

    def test_negatives_are_distinct_as_many_as_set_and_as_likely_as_the_correction_says(self) -> None:
        torch.manual_seed(0)
        sampled, calls = SampledSoftmax(8, np.arange(20)[::-1].copy()), 4000
        seen, total = torch.zeros(20), 0
        for _ in range(calls):
            negatives = sampled.sample()
            assert torch.equal(negatives, negatives.unique())
            seen[negatives] += 1
            total += len(negatives)
        assert total / calls == pytest.approx(8, abs=0.6)  # the number of draws is whole, the average need not be
        assert total / calls == pytest.approx(sampled.log_inclusion.exp().sum().item(), abs=0.1)
        error = 0.5 / calls**0.5  # at most, of a share
        assert (seen / calls - sampled.log_inclusion.exp()).abs().max() < 4.5 * error

    def test_the_partition_function_is_right_on_average(self) -> None:
        torch.manual_seed(0)
        vocabulary, calls = 12, 6000
        hidden, weight, targets = draw(1, 4, vocabulary)
        sampled = SampledSoftmax(5, np.arange(vocabulary)[::-1].copy())
        with torch.no_grad():
            target_logit = hidden[0] @ weight[targets[0]]
            estimates = torch.stack([sampled(hidden, weight, targets) + target_logit for _ in range(calls)]).double()
            expected = torch.exp((hidden @ weight.T).double()).sum().item()
        error = estimates.exp().std().item() / calls**0.5
        assert error < 0.02 * expected  # or else the next line could hardly fail
        assert abs(estimates.exp().mean().item() - expected) < 4 * error  # by chance once in 16,000 seeds

    def test_the_target_enters_once_also_if_it_is_drawn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hidden, weight, _ = draw(3, 4, 9)
        targets, negatives = torch.tensor([2, 5, 8]), torch.tensor([0, 2, 8])
        sampled = SampledSoftmax(4, np.arange(9))
        monkeypatch.setattr(sampled, "sample", lambda: negatives)
        loss = sampled(hidden, weight, targets)
        expected = torch.zeros(())
        for row, target in enumerate(targets.tolist()):
            others = [n for n in negatives.tolist() if n != target]
            logits = torch.cat(
                [weight[[target]] @ hidden[row], weight[others] @ hidden[row] - sampled.log_inclusion[others]]
            )
            expected = expected + F.cross_entropy(logits, torch.tensor(0))
        assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
        for mine, theirs in zip(
            torch.autograd.grad(loss, [hidden, weight]), torch.autograd.grad(expected, [hidden, weight]), strict=True
        ):
            assert torch.allclose(mine, theirs, atol=1e-5)

    @pytest.mark.parametrize("chunk", [1, 5, 512])
    def test_chunks_do_not_matter(self, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
        hidden, weight, targets = draw(11, 4, 30)
        sampled, results = SampledSoftmax(10, np.arange(30)), []
        for size in (1024, chunk):
            monkeypatch.setattr(losses, "CHUNK_ROWS", size)
            torch.manual_seed(0)
            loss = sampled(hidden, weight, targets)
            results.append([loss, *torch.autograd.grad(loss, [hidden, weight])])
        for whole, chunked in zip(*results, strict=True):
            assert torch.allclose(whole, chunked, rtol=1e-5, atol=1e-5)

    def test_more_samples_than_there_are_classes_give_nearly_the_full_loss_and_gradient(self) -> None:
        torch.manual_seed(0)
        hidden, weight, targets = draw(8, 4, 30)
        weight.data *= 0.5
        loss, expected = (
            SampledSoftmax(1000, np.arange(30))(hidden, weight, targets),
            FullSoftmax()(hidden, weight, targets),
        )
        assert loss.item() == pytest.approx(expected.item(), rel=0.03)
        for mine, theirs in zip(
            torch.autograd.grad(loss, [hidden, weight]), torch.autograd.grad(expected, [hidden, weight]), strict=True
        ):
            assert (mine - theirs).norm() < 0.1 * theirs.norm()

    def test_the_gradient_is_nearer_with_more_samples(self) -> None:
        torch.manual_seed(0)
        hidden, weight, targets = draw(8, 4, 30)
        weight.data *= 0.5
        (expected,) = torch.autograd.grad(FullSoftmax()(hidden, weight, targets), [weight])

        def distance(samples: int) -> float:
            sampled = SampledSoftmax(samples, np.arange(30))
            gradients = [torch.autograd.grad(sampled(hidden, weight, targets), [weight])[0] for _ in range(200)]
            return ((torch.stack(gradients).mean(dim=0) - expected).norm() / expected.norm()).item()

        near, middle, far = distance(29), distance(12), distance(3)
        assert near < middle < far and near < 0.05

    def test_runs_under_bfloat16_autocast(self) -> None:
        hidden, weight, targets = draw(20, 16, 30)
        sampled, results = SampledSoftmax(20, np.arange(30)), []
        for enabled in (False, True):
            torch.manual_seed(0)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
                loss = sampled(hidden, weight, targets)
            results.append((loss.item(), torch.autograd.grad(loss, [weight])[0]))
        assert results[1][0] == pytest.approx(results[0][0], rel=2e-2)
        assert (results[1][1] - results[0][1]).norm() < 0.02 * results[0][1].norm()


def test_settings_build_the_losses() -> None:
    counts = np.arange(5)
    assert isinstance(softmax_losses["full"]().build(counts), FullSoftmax)
    sampled = softmax_losses["sampled"](samples=7).build(counts)
    assert isinstance(sampled, SampledSoftmax) and len(sampled.proposal) == 5
    with pytest.raises(ValidationError, match="greater than 0"):
        softmax_losses["sampled"](samples=0)
