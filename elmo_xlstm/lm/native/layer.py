"""An mLSTM layer behind its up-projection, with compiled kernels around the matrix products.

The numbers are those of :class:`~elmo_xlstm.lm.backbones.mlstm.layer.MLSTMLayer` up to rounding;
:mod:`elmo_xlstm.lm.backbones.mlstm.cell` explains the symbols. Kept for the backward pass are the up-projection,
queries, keys and the cell's numerator: everything else, what the down-projection reads included, is cheap to compute
again.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from elmo_xlstm.device import not_compiled
from elmo_xlstm.lm.backbones.mlstm.cell import PARALLEL_LENGTH, gate_gradients, gate_sums, row_blocks
from elmo_xlstm.lm.configuration import BiXLSTMConfig
from elmo_xlstm.lm.native.library import call

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


def takes(inputs: Tensor) -> bool:
    """Whether the kernels can compute a layer for (batch, length, dim) inputs."""
    plain = inputs.device.type == "cpu" and inputs.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return plain and 0 < inputs.shape[1] <= PARALLEL_LENGTH and len(inputs) > 0


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
        up: (batch, length, 2 * inner dim), the up-projection; at most ``PARALLEL_LENGTH`` long.
        weights: of what lies between the projections.
        down: (embedding dim, inner dim).

    Returns:
        (batch, length, embedding dim).
    """
    outputs: Tensor = _FusedLayer.apply(up, down, *weights)
    return outputs


@torch.no_grad()
def between_projections(up: Tensor, weights: LayerWeights) -> Tensor:
    """The same without the down-projection, and without gradients: (batch, length, inner dim)."""
    return _forward(up.contiguous(), _contiguous(weights))[0]


def _contiguous(weights: Iterable[Tensor]) -> LayerWeights:
    return LayerWeights(*(weight.contiguous() for weight in weights))


class _Cell(NamedTuple):
    """Tensors kept for the backward pass; all but the first three are (batch, heads, length)."""

    queries: Tensor  # (batch * heads, length, head width), as are keys and numerator
    keys: Tensor
    numerator: Tensor
    forget_gates: Tensor
    weight: Tensor
    running: Tensor
    source: Tensor
    floor: Tensor
    denominator: Tensor


def _forward(up: Tensor, weights: LayerWeights) -> tuple[Tensor, _Cell]:
    """Input of the down-projection, (batch, length, inner dim), and the tensors that the backward pass needs."""
    batch, length, double = up.shape
    inner, heads = double // 2, len(weights.gate_bias) // 2
    shape = batch, length, heads, inner // heads
    run = partial(call, width=shape[-1])
    convolved = up.new_empty(batch, length, inner)
    queries, keys, values = (up.new_empty(batch * heads, length, shape[-1]) for _ in range(3))
    gates = up.new_empty(batch, 2 * heads, length)
    run(
        "elmo_mix_forward",
        *shape,
        up,
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

    input_gates, forget_gates = gates.chunk(2, dim=1)
    weight, running, source, floor = gate_sums(input_gates, F.logsigmoid(forget_gates))
    denominator = torch.empty_like(floor)
    numerator = torch.empty_like(values)
    for rows, columns in row_blocks(length):
        scores = torch.bmm(queries[:, rows], keys[:, columns].transpose(1, 2))
        run(
            "elmo_decay_forward",
            batch * heads,
            length,
            rows.start,
            rows.stop - rows.start,
            shape[-1] ** -0.5,
            weight,
            running,
            scores,
            denominator,
        )
        torch.bmm(scores, values[:, columns], out=numerator[:, rows])
    outputs = torch.empty_like(convolved)
    run(
        "elmo_output_forward",
        *shape,
        numerator,
        denominator,
        floor,
        convolved,
        up,
        weights.norm_scale,
        weights.skip,
        outputs,
    )
    return outputs, _Cell(queries, keys, numerator, forget_gates, weight, running, source, floor, denominator)


class _FusedLayer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, up: Tensor, down: Tensor, *weights: Tensor) -> Tensor:
        up, plain = up.contiguous(), _contiguous(weights)
        outputs, cell = _forward(up, plain)
        ctx.save_for_backward(up, down, *plain, *cell)
        return F.linear(outputs, down)

    @staticmethod
    @torch.autocast("cpu", enabled=False)  # the kernels take float32, wherever the backward pass is started
    def backward(ctx: Any, *grad_projected: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors  # to be read once: activation checkpointing computes them here
        up, down, weights, cell = saved[0], saved[1], LayerWeights(*saved[2:11]), _Cell(*saved[11:])
        batch, heads, length = cell.weight.shape
        inner = up.shape[-1] // 2
        shape = batch, length, heads, inner // heads
        run = partial(call, width=shape[-1])
        taps = weights.conv.T.contiguous()

        outputs = grad_projected[0] @ down  # (batch, length, inner dim): their gradient so far
        grad_up, grad_convolved = torch.empty_like(up), torch.empty_like(outputs)
        grad_numerator = torch.empty_like(cell.numerator)
        grad_denominator, grad_log_floor = torch.empty_like(cell.denominator), torch.empty_like(cell.floor)
        grad_scales = up.new_zeros(torch.get_num_threads(), 2, inner)
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
        needed = ctx.needs_input_grad[1]
        grad_down = grad_projected[0].flatten(0, 1).T @ outputs.flatten(0, 1) if needed else None
        del outputs

        values = torch.empty_like(cell.keys)
        run("elmo_values", *shape, up, _by_input(weights.value), values)
        grad_queries, grad_keys, grad_values = (torch.empty_like(values) for _ in range(3))
        grad_weight, grad_rows = torch.zeros_like(cell.weight), torch.empty_like(cell.weight)
        for rows, columns in reversed(list(row_blocks(length))):  # the first of them writes all keys and values
            scores = torch.bmm(cell.queries[:, rows], cell.keys[:, columns].transpose(1, 2))
            grad_scores = torch.bmm(grad_numerator[:, rows], values[:, columns].transpose(1, 2))
            run(
                "elmo_decay_backward",
                batch * heads,
                length,
                rows.start,
                rows.stop - rows.start,
                shape[-1] ** -0.5,
                cell.weight,
                cell.running,
                grad_denominator,
                scores,
                grad_scores,
                grad_weight,
                grad_rows,
            )
            torch.bmm(grad_scores, cell.keys[:, columns], out=grad_queries[:, rows])
            _add_product(grad_values, scores, grad_numerator[:, rows], rows.stop == length)
            _add_product(grad_keys, grad_scores, cell.queries[:, rows], rows.stop == length)

        grad_input, grad_log_forget = gate_gradients(grad_weight, grad_rows, grad_log_floor, cell.source)
        grad_forget = grad_log_forget * torch.sigmoid(-cell.forget_gates)
        grad_gates = torch.cat([grad_input, grad_forget], dim=1)  # (batch, 2 heads, length)

        grad_taps, grad_bias = up.new_empty(TAPS, inner), torch.empty_like(weights.conv_bias)
        grad_blocks = up.new_empty(3, BLOCK_SIZE, inner)
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
            grad_queries,
            grad_keys,
            grad_values,
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


def _add_product(total: Tensor, left: Tensor, right: Tensor, is_first: bool) -> None:
    """Add ``left^T right`` to the first rows of ``total`` (sequences, length, width); write all if it is the first."""
    if is_first:
        torch.bmm(left.transpose(1, 2), right, out=total)
    else:
        part = total[:, : left.shape[2]]
        torch.baddbmm(part, left.transpose(1, 2), right, out=part)


def _by_input(blocks: Tensor) -> Tensor:
    """(input of its block, output channel) of (block, out, in)."""
    return blocks.permute(2, 0, 1).flatten(1).contiguous()


def _by_output(blocks: Tensor) -> Tensor:
    """(output of its block, input channel) of (block, out, in)."""
    return blocks.permute(1, 0, 2).flatten(1).contiguous()
