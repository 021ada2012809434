"""The mLSTM recurrence over a whole sequence (xLSTM, Beck et al. 2024, section 2.3 and appendix A.3).

With input gate pre-activations ``i`` and log forget gates ``f``, step ``t`` weighs what step ``s <= t`` wrote by
``exp(F[t] - F[s] + i[s] - m[t])``, where ``F`` is the running sum of ``f`` and ``m[t]`` the largest exponent so far.
Writing ``a = i - F`` and ``A`` for the running maximum of ``a``, that is ``exp(a[s] - A[t])`` and ``m = F + A``: one
exponential of an outer difference, with nothing else of size length x length to compute.

A sequence is read in chunks. Inside a chunk the weights form a matrix; what earlier chunks wrote is carried in the
state ``(C, n, m)`` of the recurrent form. One chunk is the parallel form, chunks of one token the recurrent one.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

# Up to here one matrix of weights is cheaper than carrying a state of head width x head width.
PARALLEL_LENGTH = 512
CHUNK_LENGTH = 256
# Rows of the weight matrix computed at once: columns after the last row of a block are skipped, and blocks fit a cache.
ROW_BLOCK = 128
# Of the package's normaliser, which divides by max(|n q|, exp(-m)) + EPSILON.
EPSILON = 1e-6


class MLSTMState(NamedTuple):
    """What a cell remembers: matrix memory, normaliser and the log of the scale that both are divided by."""

    memory: Tensor  # (batch, heads, head width, head width), float32
    normalizer: Tensor  # (batch, heads, head width), float32
    maximum: Tensor  # (batch, heads, 1), float32


def mlstm(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    input_gates: Tensor,
    forget_gates: Tensor,
    state: MLSTMState | None = None,
    return_state: bool = False,
) -> tuple[Tensor, MLSTMState | None]:
    """Run the cell over a sequence of any length; cost grows linearly beyond :data:`PARALLEL_LENGTH`.

    Args:
        queries: (batch, heads, length, head width).
        keys: like ``queries``; scaled by 1/sqrt(head width) here.
        values: like ``queries``.
        input_gates: (batch, heads, length) pre-activations, float32.
        forget_gates: (batch, heads, length) pre-activations, float32.
        state: of the tokens before, from an earlier call.
        return_state: also compute the state after the last token.

    Returns:
        Hidden states (batch, heads, length, head width) and the state, if asked for.
    """
    length = queries.shape[2]
    keys = keys * queries.shape[-1] ** -0.5
    log_forget = F.logsigmoid(forget_gates)
    if length <= PARALLEL_LENGTH:
        return _chunk(queries, keys, values, input_gates, log_forget, state, return_state)
    outputs = []
    for start in range(0, length, CHUNK_LENGTH):
        part = slice(start, start + CHUNK_LENGTH)
        more = start + CHUNK_LENGTH < length
        hidden, state = _chunk(
            queries[:, :, part],
            keys[:, :, part],
            values[:, :, part],
            input_gates[:, :, part],
            log_forget[:, :, part],
            state,
            more or return_state,
        )
        outputs.append(hidden)
    return torch.cat(outputs, dim=2), state


def _chunk(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    input_gates: Tensor,
    log_forget: Tensor,
    state: MLSTMState | None,
    return_state: bool,
) -> tuple[Tensor, MLSTMState | None]:
    decay = log_forget.cumsum(dim=-1)  # F: (batch, heads, length)
    weight = input_gates - decay  # a
    running = weight.cummax(dim=-1).values  # A
    if state is not None:
        running = torch.maximum(running, state.maximum)
    floor = torch.exp(-(decay + running)).unsqueeze(-1)  # exp(-m): (batch, heads, length, 1)

    length = queries.shape[2]
    outputs = []
    for start in range(0, length, ROW_BLOCK):
        rows = slice(start, min(start + ROW_BLOCK, length))
        columns = slice(0, rows.stop)
        exponent = weight[:, :, None, columns] - running[:, :, rows, None]  # (batch, heads, rows, columns)
        future = torch.ones(rows.stop - start, rows.stop, dtype=torch.bool, device=queries.device).triu_(start + 1)
        decayed = torch.exp(exponent.masked_fill(future, -torch.inf)).to(queries.dtype)
        scores = (queries[:, :, rows] @ keys[:, :, columns].transpose(-1, -2)) * decayed
        numerator = scores @ values[:, :, columns]  # (batch, heads, rows, head width)
        denominator = scores.sum(dim=-1, keepdim=True, dtype=torch.float32)
        if state is not None:
            carried = torch.exp(state.maximum - running[:, :, rows]).unsqueeze(-1)
            read = queries[:, :, rows].float()
            numerator = numerator + carried * (read @ state.memory)
            denominator = denominator + carried * (read @ state.normalizer.unsqueeze(-1))
        scale = torch.maximum(denominator.abs(), floor[:, :, rows]) + EPSILON
        outputs.append(numerator / scale)
    hidden = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=2)

    if not return_state:
        return hidden.to(queries.dtype), None
    last = running[:, :, -1:]  # (batch, heads, 1)
    written = keys.float() * torch.exp(weight - last).unsqueeze(-1)
    memory = written.transpose(-1, -2) @ values.float()
    normalizer = written.sum(dim=2)
    if state is not None:
        kept = torch.exp(state.maximum - last)
        memory = memory + kept.unsqueeze(-1) * state.memory
        normalizer = normalizer + kept * state.normalizer
    return hidden.to(queries.dtype), MLSTMState(memory, normalizer, decay[:, :, -1:] + last)
