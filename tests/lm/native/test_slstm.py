"""The compiled recurrence against plain torch in float64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from elmo_xlstm.lm.backbones.xlstm.cell import slstm
from elmo_xlstm.lm.native import library_problem
from elmo_xlstm.lm.native.slstm import recurrence

pytestmark = pytest.mark.skipif(library_problem() is not None, reason=f"no compiled kernels: {library_problem()}")


def draw(batch: int, length: int, heads: int, width: int, scale: float = 1.5) -> list[Tensor]:
    """Inputs of the four gates, recurrent matrices and biases."""
    dim = heads * width
    gates = [scale * torch.randn(batch, length, dim) for _ in range(4)]
    return [*gates, torch.randn(heads, 4 * width, width) * width**-0.5, torch.randn(4 * dim)]


def run(inputs: list[Tensor], upstream: Tensor, native: bool) -> list[Tensor]:
    """Hidden states and all gradients."""
    *gates, recurrent, bias = leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    i, f, z, o = gates
    hidden = recurrence((i, f, z, o), recurrent, bias) if native else slstm((i, f, z, o), recurrent, bias)[0]
    return [hidden.detach(), *torch.autograd.grad((hidden * upstream).sum(), leaves)]


@settings(max_examples=25, deadline=None)
@given(
    batch=st.integers(1, 9),
    length=st.sampled_from([1, 2, 3, 17, 64]),
    heads=st.sampled_from([1, 2, 4]),
    width=st.sampled_from([1, 2, 5, 8, 16, 33, 40]),
    seed=st.integers(0, 2**16),
)
def test_hidden_states_and_gradients_are_those_of_plain_torch(
    batch: int, length: int, heads: int, width: int, seed: int
) -> None:
    torch.manual_seed(seed)
    inputs = draw(batch, length, heads, width)
    upstream = torch.randn_like(inputs[0])
    exact = run([tensor.double() for tensor in inputs], upstream.double(), native=False)
    plain, found = run(inputs, upstream, native=False), run(inputs, upstream, native=True)
    assert (found[0] - exact[0]).abs().max() < max(2e-6, 5 * float((plain[0] - exact[0]).abs().max()))
    for mine, theirs, true in zip(found[1:], plain[1:], exact[1:], strict=True):
        size = true.norm().clamp_min(0.1)  # a first token forgets nothing: that gradient is zero
        assert (mine - true).norm() / size < max(3e-6, 5 * float((theirs - true).norm() / size))


@pytest.mark.parametrize("value", [-200.0, -30.0, 30.0, 200.0])
@pytest.mark.parametrize("gate", range(4))
def test_gates_far_open_or_shut_are_no_problem(gate: int, value: float) -> None:
    torch.manual_seed(0)
    inputs = draw(2, 9, 2, 8)
    inputs[gate][:, 3:6] = value
    upstream = torch.randn_like(inputs[0])
    exact = run([tensor.double() for tensor in inputs], upstream.double(), native=False)
    for mine, true in zip(run(inputs, upstream, native=True), exact, strict=True):
        torch.testing.assert_close(mine.double(), true, rtol=1e-4, atol=1e-5)


def test_rows_and_threads_change_nothing() -> None:
    torch.manual_seed(0)
    inputs = draw(7, 12, 2, 8)
    whole = recurrence(tuple(inputs[:4]), *inputs[4:])
    for row in range(7):
        alone = recurrence(tuple(gate[row : row + 1] for gate in inputs[:4]), *inputs[4:])
        assert torch.equal(alone[0], whole[row])
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert torch.equal(recurrence(tuple(inputs[:4]), *inputs[4:]), whole)
    finally:
        torch.set_num_threads(threads)


def test_under_autocast_the_recurrence_stays_float32() -> None:
    torch.manual_seed(0)
    inputs = draw(3, 12, 2, 8)
    gates = [gate.to(torch.bfloat16).requires_grad_() for gate in inputs[:4]]
    with torch.autocast("cpu", torch.bfloat16):
        found = recurrence((gates[0], gates[1], gates[2], gates[3]), *inputs[4:])
        found.square().sum().backward()
    exact, _ = slstm((gates[0], gates[1], gates[2], gates[3]), *inputs[4:])
    torch.testing.assert_close(found, exact, rtol=1e-5, atol=2e-6)
    assert all(gate.grad is not None and torch.isfinite(gate.grad).all() for gate in gates)


def test_without_gradients_the_numbers_are_the_same() -> None:
    torch.manual_seed(0)
    inputs = draw(3, 12, 2, 8)
    with torch.no_grad():
        without = recurrence(tuple(inputs[:4]), *inputs[4:])
    inputs[0].requires_grad_()
    assert torch.equal(recurrence(tuple(inputs[:4]), *inputs[4:]).detach(), without)
