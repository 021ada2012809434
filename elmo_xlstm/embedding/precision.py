"""Projections in lower precision, which a CPU multiplies several times faster.

Nine tenths of an embedding's operations are the two projections of each mLSTM layer; these alone are converted. Gates,
cell, norms and what runs between the blocks stay fp32. Weights are converted once, inputs at every call:

- ``bf16``: both sides of the product are rounded to 8 bits of mantissa.
- ``int8``: weights with one scale per output channel, inputs with one scale per token, both symmetric. A scale of a
  whole batch, as dynamic quantisation often has it, would let a vector depend on its company.

Rounding is no longer tiny: a last bit that differs between two batches can turn a rounded value over to the next. So a
vector is the same in any company up to the precision's own error, which is far above fp32's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
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


class Float32Projection:
    """A linear map without bias.

    Args:
        weight: (outputs, inputs).
    """

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight.detach()

    def __call__(self, inputs: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs), both float32."""
        return F.linear(inputs, self.weight)


class BFloat16Projection:
    """A linear map without bias whose product is computed in bf16.

    Args:
        weight: (outputs, inputs).
    """

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight.detach().to(torch.bfloat16)

    def __call__(self, inputs: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs), both float32."""
        return F.linear(inputs.to(torch.bfloat16), self.weight).float()


class Int8Projection:
    """A linear map without bias whose product is computed in int8.

    Args:
        weight: (outputs, inputs).
    """

    def __init__(self, weight: Tensor) -> None:
        quantized, scale = quantize_rows(weight.detach())
        self.weight = quantized.T.contiguous()  # (inputs, outputs)
        self.scale = scale.T  # (1, outputs)

    def __call__(self, inputs: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs), both float32."""
        tokens, scale = quantize_rows(inputs.reshape(-1, inputs.shape[-1]))
        # int32 sums, times both scales. The quantised tensors and modules of torch.ao are deprecated; this product of
        # plain int8 tensors is what their successors use.
        outputs = torch._int_mm(tokens, self.weight).float().mul_(scale).mul_(self.scale)
        return outputs.view(*inputs.shape[:-1], -1)


PROJECTIONS: Mapping[Precision, Callable[[Tensor], Projection]] = {
    "fp32": Float32Projection,
    "bf16": BFloat16Projection,
    "int8": Int8Projection,
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
    """Say so if this processor has no instructions for a precision; nothing where the system does not tell."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:  # another system than Linux
        return
    if precision in INSTRUCTIONS and not flags & INSTRUCTIONS[precision]:
        logger.warning("embedder precision %s: this processor has no instructions for it; fp32 is faster", precision)
