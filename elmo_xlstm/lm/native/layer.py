"""An mLSTM layer behind its up-projection, with compiled kernels around the matrix products.

The numbers are those of :class:`~elmo_xlstm.lm.backbones.mlstm.layer.MLSTMLayer` up to rounding. Activations are
float32 or bf16, and products of their type; weights between the projections, gates, sums and states are float32. Kept
for the backward pass are the up-projection, queries, keys and the cell's numerator: everything else, what the
down-projection reads included, is cheap to compute again.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from elmo_xlstm.device import not_compiled
from elmo_xlstm.lm.backbones.mlstm.cell import LayerState
from elmo_xlstm.lm.configuration import BiXLSTMConfig
from elmo_xlstm.lm.native.cell import Cell, cell_gradients, run_cell
from elmo_xlstm.lm.native.library import call, library_problem

TAPS = 4
BLOCK_SIZE = 4
HEADS = (1, 2, 4, 8)


def layer_problem(config: BiXLSTMConfig) -> str | None:
    """Why there are no kernels for layers of an architecture, or ``None`` if there are."""
    if config.conv1d_kernel_size != TAPS or config.qkv_proj_blocksize != BLOCK_SIZE:
        return f"they are for convolutions of {TAPS} taps and block-diagonal projections of block size {BLOCK_SIZE}"
    if config.num_heads not in HEADS:
        return f"they are for {', '.join(map(str, HEADS))} heads"
    return None  # with these heads a head's width is a multiple of 8 lanes, as an inner dim is of 64


def activation_type(inputs: Tensor) -> torch.dtype | None:
    """The type in which the kernels can compute a layer for (batch, length, dim) inputs; None if they cannot.

    It is that of the products: autocast's, where that is on.
    """
    if inputs.device.type != "cpu" or not inputs.numel():
        return None
    if not torch.is_autocast_enabled("cpu"):
        return torch.float32 if inputs.dtype == torch.float32 else None
    half = torch.get_autocast_dtype("cpu") == torch.bfloat16 and inputs.dtype in (torch.float32, torch.bfloat16)
    return torch.bfloat16 if half and library_problem(dtype=torch.bfloat16) is None else None


class LayerWeights(NamedTuple):
    """Weights between the two projections of a layer.

    Attributes:
        conv: (inner dim, taps).
        conv_bias: (inner dim,).
        query: (blocks, out, in), as are ``key`` and ``value``.
        key: see there.
        value: see there.
        gate: (2 * heads, 3 * inner dim), input gates before forget gates.
        gate_bias: (2 * heads,).
        norm_scale: (inner dim,), of the heads' norm.
        skip: (inner dim,).
    """

    conv: Tensor
    conv_bias: Tensor
    query: Tensor
    key: Tensor
    value: Tensor
    gate: Tensor
    gate_bias: Tensor
    norm_scale: Tensor
    skip: Tensor


@not_compiled  # compiled already; what is around it may be
def fused_layer(up: Tensor, weights: LayerWeights, down: Tensor) -> Tensor:
    """Convolution, cell, norm, output gate and down-projection.

    Args:
        up: (batch, length, 2 * inner dim), the up-projection, float32 or bf16.
        weights: of what lies between the projections.
        down: (embedding dim, inner dim).

    Returns:
        (batch, length, embedding dim), of the type of ``up``.
    """
    outputs: Tensor = _FusedLayer.apply(up, down, *weights)
    return outputs


@torch.no_grad()
def between_projections(
    up: Tensor, weights: LayerWeights, state: LayerState | None = None, return_state: bool = False
) -> tuple[Tensor, LayerState | None]:
    """The same without the down-projection, and without gradients.

    Args:
        up: see :func:`fused_layer`.
        weights: see there.
        state: after the tokens before.
        return_state: also give the state after the last token.

    Returns:
        (batch, length, inner dim), and the state if asked for.
    """
    outputs, _, after = _forward(up.contiguous(), _contiguous(weights), state, return_state)
    return outputs, after


def _contiguous(weights: Iterable[Tensor]) -> LayerWeights:
    return LayerWeights(*(weight.contiguous() for weight in weights))


def _forward(
    up: Tensor, weights: LayerWeights, state: LayerState | None = None, return_state: bool = False
) -> tuple[Tensor, Cell, LayerState | None]:
    """Input of the down-projection, (batch, length, inner dim), what the backward pass needs, and the state after."""
    batch, length, double = up.shape
    inner, heads = double // 2, len(weights.gate_bias) // 2
    shape = batch, length, heads, inner // heads
    run = partial(call, width=shape[-1], dtype=up.dtype)
    tail = None if state is None else state.tail.to(up.dtype).contiguous()
    convolved = up.new_empty(batch, length, inner)
    queries, keys, values = (up.new_empty(batch * heads, length, shape[-1]) for _ in range(3))
    gates = torch.empty(batch, 2 * heads, length)
    run(
        "elmo_mix_forward",
        *shape,
        up,
        tail,
        weights.conv.T.contiguous(),
        weights.conv_bias,
        *(_by_input(blocks) for blocks in (weights.query, weights.key, weights.value)),
        weights.gate,
        weights.gate_bias,
        convolved,
        queries,
        keys,
        values,
        gates,
    )
    cell, after = run_cell(queries, keys, values, gates, None if state is None else state.cell, return_state)
    outputs = torch.empty_like(convolved)
    run(
        "elmo_output_forward",
        *shape,
        cell.numerator,
        cell.denominator,
        cell.floor,
        convolved,
        up,
        weights.norm_scale,
        weights.skip,
        outputs,
    )
    if after is None:
        return outputs, cell, None
    before = up.new_zeros(batch, TAPS - 1, inner) if tail is None else tail
    return outputs, cell, LayerState(torch.cat([before, up[..., :inner]], dim=1)[:, -(TAPS - 1) :], after)


class _FusedLayer(torch.autograd.Function):
    @staticmethod
    @torch.autocast("cpu", enabled=False)
    def forward(ctx: Any, up: Tensor, down: Tensor, *weights: Tensor) -> Tensor:
        up, plain, down = up.contiguous(), _contiguous(weights), down.to(up.dtype)
        outputs, cell, _ = _forward(up, plain)
        ctx.save_for_backward(up, down, *plain, *cell)
        return F.linear(outputs, down)

    @staticmethod
    @torch.autocast("cpu", enabled=False)  # wherever the backward pass is started
    def backward(ctx: Any, *grad_projected: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors  # to be read once: activation checkpointing computes them here
        up, down, weights, cell = saved[0], saved[1], LayerWeights(*saved[2:11]), Cell(*saved[11:])
        batch, heads, length = cell.weight.shape
        inner = up.shape[-1] // 2
        shape = batch, length, heads, inner // heads
        run = partial(call, width=shape[-1], dtype=up.dtype)
        taps = weights.conv.T.contiguous()

        outputs = grad_projected[0] @ down  # (batch, length, inner dim): their gradient so far
        grad_up, grad_convolved = torch.empty_like(up), torch.empty_like(outputs)
        grad_numerator = torch.empty_like(cell.numerator)
        grad_denominator, grad_log_floor = torch.empty_like(cell.denominator), torch.empty_like(cell.floor)
        grad_scales = torch.zeros(torch.get_num_threads(), 2, inner)
        run(
            "elmo_output_backward",
            *shape,
            cell.numerator,
            cell.denominator,
            cell.floor,
            up,
            taps,
            weights.conv_bias,
            weights.norm_scale,
            weights.skip,
            outputs,
            grad_numerator,
            grad_denominator,
            grad_log_floor,
            grad_convolved,
            grad_up,
            grad_scales,
        )
        grad_down = None
        if ctx.needs_input_grad[1]:
            grad_down = (grad_projected[0].flatten(0, 1).T @ outputs.flatten(0, 1)).float()
        del outputs

        values = torch.empty_like(cell.keys)
        run("elmo_values", *shape, up, _by_input(weights.value), values)
        *grads, grad_gates = cell_gradients(cell, values, grad_numerator, grad_denominator, grad_log_floor)
        del values, grad_numerator

        grad_taps, grad_bias = torch.empty(TAPS, inner), torch.empty_like(weights.conv_bias)
        grad_blocks = torch.empty(3, BLOCK_SIZE, inner)
        grad_gate_weight = torch.empty_like(weights.gate)
        blocks = weights.query, weights.key, weights.value
        run(
            "elmo_mix_backward",
            *shape,
            up,
            taps,
            weights.conv_bias,
            *map(_by_input, blocks),
            *map(_by_output, blocks),
            weights.gate,
            *grads,
            grad_gates.transpose(1, 2).contiguous(),
            grad_convolved,
            grad_up,
            grad_taps,
            grad_bias,
            *grad_blocks,
            grad_gate_weight,
        )
        return (
            grad_up,
            grad_down,
            grad_taps.T,
            grad_bias,
            *(grad.unflatten(1, (-1, BLOCK_SIZE)).permute(1, 2, 0) for grad in grad_blocks),
            grad_gate_weight,
            grad_gates.sum(dim=(0, 2)),
            *grad_scales.sum(dim=0),
        )


def _by_input(blocks: Tensor) -> Tensor:
    """(input of its block, output channel) of (block, out, in)."""
    return blocks.permute(2, 0, 1).flatten(1).contiguous()


def _by_output(blocks: Tensor) -> Tensor:
    """(output of its block, input channel) of (block, out, in)."""
    return blocks.permute(1, 0, 2).flatten(1).contiguous()
