"""Leaving out optimizer steps whose numbers went bad, without waiting for the device to tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.distributed.tensor import DTensor


@dataclass(frozen=True)
class Skipped:
    """Steps that were left out.

    Attributes:
        total: since the run began.
        in_a_row: up to the last step.
        first: number of the first of these, counted from 0; meaningless if there are none.
    """

    total: int
    in_a_row: int
    first: int


class StepGuard:
    """Keeps weights and moments as they are in a step whose loss or gradient is not finite, in all processes alike.

    Everything is counted on the device: a fused optimizer leaves a step out by itself if its ``found_inf`` says so,
    as PyTorch's gradient scaler has it do. Once ``most`` steps in a row were bad, every later one is left out too, so
    that nothing is learnt between the moment when the run went wrong and the one when it is told.

    Args:
        optimizer: fused.
        accelerator: gives the device and the sum over processes.
        most: bad steps in a row after which the run is lost.
        total: steps left out before.
        in_a_row: of these, those at the end.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, accelerator: Accelerator, most: int, total: int = 0, in_a_row: int = 0
    ) -> None:
        self._optimizer = optimizer
        self._accelerator = accelerator
        self._most = most
        device = accelerator.device
        self._total = torch.tensor(total, device=device)
        self._in_a_row = torch.tensor(in_a_row, device=device)
        self._first = torch.tensor(0, device=device)
        self._step = torch.tensor(0, device=device)

    def judge(self, loss: Tensor, gradient_norm: Tensor, step: int) -> Tensor:
        """Tell the optimizer, before its step, whether to leave it out.

        Args:
            loss: of this process.
            gradient_norm: of all parameters together.
            step: number of this step, from 0.

        Returns:
            Whether it is left out: () bool on the device.
        """
        if isinstance(gradient_norm, DTensor):
            gradient_norm = gradient_norm.full_tensor()
        bad = ~(torch.isfinite(loss) & torch.isfinite(gradient_norm))
        if self._accelerator.num_processes > 1:  # a loss may be bad in one process, and the gradient finite in all
            bad = self._accelerator.reduce(bad.float(), reduction="sum") > 0
        bad = bad | (self._in_a_row >= self._most)
        self._total += bad
        self._in_a_row = (self._in_a_row + 1) * bad
        self._first = torch.where(self._in_a_row == 1, self._step.fill_(step), self._first)
        self._optimizer.found_inf = bad.float()  # type: ignore[attr-defined]
        return bad

    def read(self) -> Skipped:
        """What was left out so far; waits until the device has got there."""
        total, in_a_row, first = torch.stack([self._total, self._in_a_row, self._first]).tolist()
        return Skipped(total, in_a_row, first)

    def is_lost(self, skipped: Skipped) -> bool:
        """Whether too many steps in a row were bad."""
        return skipped.in_a_row >= self._most


def tell_bad_numbers(skipped: Skipped, starts: Sequence[int], corpus: Path) -> str:
    """What is said of steps that were left out.

    Args:
        skipped: the steps.
        starts: where the windows of the first of them begin.
        corpus: its directory.
    """
    shown = ", ".join(map(str, starts[:4])) + (", ..." if len(starts) > 4 else "")
    return (
        f"loss or gradient was not finite in {skipped.in_a_row} steps in a row, from step {skipped.first + 1} on, "
        f"whose windows start at tokens {shown} of the training part of {corpus}; these steps were left out"
    )
