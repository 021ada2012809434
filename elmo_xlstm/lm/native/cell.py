"""The mLSTM cell over whole sequences, from queries, keys, values and gates, with compiled kernels around the products.

:mod:`elmo_xlstm.lm.backbones.mlstm.cell` explains the symbols. A short sequence is one chunk, whose weights form a
matrix. Of a longer one each chunk is such a matrix, and what the chunks before have written is read from a memory: time
and space grow linearly.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from elmo_xlstm.lm.backbones.mlstm.cell import (
    PARALLEL_LENGTH,
    ROW_BLOCK,
    GateSums,
    MLSTMState,
    chunked_gate_sums,
    gate_gradients,
    gate_sums,
)
from elmo_xlstm.lm.native.library import call

# Of a long sequence. Rows of a chunk grow dearer with it; the memory is read and written once for each.
CHUNK_LENGTH = 256


class Cell(NamedTuple):
    """Tensors kept for the backward pass.

    Attributes:
        queries: (batch * heads, length, head width), as are ``keys`` and ``numerator``.
        keys: see there.
        numerator: of the hidden states.
        forget_gates: (batch, heads, length), as are all up to ``denominator``.
        weight: as ``running``, it counts from the maximum before the chunk.
        running: see there.
        source: see :class:`~elmo_xlstm.lm.backbones.mlstm.cell.GateSums`.
        floor: see there.
        denominator: of the hidden states.
        memories: (chunks - 1, batch * heads, head width, head width), before all chunks but the first.
        normalizers: (chunks - 1, batch * heads, head width), float32.
    """

    queries: Tensor
    keys: Tensor
    numerator: Tensor
    forget_gates: Tensor
    weight: Tensor
    running: Tensor
    source: Tensor
    floor: Tensor
    denominator: Tensor
    memories: Tensor
    normalizers: Tensor


def run_cell(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    gates: Tensor,
    state: MLSTMState | None = None,
    return_state: bool = False,
) -> tuple[Cell, MLSTMState | None]:
    """Numerators and denominators of the hidden states.

    Args:
        queries: (batch * heads, length, head width), as are ``keys`` and ``values``; keys are not scaled yet.
        keys: see there.
        values: see there.
        gates: (batch, 2 * heads, length) pre-activations, input gates first, float32.
        state: of the tokens before; what is kept is then of no use for a backward pass.
        return_state: also give the state after the last token.
    """
    count, length, width = queries.shape
    run, size = partial(call, width=width, dtype=queries.dtype), width**-0.5
    input_gates, forget_gates = gates.chunk(2, dim=1)
    chunks = _chunks(length)
    sums, maximum = _gate_sums(input_gates, F.logsigmoid(forget_gates), chunks, state, return_state)
    denominator, numerator = torch.empty_like(sums.floor), torch.empty_like(values)
    memories = queries.new_empty(len(chunks) - 1, count, width, width)
    normalizers = denominator.new_empty(len(chunks) - 1, count, width)
    carries = state is not None or return_state or len(chunks) > 1
    if state is not None:
        memory, normalizer = state.memory.reshape(count, width, width) / size, state.normalizer.flatten(0, 1) / size
    elif carries:
        memory, normalizer = denominator.new_zeros(count, width, width), denominator.new_zeros(count, width)
    for index, chunk in enumerate(chunks):
        shape = count, length, chunk.stop - chunk.start, width
        weight, running, denominators = (part[..., chunk] for part in (sums.weight, sums.running, denominator))
        for rows, columns in _blocks(chunk):
            scores = torch.bmm(queries[:, rows], keys[:, columns].transpose(1, 2))
            first, number = rows.start - chunk.start, rows.stop - rows.start
            run("elmo_decay_forward", count, length, first, number, size, weight, running, scores, denominators)
            torch.bmm(scores, values[:, columns], out=numerator[:, rows])
        if not carries:
            continue
        carried = queries.new_empty(count, shape[2], width)
        if index > 0:
            memories[index - 1], normalizers[index - 1] = memory, normalizer
        if index > 0 or state is not None:
            run("elmo_carry_queries", *shape, size, running, normalizer, queries[:, chunk], carried, denominators)
            _add_product(numerator[:, chunk], carried, memory.to(queries.dtype))
        if index + 1 < len(chunks) or return_state:
            run("elmo_carry_keys", *shape, weight, running, keys[:, chunk], carried, memory, normalizer)
            _add_product(memory, carried.transpose(1, 2), values[:, chunk])
    cell = Cell(queries, keys, numerator, forget_gates, *sums, denominator, memories, normalizers)
    if not return_state or maximum is None:
        return cell, None
    heads = input_gates.shape[:2]
    return cell, MLSTMState(size * memory.unflatten(0, heads), size * normalizer.unflatten(0, heads), maximum)


def cell_gradients(
    cell: Cell, values: Tensor, grad_numerator: Tensor, grad_denominator: Tensor, grad_log_floor: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of queries, keys, values and gates of a sequence that began without a state.

    Args:
        cell: of the forward pass.
        values: of the forward pass.
        grad_numerator: like ``numerator``.
        grad_denominator: like ``denominator``.
        grad_log_floor: of the logarithm of ``floor``.
    """
    count, length, width = values.shape
    run, size = partial(call, width=width, dtype=values.dtype), width**-0.5
    chunks = _chunks(length)
    grad_queries, grad_keys, grad_values = (torch.empty_like(values) for _ in range(3))
    grad_weight, grad_rows = torch.zeros_like(cell.weight), torch.empty_like(cell.weight)
    if len(chunks) > 1:  # of the state after a chunk
        grad_memory, grad_normalizer = grad_rows.new_zeros(count, width, width), grad_rows.new_zeros(count, width)
    for index, chunk in reversed(list(enumerate(chunks))):
        shape = count, length, chunk.stop - chunk.start, width
        of_rows = cell.weight, cell.running, grad_denominator, grad_weight, grad_rows
        weight, running, grad_denominators, grad_exponents, grad_sums = (part[..., chunk] for part in of_rows)
        for rows, columns in reversed(_blocks(chunk)):  # the first of them writes all keys and values
            scores = torch.bmm(cell.queries[:, rows], cell.keys[:, columns].transpose(1, 2))
            grad_scores = torch.bmm(grad_numerator[:, rows], values[:, columns].transpose(1, 2))
            run(
                "elmo_decay_backward",
                count,
                length,
                rows.start - chunk.start,
                rows.stop - rows.start,
                size,
                weight,
                running,
                grad_denominators,
                scores,
                grad_scores,
                grad_exponents,
                grad_sums,
            )
            torch.bmm(grad_scores, cell.keys[:, columns], out=grad_queries[:, rows])
            is_first = rows.stop == chunk.stop
            _add_product(grad_values[:, columns], scores.transpose(1, 2), grad_numerator[:, rows], is_first)
            _add_product(grad_keys[:, columns], grad_scores.transpose(1, 2), cell.queries[:, rows], is_first)
        if len(chunks) == 1:
            continue
        carried = values.new_empty(count, shape[2], width)
        if index + 1 < len(chunks):
            product = grad_memory.to(values.dtype)
            run(
                "elmo_carry_keys_backward",
                *shape,
                weight,
                running,
                cell.keys[:, chunk],
                torch.bmm(values[:, chunk], product.transpose(1, 2)),
                grad_normalizer,
                carried,
                grad_keys[:, chunk],
                grad_exponents,
            )
            _add_product(grad_values[:, chunk], carried, product)
        if index > 0:
            memory, normalizer = cell.memories[index - 1], cell.normalizers[index - 1]
            run(
                "elmo_carry_queries_backward",
                *shape,
                size,
                running,
                normalizer,
                cell.queries[:, chunk],
                torch.bmm(grad_numerator[:, chunk], memory.transpose(1, 2)),
                grad_denominators,
                carried,
                grad_queries[:, chunk],
                grad_sums,
                grad_memory,
                grad_normalizer,
            )
            _add_product(grad_memory, carried.transpose(1, 2), grad_numerator[:, chunk])

    # Sums over a long sequence would lose digits in float32.
    wide = torch.float32 if len(chunks) == 1 else torch.float64
    sums = gate_gradients(grad_weight.to(wide), grad_rows.to(wide), grad_log_floor.to(wide), cell.source)
    grad_input, grad_log_forget = (grad.float() for grad in sums)
    grad_forget = grad_log_forget * torch.sigmoid(-cell.forget_gates)
    return grad_queries, grad_keys, grad_values, torch.cat([grad_input, grad_forget], dim=1)


def _gate_sums(
    input_gates: Tensor, log_forget: Tensor, chunks: list[slice], state: MLSTMState | None, return_state: bool
) -> tuple[GateSums, Tensor | None]:
    """Sums of the gates, and the maximum after the last token if it is needed."""
    if len(chunks) == 1 and state is None and not return_state:
        return gate_sums(input_gates, log_forget), None
    return chunked_gate_sums(input_gates, log_forget, chunks[0].stop, None if state is None else state.maximum)


def _chunks(length: int) -> list[slice]:
    if length <= PARALLEL_LENGTH:
        return [slice(0, length)]
    return [slice(start, min(start + CHUNK_LENGTH, length)) for start in range(0, length, CHUNK_LENGTH)]


def _blocks(chunk: slice) -> list[tuple[slice, slice]]:
    """Blocks of rows of a chunk, each with the columns up to its last row: what comes later has no weight."""
    starts = range(chunk.start, chunk.stop, ROW_BLOCK)
    stops = [min(start + ROW_BLOCK, chunk.stop) for start in starts]
    return [(slice(start, stop), slice(chunk.start, stop)) for start, stop in zip(starts, stops, strict=True)]


def _add_product(total: Tensor, left: Tensor, right: Tensor, is_first: bool = False) -> None:
    """Add ``left @ right`` (batches of matrices) to ``total``; write it if it is the first."""
    if is_first:
        torch.bmm(left, right, out=total)
    elif total.dtype == left.dtype:
        torch.baddbmm(total, left, right, out=total)
    else:
        total += torch.bmm(left, right)
