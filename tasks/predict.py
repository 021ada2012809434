"""Predictions and scores of a trained run: new text in, JSON values out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.results import RunResult, read_result
from elmo_xlstm.progress import NullProgress, Progress
from elmo_xlstm.runs.checksums import CHECKSUMS_FILE, find_damage
from elmo_xlstm.runs.run_directory import CONFIG_FILE, read_config
from elmo_xlstm.tasks.data.examples import ExampleT
from elmo_xlstm.tasks.finetuning import RESULT_FILE, FinetuneSettings
from elmo_xlstm.tasks.run_contents import kept_embedder, other_model, refuse_changed_data
from elmo_xlstm.tasks.scores import Scores
from elmo_xlstm.tasks.task import Task

LONGEST_TEXT = 50_000
"""Words that are read at once: their vectors are in memory together, some kilobytes each."""
CHUNK_WORDS, CHUNK_EXAMPLES = 2**14, 2**12
"""Words and examples of a file that are predicted for at once."""


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
        self._result = _own_result(directory)
        embedder = kept_embedder(self.settings.embedder, directory)
        if embedder is not None and self._result is not None and embedder.fingerprint != self._result.checkpoint:
            assert self.settings.embedder is not None
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
        if data is None and self._result is not None:
            refuse_changed_data(self._directory, self._result.data, self.task.checksums, "score a file with --data")
        return examples, self.task.score(examples, progress=progress)

    def predict(self, path: Path, progress: Progress | None = None) -> Iterator[dict[str, Any]]:
        """Predictions for a text or JSON-lines file."""
        return predict_file(self.task, path, progress)


def predict_file(task: Task[ExampleT], path: Path, progress: Progress | None = None) -> Iterator[dict[str, Any]]:
    """Predictions for a file of unlabelled text, with the texts, as JSON values, in the file's order.

    Memory does not grow with the file. A file is read twice, so that everything wrong with it is reported before
    anything is predicted. A pipe is read once, and its problems are reported at its end.

    Args:
        task: trained.
        path: text or JSON lines; see :mod:`elmo_xlstm.tasks.data.readers.new_text`.
        progress: counts examples.

    Raises:
        UserError: the file cannot be read, or has bad lines or a text of more than 50,000 words.
    """
    total = sum(1 for _ in _examples(task, path)) if path.is_file() else None
    with (progress or NullProgress()).task("predict", total) as work:
        for examples in _chunks(_examples(task, path)):
            for example, prediction in zip(examples, task.predictions(examples), strict=True):
                yield {**task.inputs(example), **task.outputs(example, prediction)}
            work.advance(len(examples))


def _examples(task: Task[ExampleT], path: Path) -> Iterator[tuple[ExampleT, int]]:
    """The examples of a file, each with the number of its words."""
    for example in task.read_input(path):
        words = sum(map(len, task.texts(example)))
        if words > LONGEST_TEXT:
            raise UserError(
                f"{example.origin}: {words:,} words; at most {LONGEST_TEXT:,} can be read at once: break the text into "
                "sentences, one a line"
            )
        yield example, words


def _chunks(examples: Iterable[tuple[ExampleT, int]]) -> Iterator[list[ExampleT]]:
    """Examples, given with the number of their words, in lists of about as many words."""
    chunk: list[ExampleT] = []
    held = 0
    for example, words in examples:
        chunk.append(example)
        held += words
        if held >= CHUNK_WORDS or len(chunk) == CHUNK_EXAMPLES:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _own_result(directory: Path) -> RunResult | None:
    """The result of a finished run; ``None`` for one that has not come that far."""
    path = directory / RESULT_FILE
    try:
        return read_result(path) if path.is_file() else None
    except (ValueError, ConfigError) as error:
        raise UserError(f"{path}: damaged ({error}). Make the run again: finetune with --resume") from None
