"""The xLSTM stack against the ``xlstm`` package, whose weights it takes."""

from __future__ import annotations

import copy
from typing import Any
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.backbones.xlstm.layer import SLSTMCell
from elmo_xlstm.lm.backbones.xlstm.stack import XLSTM, XLSTMStack
from elmo_xlstm.lm.native import library_problem

CPU = torch.device("cpu")


def make_stack(backbone: XLSTM, **sizes: Any) -> XLSTMStack:
    sizes = {"embedding_dim": 16, "num_blocks": 3, "dropout": 0.0, "vocab_size": 9, "context_length": 40, **sizes}
    stack = BiXLSTM(BiXLSTMConfig(backbone=backbone.model_dump(), **sizes)).forward_stack
    assert isinstance(stack, XLSTMStack)
    return stack


def package_stack(backbone: XLSTM, dim: int, num_blocks: int) -> nn.Module:
    with mock.patch.object(torch.cuda, "is_available", return_value=False):
        from xlstm import (
            FeedForwardConfig,
            mLSTMBlockConfig,
            mLSTMLayerConfig,
            sLSTMBlockConfig,
            sLSTMLayerConfig,
            xLSTMBlockStack,
            xLSTMBlockStackConfig,
        )
    mlstm = mLSTMLayerConfig(
        conv1d_kernel_size=backbone.conv1d_kernel_size,
        qkv_proj_blocksize=backbone.qkv_proj_blocksize,
        num_heads=backbone.num_heads,
        proj_factor=backbone.proj_factor,
    )
    plain = backbone.slstm_initialization == "uniform"
    slstm = sLSTMLayerConfig(
        backend="vanilla",
        num_heads=backbone.num_heads,
        conv1d_kernel_size=backbone.slstm_conv1d_kernel_size,
        bias_init="standard" if plain else "powerlaw_blockdependent",
        recurrent_weight_init="standard" if plain else "zeros",
    )
    return xLSTMBlockStack(
        xLSTMBlockStackConfig(
            mlstm_block=mLSTMBlockConfig(mlstm=mlstm),
            slstm_block=sLSTMBlockConfig(slstm=slstm, feedforward=FeedForwardConfig(proj_factor=1.3, act_fn="gelu")),
            context_length=40,
            num_blocks=num_blocks,
            embedding_dim=dim,
            slstm_at=backbone.positions(num_blocks),
        )
    )


@torch.no_grad()
def randomize(module: nn.Module, seed: int) -> None:
    """Make every weight matter: gates start at zero and norms at one, which would hide mistakes in them."""
    generator = torch.Generator().manual_seed(seed)
    for _, parameter in sorted(module.named_parameters()):
        scale = 0.5 if parameter.ndim == 1 else parameter[0].numel() ** -0.5
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)


def run(stack: nn.Module, inputs: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor]:
    """The last outputs, and the gradients of the input and of all weights in the order of their names."""
    wanted = {"input": inputs.clone().requires_grad_(), **dict(stack.named_parameters())}
    outputs = stack(wanted["input"])
    last = outputs[-1] if isinstance(outputs, list) else outputs
    gradients = dict(zip(wanted, torch.autograd.grad((last * upstream).sum(), list(wanted.values())), strict=True))
    return last.detach(), torch.cat([gradients[name].flatten() for name in sorted(gradients)])


def relative(found: Tensor, expected: Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


backbones = st.builds(
    XLSTM,
    slstm_at=st.sampled_from(["all", [0], [1], [1, 2]]),
    num_heads=st.sampled_from([1, 2, 4]),
    slstm_conv1d_kernel_size=st.sampled_from([0, 2, 4]),
    proj_factor=st.sampled_from([1.3, 2.0]),
)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(backbones, st.sampled_from([16, 24, 96]), st.integers(1, 3), st.integers(1, 30), st.integers(0, 10**6))
def test_outputs_and_gradients_equal_the_package(backbone: XLSTM, dim: int, batch: int, length: int, seed: int) -> None:
    theirs, mine = package_stack(backbone, dim, 3), make_stack(backbone, embedding_dim=dim)
    randomize(theirs, seed)
    mine.load_state_dict(theirs.state_dict(), strict=True)
    inputs, upstream = torch.randn(2, batch, length, dim, generator=torch.Generator().manual_seed(seed))
    exact = run(copy.deepcopy(theirs).double(), inputs.double(), upstream.double())
    plain, package = run(mine, inputs, upstream), run(theirs, inputs, upstream)
    found = [plain]
    if library_problem() is None:
        mine.use_kernel("native", CPU)
        found.append(run(mine, inputs, upstream))
    for outputs, gradients in found:
        assert relative(outputs, exact[0]) < max(2e-6, 3 * relative(package[0], exact[0]))
        assert relative(gradients, exact[1]) < max(1e-5, 3 * relative(package[1], exact[1]))


@pytest.mark.parametrize("initialization", ["powerlaw", "uniform"])
def test_weights_begin_as_the_packages_do(initialization: str) -> None:
    backbone = XLSTM(slstm_at=[0, 2, 3], slstm_initialization=initialization)
    torch.manual_seed(0)
    theirs = dict(package_stack(backbone, 256, 4).named_parameters())
    for name, mine in make_stack(backbone, embedding_dim=256, num_blocks=4).named_parameters():
        assert mine.shape == theirs[name].shape
        if initialization == "powerlaw" and "_bias_" in name or theirs[name].std() == 0:
            torch.testing.assert_close(mine, theirs[name])
        elif mine.numel() >= 1024:
            assert mine.mean().item() == pytest.approx(theirs[name].mean().item(), abs=0.05), name
            assert mine.std().item() == pytest.approx(theirs[name].std().item(), rel=0.1), name


def test_weights_of_the_packages_cuda_layout_are_converted() -> None:
    with mock.patch.object(torch.cuda, "is_available", return_value=False):
        from xlstm.blocks.slstm.cell import sLSTMCell_cuda, sLSTMCell_vanilla, sLSTMCellConfig
    config = sLSTMCellConfig(hidden_size=24, num_heads=2, dtype="float32", recurrent_weight_init="standard")
    vanilla, cuda = sLSTMCell_vanilla(copy.deepcopy(config)), sLSTMCell_cuda(config, skip_backend_init=True)
    nn.init.normal_(vanilla._bias_)
    cuda._recurrent_kernel_.data = cuda._recurrent_kernel_ext2int(
        vanilla._recurrent_kernel_int2ext(vanilla._recurrent_kernel)
    )
    cuda._bias_.data = cuda._bias_ext2int(vanilla._bias_int2ext(vanilla._bias))
    assert not torch.equal(cuda._bias_, vanilla._bias_)
    for given_weights in (vanilla, cuda):
        mine = SLSTMCell(24, 2, depth=0.0, initialization="powerlaw")
        mine.load_state_dict(given_weights.state_dict())
        assert torch.equal(mine._recurrent_kernel_, vanilla._recurrent_kernel_)
        assert torch.equal(mine._bias_, vanilla._bias_)


def test_blocks_are_where_they_are_asked_for() -> None:
    kinds = [type(block).__name__ for block in make_stack(XLSTM(slstm_at=[1]), num_blocks=3).blocks]
    assert kinds == ["MLSTMBlock", "SLSTMBlock", "MLSTMBlock"]


@pytest.mark.parametrize(
    ("backbone", "sizes"),
    [({"slstm_at": [3]}, {}), ({"slstm_at": [1, 1]}, {}), ({"slstm_at": "all", "num_heads": 3}, {})],
)
def test_sizes_that_cannot_be_are_refused(backbone: dict[str, Any], sizes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="backbone"):
        make_stack(XLSTM(**backbone), **sizes)


def test_weight_decay_is_for_matrices_but_the_mlstms_gates() -> None:
    stack = make_stack(XLSTM(slstm_at=[1]), num_blocks=2)
    kept = {name for name, parameter in stack.named_parameters() if not stack.decayed(name, parameter)}
    assert {"blocks.0.xlstm.mlstm_cell.igate.weight", "blocks.1.xlstm.slstm_cell._bias_"} < kept
    assert not kept & {"blocks.1.xlstm.igate.weight", "blocks.1.xlstm.slstm_cell._recurrent_kernel_"}
