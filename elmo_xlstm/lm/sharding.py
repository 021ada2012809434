"""Fully sharded data parallelism: each process keeps a part of every weight, gradient and optimizer state.

PyTorch's ``fully_shard`` (FSDP2; the idea is ZeRO stage 3, Rajbhandari et al. 2020) is called directly, and not
through Accelerate, whose plugin is for GPUs alone: so the same code runs, and is tested, on CPUs with gloo.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.runs.checkpoints import placed_like


def shard(model: BiXLSTM, device: torch.device, num_processes: int) -> None:
    """Shard a model in place over all processes, block by block; embedding and soft-max weights together.

    Weights are gathered in float32 and autocast rounds what it multiplies, so that the numbers are those of plain data
    parallelism. Every process must hold the same weights before.

    Args:
        model: on any device; its shards come to lie on ``device``.
        device: of this process.
        num_processes: of the launch.

    Raises:
        UserError: there is one process only.
    """
    if num_processes == 1:
        raise UserError(
            'training.sharding: "full" shards the model over several processes, but only one runs; start them with '
            'torchrun --nproc_per_node GPUS cli.py pretrain ..., or set it to "none"'
        )
    mesh = init_device_mesh(device.type, (num_processes,))
    for stack in (model.forward_stack, model.backward_stack):
        for block in stack.blocks:
            fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)


@contextmanager
def local_gradients(model: nn.Module) -> Iterator[None]:
    """Leave the gradients of the passes in this block on each process, to be summed over processes later."""
    assert isinstance(model, FSDPModule)
    model.set_requires_gradient_sync(False)
    try:
        yield
    finally:
        model.set_requires_gradient_sync(True)


def reshard(model: nn.Module) -> None:
    """Free weights that a forward pass without a backward pass has left gathered."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


@torch.no_grad()
def load_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy whole weights into a model that may be sharded.

    Args:
        model: has exactly these weights.
        weights: by name, the same in every process.
    """
    own = model.state_dict()
    assert own.keys() == weights.keys()
    for name, weight in own.items():
        weight.copy_(placed_like(weights[name], weight))
