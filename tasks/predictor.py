"""What a task trains: something that reads texts and predicts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from typing_extensions import Self

from elmo_xlstm.embedding import ElmoEmbedder, FeatureStore
from elmo_xlstm.evaluation.results import MixWeights
from elmo_xlstm.progress import Progress
from elmo_xlstm.training import History, Trainer

WEIGHTS_FILE = "head.safetensors"
LABELS_FILE = "labels.json"

Words = Sequence[str]
Texts = tuple[Words, ...]
"""The words of what one decision is about: one text, or two."""


@dataclass(frozen=True)
class LabelSpace:
    """What can be predicted.

    Attributes:
        labels: all labels, in the order of their ids.
        aspects: questions that each have one of ``labels`` for an answer; none where there is just one, unnamed.
    """

    labels: tuple[str, ...]
    aspects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """What a head says of one example.

    Attributes:
        labels: of each word, of each aspect, or just one.
        probabilities: of all labels, in their order, for each of ``labels``; empty where they are not asked for, or
            the head has none to give.
    """

    labels: Sequence[str]
    probabilities: Sequence[Sequence[float]] = ()


@dataclass(frozen=True)
class Training:
    """What training goes by, beside the examples.

    Attributes:
        evaluate: metrics of predictions for the validation texts.
        valid_targets: what should be said of the validation texts, for their loss.
        monitor: which of them chooses; greater is better.
        trainer: for heads that are trained in epochs.
        directory: of the run.
        seed: of the run.
        batch_size: validation texts judged at once.
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
    """From texts to predictions: a neural head (:class:`~tasks.model.TaskModel`) or another (:mod:`tasks.baselines`).

    Attributes:
        space: what can be predicted.
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
            space: what can be predicted.
            texts: of training; vocabularies are made of them.
            embedder: for heads that read one.
            lower_case: lower-case words before anything reads them.
        """

    @abstractmethod
    def fit(
        self, train: Sequence[Texts], targets: Sequence[Sequence[str]], valid: Sequence[Texts], training: Training
    ) -> History:
        """Learn from training texts what should be said of them; validation texts choose among alternatives."""

    @abstractmethod
    def predict_texts(
        self,
        texts: Sequence[Texts],
        batch_size: int = 64,
        store: FeatureStore | None = None,
        progress: Progress | None = None,
    ) -> list[Prediction]:
        """A prediction for each."""

    @abstractmethod
    def save(self, directory: Path) -> None:
        """Write all that has been learned."""

    @classmethod
    @abstractmethod
    def load(cls, directory: Path, config: Any, embedder: ElmoEmbedder | None, lower_case: bool) -> Self:
        """Read what :meth:`save` wrote.

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


class HeadSettings(Protocol):
    """Settings of a head as a task reads them, whichever ``type`` was chosen."""

    @property
    def needs_embedder(self) -> bool:
        """Whether the head reads the layers of a language model."""

    @property
    def predictor_class(self) -> type[Predictor] | None:
        """Class that is trained; None for the neural model of the kind of task."""
