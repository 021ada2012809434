"""Kernels of an mLSTM for whole sequences: plain torch, ours for a CPU, or those of ``mlstm_kernels`` for a GPU.

Ours are :mod:`elmo_xlstm.lm.native`. The package ``mlstm_kernels`` (Beck et al. 2025, arXiv:2503.14376) is for long
sequences and opt-in. It is under the NXAI Community License, which is not an open-source licence. It is therefore never
required, and nothing of it is imported unless its kernels are asked for.

Its kernels compute what :func:`~elmo_xlstm.lm.backbones.mlstm.cell.mlstm` computes, with two differences. Their
backward pass leaves out the gradient through the normaliser's size, which the norm of every head behind the cell makes
ineffective: the gradients of a layer's weights agree, those of the cell alone do not. And with bf16 queries they keep
the normaliser and its scale for the backward pass in bf16, where plain torch keeps float32; gates and their sums are
float32 in both.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elmo_xlstm.device import not_compiled
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.backbones.interface import Kernel
from elmo_xlstm.lm.backbones.mlstm.cell import EPSILON
from elmo_xlstm.lm.backbones.mlstm.layer import MLSTMCell, MLSTMLayer
from elmo_xlstm.lm.configuration import BiXLSTMConfig
from elmo_xlstm.lm.native import layer_problem, library_problem

LICENCE = "NXAI Community License"
TRITON_KERNEL = "chunkwise--triton_xl_chunk"
# Lengths that the kernels take: these, or any multiple of the chunk's.
SHORT_LENGTHS = (16, 32, 64)
CHUNK_LENGTH = 128
NEEDED = ("mlstm_kernels", "triton", "einops")


def use_kernel(model: nn.Module, kernel: Kernel, device: torch.device) -> None:
    """Choose what computes whole sequences in all layers of a model; weights and configuration stay as they are.

    What carries a state (``step``) is computed by plain torch; with ``native`` only where gradients are kept.

    Args:
        model: holds :class:`~elmo_xlstm.lm.backbones.mlstm.layer.MLSTMLayer` modules.
        kernel: ``native`` for our compiled ones, ``triton`` for those of ``mlstm_kernels``, ``torch`` for plain torch.
        device: on which the model runs.

    Raises:
        UserError: the kernels cannot run here.
    """
    if kernel == "triton" and (problem := kernel_problem(device)):
        raise UserError(
            f'the kernels "triton" cannot be used: {problem}. They are those of the package mlstm_kernels, whose '
            f"licence is the {LICENCE}: pip install 'elmo-xlstm[triton]'; or choose \"torch\", which needs neither"
        )
    chosen = PackageKernel(TRITON_KERNEL) if kernel == "triton" else None
    for module in model.modules():
        if isinstance(module, MLSTMCell):
            module.kernel = chosen
        elif isinstance(module, MLSTMLayer):
            module.fused = kernel == "native"


def native_problem(config: BiXLSTMConfig, device: torch.device) -> str | None:
    """Why our compiled kernels cannot run a model on a device, or ``None`` if they can; compiles them if need be."""
    if device.type != "cpu":
        return f"they need a CPU, and this runs on {device.type}"
    width = config.inner_dim // config.num_heads
    # A width that the library was not built for takes the kernels of the first.
    return layer_problem(config) or library_problem() or library_problem(width)


def kernel_problem(device: torch.device) -> str | None:
    """Why the Triton kernels cannot run on a device, or ``None`` if they can."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    return None if device.type == "cuda" else f"they need a GPU, and this runs on {device.type}"


class PackageKernel:
    """A chunkwise kernel of ``mlstm_kernels`` for sequences of any length, from an empty state.

    Args:
        name: in the package's registry. Its kernels in plain torch take part in the tests.
    """

    def __init__(self, name: str = TRITON_KERNEL) -> None:
        from mlstm_kernels.torch import get_mlstm_kernel

        self._kernel: Callable[..., Any] = get_mlstm_kernel(name)

    @not_compiled  # a kernel is compiled already; what is around it may be
    def __call__(
        self, queries: Tensor, keys: Tensor, values: Tensor, input_gates: Tensor, forget_gates: Tensor
    ) -> Tensor:
        """Hidden states (batch, heads, length, head width).

        Args:
            queries: (batch, heads, length, head width), as are ``keys`` and ``values``; keys are not scaled yet.
            keys: see there.
            values: see there.
            input_gates: (batch, heads, length) pre-activations, float32.
            forget_gates: (batch, heads, length) pre-activations, float32.
        """
        length = queries.shape[2]
        padding = padded_length(length) - length  # at the end, where it changes nothing before it
        q, k, v = (F.pad(tensor, (0, 0, 0, padding)) for tensor in (queries, keys, values))
        i, f = (F.pad(tensor, (0, padding)) for tensor in (input_gates, forget_gates))
        with torch.autocast(queries.device.type, enabled=False):  # or else gates would be rounded to bf16
            hidden: Tensor = self._kernel(
                q=q, k=k, v=v, i=i, f=f, eps=EPSILON, chunk_size=min(CHUNK_LENGTH, q.shape[2])
            )
        return hidden[:, :, :length]


def padded_length(length: int) -> int:
    """The shortest length from ``length`` on that the kernels take."""
    for short in SHORT_LENGTHS:
        if length <= short:
            return short
    return -(-length // CHUNK_LENGTH) * CHUNK_LENGTH
