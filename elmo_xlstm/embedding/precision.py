"""Projections in lower precision, which a CPU multiplies several times faster.

Nine tenths of an embedding's operations are the two projections of each mLSTM layer; these are converted. Gates, norms,
sums over tokens and the residual stream stay fp32. Weights are converted once, inputs at every call:

- ``bf16``: both sides of the product are rounded to 8 bits of mantissa, and so is what it gives. Where our compiled
  kernels run, vectors between the projections and the cell's products are bf16, too; without them they are fp32.
- ``int8``: weights with one scale per output channel, inputs with one scale per token, both symmetric. A scale of a
  whole batch, as dynamic quantisation often has it, would let a vector depend on its company.

Rounding is coarse: a last bit that differs between two batches can change a rounded value. So a vector is the same in
any batch up to the precision's own error, which is far above fp32's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

logger = logging.getLogger(__name__)

Precision = Literal["fp32", "bf16", "int8"]
Projection = Callable[[Tensor], Tensor]

LARGEST_INT8 = 127
# Instructions that multiply in that precision; without one of them it is slower than fp32, bf16 many times.
INSTRUCTIONS: Mapping[Precision, frozenset[str]] = {
    "bf16": frozenset({"avx512_bf16", "amx_bf16", "bf16"}),
    "int8": frozenset({"avx_vnni", "avx512_vnni", "amx_int8"}),
}


def float32_projection(weight: Tensor) -> Projection:
    """A linear map without bias, (..., inputs) to (..., outputs), from a weight (outputs, inputs)."""
    return partial(F.linear, weight=weight.detach())


def bfloat16_projection(weight: Tensor) -> Projection:
    """The same map with the product computed in bf16, which the outputs are, too."""
    return partial(_multiply_bfloat16, weight=weight.detach().to(torch.bfloat16))


def int8_projection(weight: Tensor) -> Projection:
    """The same map with the product computed in int8; inputs and outputs are float32."""
    quantized, scale = quantize_rows(weight.detach())
    return partial(_multiply_int8, weight=quantized.T.contiguous(), scale=scale.T)


def _multiply_bfloat16(inputs: Tensor, weight: Tensor) -> Tensor:
    return F.linear(inputs.to(torch.bfloat16), weight)


def _multiply_int8(inputs: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """Times a weight (inputs, outputs) with a scale for each output, (1, outputs)."""
    tokens, token_scale = quantize_rows(inputs.reshape(-1, inputs.shape[-1]))
    # int32 sums, times both scales. The quantised tensors and modules of torch.ao are deprecated; this product of plain
    # int8 tensors is what their successors use.
    outputs = torch._int_mm(tokens, weight).float().mul_(token_scale).mul_(scale)
    return outputs.view(*inputs.shape[:-1], -1)


PROJECTIONS: Mapping[Precision, Callable[[Tensor], Projection]] = {
    "fp32": float32_projection,
    "bf16": bfloat16_projection,
    "int8": int8_projection,
}


def quantize_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Round each row to whole multiples of a scale of its own, 1/127 of its largest magnitude.

    Args:
        rows: (rows, width) float32.

    Returns:
        (rows, width) int8, and the scales (rows, 1) float32; a row of zeros has some scale too.
    """
    largest = torch.maximum(rows.amax(dim=1, keepdim=True), rows.amin(dim=1, keepdim=True).neg_())
    scale = largest.clamp_(min=torch.finfo(torch.float32).tiny * LARGEST_INT8**2).div_(LARGEST_INT8)
    return (rows / scale).round_().to(torch.int8), scale


def warn_if_slow(precision: Precision) -> None:
    """Warn if this processor has no instructions for a precision; only where the system lists them."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:  # another system than Linux
        return
    if precision in INSTRUCTIONS and not flags & INSTRUCTIONS[precision]:
        logger.warning("embedder precision %s: this processor has no instructions for it; fp32 is faster", precision)
