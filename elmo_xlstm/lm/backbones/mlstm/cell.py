"""The mLSTM recurrence over a whole sequence (xLSTM, Beck et al. 2024, section 2.3 and appendix A.3).

With input gate pre-activations ``i`` and log forget gates ``f``, step ``t`` weighs what step ``s <= t`` wrote by
``exp(F[t] - F[s] + i[s] - m[t])``, where ``F`` is the running sum of ``f`` and ``m[t]`` the largest exponent so far.
Writing ``a = i - F`` and ``A`` for the running maximum of ``a``, that is ``exp(a[s] - A[t])`` and ``m = F + A``: one
exponential of an outer difference, with nothing else of size length x length to compute.

A short sequence is one matrix of weights (the parallel form). A long one is read in chunks: inside a chunk the weights
form a matrix, and what earlier chunks wrote is carried in the state ``(C, n, m)`` of the recurrent form, so that cost
grows linearly. Chunks of one token are the recurrent form.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

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
    """State of a cell: matrix memory, normaliser and the log of the scale that both are divided by."""

    memory: Tensor  # (batch, heads, head width, head width), float32
    normalizer: Tensor  # (batch, heads, head width), float32
    maximum: Tensor  # (batch, heads, 1), float32


class LayerState(NamedTuple):
    """State of a layer after the tokens before."""

    tail: Tensor  # (batch, taps - 1, inner dim), the convolution's last inputs
    cell: MLSTMState


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
    # Products take the type of the queries; gates, sums and state are float32, which autocast would not keep.
    with torch.autocast(queries.device.type, enabled=False):
        keys = keys * queries.shape[-1] ** -0.5
        log_forget = F.logsigmoid(forget_gates)
        if length <= PARALLEL_LENGTH and state is None and not return_state:
            hidden: Tensor = _ParallelForm.apply(queries, keys, values, input_gates, log_forget)
            return hidden, None
        inputs = (queries, keys, values, input_gates, log_forget)
        outputs = []
        for start in range(0, length, CHUNK_LENGTH):
            more = start + CHUNK_LENGTH < length
            q, k, v, i, f = (tensor[:, :, start : start + CHUNK_LENGTH] for tensor in inputs)
            hidden, state = _chunk(q, k, v, i, f, state, return_state or more)
            outputs.append(hidden)
        return torch.cat(outputs, dim=2), state


class GateSums(NamedTuple):
    """Sums and maxima of a sequence's gates, from an empty state; each (batch, heads, length), float32."""

    weight: Tensor  # a
    running: Tensor  # A
    source: Tensor  # the position that A comes from, int64
    floor: Tensor  # exp(-m)


def gate_sums(input_gates: Tensor, log_forget: Tensor) -> GateSums:
    """Running sums and maxima of (batch, heads, length) input gates and log forget gates."""
    decay = log_forget.cumsum(dim=-1)  # F
    weight = input_gates - decay
    running, source = weight.cummax(dim=-1)
    return GateSums(weight, running, source, _floor(decay + running))


def chunked_gate_sums(
    input_gates: Tensor, log_forget: Tensor, chunk: int, maximum: Tensor | None = None
) -> tuple[GateSums, Tensor]:
    """The same of a sequence of any length, from a state: ``weight`` and ``running`` count from A before the chunk.

    Sums are made in float64, since in float32 those of thousands of tokens lose the digits that exponents need.

    Args:
        input_gates: (batch, heads, length).
        log_forget: like ``input_gates``.
        chunk: length of a chunk.
        maximum: (batch, heads, 1), m of the state; by default there is none.

    Returns:
        The sums, and m after the last token, (batch, heads, 1).
    """
    decay = log_forget.double().cumsum(dim=-1)  # F
    weight = input_gates - decay
    running, source = weight.cummax(dim=-1)
    before = running.new_zeros(*running.shape[:-1], 1)
    if maximum is not None:
        before = maximum.double()
        running = torch.maximum(running, before)
    starts = torch.arange(weight.shape[-1], device=weight.device) // chunk * chunk
    base = torch.cat([before, running], dim=-1)[..., starts]  # A before the chunk
    last = decay + running
    return GateSums((weight - base).float(), (running - base).float(), source, _floor(last).float()), last[
        ..., -1:
    ].float()


def gate_gradients(
    grad_weight: Tensor, row_sums: Tensor, grad_log_floor: Tensor, source: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of input gates and log forget gates behind :func:`gate_sums`.

    Args:
        grad_weight: of ``weight`` where it stands for a column of the decay matrix; overwritten.
        row_sums: of the exponents' gradients in each row: minus the gradient of ``running``.
        grad_log_floor: of the logarithm of ``floor``.
        source: see :class:`GateSums`.
    """
    # A is a running maximum: its gradient belongs to the position that it was taken from. floor = exp(-(F + A)).
    grad_weight.scatter_add_(-1, source, -row_sums - grad_log_floor)
    grad_decay = -grad_log_floor - grad_weight  # a = i - F
    return grad_weight, grad_decay.flip(-1).cumsum(dim=-1).flip(-1)


class _ParallelForm(torch.autograd.Function):
    """A whole sequence from an empty state, by blocks of rows, with a backward pass by hand.

    Autograd would keep several length x length matrices of every head; they are cheap to compute again from the
    vectors kept here.
    """

    @staticmethod
    def forward(
        ctx: Any, queries: Tensor, keys: Tensor, values: Tensor, input_gates: Tensor, log_forget: Tensor
    ) -> Tensor:
        weight, running, source, floor = gate_sums(input_gates, log_forget)
        hidden = torch.empty_like(values)
        denominator = torch.empty_like(floor)
        for rows, columns in row_blocks(queries.shape[2]):
            scores = queries[:, :, rows] @ keys[:, :, columns].transpose(-1, -2)
            scores *= _decay_matrix(weight, running, rows, queries.dtype)
            denominator[:, :, rows] = scores.sum(dim=-1, dtype=torch.float32)
            scale = torch.maximum(denominator[:, :, rows].abs(), floor[:, :, rows]) + EPSILON
            hidden[:, :, rows] = (scores @ values[:, :, columns]) / scale.unsqueeze(-1)
        ctx.save_for_backward(queries, keys, values, weight, running, source, floor, denominator, hidden)
        return hidden

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, ...]:
        (grad_hidden,) = grad_outputs
        queries, keys, values, weight, running, source, floor, denominator, hidden = ctx.saved_tensors
        grad_queries, grad_keys, grad_values = (
            torch.empty_like(queries),
            torch.zeros_like(keys),
            torch.zeros_like(values),
        )
        grad_weight, row_sums = torch.zeros_like(weight), torch.empty_like(weight)

        # h = numerator / scale, scale = max(|denominator|, floor) + EPSILON
        scale = torch.maximum(denominator.abs(), floor) + EPSILON
        grad_scale = -(grad_hidden * hidden).sum(dim=-1, dtype=torch.float32) / scale
        above = denominator.abs() >= floor
        grad_denominator = torch.where(above, grad_scale * denominator.sign(), 0.0).to(queries.dtype).unsqueeze(-1)
        grad_log_floor = torch.where(above, 0.0, grad_scale * floor)
        grad_numerator = (grad_hidden / scale.unsqueeze(-1)).to(queries.dtype)

        for rows, columns in row_blocks(queries.shape[2]):
            # scores = (q k) * decayed, decayed[t, s] = exp(a[s] - A[t])
            decayed = _decay_matrix(weight, running, rows, queries.dtype)
            scores = (queries[:, :, rows] @ keys[:, :, columns].transpose(-1, -2)).mul_(decayed)
            grad_values[:, :, columns] += scores.transpose(-1, -2) @ grad_numerator[:, :, rows]
            grad_scores = grad_numerator[:, :, rows] @ values[:, :, columns].transpose(-1, -2)
            grad_scores += grad_denominator[:, :, rows]
            grad_exponent = scores.mul_(grad_scores)
            grad_weight[:, :, columns] += grad_exponent.sum(dim=-2, dtype=torch.float32)
            row_sums[:, :, rows] = grad_exponent.sum(dim=-1, dtype=torch.float32)
            grad_products = grad_scores.mul_(decayed)
            grad_queries[:, :, rows] = grad_products @ keys[:, :, columns]
            grad_keys[:, :, columns] += grad_products.transpose(-1, -2) @ queries[:, :, rows]

        return grad_queries, grad_keys, grad_values, *gate_gradients(grad_weight, row_sums, grad_log_floor, source)


def row_blocks(length: int) -> Iterator[tuple[slice, slice]]:
    """Blocks of rows, each with the columns up to its last row: what comes later has no weight."""
    for start in range(0, length, ROW_BLOCK):
        stop = min(start + ROW_BLOCK, length)
        yield slice(start, stop), slice(0, stop)


def _floor(maximum: Tensor) -> Tensor:
    """``exp(-m)``; where it would overflow the hidden state is zero with any large value, and gradients stay finite."""
    return torch.exp(-maximum.clamp(min=-80.0))


def _decay_matrix(weight: Tensor, running: Tensor, rows: slice, dtype: torch.dtype) -> Tensor:
    """``exp(a[s] - A[t])`` for rows t and all columns s up to the last of them, 0 after t."""
    exponent = weight[:, :, None, : rows.stop] - running[:, :, rows, None]  # (batch, heads, rows, columns)
    size = rows.stop - rows.start
    future = torch.ones(size, size, dtype=torch.bool, device=weight.device).triu_(1)
    exponent[..., rows.start :].masked_fill_(future, -torch.inf)
    return exponent.exp_().to(dtype)


def _chunk(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    input_gates: Tensor,
    log_forget: Tensor,
    state: MLSTMState | None,
    return_state: bool,
) -> tuple[Tensor, MLSTMState | None]:
    """One chunk from a carried state, and the state after it."""
    decay = log_forget.cumsum(dim=-1)  # F within the chunk
    weight = input_gates - decay
    running = weight.cummax(dim=-1).values
    if state is not None:
        running = torch.maximum(running, state.maximum)
    decayed = _decay_matrix(weight, running, slice(0, queries.shape[2]), queries.dtype)
    scores = (queries @ keys.transpose(-1, -2)) * decayed  # (batch, heads, chunk, chunk)
    numerator = scores @ values
    denominator = scores.sum(dim=-1, keepdim=True, dtype=torch.float32)
    if state is not None:
        carried = torch.exp(state.maximum - running).unsqueeze(-1)  # (batch, heads, chunk, 1)
        numerator = numerator + carried * (queries.float() @ state.memory)
        denominator = denominator + carried * (queries.float() @ state.normalizer.unsqueeze(-1))
    floor = _floor(decay + running).unsqueeze(-1)
    hidden = (numerator / (torch.maximum(denominator.abs(), floor) + EPSILON)).to(queries.dtype)
    if not return_state:
        return hidden, None

    last = running[:, :, -1:]  # (batch, heads, 1)
    written = keys.float() * torch.exp(weight - last).unsqueeze(-1)
    memory = written.transpose(-1, -2) @ values.float()
    normalizer = written.sum(dim=2)
    if state is not None:
        kept = torch.exp(state.maximum - last)
        memory = memory + kept.unsqueeze(-1) * state.memory
        normalizer = normalizer + kept * state.normalizer
    return hidden, MLSTMState(memory, normalizer, decay[:, :, -1:] + last)
