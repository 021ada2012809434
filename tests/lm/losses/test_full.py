from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from elmo_xlstm.lm.losses import FullSoftmax, cross_entropy, softmax_losses


def draw(tokens: int, dim: int, vocabulary: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(tokens, dim, generator=generator)
    weight = torch.randn(vocabulary, dim, generator=generator)
    targets = torch.randint(vocabulary, (tokens,), generator=generator)
    return hidden.requires_grad_(), weight.requires_grad_(), targets


def reference(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(hidden @ weight.T, targets, reduction="sum")


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 8), st.integers(1, 20), st.sampled_from([1, 7, 16, 1024]))
def test_value_and_gradients_are_those_of_cross_entropy(tokens: int, dim: int, vocabulary: int, chunk: int) -> None:
    hidden, weight, targets = draw(tokens, dim, vocabulary)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cross_entropy, "CHUNK_ROWS", chunk)
        loss = FullSoftmax()(hidden, weight, targets)
        gradients = torch.autograd.grad(loss * 0.3, [hidden, weight])
    expected = reference(hidden, weight, targets)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-4)
    for mine, theirs in zip(gradients, torch.autograd.grad(expected * 0.3, [hidden, weight]), strict=True):
        assert torch.allclose(mine, theirs, atol=2e-5)


def test_gradients_in_float64_are_those_of_finite_differences() -> None:
    hidden, weight, targets = draw(7, 4, 9)
    wide = [tensor.detach().double().requires_grad_() for tensor in (hidden, weight)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cross_entropy, "CHUNK_ROWS", 3)
        assert torch.autograd.gradcheck(lambda h, w: FullSoftmax()(h, w, targets), wide)


def test_a_frozen_side_gets_no_gradient_and_the_other_the_same() -> None:
    hidden, weight, targets = draw(6, 4, 9)
    expected = torch.autograd.grad(reference(hidden, weight, targets), [hidden, weight])
    (for_hidden,) = torch.autograd.grad(FullSoftmax()(hidden, weight.detach(), targets), [hidden])
    (for_weight,) = torch.autograd.grad(FullSoftmax()(hidden.detach(), weight, targets), [weight])
    assert torch.allclose(for_hidden, expected[0], atol=1e-5)
    assert torch.allclose(for_weight, expected[1], atol=1e-5)


def test_without_gradients_only_the_loss_is_computed() -> None:
    hidden, weight, targets = draw(6, 4, 9)
    with torch.no_grad():
        loss = FullSoftmax()(hidden, weight, targets)
    assert not loss.requires_grad
    assert loss.item() == pytest.approx(reference(hidden, weight, targets).item(), rel=1e-5)


def test_large_logits_stay_finite() -> None:
    hidden, weight, targets = draw(6, 4, 9)
    loss = FullSoftmax()(hidden * 1e4, weight, targets)
    assert loss.item() == pytest.approx(reference(hidden * 1e4, weight, targets).item(), rel=1e-5)
    assert torch.isfinite(torch.autograd.grad(loss, [hidden])[0]).all()


def test_bfloat16_autocast_is_close_and_keeps_types() -> None:
    hidden, weight, targets = draw(200, 32, 50)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = FullSoftmax()(hidden, weight, targets)
    gradients = torch.autograd.grad(loss, [hidden, weight])
    expected = reference(hidden, weight, targets)
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(expected.item(), rel=1e-2)
    for mine, theirs in zip(gradients, torch.autograd.grad(expected, [hidden, weight]), strict=True):
        assert mine.dtype == torch.float32
        assert (mine - theirs).norm() < 0.02 * theirs.norm()


def test_settings() -> None:
    config = softmax_losses["full"]()
    counts = np.arange(5)
    assert isinstance(config.build(counts), FullSoftmax)
    assert config.classes(counts) == 5 and config.clusters_for(5) is None
