"""Interface of all that a task can train: from texts to predictions."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from typing_extensions import Self

from elmo_xlstm.embedding import ElmoEmbedder, FeatureStore
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.results import MixWeights
from elmo_xlstm.progress import Progress
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.runs.files import read_json
from elmo_xlstm.tasks.data.examples import Texts
from elmo_xlstm.training import History, Trainer

WEIGHTS_FILE = "head.safetensors"
LABELS_FILE = "labels.json"


@dataclass(frozen=True)
class LabelSpace:
    """Labels that can be predicted.

    Attributes:
        labels: all labels, in the order of their ids.
        aspects: questions that each have one of ``labels`` for an answer; none where there is just one, unnamed.
    """

    labels: tuple[str, ...]
    aspects: tuple[str, ...] = ()

    def save(self, directory: Path) -> None:
        """Write both into a run directory."""
        write_text_atomically(directory / LABELS_FILE, json.dumps(vars(self), ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, directory: Path) -> LabelSpace:
        """Read the file of :meth:`save`.

        Raises:
            OSError, ValueError, KeyError, TypeError: it is missing or damaged.
        """
        values = read_json(directory / LABELS_FILE)
        return cls(tuple(values["labels"]), tuple(values["aspects"]))


class TaggedSpan(NamedTuple):
    """A run of words that their tags mark.

    Attributes:
        kind: its type; empty where the tags have none.
        first: place of its first word.
        stop: place after its last word.
        score: its probability, if the head gives any.
    """

    kind: str
    first: int
    stop: int
    score: float | None = None


@dataclass(frozen=True)
class Prediction:
    """The prediction for one example.

    Attributes:
        labels: of each word, of each aspect, or just one.
        probabilities: of all labels, in their order, for each of ``labels``; empty where they are not asked for, or
            the head has none to give.
        scores: the probability of each word's tag; empty where they are not asked for, or the head has none to give.
        spans: that the tags mark, with their probabilities; likewise.
    """

    labels: Sequence[str]
    probabilities: Sequence[Sequence[float]] = ()
    scores: Sequence[float] = ()
    spans: Sequence[TaggedSpan] = ()


@dataclass(frozen=True)
class FitContext:
    """Everything a predictor is fitted with, beside the examples.

    Attributes:
        evaluate: metrics of predictions for the validation texts.
        valid_targets: labels of the validation texts, for their loss.
        monitor: the metric that chooses; greater is better.
        trainer: for heads that are trained in epochs.
        directory: of the run.
        seed: of the run.
        batch_size: validation texts in a batch.
        store: keeps vectors of the language model.
        resume: go on from the last whole epoch.
        progress: shows how far the work has come.
    """

    evaluate: Callable[[Sequence[Prediction]], dict[str, float]]
    valid_targets: Sequence[Sequence[str]]
    monitor: str
    trainer: Trainer
    directory: Path
    seed: int = 0
    batch_size: int = 64
    store: FeatureStore | None = None
    resume: bool = False
    progress: Progress | None = None


class Predictor(ABC):
    """From texts to predictions: a neural head (:class:`~elmo_xlstm.tasks.model.TaskModel`) or a baseline.

    Attributes:
        space: of labels.
    """

    space: LabelSpace

    @classmethod
    @abstractmethod
    def for_training(
        cls, config: Any, space: LabelSpace, texts: Sequence[Texts], embedder: ElmoEmbedder | None, lower_case: bool
    ) -> Self:
        """An untrained one.

        Args:
            config: of the head.
            space: of labels.
            texts: of training; vocabularies are made of them.
            embedder: for heads that read one.
            lower_case: lower-case words before anything reads them.
        """

    @abstractmethod
    def fit(
        self, train: Sequence[Texts], targets: Sequence[Sequence[str]], valid: Sequence[Texts], context: FitContext
    ) -> History:
        """Learn the targets of training texts; validation texts choose among alternatives."""

    @abstractmethod
    def predict_texts(
        self,
        texts: Sequence[Texts],
        batch_size: int = 64,
        store: FeatureStore | None = None,
        progress: Progress | None = None,
        scores: bool = False,
    ) -> list[Prediction]:
        """A prediction for each, with probabilities of tags and spans if ``scores`` and if there are any."""

    @abstractmethod
    def save(self, directory: Path) -> None:
        """Write all that has been learned."""

    @classmethod
    @abstractmethod
    def load(cls, directory: Path, config: Any, embedder: ElmoEmbedder | None, lower_case: bool) -> Self:
        """Read the files of :meth:`save`.

        Raises:
            UserError: a file is missing or damaged, or another head's.
        """

    @abstractmethod
    def parameter_counts(self) -> dict[str, int]:
        """Learned numbers of each part, trained or not; empty where only training shows how many there are."""

    def parameters(self) -> tuple[int, int]:
        """All learned numbers, and how many of them are trained."""
        count = sum(self.parameter_counts().values())
        return count, count

    def mixes(self) -> dict[str, MixWeights]:
        """Learned weights of a language model's layers."""
        return {}


PredictorClass = type[Predictor]
"""For settings that have a field ``type``, which hides the built-in."""


def no_trained_head(directory: Path, error: Exception) -> UserError:
    """The error that a run directory lacks a file of its head, or has a damaged one."""
    return UserError(f"{directory}: no trained head there ({error}); finish its training with --resume")


def lower_cased(texts: Sequence[Texts]) -> list[Texts]:
    """The texts with all of their words lower-cased."""
    return [tuple([word.lower() for word in words] for words in parts) for parts in texts]


class HeadSettings(Protocol):
    """Settings of a head as a task reads them, whichever ``type`` was chosen."""

    @property
    def needs_embedder(self) -> bool:
        """Whether the head reads the layers of a language model."""

    @property
    def predictor_class(self) -> type[Predictor] | None:
        """Class that is trained; None for the neural model of the kind of task."""
