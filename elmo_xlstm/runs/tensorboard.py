"""Scores of a run for TensorBoard, beside the run's own record, which is written in any case."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elmo_xlstm.errors import UserError

EVENTS_DIRECTORY = "tensorboard"


class EventLog:
    """Numbers by step, in event files.

    Args:
        directory: of the run; they go to ``tensorboard`` in it.
        after: what an earlier process wrote of later steps is no longer shown.

    Raises:
        UserError: TensorBoard is missing.
    """

    def __init__(self, directory: Path, after: int = 0) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise UserError(
                "event files need TensorBoard: pip install 'elmo-xlstm[tensorboard]', or leave tensorboard out"
            ) from None
        self._writer = SummaryWriter(str(directory / EVENTS_DIRECTORY), purge_step=after + 1)

    def add(self, step: int, group: str, values: Mapping[str, Any]) -> None:
        """Write numbers under ``group/name``; what is no finite number is left out."""
        for name, value in values.items():
            if isinstance(value, int | float) and math.isfinite(value):
                self._writer.add_scalar(f"{group}/{name}", value, step)
        self._writer.flush()

    def close(self) -> None:
        """Close the files."""
        self._writer.close()
