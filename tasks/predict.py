"""Predictions and scores of a trained run: new text in, JSON values out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.results import RunResult, read_result
from elmo_xlstm.machine import give_back_freed_memory
from elmo_xlstm.progress import NullProgress, Progress
from elmo_xlstm.runs.checksums import CHECKSUMS_FILE, find_damage
from elmo_xlstm.runs.run_directory import CONFIG_FILE, read_config
from elmo_xlstm.tasks.data.examples import ExampleT
from elmo_xlstm.tasks.finetuning import RESULT_FILE, FinetuneSettings
from elmo_xlstm.tasks.new_examples import ROW, InputFiles, NewExample, beside, windows
from elmo_xlstm.tasks.predictor import Prediction
from elmo_xlstm.tasks.run_contents import (
    HEAD_FILE,
    kept_embedder,
    other_language_model,
    other_model,
    refuse_changed_data,
)
from elmo_xlstm.tasks.scores import Scores
from elmo_xlstm.tasks.task import Task

CHUNK_WORDS, CHUNK_EXAMPLES = 2**12, 2**9
"""Words and examples that are predicted for at once: about so many have their vectors in memory."""


class FinishedRun:
    """A trained task, read from its run directory alone.

    Args:
        directory: of the run.

    Raises:
        UserError: there is no finished run.
    """

    def __init__(self, directory: Path) -> None:
        stored = directory / CONFIG_FILE
        if not stored.is_file():
            raise UserError(f"{directory}: no run there ({CONFIG_FILE} is missing); train one with finetune")
        self.settings = validate(FinetuneSettings, read_config(directory), origin=str(stored))
        if damage := find_damage(directory) if (directory / CHECKSUMS_FILE).is_file() else []:
            raise UserError(
                f"{directory}: damaged: {'; '.join(damage)}. Make the run again: finetune with --resume writes "
                "everything anew from its last checkpoint"
            )
        self._directory = directory
        self.result = _own_result(directory)
        embedder = kept_embedder(self.settings.embedder, directory)
        if embedder is not None and self.result is not None and embedder.fingerprint != self.result.checkpoint:
            assert self.settings.embedder is not None
            if (directory / HEAD_FILE).is_file():
                raise other_language_model(directory, self.settings.embedder)
            raise other_model(directory, self.settings.embedder, "its fingerprint differs")
        self.task: Task[Any] = self.settings.build_task(embedder)
        self.task.load(directory)

    def evaluate(self, split: str, data: Path | None = None, progress: Progress | None = None) -> dict[str, Any]:
        """Scores of a split of the task's data, or of a file of the same form, as JSON values; see :meth:`score`."""
        _, scores = self.score(split, data, progress)
        return {
            "data": str(data) if data is not None else split,
            "metrics": dict(scores.metrics),
            "intervals": dict(scores.intervals),
            "types": {name: score.model_dump() for name, score in scores.types.items()},
        }

    def score(
        self, split: str, data: Path | None = None, progress: Progress | None = None
    ) -> tuple[Sequence[Any], Scores]:
        """Predict a split of the task's data, or a file of the same form, and compare with its gold.

        Returns:
            The examples and their scores, predictions among them.

        Raises:
            UserError: the task's data are not those that the run was trained and scored on.
        """
        examples = self.task.read_gold(data) if data is not None else self.task.split(split)
        if data is None and self.result is not None:
            refuse_changed_data(self._directory, self.result.data, self.task.checksums, "score a file with --data")
        return examples, self.task.score(examples, progress=progress)

    def predict(self, path: Path, progress: Progress | None = None) -> Iterator[dict[str, Any]]:
        """Predictions for a file; see :func:`predict_rows`."""
        return predict_rows(self.task, InputFiles([path]), progress=progress)


def predict_file(task: Task[ExampleT], path: Path, progress: Progress | None = None) -> Iterator[dict[str, Any]]:
    """Predictions for one file; see :func:`predict_rows`."""
    return predict_rows(task, InputFiles([path]), progress=progress)


def predict_rows(
    task: Task[ExampleT],
    inputs: InputFiles,
    top_k: int | None = None,
    after: int = 0,
    progress: Progress | None = None,
) -> Iterator[dict[str, Any]]:
    """Predictions for files of unlabelled text, as JSON values, in the files' order.

    A row has its number, the values that stood beside its texts, the texts and the predictions. Memory does not grow
    with the files. They are read twice, so that everything wrong with them is reported before anything is predicted; a
    pipe is read once, and its problems are reported at its end.

    Args:
        task: trained.
        inputs: see :mod:`elmo_xlstm.tasks.data.readers.input_rows`.
        top_k: give the probabilities of so many labels; all by default.
        after: rows up to this number were predicted before. Windows are the same as then, and so the predictions.
        progress: counts examples.

    Raises:
        UserError: a file cannot be read, or has bad rows.
    """
    total = sum(1 for _ in inputs.read(task, report=False)) if inputs.are_files else None
    with (progress or NullProgress()).task("predict", total) as work:
        for window in windows(inputs.read(task), CHUNK_WORDS, CHUNK_EXAMPLES):
            if window[-1].values[ROW] > after:
                for new, prediction in zip(window, predict_window(task, window), strict=True):
                    if new.values[ROW] > after:
                        found = {**task.inputs(new.example), **task.outputs(new.example, prediction, top_k)}
                        yield {**beside(new.values, found), **found}
            work.advance(len(window))


def predict_window(task: Task[ExampleT], window: Sequence[NewExample[ExampleT]]) -> list[Prediction]:
    """Predictions for examples that are read together, with all probabilities."""
    predictions = task.predictions([new.example for new in window], scores=True)
    give_back_freed_memory()
    return predictions


def _own_result(directory: Path) -> RunResult | None:
    """The result of a finished run; ``None`` for one that has not come that far."""
    path = directory / RESULT_FILE
    try:
        return read_result(path) if path.is_file() else None
    except (ValueError, ConfigError) as error:
        raise UserError(f"{path}: damaged ({error}). Make the run again: finetune with --resume") from None
