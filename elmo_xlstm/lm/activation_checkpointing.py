"""Training in less memory: activations inside a block are computed again when its gradients are needed."""

from __future__ import annotations

from functools import partial

from torch.utils.checkpoint import checkpoint

from elmo_xlstm.lm.model import BiXLSTM


def checkpoint_activations(model: BiXLSTM) -> None:
    """Keep only every block's input for the backward pass (Chen et al. 2016), for one more forward pass of the blocks.

    Losses and gradients stay the same; dropout draws the same mask again. Parameter names do not change.
    """
    for stack in model.backbones:
        for block in stack.blocks:
            block.forward = partial(checkpoint, block.forward, use_reentrant=False)
