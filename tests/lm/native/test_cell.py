"""Compiled kernels beyond one chunk, from a state, and in bf16, all against plain torch."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from elmo_xlstm.lm import BiXLSTMConfig
from elmo_xlstm.lm.backbones.mlstm.layer import MLSTMBlock
from elmo_xlstm.lm.native import between_projections, cell, library_problem

pytestmark = pytest.mark.skipif(library_problem() is not None, reason=f"no compiled kernels: {library_problem()}")

Results = dict[str, Tensor]


def make_block(dim: int = 32, heads: int = 2, seed: int = 0) -> MLSTMBlock:
    torch.manual_seed(seed)
    block = MLSTMBlock(BiXLSTMConfig(vocab_size=9, embedding_dim=dim, num_blocks=1, num_heads=heads, dropout=0.0))
    for name, parameter in block.named_parameters():  # memories are to last, and gates to differ
        torch.nn.init.normal_(parameter, 4.0 if name.endswith("fgate.bias") else 0.0, 0.15)
    block.xlstm.fused = True
    return block


def run(block: MLSTMBlock, inputs: Tensor, upstream: Tensor, half: bool = False) -> Results:
    """Output and all gradients."""
    inputs = inputs.clone().requires_grad_()
    block.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        output, _ = block(inputs)
    output.backward(upstream)
    gradients = {name: parameter.grad for name, parameter in block.named_parameters() if parameter.grad is not None}
    assert inputs.grad is not None and len(gradients) == len(list(block.parameters()))
    return {"output": output.detach(), "inputs": inputs.grad, **gradients}


def plain(block: MLSTMBlock, inputs: Tensor, upstream: Tensor, half: bool = False) -> Results:
    """The same by plain torch."""
    other = copy.deepcopy(block)
    other.xlstm.fused = False
    return run(other.to(inputs.dtype), inputs, upstream, half)


def errors(found: Results, exact: Results) -> dict[str, float]:
    """Relative norms."""
    return {name: float((found[name] - true).norm() / true.norm().clamp_min(1e-3)) for name, true in exact.items()}


@pytest.fixture
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell, "PARALLEL_LENGTH", 12)
    monkeypatch.setattr(cell, "CHUNK_LENGTH", 5)


@pytest.mark.parametrize(("length", "heads"), [(13, 1), (15, 2), (26, 4), (64, 8)])
def test_chunks_are_as_exact_as_plain_torch(short_chunks: None, length: int, heads: int) -> None:
    block = make_block(64, heads, length)
    inputs, upstream = torch.randn(2, 2, length, 64)
    true = plain(block, inputs.double(), upstream.double())
    reference, found = errors(plain(block, inputs, upstream), true), errors(run(block, inputs, upstream), true)
    for name, error in found.items():
        assert error <= max(1e-4 if "gate" in name else 1e-5, 10 * reference[name]), name


def test_long_sequences_are_as_exact_as_plain_torch() -> None:
    block = make_block()
    inputs, upstream = torch.randn(2, 1, 3 * cell.CHUNK_LENGTH + 7, 32)
    true = plain(block, inputs.double(), upstream.double())
    reference, found = errors(plain(block, inputs, upstream), true), errors(run(block, inputs, upstream), true)
    for name, error in found.items():
        assert error <= max(1e-4 if "gate" in name else 1e-5, 10 * reference[name]), name


def test_chunks_change_nothing_but_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    block = make_block()
    inputs, upstream = torch.randn(2, 2, 70, 32)
    whole = run(block, inputs, upstream)
    monkeypatch.setattr(cell, "PARALLEL_LENGTH", 1)
    for length in (1, 8, 69):
        monkeypatch.setattr(cell, "CHUNK_LENGTH", length)
        found = errors(run(block, inputs, upstream), whole)
        assert max(error for name, error in found.items() if "gate" not in name) < 2e-5


def test_no_chunk_reads_a_later_one(short_chunks: None) -> None:
    block = make_block()
    inputs = torch.randn(1, 40, 32)
    changed = inputs.clone()
    changed[:, 22] += 1.0
    with torch.no_grad():
        before, after = block(inputs)[0], block(changed)[0]
    assert torch.equal(before[:, :22], after[:, :22])
    assert all(not torch.equal(before[:, at], after[:, at]) for at in range(22, 40))


def test_extreme_gates_stay_finite_in_chunks(short_chunks: None) -> None:
    block = make_block()
    with torch.no_grad():
        block.xlstm.mlstm_cell.igate.bias.copy_(torch.tensor([500.0, -500.0]))
        block.xlstm.mlstm_cell.fgate.bias.copy_(torch.tensor([-300.0, 300.0]))
    inputs, upstream = torch.randn(2, 2, 60, 32)
    found = run(block, inputs, upstream)
    assert all(tensor.isfinite().all() for tensor in found.values())
    torch.testing.assert_close(found["output"], plain(block, inputs, upstream)["output"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("pieces", [[1, 1, 38], [3, 14, 23], [20, 20]])
@torch.no_grad()
def test_parts_with_a_state_are_the_whole(short_chunks: None, pieces: list[int]) -> None:
    layer = make_block(64, 4).xlstm
    up = torch.randn(2, 40, 256)
    weights = layer.native_weights()
    whole, nothing = between_projections(up, weights)
    assert nothing is None
    state, parts = None, []
    for part in up.split(pieces, dim=1):
        outputs, state = between_projections(part, weights, state, return_state=True)
        parts.append(outputs)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_states_are_those_of_plain_torch() -> None:
    block = make_block(64, 4)
    first, second = torch.randn(2, 2, 9, 64)
    other = copy.deepcopy(block)
    other.xlstm.fused = False
    _, state = block(first, return_state=True)
    expected, plain_state = other(first, return_state=True)
    for mine, theirs in zip((state.tail, *state.cell), (plain_state.tail, *plain_state.cell), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)
    # Either goes on from the other's.
    for runs, begun in ((block, plain_state), (other, state)):
        torch.testing.assert_close(runs(second, begun)[0], other(second, plain_state)[0], rtol=1e-4, atol=1e-5)


needs_half = pytest.mark.skipif(library_problem(dtype=torch.bfloat16) is not None, reason="no bf16 kernels")


@needs_half
@pytest.mark.parametrize(("length", "heads"), [(1, 1), (7, 2), (40, 4), (130, 2), (600, 2)])
def test_bf16_is_as_exact_as_plain_torch_under_autocast(length: int, heads: int) -> None:
    block = make_block(64, heads, length)
    inputs, upstream = torch.randn(2, 2, length, 64)
    true = plain(block, inputs.double(), upstream.double())
    reference = errors(plain(block, inputs, upstream, half=True), true)
    found = errors(run(block, inputs, upstream, half=True), true)
    assert found["output"] < 0.02
    for name, error in found.items():  # small sums of large terms are a matter of luck
        assert error <= max(0.1 if "gate" in name else 0.03, 2 * reference[name]), name


@needs_half
def test_bf16_keeps_half_as_much_for_the_backward_pass() -> None:
    def kept(half: bool) -> int:
        sizes: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.numel() * tensor.itemsize
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                block(inputs)
        return sum(sizes.values())

    block = make_block()
    inputs = torch.randn(4, 500, 32, requires_grad=True)
    assert kept(half=True) < 0.65 * kept(half=False)


@needs_half
def test_bf16_dropout_and_residual_stay_float32() -> None:
    block = make_block()
    block.dropout.p = 0.5
    inputs = torch.randn(2, 30, 32)
    with torch.autocast("cpu", torch.bfloat16):
        output, _ = block.train()(inputs)
        whole, _ = block.eval()(inputs)
    assert output.dtype == whole.dtype == torch.float32
    ratio = (output - inputs) / (whole - inputs)
    dropped = ratio.abs() < 1e-3
    assert 0.4 < dropped.float().mean() < 0.6
    torch.testing.assert_close(ratio[~dropped], torch.full_like(ratio[~dropped], 2.0), rtol=0.02, atol=0.0)
