from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from elmo_xlstm.lm.backbones.mlstm import cell
from elmo_xlstm.lm.backbones.mlstm.cell import MLSTMState, mlstm


def draw(batch: int, heads: int, length: int, width: int, seed: int = 0, scale: float = 2.0) -> list[Tensor]:
    """Queries, keys, values (batch, heads, length, width), input and forget gates (batch, heads, length)."""
    generator = torch.Generator().manual_seed(seed)
    vectors = [torch.randn(batch, heads, length, width, generator=generator) for _ in range(3)]
    gates = [torch.randn(batch, heads, length, generator=generator) * scale for _ in range(2)]
    return [*vectors, gates[0], gates[1] + 1]


def recurrence(
    queries: Tensor, keys: Tensor, values: Tensor, input_gates: Tensor, forget_gates: Tensor
) -> tuple[Tensor, MLSTMState]:
    """xLSTM, equations 19 to 27 with the stabiliser of equations 15 to 17, one token after the other, in float64."""
    queries, keys, values = queries.double(), keys.double() / queries.shape[-1] ** 0.5, values.double()
    log_forget, log_input = F.logsigmoid(forget_gates.double()), input_gates.double()
    batch, heads, length, width = queries.shape
    memory = queries.new_zeros(batch, heads, width, width)
    normalizer = queries.new_zeros(batch, heads, width)
    maximum = queries.new_full((batch, heads, 1), -torch.inf)
    outputs = []
    for t in range(length):
        key, value, query = keys[:, :, t], values[:, :, t], queries[:, :, t]
        before, i = log_forget[:, :, t, None] + maximum, log_input[:, :, t, None]
        maximum = torch.maximum(before, i)
        forget, write = torch.exp(before - maximum), torch.exp(i - maximum)
        memory = forget.unsqueeze(-1) * memory + write.unsqueeze(-1) * key.unsqueeze(-1) * value.unsqueeze(-2)
        normalizer = forget * normalizer + write * key
        read = torch.einsum("bhk,bhkv->bhv", query, memory)
        scale = torch.einsum("bhk,bhk->bh", query, normalizer).abs().unsqueeze(-1)
        outputs.append(read / (torch.maximum(scale, torch.exp(-maximum)) + cell.EPSILON))
    return torch.stack(outputs, dim=2), MLSTMState(memory, normalizer, maximum)


def relative(found: Tensor, expected: Tensor) -> float:
    return ((found.double() - expected.double()).norm() / expected.double().norm()).item()


def small_chunks(patch: pytest.MonkeyPatch, parallel: int, chunk: int, rows: int) -> None:
    patch.setattr(cell, "PARALLEL_LENGTH", parallel)
    patch.setattr(cell, "CHUNK_LENGTH", chunk)
    patch.setattr(cell, "ROW_BLOCK", rows)


# Where queries nearly cancel the normaliser, rounding is magnified and rare draws exceed any bound: draws are fixed.
sizes = st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 24), st.integers(1, 8))
lengths = st.tuples(st.integers(1, 30), st.integers(1, 9), st.integers(1, 9))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(sizes, lengths, st.integers(0, 10**6))
def test_equals_the_recurrence_whatever_the_chunks(
    size: tuple[int, int, int, int], chunks: tuple[int, int, int], seed: int
) -> None:
    inputs = draw(*size, seed=seed)
    expected, expected_state = recurrence(*inputs)
    with pytest.MonkeyPatch.context() as patch:
        small_chunks(patch, *chunks)
        hidden, state = mlstm(*inputs, return_state=True)
        without_state, none = mlstm(*inputs)
    assert hidden.dtype == without_state.dtype == torch.float32 and state is not None and none is None
    assert relative(hidden, expected) < 1e-5 and relative(without_state, expected) < 1e-5
    assert relative(state.maximum, expected_state.maximum) < 1e-5
    assert relative(state.memory, expected_state.memory) < 1e-5
    assert relative(state.normalizer, expected_state.normalizer) < 1e-5


@settings(max_examples=25, deadline=None, derandomize=True)
@given(sizes, lengths, st.sampled_from([0.3, 2.0, 5.0]), st.booleans(), st.integers(0, 10**6))
def test_gradients_equal_those_of_the_recurrence(
    size: tuple[int, int, int, int], chunks: tuple[int, int, int], scale: float, return_state: bool, seed: int
) -> None:
    inputs = [tensor.requires_grad_() for tensor in draw(*size, seed=seed, scale=scale)]
    exact = [tensor.detach().double().requires_grad_() for tensor in inputs]
    upstream = torch.randn(inputs[0].shape, generator=torch.Generator().manual_seed(seed))
    expected = torch.autograd.grad((recurrence(*exact)[0] * upstream).sum(), exact)
    with pytest.MonkeyPatch.context() as patch:
        small_chunks(patch, *chunks)
        found = torch.autograd.grad((mlstm(*inputs, return_state=return_state)[0] * upstream).sum(), inputs)
    largest = max(gradient.abs().max().item() for gradient in expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert (mine - theirs).abs().max().item() < 2e-4 * largest


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=5), st.booleans(), st.integers(0, 10**6))
def test_pieces_with_carried_state_equal_one_piece(pieces: list[int], chunked: bool, seed: int) -> None:
    inputs = draw(2, 2, sum(pieces), 4, seed=seed)
    whole, whole_state = mlstm(*inputs, return_state=True)
    state: MLSTMState | None = None
    outputs, start = [], 0
    with pytest.MonkeyPatch.context() as patch:
        if chunked:
            small_chunks(patch, 3, 2, 1)
        for length in pieces:
            hidden, state = mlstm(
                *(tensor[:, :, start : start + length] for tensor in inputs), state=state, return_state=True
            )
            outputs.append(hidden)
            start += length
    assert relative(torch.cat(outputs, dim=2), whole) < 1e-4
    assert state is not None and whole_state is not None
    for mine, theirs in zip(state, whole_state, strict=True):
        assert relative(mine, theirs) < 1e-5


def test_constants_of_use_agree_with_the_recurrence_beyond_the_parallel_length() -> None:
    inputs = draw(1, 1, cell.PARALLEL_LENGTH + 3, 2)
    hidden, state = mlstm(*inputs, return_state=True)
    expected, expected_state = recurrence(*inputs)
    assert state is not None
    assert relative(hidden, expected) < 1e-4 and relative(state.memory, expected_state.memory) < 1e-4


@pytest.mark.parametrize("chunks", [(64, 64, 64), (1, 4, 3)])
@pytest.mark.parametrize("scale", [15.0, 40.0])
def test_extreme_gates_stay_finite_and_right(
    chunks: tuple[int, int, int], scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_chunks(monkeypatch, *chunks)
    inputs = draw(2, 2, 16, 4, scale=scale)
    expected, _ = recurrence(*inputs)
    # Exponents of some hundreds in float32 leave about 1e-5 of the weights.
    assert torch.isfinite(mlstm(*inputs)[0]).all() and relative(mlstm(*inputs)[0], expected) < 1e-3


@pytest.mark.parametrize("chunks", [(64, 64, 64), (64, 64, 3), (1, 4, 3)])
def test_no_output_depends_on_a_later_token(chunks: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    small_chunks(monkeypatch, *chunks)
    inputs, others = draw(1, 2, 12, 4), draw(1, 2, 12, 4, seed=1)
    before = mlstm(*inputs)[0]
    for t in range(12):
        changed = [torch.cat([a[:, :, :t], b[:, :, t:]], dim=2) for a, b in zip(inputs, others, strict=True)]
        after = mlstm(*changed)[0]
        assert torch.equal(after[:, :, :t], before[:, :, :t])
        assert (after[:, :, t] != before[:, :, t]).any()


@pytest.mark.parametrize("parallel", [64, 1])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 3e-2), (torch.float64, 1e-5)])
def test_other_precisions_keep_their_type(
    parallel: int, dtype: torch.dtype, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_chunks(monkeypatch, parallel, 4, 3)
    inputs = draw(2, 2, 16, 4)
    vectors = [tensor.to(dtype) for tensor in inputs[:3]]
    hidden, state = mlstm(*vectors, *inputs[3:], return_state=True)
    expected, _ = recurrence(*vectors, *inputs[3:])
    assert hidden.dtype == dtype and relative(hidden, expected) < tolerance
    assert state is not None and all(tensor.dtype == torch.float32 for tensor in state)


def test_state_is_left_out_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mlstm(*draw(1, 1, 4, 2))[1] is None
    small_chunks(monkeypatch, 1, 2, 2)
    assert mlstm(*draw(1, 1, 4, 2))[1] is None


def test_cost_is_linear_beyond_the_parallel_length() -> None:
    """Counted, not timed: operations of matrix products, and what a state-carrying chunk keeps, up to 16,384 tokens."""

    def count(length: int) -> int:
        vectors, gates = torch.zeros(3, 1, 1, length, 64), torch.zeros(2, 1, 1, length)
        with FlopCounterMode(display=False) as counter:
            mlstm(*vectors, *gates)
        return counter.get_total_flops()

    counts = [count(length) for length in (1024, 2048, 4096, 8192, 16_384)]
    for less, more in zip(counts, counts[1:], strict=False):
        assert more / less == pytest.approx(2.0, rel=0.06)  # the first chunk reads no state
    assert count(512) / count(256) > 2.5  # as it is up to there: every pair of tokens


@pytest.mark.parametrize("parallel", [64, 1])
def test_gates_sums_and_normaliser_are_float32_under_autocast(parallel: int, monkeypatch: pytest.MonkeyPatch) -> None:
    small_chunks(monkeypatch, parallel, 16, 16)
    queries, keys, values, *gates = draw(2, 2, 64, 8, scale=3.0)
    vectors = [queries.abs(), keys.abs(), values]  # normalisers do not nearly cancel
    expected, _ = recurrence(*vectors, *gates)
    with torch.autocast("cpu", torch.bfloat16):
        hidden, state = mlstm(*vectors, *gates, return_state=parallel == 1)
        half, half_state = mlstm(*(vector.bfloat16() for vector in vectors), *gates, return_state=True)
    # Vectors that come in float32 are not rounded either, so that any rounding of the rest would show.
    assert hidden.dtype == torch.float32 and relative(hidden, expected) < 1e-5
    assert relative(recurrence(*vectors, *(gate.bfloat16() for gate in gates))[0], expected) > 1e-4
    assert half.dtype == torch.bfloat16 and half_state is not None
    assert all(tensor.dtype == torch.float32 for tensor in (*half_state, *(state or ())))
