"""The compiled kernels against plain torch in float64."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.backbones.mlstm.kernels import native_problem, use_kernel
from elmo_xlstm.lm.backbones.mlstm.layer import MLSTMBlock, MLSTMLayer
from elmo_xlstm.lm.compilation import checkpoint_activations
from elmo_xlstm.lm.native import dropped_residual, layer_problem, library_problem

CPU = torch.device("cpu")
pytestmark = pytest.mark.skipif(library_problem() is not None, reason=f"no compiled kernels: {library_problem()}")


def make_layer(dim: int, heads: int, seed: int = 0) -> MLSTMLayer:
    torch.manual_seed(seed)
    layer = MLSTMLayer(BiXLSTMConfig(vocab_size=9, embedding_dim=dim, num_blocks=1, num_heads=heads))
    for name, parameter in layer.named_parameters():  # gates start at zero, which would hide mistakes
        torch.nn.init.normal_(parameter, 2.0 if name.endswith("fgate.bias") else 0.0, 0.15)
    return layer


def run(layer: MLSTMLayer | MLSTMBlock, inputs: Tensor, upstream: Tensor) -> dict[str, Tensor]:
    """Output and all gradients."""
    inputs = inputs.clone().requires_grad_()
    layer.zero_grad()
    output, _ = layer(inputs)
    output.backward(upstream)
    gradients = {name: parameter.grad for name, parameter in layer.named_parameters() if parameter.grad is not None}
    assert inputs.grad is not None and len(gradients) == len(list(layer.parameters()))
    return {"output": output.detach(), "inputs": inputs.grad, **gradients}


@settings(max_examples=25, deadline=None)
@given(
    batch=st.integers(1, 3),
    length=st.sampled_from([1, 2, 3, 4, 7, 8, 9, 127, 128, 129, 200, 257]),
    heads=st.sampled_from([1, 2, 4, 8]),
    dim=st.sampled_from([32, 64, 96, 160]),
    seed=st.integers(0, 2**16),
)
def test_outputs_and_gradients_are_as_exact_as_plain_torchs(
    batch: int, length: int, heads: int, dim: int, seed: int
) -> None:
    layer = make_layer(dim, heads, seed)
    inputs, upstream = torch.randn(2, batch, length, dim)
    true = run(copy.deepcopy(layer).double(), inputs.double(), upstream.double())
    plain = run(layer, inputs, upstream)
    layer.fused = True
    fused = run(layer, inputs, upstream)
    assert_as_exact(fused, plain, true)


def assert_as_exact(fused: dict[str, Tensor], plain: dict[str, Tensor], true: dict[str, Tensor]) -> None:
    assert fused.keys() == true.keys()
    for name, exact in true.items():
        size = exact.norm().clamp_min(1e-3)  # a first token forgets nothing: that gradient is zero
        error, plain_error = (((found[name] - exact).norm() / size).item() for found in (fused, plain))
        # Gates' gradients are small differences of large sums: which form rounds better is a matter of luck.
        bound = 1e-6 if name == "output" else 1e-4 if "gate" in name else 1e-5
        assert error <= max(bound, 10 * plain_error), name


@settings(max_examples=10, deadline=None)
@given(length=st.sampled_from([1, 5, 130]), dim=st.sampled_from([32, 96]), seed=st.integers(0, 2**16))
def test_blocks_are_as_exact_as_plain_torchs(length: int, dim: int, seed: int) -> None:
    torch.manual_seed(seed)
    block = MLSTMBlock(BiXLSTMConfig(vocab_size=9, embedding_dim=dim, num_blocks=1, num_heads=2, dropout=0.0))
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.15)
    inputs, upstream = 3 + torch.randn(2, 2, length, dim)  # the norm has a mean to take away
    true = run(copy.deepcopy(block).double(), inputs.double(), upstream.double())
    plain = run(block, inputs, upstream)
    block.xlstm.fused = True
    fused = run(block, inputs, upstream)
    assert_as_exact(fused, plain, true)


def test_little_is_kept_for_the_backward_pass() -> None:
    block = make_model().forward_stack.blocks[0]
    block.xlstm.fused = True
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.numel()
        return tensor

    parameters = sum(parameter.numel() for parameter in block.parameters())
    batch, length, dim = 4, 120, 32
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        block(torch.randn(batch, length, dim, requires_grad=True))
    inner = 2 * dim
    # Its input, the up-projection, queries, keys and numerator; gates and statistics are a few numbers a token.
    assert sum(kept.values()) < batch * length * (dim + 2 * inner + 3 * inner + 40) + 2 * parameters


def test_a_backward_pass_started_under_autocast_is_float32_too() -> None:
    block = make_model().forward_stack.blocks[0]
    block.xlstm.fused = True
    inputs, upstream = torch.randn(2, 2, 20, 32)
    gradients = []
    for enabled in (False, True):
        block.zero_grad()
        output, _ = block(inputs)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            output.backward(upstream)
        gradients.append([parameter.grad for parameter in block.parameters()])
    assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))


def test_frozen_weights_get_no_gradient_and_the_others_theirs() -> None:
    block = make_model().forward_stack.blocks[0]
    block.xlstm.fused = True
    inputs, upstream = torch.randn(2, 2, 20, 32)
    everything = run(block, inputs, upstream)
    frozen = {"xlstm_norm.weight", "xlstm.proj_up.weight", "xlstm.proj_down.weight"}
    for name, parameter in block.named_parameters():
        parameter.requires_grad_(name not in frozen)
    block.zero_grad()
    block(inputs)[0].backward(upstream)
    for name, parameter in block.named_parameters():
        assert parameter.grad is None if name in frozen else torch.equal(parameter.grad, everything[name])


def test_a_projection_that_was_replaced_is_called() -> None:
    block = make_model().forward_stack.blocks[0]
    block.xlstm.fused = True
    block.xlstm.proj_down = torch.nn.Sequential(block.xlstm.proj_down, torch.nn.Threshold(1e9, 0.0))
    inputs = torch.randn(2, 9, 32)
    assert torch.equal(block(inputs)[0], inputs)


def test_over_many_draws_the_kernels_err_no_more_than_plain_torch() -> None:
    ratios = []
    for seed in range(15):
        layer = make_layer(64, 2, seed)
        inputs, upstream = torch.randn(2, 2, 140, 64)
        true = run(copy.deepcopy(layer).double(), inputs.double(), upstream.double())
        plain = run(layer, inputs, upstream)
        layer.fused = True
        fused = run(layer, inputs, upstream)
        ratios += [(fused[name] - exact).norm() / (plain[name] - exact).norm() for name, exact in true.items()]
    assert torch.stack(ratios).median() < 1.5


def test_no_token_reads_a_later_one() -> None:
    layer = make_layer(32, 2)
    layer.fused = True
    inputs = torch.randn(1, 150, 32)
    changed = inputs.clone()
    changed[:, 100] += 1.0
    with torch.no_grad():
        before, after = layer(inputs)[0], layer(changed)[0]
    assert torch.equal(before[:, :100], after[:, :100])
    assert not torch.equal(before[:, 100:], after[:, 100:])


def test_sequences_of_a_batch_do_not_meet() -> None:
    layer = make_layer(32, 2)
    layer.fused = True
    inputs = torch.randn(3, 40, 32)
    with torch.no_grad():
        together = layer(inputs)[0]
        alone = torch.cat([layer(sequence)[0] for sequence in inputs.split(1)])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)


def test_extreme_gates_stay_finite() -> None:
    layer = make_layer(32, 2)
    with torch.no_grad():
        layer.mlstm_cell.igate.bias.copy_(torch.tensor([500.0, -500.0]))
        layer.mlstm_cell.fgate.bias.copy_(torch.tensor([-300.0, 300.0]))
    inputs, upstream = torch.randn(2, 2, 60, 32)
    plain = run(layer, inputs, upstream)
    layer.fused = True
    found = run(layer, inputs, upstream)
    assert all(tensor.isfinite().all() for tensor in found.values())
    torch.testing.assert_close(found["output"], plain["output"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("threads", [1, 2, 9])
def test_the_same_threads_give_the_same_bits(threads: int, all_threads: None) -> None:
    torch.set_num_threads(threads)
    layer = make_layer(64, 4)
    layer.fused = True
    inputs, upstream = torch.randn(2, 3, 70, 64)
    first, second = (run(layer, inputs, upstream) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture
def all_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def make_model(**changes: object) -> BiXLSTM:
    torch.manual_seed(0)
    settings = {"vocab_size": 50, "embedding_dim": 32, "num_blocks": 2, "num_heads": 2, "dropout": 0.0, **changes}
    return BiXLSTM(BiXLSTMConfig(**settings))


def test_what_the_kernels_do_not_take_runs_in_plain_torch() -> None:
    model = make_model()
    use_kernel(model, "native", CPU)
    ids = torch.randint(50, (1, 20))
    model.double()
    assert model(ids).loss.isfinite()
    model.float()
    with torch.autocast("cpu", torch.float16):
        assert model(ids).loss.isfinite()
    inputs = torch.randn(1, 3, 32, requires_grad=True)  # carries a state, with gradients
    hidden, _ = model.forward_stack.step(inputs)
    hidden[-1].sum().backward()
    assert inputs.grad is not None and inputs.grad.isfinite().all()


def test_checkpointed_activations_change_nothing() -> None:
    ids = torch.randint(50, (2, 30))
    gradients = []
    for checkpointed in (False, True):
        model = make_model(dropout=0.3)
        use_kernel(model, "native", CPU)
        if checkpointed:
            checkpoint_activations(model)
        torch.manual_seed(1)
        model(ids).loss.backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"num_heads": 16, "embedding_dim": 128}, "1, 2, 4, 8 heads"),
        ({"conv1d_kernel_size": 3}, "4 taps"),
        ({"qkv_proj_blocksize": 8}, "block size 4"),
    ],
)
def test_architectures_without_kernels_are_named(changes: dict[str, int], reason: str) -> None:
    settings = {"vocab_size": 9, "embedding_dim": 32, "num_blocks": 1, "num_heads": 2, **changes}
    problem = layer_problem(BiXLSTMConfig(**settings))
    assert problem is not None and reason in problem


def test_they_are_for_a_cpu() -> None:
    problem = native_problem(make_model().config, torch.device("cuda"))
    assert problem == "they need a CPU, and this runs on cuda"


def test_dropout_keeps_the_share_and_scales_it() -> None:
    torch.manual_seed(0)
    inputs, residual = torch.ones(400, 1003), torch.full((400, 1003), 5.0)
    outputs = dropped_residual(residual, inputs, 0.25)
    kept = outputs - residual
    assert kept.unique().tolist() == pytest.approx([0.0, 4 / 3], rel=1e-5)
    share = (kept > 0).float().mean().item()
    assert share == pytest.approx(0.75, abs=0.004)  # four standard deviations
    # Neighbours, in rows and columns, are dropped independently: correlations of about 400,000 pairs.
    mask = (kept > 0).float() - share
    for along in (mask[:, 1:] * mask[:, :-1], mask[1:] * mask[:-1]):
        assert abs(along.mean().item()) < 4 * 0.1875 / along.numel() ** 0.5


def test_dropout_follows_the_generator_and_its_gradient_the_mask() -> None:
    residual, inputs = torch.randn(7, 33, requires_grad=True), torch.randn(7, 33, requires_grad=True)
    torch.manual_seed(3)
    first = dropped_residual(residual, inputs, 0.5)
    second = dropped_residual(residual, inputs, 0.5)
    torch.manual_seed(3)
    assert torch.equal(dropped_residual(residual, inputs, 0.5), first)
    assert not torch.equal(first, second)
    first.sum().backward()
    assert residual.grad is not None and inputs.grad is not None
    assert torch.equal(residual.grad, torch.ones_like(residual))
    torch.testing.assert_close(inputs.grad * inputs, first - residual, rtol=1e-5, atol=1e-6)


def test_a_block_drops_in_training_alone() -> None:
    block = make_model(dropout=0.5).forward_stack.blocks[0]
    block.xlstm.fused = True
    inputs = torch.randn(2, 9, 32)
    with torch.no_grad():
        assert not torch.equal(block(inputs)[0], block(inputs)[0])
        block.eval()
        assert torch.equal(block(inputs)[0], block(inputs)[0])
