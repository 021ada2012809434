"""The adapter to ``mlstm_kernels``, whose kernels in plain torch stand for those in Triton."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from torch import Tensor

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTMConfig
from elmo_xlstm.lm.backbones.mlstm import cell, kernels
from elmo_xlstm.lm.backbones.mlstm.cell import mlstm
from elmo_xlstm.lm.backbones.mlstm.kernels import (
    TRITON_KERNEL,
    PackageKernel,
    kernel_problem,
    padded_length,
    use_kernel,
)
from elmo_xlstm.lm.backbones.mlstm.stack import MLSTMStack

CPU = torch.device("cpu")
EXACT, TRUNCATED = "chunkwise--native_autograd", "chunkwise--native_custbw"  # the second's gradients are as Triton's

needs_package = pytest.mark.skipif(not importlib.util.find_spec("mlstm_kernels"), reason="mlstm_kernels is not there")
needs_triton = pytest.mark.skipif(
    kernel_problem(torch.device("cuda")) is not None or not torch.cuda.is_available(), reason="no GPU with triton"
)


def draw(length: int, width: int = 8, device: torch.device = CPU) -> list[Tensor]:
    """Queries, keys, values (2, 2, length, width), gates (2, 2, length); normalisers do not nearly cancel."""
    generator = torch.Generator().manual_seed(length)
    vectors = [torch.randn(2, 2, length, width, generator=generator) for _ in range(3)]
    vectors[:2] = [vector.abs() for vector in vectors[:2]]
    gates = [torch.randn(2, 2, length, generator=generator) * 2 + shift for shift in (0.0, 2.0)]
    return [tensor.to(device).requires_grad_() for tensor in (*vectors, *gates)]


def relative(found: Tensor, expected: Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()


def gradients(outputs: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    upstream = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(0)).to(outputs)
    return list(torch.autograd.grad((outputs * upstream).sum(), inputs))


def make_stack(kernel: PackageKernel | None, device: torch.device = CPU, width: int = 16) -> MLSTMStack:
    torch.manual_seed(0)
    stack = MLSTMStack(BiXLSTMConfig(vocab_size=9, embedding_dim=width, num_blocks=2, num_heads=2, dropout=0.0))
    for name, parameter in stack.named_parameters():
        torch.nn.init.normal_(parameter, 2.0 if name.endswith("fgate.bias") else 0.0, 0.3)
    for block in stack.blocks:
        block.xlstm.mlstm_cell.kernel = kernel
    return stack.to(device)


@needs_package
@pytest.mark.parametrize("length", [1, 16, 50, 128, 300])
def test_the_packages_cell_equals_ours_at_any_length(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell, "PARALLEL_LENGTH", 128)  # both of our forms
    inputs = draw(length)
    expected, _ = mlstm(*inputs)
    found = PackageKernel(EXACT)(*inputs)
    assert found.shape == expected.shape and relative(found, expected) < 1e-5
    for mine, theirs in zip(gradients(expected, inputs), gradients(found, inputs), strict=True):
        assert (mine - theirs).norm() < 1e-4 * theirs.norm() + 1e-5


@needs_package
def test_gradients_that_leave_out_the_normaliser_are_those_of_the_layer_all_the_same() -> None:
    plain, other = make_stack(None), make_stack(PackageKernel(TRUNCATED))
    inputs = torch.randn(2, 70, 16)
    expected, found = plain(inputs)[-1], other(inputs)[-1]
    assert relative(found, expected) < 1e-5
    weights = [list(stack.parameters()) for stack in (plain, other)]
    mine, theirs = gradients(expected, weights[0]), gradients(found, weights[1])
    assert relative(torch.cat([g.flatten() for g in theirs]), torch.cat([g.flatten() for g in mine])) < 1e-3
    # Of the cell alone they are not: this is what the norm behind it undoes.
    raw = draw(70)
    pair = zip(gradients(mlstm(*raw)[0], raw), gradients(PackageKernel(TRUNCATED)(*raw), raw), strict=True)
    assert max(relative(b, a) for a, b in pair) > 1e-2


@needs_package
def test_gates_reach_the_kernel_in_float32_under_autocast() -> None:
    seen: list[torch.dtype] = []

    def kernel(q: Tensor, k: Tensor, v: Tensor, i: Tensor, f: Tensor, **settings: object) -> Tensor:
        seen.extend(tensor.dtype for tensor in (q, i, f))
        assert not torch.is_autocast_enabled("cpu")
        return v

    adapter = PackageKernel(EXACT)
    adapter._kernel = kernel
    with torch.autocast("cpu", torch.bfloat16):
        make_stack(adapter)(torch.randn(1, 5, 16))
    assert seen == 2 * [torch.bfloat16, torch.float32, torch.float32]


@needs_package
def test_what_carries_a_state_is_computed_by_plain_torch() -> None:
    def fail(*tensors: Tensor) -> Tensor:
        raise AssertionError("the kernel has no state")

    plain, other = make_stack(None), make_stack(PackageKernel(EXACT))
    for block in other.blocks:
        block.xlstm.mlstm_cell.kernel = fail
    inputs = torch.randn(1, 6, 16)
    assert torch.equal(other.step(inputs)[0][-1], plain.step(inputs)[0][-1])
    with pytest.raises(AssertionError):
        other(inputs)


def test_lengths_are_padded_to_what_kernels_take() -> None:
    assert [padded_length(n) for n in (1, 16, 17, 33, 64, 65, 128, 129, 16_384)] == [
        16, 16, 32, 64, 64, 128, 128, 256, 16_384,
    ]  # fmt: skip


def test_torch_is_the_default_and_can_be_chosen_again() -> None:
    stack = make_stack(None)
    assert all(block.xlstm.mlstm_cell.kernel is None for block in MLSTMStack(BiXLSTMConfig(vocab_size=9)).blocks[:1])
    for block in stack.blocks:
        block.xlstm.mlstm_cell.kernel = lambda *tensors: tensors[2]
    use_kernel(stack, "torch", CPU)
    assert all(block.xlstm.mlstm_cell.kernel is None for block in stack.blocks)


def test_what_is_missing_is_said_with_the_licence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "NEEDED", ("no_such_kernels",))
    with pytest.raises(UserError, match="not installed: no_such_kernels.*NXAI Community License.*pip install"):
        use_kernel(make_stack(None), "triton", CPU)
    monkeypatch.setattr(kernels, "NEEDED", ())
    assert kernel_problem(CPU) == "they need a GPU, and this runs on cpu"
    assert kernel_problem(torch.device("cuda")) is None


@needs_triton
@pytest.mark.parametrize("length", [50, 128, 640])
def test_triton_kernels_equal_ours_on_a_gpu(length: int) -> None:
    device = torch.device("cuda")
    plain, other = (make_stack(kernel, device, width=64) for kernel in (None, PackageKernel(TRITON_KERNEL)))
    inputs = torch.randn(2, length, 64, device=device)
    expected, found = plain(inputs)[-1], other(inputs)[-1]
    assert relative(found, expected) < 1e-2  # its products round to tf32
    mine, theirs = gradients(expected, list(plain.parameters())), gradients(found, list(other.parameters()))
    assert relative(torch.cat([g.flatten() for g in theirs]), torch.cat([g.flatten() for g in mine])) < 3e-2
