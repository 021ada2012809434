"""An mLSTM layer between its two projections, with compiled kernels around the matrix products of the cell.

The numbers are those of :class:`~elmo_xlstm.lm.layer.MLSTMLayer` up to rounding; :mod:`elmo_xlstm.lm.cell` explains the
symbols. Kept for the backward pass are the layer's input, the convolved input, queries, keys, values and the cell's
numerator: everything else is cheap to compute again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from elmo_xlstm.lm.cell import PARALLEL_LENGTH, gate_gradients, gate_sums, row_blocks
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


@torch.compiler.disable  # compiled already; what is around it may be
def fused_mlstm(
    up: Tensor,
    conv_weight: Tensor,
    conv_bias: Tensor,
    query_weight: Tensor,
    key_weight: Tensor,
    value_weight: Tensor,
    gate_weight: Tensor,
    gate_bias: Tensor,
    norm_scale: Tensor,
    skip: Tensor,
) -> Tensor:
    """Convolution, cell, norm and output gate.

    Args:
        up: (batch, length, 2 * inner dim), the up-projection; at most ``PARALLEL_LENGTH`` long.
        conv_weight: (inner dim, taps).
        conv_bias: (inner dim,).
        query_weight: (blocks, out, in), as are ``key_weight`` and ``value_weight``.
        key_weight: see there.
        value_weight: see there.
        gate_weight: (2 * heads, 3 * inner dim), input gates before forget gates.
        gate_bias: (2 * heads,).
        norm_scale: (inner dim,), of the heads' norm.
        skip: (inner dim,).

    Returns:
        (batch, length, inner dim), what the down-projection reads.
    """
    outputs: Tensor = _FusedMLSTM.apply(
        up,
        conv_weight,
        conv_bias,
        query_weight,
        key_weight,
        value_weight,
        gate_weight,
        gate_bias,
        norm_scale,
        skip,
    )
    return outputs


class _FusedMLSTM(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, up: Tensor, *weights: Tensor) -> Tensor:
        up = up.contiguous()
        conv_weight, conv_bias, query_weight, key_weight, value_weight, gate_weight, gate_bias, scale, skip = (
            weight.contiguous() for weight in weights
        )
        batch, length, double = up.shape
        inner, heads = double // 2, len(gate_bias) // 2
        shape = batch, length, heads, inner // heads
        convolved = up.new_empty(batch, length, inner)
        queries, keys, values = (up.new_empty(batch * heads, length, shape[-1]) for _ in range(3))
        gates = up.new_empty(batch, 2 * heads, length)
        taps = conv_weight.T.contiguous()
        of_query, of_key, of_value = (_by_input(weight) for weight in (query_weight, key_weight, value_weight))
        call(
            "elmo_mix_forward",
            *shape,
            up,
            taps,
            conv_bias,
            of_query,
            of_key,
            of_value,
            gate_weight,
            gate_bias,
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
        factor = shape[-1] ** -0.5
        for rows, columns in row_blocks(length):
            scores = torch.bmm(queries[:, rows], keys[:, columns].transpose(1, 2))
            call(
                "elmo_decay_forward",
                batch * heads,
                length,
                rows.start,
                rows.stop - rows.start,
                factor,
                weight,
                running,
                scores,
                denominator,
            )
            torch.bmm(scores, values[:, columns], out=numerator[:, rows])
        outputs = torch.empty_like(convolved)
        call("elmo_output_forward", *shape, numerator, denominator, floor, convolved, up, scale, skip, outputs)
        ctx.save_for_backward(
            up,
            conv_weight,
            conv_bias,
            query_weight,
            key_weight,
            value_weight,
            gate_weight,
            scale,
            skip,
            convolved,
            queries,
            keys,
            values,
            numerator,
            forget_gates,
            weight,
            running,
            source,
            floor,
            denominator,
        )
        return outputs

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, ...]:
        saved = ctx.saved_tensors  # to be read once: activation checkpointing computes them here
        up, conv_weight, conv_bias, query_weight, key_weight, value_weight, gate_weight, scale, skip = saved[:9]
        convolved, queries, keys, values, numerator, forget_gates = saved[9:15]
        weight, running, source, floor, denominator = saved[15:]
        batch, heads, length = weight.shape
        inner = convolved.shape[-1]
        shape = batch, length, heads, inner // heads

        grad_up, grad_convolved = torch.empty_like(up), torch.empty_like(convolved)
        grad_numerator = torch.empty_like(numerator)
        grad_denominator, grad_log_floor = torch.empty_like(denominator), torch.empty_like(floor)
        grad_scales = up.new_zeros(torch.get_num_threads(), 2, inner)
        call(
            "elmo_output_backward",
            *shape,
            numerator,
            denominator,
            floor,
            convolved,
            up,
            scale,
            skip,
            grad_outputs[0].contiguous(),
            grad_numerator,
            grad_denominator,
            grad_log_floor,
            grad_convolved,
            grad_up,
            grad_scales,
        )

        grad_queries, grad_keys, grad_values = (torch.empty_like(queries) for _ in range(3))
        grad_weight, grad_rows = torch.zeros_like(weight), torch.empty_like(weight)
        for rows, columns in reversed(list(row_blocks(length))):  # the first of them writes all keys and values
            scores = torch.bmm(queries[:, rows], keys[:, columns].transpose(1, 2))
            grad_scores = torch.bmm(grad_numerator[:, rows], values[:, columns].transpose(1, 2))
            call(
                "elmo_decay_backward",
                batch * heads,
                length,
                rows.start,
                rows.stop - rows.start,
                shape[-1] ** -0.5,
                weight,
                running,
                grad_denominator,
                scores,
                grad_scores,
                grad_weight,
                grad_rows,
            )
            torch.bmm(grad_scores, keys[:, columns], out=grad_queries[:, rows])
            _add_product(grad_values, scores, grad_numerator[:, rows], rows.stop == length)
            _add_product(grad_keys, grad_scores, queries[:, rows], rows.stop == length)

        grad_input, grad_log_forget = gate_gradients(grad_weight, grad_rows, grad_log_floor, source)
        grad_forget = grad_log_forget * torch.sigmoid(-forget_gates)
        grad_gates = torch.cat([grad_input, grad_forget], dim=1)  # (batch, 2 heads, length)

        grad_taps, grad_bias = up.new_empty(TAPS, inner), torch.empty_like(conv_bias)
        grad_blocks = up.new_empty(3, BLOCK_SIZE, inner)
        grad_gate_weight = torch.empty_like(gate_weight)
        call(
            "elmo_mix_backward",
            *shape,
            up,
            conv_weight.T.contiguous(),
            conv_bias,
            *(_by_input(blocks) for blocks in (query_weight, key_weight, value_weight)),
            *(_by_output(blocks) for blocks in (query_weight, key_weight, value_weight)),
            gate_weight,
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
