"""Predictions for files, written to a file or to standard output; what was cut off can be gone on with."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from elmo_xlstm.errors import UserError
from elmo_xlstm.progress import Progress
from elmo_xlstm.runs.atomic import PARTIAL, open_partial
from elmo_xlstm.runs.interruption import resumable
from elmo_xlstm.tasks.loading import find_head
from elmo_xlstm.tasks.new_examples import InputFiles
from elmo_xlstm.tasks.predict import FinishedRun, predict_rows
from elmo_xlstm.tasks.prediction_formats import last_whole_row, make_writer, output_format
from elmo_xlstm.terminal import console


@dataclass(frozen=True)
class PredictionFile:
    """A file of predictions.

    Attributes:
        path: of it; None for standard output.
        form: of its rows; by its name if None.
        resume: go on with the ``.partial`` file that an interruption left.
    """

    path: Path | None
    form: str | None = None
    resume: bool = False


def predict_to_file(
    model: str, inputs: InputFiles, target: PredictionFile, top_k: int | None = None, progress: Progress | None = None
) -> int:
    """Predict for files and write the rows as they come.

    Args:
        model: see :func:`~elmo_xlstm.tasks.loading.load`.
        inputs: to predict for.
        target: for the predictions.
        top_k: give the probabilities of so many labels; all by default.
        progress: counts examples.

    Returns:
        The number of rows written.

    Raises:
        UserError: the model or an input cannot be read, or the output cannot be gone on with.
        Interrupted: by a signal; ``--resume`` goes on.
    """
    directory = find_head(model)
    form = output_format(target.path, target.form)
    if target.path is None:
        if target.resume:
            raise UserError("--resume: continues a file; name it with --output")
        rows = predict_rows(FinishedRun(directory).task, inputs, top_k)
        return sum(_print(text) for text in map(make_writer(form, console), rows))
    begun = target.path.with_name(target.path.name + PARTIAL)
    if target.resume and target.path.is_file() and not begun.exists():
        raise UserError(f"{target.path}: is complete (there is no {begun.name}); leave out --resume to make it anew")
    end, after = last_whole_row(begun, form) if target.resume and begun.is_file() else (0, 0)
    read = (path for kind in ("json", "safetensors", "vocabulary") for path in directory.rglob(f"*.{kind}"))
    with resumable(), open_partial(target.path, [*inputs.paths, *read], end) as file:
        writer = make_writer(form, console, begun if end else None)
        rows = predict_rows(FinishedRun(directory).task, inputs, top_k, after, progress)
        return sum(file.write(text) > 0 for text in map(writer, rows))


def _print(text: str) -> int:
    sys.stdout.write(text)
    sys.stdout.flush()
    return 1
