from __future__ import annotations

import copy
from contextlib import nullcontext
from typing import Any
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from elmo_xlstm.device import fast_matmul
from elmo_xlstm.lm import BiXLSTMConfig, cell
from elmo_xlstm.lm.initialization import initialize
from elmo_xlstm.lm.layer import BlockDiagonalLinear, CausalConv1d, HeadNorm, LayerNorm, MLSTMStack


def make_config(**values: Any) -> BiXLSTMConfig:
    sizes = {"vocab_size": 10, "embedding_dim": 16, "num_blocks": 2, "num_heads": 2, "context_length": 64}
    return BiXLSTMConfig(**{**sizes, "dropout": 0.0, **values})


def package_stack(config: BiXLSTMConfig, context_length: int) -> nn.Module:
    # Where a GPU is visible but no CUDA toolkit, importing the package fails over kernels that are not needed here.
    with mock.patch.object(torch.cuda, "is_available", return_value=False):
        from xlstm import mLSTMBlockConfig, mLSTMLayerConfig, xLSTMBlockStack, xLSTMBlockStackConfig
    layer = mLSTMLayerConfig(
        conv1d_kernel_size=config.conv1d_kernel_size,
        qkv_proj_blocksize=config.qkv_proj_blocksize,
        num_heads=config.num_heads,
        proj_factor=config.proj_factor,
    )
    return xLSTMBlockStack(
        xLSTMBlockStackConfig(
            mlstm_block=mLSTMBlockConfig(mlstm=layer),
            context_length=context_length,
            num_blocks=config.num_blocks,
            embedding_dim=config.embedding_dim,
            dropout=config.dropout,
        )
    )


@torch.no_grad()
def randomize(module: nn.Module, seed: int) -> None:
    """Make every weight matter: gates start at zero and norms at one, which would hide mistakes in them."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(module.named_parameters()):
        scale = 0.5 if parameter.ndim == 1 else parameter[0].numel() ** -0.5
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
        if name.endswith("fgate.bias"):
            parameter.add_(2.0)


def relative(found: Tensor, expected: Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


def run(stack: nn.Module, inputs: Tensor, upstream: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """The last outputs, and the gradients of the input and of every weight by its name."""
    wanted = {"input": inputs.clone().requires_grad_(), **dict(stack.named_parameters())}
    outputs = stack(wanted["input"])
    last = outputs[-1] if isinstance(outputs, list) else outputs
    gradients = torch.autograd.grad((last * upstream).sum(), list(wanted.values()))
    return last.detach(), dict(zip(wanted, gradients, strict=True))


def flat(gradients: dict[str, Tensor]) -> Tensor:
    return torch.cat([gradients[name].flatten() for name in sorted(gradients)])


architectures = st.builds(
    make_config,
    embedding_dim=st.sampled_from([16, 24, 48]),
    num_blocks=st.integers(1, 3),
    num_heads=st.sampled_from([1, 2, 4]),
    proj_factor=st.sampled_from([1.0, 1.3, 2.0, 3.0]),
    conv1d_kernel_size=st.integers(2, 5),  # the package's convolution fails with a single tap
    qkv_proj_blocksize=st.sampled_from([1, 4, 8, 32, 64]),
)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(architectures, st.integers(1, 3), st.integers(1, 40), st.booleans(), st.integers(0, 10**6))
def test_outputs_and_gradients_equal_the_package(
    config: BiXLSTMConfig, batch: int, length: int, chunked: bool, seed: int
) -> None:
    theirs, mine = package_stack(config, context_length=40), MLSTMStack(config)
    randomize(theirs, seed)
    mine.load_state_dict(theirs.state_dict(), strict=True)
    exact = copy.deepcopy(theirs).double()
    generator = torch.Generator().manual_seed(seed)
    inputs, upstream = torch.randn(2, batch, length, config.embedding_dim, generator=generator)

    outputs, gradients = run(theirs, inputs, upstream)
    with pytest.MonkeyPatch.context() as patch:
        if chunked:
            patch.setattr(cell, "PARALLEL_LENGTH", 8)
            patch.setattr(cell, "CHUNK_LENGTH", 7)
            patch.setattr(cell, "ROW_BLOCK", 3)
        my_outputs, my_gradients = run(mine, inputs, upstream)
        doubled_outputs, doubled_gradients = run(copy.deepcopy(mine).double(), inputs.double(), upstream.double())
    exact_outputs, exact_gradients = run(exact, inputs.double(), upstream.double())

    # In float64, where only gates and states are float32, every draw is within the marks.
    assert relative(doubled_outputs, exact_outputs) < 1e-6
    assert relative(flat(doubled_gradients), flat(exact_gradients)) < 1e-5
    # Norms can magnify rounding, in the package as here: its own distance from float64 is allowed on top.
    assert relative(my_outputs, exact_outputs) < 1e-6 + 5 * relative(outputs, exact_outputs)
    found, expected, true = flat(my_gradients), flat(gradients), flat(exact_gradients)
    assert relative(found, true) < 1e-5 + 5 * relative(expected, true)
    for name, gradient in exact_gradients.items():
        allowed = 1e-5 * gradient.norm() + 1e-6 * true.norm() + 5 * (gradients[name] - gradient).norm()
        assert (my_gradients[name] - gradient).norm() < allowed, name


@pytest.mark.parametrize(("chunked", "fast"), [(False, False), (True, False), (False, True)])
def test_float32_is_within_1e_6_and_1e_5_of_the_package(
    chunked: bool, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ten draws one may cancel where a norm magnifies rounding; the package's own rounding is no smaller."""
    if chunked:
        monkeypatch.setattr(cell, "PARALLEL_LENGTH", 16)
        monkeypatch.setattr(cell, "CHUNK_LENGTH", 8)
    forward, backward = [], []
    for seed in range(10):
        config = make_config(embedding_dim=(32, 64)[seed % 2], num_blocks=1 + seed % 3, num_heads=4)
        theirs, mine = package_stack(config, context_length=40), MLSTMStack(config)
        randomize(theirs, seed)
        mine.load_state_dict(theirs.state_dict(), strict=True)
        generator = torch.Generator().manual_seed(seed)
        inputs, upstream = torch.randn(2, 2, 4 * seed + 4, config.embedding_dim, generator=generator)
        outputs, gradients = run(theirs, inputs, upstream)
        with fast_matmul() if fast else nullcontext():
            my_outputs, my_gradients = run(mine, inputs, upstream)
        forward.append(relative(my_outputs, outputs))
        backward.append(relative(flat(my_gradients), flat(gradients)))
    assert sorted(forward)[-2] < 1e-6 and max(forward) < 1e-5
    assert sorted(backward)[-2] < 1e-5 and max(backward) < 1e-4


@settings(max_examples=10, deadline=None, derandomize=True)
@given(architectures)
def test_weights_interchange_by_name_in_both_directions(config: BiXLSTMConfig) -> None:
    theirs, mine = package_stack(config, context_length=4), MLSTMStack(config)
    randomize(mine, seed=1)
    theirs.load_state_dict(mine.state_dict(), strict=True)
    again = MLSTMStack(config)
    again.load_state_dict(theirs.state_dict(), strict=True)
    for name, parameter in mine.state_dict().items():
        assert torch.equal(again.state_dict()[name], parameter)
    inputs = torch.randn(1, 4, config.embedding_dim)
    assert relative(again(inputs)[-1], theirs(inputs)) < 1e-3  # of the same weights; how near is shown above


def test_initial_weights_are_distributed_as_the_package_sets_them() -> None:
    config = make_config(embedding_dim=64, num_blocks=3, num_heads=4)
    theirs, mine = package_stack(config, context_length=4), MLSTMStack(config)
    theirs.reset_parameters()
    randomize(mine, seed=0)
    for module in mine.modules():
        if next(module.parameters(recurse=False), None) is not None:
            initialize(module, config)
    for name, parameter in theirs.named_parameters():
        expected, found = parameter.detach(), mine.get_parameter(name).detach()
        if "fgate" in name or expected.std() == 0:
            assert torch.equal(found, expected), name
        elif expected.numel() >= 128:
            assert (found.std() / expected.std()).item() == pytest.approx(1.0, abs=0.25), name
            assert abs(found.mean()) < 5 * expected.std() / expected.numel() ** 0.5, name


def test_all_blocks_are_returned_and_only_the_last_is_behind_the_norm() -> None:
    config = make_config(num_blocks=3)
    stack = MLSTMStack(config)
    randomize(stack, seed=0)
    inputs = torch.randn(2, 5, 16)
    outputs = stack(inputs)
    assert [tuple(output.shape) for output in outputs] == [(2, 5, 16)] * 3
    first, _ = stack.blocks[0](inputs)
    second, _ = stack.blocks[1](first)
    assert torch.equal(outputs[0], first) and torch.equal(outputs[1], second)
    assert torch.equal(outputs[2], stack.post_blocks_norm(stack.blocks[2](second)[0]))


@pytest.mark.parametrize("parallel", [64, 4])
def test_a_stack_is_causal(parallel: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell, "PARALLEL_LENGTH", parallel)
    monkeypatch.setattr(cell, "CHUNK_LENGTH", 3)
    stack = MLSTMStack(make_config())
    randomize(stack, seed=0)
    inputs = torch.randn(1, 9, 16)
    before = stack(inputs)[-1]
    for t in range(9):
        changed = inputs.clone()
        changed[:, t:] += torch.randn(9 - t, 16)
        after = stack(changed)[-1]
        assert torch.allclose(after[:, :t], before[:, :t], atol=1e-6)
        assert (after[:, t:] - before[:, t:]).abs().amax(dim=-1).min() > 1e-3


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.sampled_from([2, 4]), st.integers(0, 10**6))
def test_reading_in_pieces_equals_reading_at_once(pieces: list[int], taps: int, seed: int) -> None:
    stack = MLSTMStack(make_config(conv1d_kernel_size=taps))
    randomize(stack, seed)
    inputs = torch.randn(2, sum(pieces), 16, generator=torch.Generator().manual_seed(seed))
    state, parts = None, []
    for part in inputs.split(pieces, dim=1):
        outputs, state = stack.step(part, state)
        parts.append(outputs)
    for layer, expected in zip(zip(*parts, strict=True), stack(inputs), strict=True):
        # Where the norm of a head magnifies rounding, some 1e-5 are lost.
        assert relative(torch.cat(layer, dim=1), expected) < 1e-4


def test_dropout_is_on_the_output_of_every_block_in_training_alone() -> None:
    stack = MLSTMStack(make_config(dropout=0.5))
    randomize(stack, seed=0)
    inputs = torch.randn(4, 20, 16)
    stack.eval()
    assert torch.equal(stack(inputs)[-1], stack(inputs)[-1])
    stack.train()
    first = stack(inputs)[0]
    # A dropped output leaves the residual stream as it was.
    assert (first == inputs).float().mean().item() == pytest.approx(0.5, abs=0.08)
    assert [block.dropout.p for block in stack.blocks] == [0.5, 0.5]


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.sampled_from([(8, 1), (12, 4), (64, 4), (64, 8), (96, 32), (48, 48), (20, 4)]), st.integers(1, 5))
def test_block_diagonal_linear_is_a_block_diagonal_matrix(sizes: tuple[int, int], length: int) -> None:
    dim, block = sizes
    linear = BlockDiagonalLinear(dim, block)
    nn.init.normal_(linear.weight)
    inputs = torch.randn(2, length, dim)
    assert torch.allclose(linear(inputs), inputs @ torch.block_diag(*linear.weight).T, atol=1e-5)


@pytest.mark.parametrize(("taps", "length"), [(1, 3), (4, 1), (4, 2), (4, 9)])
def test_causal_convolution_is_the_padded_one(taps: int, length: int) -> None:
    convolution = CausalConv1d(6, taps)
    inputs = torch.randn(2, length, 6)
    expected = convolution.conv(F.pad(inputs.transpose(1, 2), (taps - 1, 0))).transpose(1, 2)
    found, last = convolution(inputs)
    assert torch.allclose(found, expected, atol=1e-6)
    assert torch.equal(last, F.pad(inputs, (0, 0, taps - 1, 0))[:, length:])


def test_stored_norm_weights_are_scales_minus_one() -> None:
    norm, head_norm = LayerNorm(8), HeadNorm(8, 2)
    nn.init.normal_(norm.weight)
    nn.init.normal_(head_norm.weight)
    inputs = torch.randn(3, 5, 8) * 4 + 1
    assert torch.allclose(norm(inputs), F.layer_norm(inputs, (8,)) * (norm.weight + 1), atol=1e-6)
    heads = inputs.unflatten(-1, (2, 4)).transpose(1, 2)  # (batch, heads, length, head width)
    expected = torch.cat([F.layer_norm(heads[:, head], (4,)) for head in range(2)], dim=-1) * (head_norm.weight + 1)
    assert torch.allclose(head_norm(heads), expected, atol=1e-6)


@pytest.mark.parametrize("length", [40, 300])
def test_padding_at_the_end_changes_nothing_before_it(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell, "PARALLEL_LENGTH", 64)  # both forms
    stack = MLSTMStack(make_config())
    randomize(stack, seed=0)
    inputs = torch.randn(2, length, 16)
    padded = torch.cat([inputs, 1e3 * torch.randn(2, 33, 16)], dim=1)
    assert relative(stack(padded)[-1][:, :length], stack(inputs)[-1]) < 1e-5


def test_gates_are_computed_in_float32_under_autocast() -> None:
    stack = MLSTMStack(make_config(num_blocks=1))
    randomize(stack, seed=0)
    mlstm_cell = stack.blocks[0].xlstm.mlstm_cell
    vectors = [torch.randn(1, 4, 64) for _ in range(3)]
    exact = mlstm_cell._gates(*vectors)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = mlstm_cell._gates(*vectors)
        hidden = stack(torch.randn(1, 4, 16))[-1]
    for mine, theirs in zip(found, exact, strict=True):
        assert mine.dtype == torch.float32 and torch.equal(mine, theirs)
    assert torch.isfinite(hidden).all()
