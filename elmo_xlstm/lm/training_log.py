"""What a pretraining run tells of its course: lines of JSON in its directory, and of text in the log."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.runs.files import LARGEST_LIST, read_file, to_json, writing

logger = logging.getLogger(__name__)

METRICS_FILE = "metrics.jsonl"


class TrainingLog:
    """The metrics of a run.

    Args:
        directory: of the run.
        writes: whether this process does; the others stay silent.
    """

    def __init__(self, directory: Path, writes: bool) -> None:
        self._path = directory / METRICS_FILE
        self._writes = writes

    def add(self, step: int, kind: str, values: dict[str, Any]) -> None:
        """Append a line.

        Raises:
            DiskError: the disk is full or refuses.
        """
        if not self._writes:
            return
        with writing(self._path), open(self._path, "a") as file:
            file.write(to_json({"step": step, "kind": kind, **values}) + "\n")
        shown = "  ".join(f"{key} {_shown(value)}" for key, value in values.items())
        logger.info("step %d  %s  %s", step, kind, shown)

    def forget_after(self, step: int) -> None:
        """Remove what was written after a step, and a line that a killed process left unfinished."""
        if not self._writes or not self._path.exists():
            return
        lines = [line for line in read_file(self._path, LARGEST_LIST).decode().splitlines() if line.endswith("}")]
        kept = [line for line in lines if json.loads(line)["step"] <= step]
        write_text_atomically(self._path, "".join(line + "\n" for line in kept))


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics, in order; none without a file. What a killed process cut short is left out."""
    try:
        return [json.loads(line) for line in read_file(path, LARGEST_LIST).decode().splitlines() if line.endswith("}")]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: no metrics of a run ({error}); restore the file") from None


def _shown(value: Any) -> str:
    return "none" if value is None else f"{value:.4g}"
