from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.compilation import checkpoint_activations


def make_model(checkpointed: bool) -> BiXLSTM:
    torch.manual_seed(0)
    model = BiXLSTM(BiXLSTMConfig(vocab_size=30, embedding_dim=16, num_blocks=3, num_heads=2, dropout=0.3)).train()
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter), alpha=0.1)  # gates start closed
    if checkpointed:
        checkpoint_activations(model)
    return model


def losses_and_gradients(model: nn.Module, bf16: bool) -> tuple[Tensor, dict[str, Tensor]]:
    input_ids = torch.randint(30, (3, 12), generator=torch.Generator().manual_seed(1))
    torch.manual_seed(2)  # of dropout
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        loss = model(input_ids).loss
    loss.backward()
    return loss.detach(), {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("bf16", [False, True])
def test_losses_and_gradients_are_the_same_with_dropout(bf16: bool) -> None:
    plain, checkpointed = (losses_and_gradients(make_model(on), bf16) for on in (False, True))
    assert torch.equal(plain[0], checkpointed[0])
    assert plain[1].keys() == checkpointed[1].keys() == dict(make_model(True).named_parameters()).keys()
    assert all(torch.equal(gradient, checkpointed[1][name]) for name, gradient in plain[1].items())


def test_less_is_kept_for_the_backward_pass() -> None:
    def kept(model: BiXLSTM) -> int:
        sizes: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = model(torch.randint(30, (8, 64))).loss
        assert loss.requires_grad
        return sum(sizes.values())

    assert kept(make_model(True)) < 0.5 * kept(make_model(False))


def test_weights_and_evaluation_do_not_change() -> None:
    plain, checkpointed = make_model(False).eval(), make_model(True).eval()
    assert plain.state_dict().keys() == checkpointed.state_dict().keys()
    with torch.no_grad():
        input_ids = torch.randint(30, (2, 9))
        assert torch.equal(plain(input_ids).loss, checkpointed(input_ids).loss)


def test_compiled_blocks_stay_compiled_inside() -> None:
    """A checkpoint around a block is not compiled; what it runs, twice, must be."""
    model = make_model(False)
    runs = []

    def compiled(block: nn.Module) -> Callable[..., Any]:
        forward = block.forward
        return lambda *inputs: runs.append(block) or forward(*inputs)  # type: ignore[func-returns-value]

    blocks = [*model.forward_stack.blocks, *model.backward_stack.blocks]
    for block in blocks:
        block.forward = compiled(block)
    checkpoint_activations(model)
    losses_and_gradients(model, bf16=False)
    assert all(runs.count(block) == 2 for block in blocks)
