from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional as F

from elmo_xlstm.lm.losses import FullSoftmax, SampledSoftmax, cross_entropy, softmax_losses


def draw(tokens: int, dim: int, vocabulary: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(tokens, dim, generator=generator)
    weight = torch.randn(vocabulary, dim, generator=generator)
    targets = torch.randint(vocabulary, (tokens,), generator=generator)
    return hidden.requires_grad_(), weight.requires_grad_(), targets


def mask(negatives: Sequence[int], vocabulary: int) -> Tensor:
    return torch.zeros(vocabulary, dtype=torch.bool).index_fill_(0, torch.tensor(negatives), True)


def test_ranks_follow_counts_and_the_proposal_the_log_uniform_law() -> None:
    proposal = SampledSoftmax(3, np.array([5, 100, 0, 7, 7], dtype=np.int64)).proposal
    by_rank = [np.log((rank + 2) / (rank + 1)) / np.log(6) for rank in range(5)]
    # Ties keep the order of their ids.
    assert torch.allclose(proposal[[1, 3, 4, 0, 2]], torch.tensor(by_rank, dtype=torch.float32))
    assert proposal.sum().item() == pytest.approx(1.0, abs=1e-6)


def test_negatives_are_as_many_as_set_and_as_likely_as_the_correction_says() -> None:
    torch.manual_seed(0)
    sampled, calls = SampledSoftmax(8, np.arange(20)[::-1].copy()), 4000
    seen, total = torch.zeros(20), 0
    for _ in range(calls):
        negatives = sampled.sample()
        seen += negatives
        total += int(negatives.sum())
    assert total / calls == pytest.approx(8, abs=0.6)  # the number of draws is whole, the average need not be
    assert total / calls == pytest.approx(sampled.log_inclusion.exp().sum().item(), abs=0.1)
    error = 0.5 / calls**0.5  # at most, of a share
    assert (seen / calls - sampled.log_inclusion.exp()).abs().max() < 4.5 * error


def test_gradients_in_float64_are_those_of_finite_differences() -> None:
    hidden, weight, targets = draw(7, 4, 12)
    sampled = SampledSoftmax(5, np.arange(12)[::-1].copy())

    def loss(hidden: Tensor, weight: Tensor) -> Tensor:
        torch.manual_seed(3)  # the same negatives each time
        return sampled(hidden, weight, targets)

    wide = [tensor.detach().double().requires_grad_() for tensor in (hidden, weight)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cross_entropy, "CHUNK_ROWS", 3)
        assert torch.autograd.gradcheck(loss, wide)


def test_the_target_enters_once_also_if_it_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden, weight, _ = draw(3, 4, 9)
    targets, negatives = torch.tensor([2, 5, 8]), [0, 2, 8]
    sampled = SampledSoftmax(4, np.arange(9))
    assert sampled.slots > len(negatives)  # the slots that stay empty must not count
    monkeypatch.setattr(sampled, "sample", lambda: mask(negatives, 9))
    loss = sampled(hidden, weight, targets)
    expected = torch.zeros(())
    for row, target in enumerate(targets.tolist()):
        others = [n for n in negatives if n != target]
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
def test_chunks_do_not_matter(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden, weight, targets = draw(11, 4, 30)
    sampled, results = SampledSoftmax(10, np.arange(30)), []
    for size in (1024, chunk):
        monkeypatch.setattr(cross_entropy, "CHUNK_ROWS", size)
        torch.manual_seed(0)
        loss = sampled(hidden, weight, targets)
        results.append([loss, *torch.autograd.grad(loss, [hidden, weight])])
    for whole, chunked in zip(*results, strict=True):
        assert torch.allclose(whole, chunked, rtol=1e-5, atol=1e-5)


def test_more_samples_than_there_are_classes_give_nearly_the_full_loss_and_gradient() -> None:
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


def test_the_gradient_is_nearer_with_more_samples() -> None:
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


def test_runs_under_bfloat16_autocast() -> None:
    hidden, weight, targets = draw(20, 16, 30)
    sampled, results = SampledSoftmax(20, np.arange(30)), []
    for enabled in (False, True):
        torch.manual_seed(0)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            loss = sampled(hidden, weight, targets)
        results.append((loss.item(), torch.autograd.grad(loss, [weight])[0]))
    assert results[1][0] == pytest.approx(results[0][0], rel=2e-2)
    assert (results[1][1] - results[0][1]).norm() < 0.02 * results[0][1].norm()


@pytest.mark.parametrize("target", [0, 3])
def test_the_expected_partition_function_and_its_gradient_are_those_of_all_draws(
    target: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every sequence of draws with its chance: no randomness is left, and the estimate must be unbiased exactly.
    vocabulary, targets = 5, torch.tensor([target])
    hidden, weight, _ = draw(1, 3, vocabulary)
    sampled = SampledSoftmax(2, np.array([3, 50, 7, 0, 7]))
    target_logit = weight[target] @ hidden[0]
    target_gradients = torch.autograd.grad(target_logit, [hidden, weight])

    def partition(loss: Tensor) -> list[Tensor]:
        """The partition function and its gradients, from the loss log Z - target logit and its gradients."""
        value = (loss + target_logit).exp().detach()
        gradients = torch.autograd.grad(loss, [hidden, weight])
        return [value, *(value * (g + t) for g, t in zip(gradients, target_gradients, strict=True))]

    expected = partition(FullSoftmax()(hidden, weight, targets))
    average, chances, sizes = [torch.zeros_like(part) for part in expected], 0.0, 0.0
    for draws in product(range(vocabulary), repeat=sampled.draws):
        chance = sampled.proposal[list(draws)].prod().item()
        negatives = mask(draws, vocabulary)
        monkeypatch.setattr(sampled, "sample", lambda negatives=negatives: negatives)
        for part, estimate in zip(average, partition(sampled(hidden, weight, targets)), strict=True):
            part += chance * estimate
        chances += chance
        sizes += chance * negatives.sum().item()
    assert sampled.draws > 1 and chances == pytest.approx(1, abs=1e-5)
    assert sizes == pytest.approx(sampled.log_inclusion.exp().sum().item(), rel=1e-5)
    for mine, exact in zip(average, expected, strict=True):
        torch.testing.assert_close(mine, exact, rtol=1e-4, atol=1e-4)


def test_the_gradient_is_on_average_that_of_all_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    vocabulary, calls = 6, 1500
    hidden, weight, targets = draw(3, 3, vocabulary)
    sampled = SampledSoftmax(3, np.arange(vocabulary)[::-1].copy())

    def gradient() -> Tensor:
        return torch.autograd.grad(sampled(hidden, weight, targets), [weight])[0]

    found = torch.stack([gradient() for _ in range(calls)])
    by_negatives: dict[tuple[int, ...], float] = {}
    for draws in product(range(vocabulary), repeat=sampled.draws):
        key = tuple(sorted(set(draws)))
        by_negatives[key] = by_negatives.get(key, 0.0) + sampled.proposal[list(draws)].prod().item()
    expected = torch.zeros_like(weight)
    for negatives, chance in by_negatives.items():
        monkeypatch.setattr(sampled, "sample", lambda negatives=negatives: mask(negatives, vocabulary))
        expected += chance * gradient()
    error = found.std(dim=0) / calls**0.5
    assert error.max() < 0.1 * expected.abs().max()  # or else the next line could hardly fail
    assert ((found.mean(dim=0) - expected).abs() < 4.5 * error + 1e-6).all()


@pytest.mark.parametrize("samples", [4, 64, 256, 4096])
def test_slots_hold_what_is_drawn_and_few_stay_empty(samples: int) -> None:
    torch.manual_seed(0)
    sampled = SampledSoftmax(samples, np.arange(32000)[::-1].copy())
    drawn = np.array([int(sampled.sample().sum()) for _ in range(200)])
    assert drawn.max() <= sampled.slots <= min(sampled.draws, drawn.mean() + 6.5 * drawn.std() + 1)


def test_negatives_without_a_slot_are_left_out_of_every_place(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden, weight, targets = draw(7, 4, 9)
    sampled = SampledSoftmax(4, np.arange(9))
    monkeypatch.setattr(sampled, "slots", 3)
    results = []
    for negatives in ([1, 4, 5], [1, 4, 5, 7, 8]):
        monkeypatch.setattr(sampled, "sample", lambda negatives=negatives: mask(negatives, 9))
        loss = sampled(hidden, weight, targets)
        results.append([loss, *torch.autograd.grad(loss, [hidden, weight])])
    for fitting, crowded in zip(*results, strict=True):
        assert torch.equal(fitting, crowded)


def test_settings() -> None:
    config, counts = softmax_losses["sampled"](samples=7), np.arange(50)
    sampled = config.build(counts)
    assert isinstance(sampled, SampledSoftmax) and len(sampled.proposal) == 50
    assert config.classes(counts) == 8 and config.clusters_for(50) is None
    assert softmax_losses["sampled"](samples=1000).classes(counts) == pytest.approx(50.5)
    with pytest.raises(ValidationError, match="greater than 0"):
        softmax_losses["sampled"](samples=0)
