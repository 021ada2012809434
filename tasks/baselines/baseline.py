"""Classical baselines: their base, which keeps the files of their run directories, and the most frequent label."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from typing_extensions import Self

from elmo_xlstm.config import Settings
from elmo_xlstm.embedding import ElmoEmbedder, FeatureStore
from elmo_xlstm.errors import UserError
from elmo_xlstm.modules import SchemeName, repair_bio
from elmo_xlstm.progress import Progress
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.runs.files import LARGEST_LIST, check_file, read_json
from elmo_xlstm.runs.weights import require_finite
from elmo_xlstm.tasks.data.examples import Texts
from elmo_xlstm.tasks.heads import label_heads, pair_heads, question_heads, tagging_heads
from elmo_xlstm.tasks.predictor import (
    WEIGHTS_FILE,
    FitContext,
    LabelSpace,
    Prediction,
    Predictor,
    PredictorClass,
    lower_cased,
    no_trained_head,
)
from elmo_xlstm.training import History

VOCABULARY_FILE = "vocabulary.json"

Tensors = dict[str, np.ndarray]
Targets = Sequence[Sequence[str]]
"""The labels of each text: of its words, of its aspects, or just one."""


class BaselineSettings(Settings):
    """Settings of a baseline."""

    needs_embedder: ClassVar[bool] = False
    predictor_class: ClassVar[PredictorClass]
    """The baseline in which they are nested."""


class Baseline(Predictor):
    """A predictor that is trained at once.

    Attributes:
        tensors: learned numbers, kept as safetensors; empty before training.
        vocabulary: learned strings, meanings of the rows and columns of tensors by name, kept as JSON.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for settings in vars(cls).values():
            if isinstance(settings, type) and issubclass(settings, BaselineSettings):
                settings.predictor_class = cls

    def __init__(self, config: Any, space: LabelSpace, lower_case: bool) -> None:
        self.config, self.space, self.lower_case = config, space, lower_case
        self.tensors: Tensors = {}
        self.vocabulary: dict[str, list[str]] = {}

    @abstractmethod
    def learn(self, train: Sequence[Texts], targets: Targets, valid: Sequence[Texts], context: FitContext) -> None:
        """Set :attr:`tensors` and :attr:`vocabulary`; words have their final case. See :meth:`fit`."""

    @abstractmethod
    def predict(self, texts: Sequence[Texts]) -> list[Prediction]:
        """A prediction for each; words have their final case."""

    @abstractmethod
    def restore(self) -> None:
        """Make ready for prediction from what was learned; KeyError or ValueError if it does not fit."""

    @classmethod
    def for_training(
        cls, config: Any, space: LabelSpace, texts: Sequence[Texts], embedder: ElmoEmbedder | None, lower_case: bool
    ) -> Self:
        """An untrained one."""
        return cls(config, space, lower_case)

    def fit(self, train: Sequence[Texts], targets: Targets, valid: Sequence[Texts], context: FitContext) -> History:
        """Learn; the history has no epochs, and its best value is that of the validation texts.

        Raises:
            UserError: there are no training examples.
        """
        if not train:
            raise UserError("there are no training examples; check the task's data")
        self.learn(self._cased(train), targets, self._cased(valid), context)
        self.restore()
        metrics = context.evaluate(self.predict_texts(valid))
        return History(context.monitor, best_value=metrics[context.monitor])

    def predict_texts(
        self,
        texts: Sequence[Texts],
        batch_size: int = 64,
        store: FeatureStore | None = None,
        progress: Progress | None = None,
        scores: bool = False,
    ) -> list[Prediction]:
        """A prediction for each."""
        if texts and not self.tensors:
            raise RuntimeError("fit() or load() comes first")
        return self.predict(self._cased(texts)) if texts else []

    def save(self, directory: Path) -> None:
        """Write numbers, strings and labels."""
        tensors = {name: np.ascontiguousarray(tensor) for name, tensor in self.tensors.items()}
        save_file(tensors, directory / WEIGHTS_FILE)
        self.space.save(directory)
        write_text_atomically(directory / VOCABULARY_FILE, json.dumps(self.vocabulary, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, directory: Path, config: Any, embedder: ElmoEmbedder | None, lower_case: bool) -> Self:
        """Read the files of :meth:`save`; a UserError says that one is missing, damaged or another head's."""
        try:
            baseline = cls(config, LabelSpace.load(directory), lower_case)
            baseline.vocabulary = read_json(directory / VOCABULARY_FILE, LARGEST_LIST)
            check_file(directory / WEIGHTS_FILE)
            baseline.tensors = load_file(directory / WEIGHTS_FILE)
            baseline.restore()
        except (OSError, ValueError, KeyError, TypeError, IndexError, SafetensorError, UserError) as error:
            raise no_trained_head(directory, error) from None
        require_finite(baseline.tensors, directory / WEIGHTS_FILE)
        return baseline

    def _cased(self, texts: Sequence[Texts]) -> Sequence[Texts]:
        return lower_cased(texts) if self.lower_case else texts


class MajorityLabels(Baseline):
    """Gives every text the most frequent label of the training data, for each aspect its own.

    Of equally frequent labels it is the one that is declared first. Probabilities are the labels' shares.
    """

    @label_heads.register("majority")
    @pair_heads.register("majority")
    class Config(BaselineSettings):
        """The most frequent label."""

        type: Literal["majority"] = "majority"

    def learn(self, train: Sequence[Texts], targets: Targets, valid: Sequence[Texts], context: FitContext) -> None:
        """Count labels: (A, K)."""
        columns = [Counter(column) for column in zip(*targets, strict=True)]
        counts = np.array([[column[label] for label in self.space.labels] for column in columns], dtype=np.int64)
        self.tensors = {"counts": counts}

    def predict(self, texts: Sequence[Texts]) -> list[Prediction]:
        """The same for each."""
        counts = self.tensors["counts"]
        labels = [self.space.labels[best] for best in counts.argmax(axis=1)]
        shares = counts / counts.sum(axis=1, keepdims=True)
        return [Prediction(labels, shares.tolist())] * len(texts)

    def restore(self) -> None:
        """Make ready for prediction."""
        shape = self.tensors["counts"].shape
        if shape != (max(1, len(self.space.aspects)), len(self.space.labels)):
            raise ValueError(f"counts of shape {shape} are of other labels")

    def parameter_counts(self) -> dict[str, int]:
        """A label for each aspect."""
        return {"labels": max(1, len(self.space.aspects))}


class MajorityTags(Baseline):
    """Gives a word of the training data its most frequent tag there, any other word the most frequent tag of all words.

    Of equally frequent tags it is the one that is declared first. Where tags are BIO, an I- that follows nothing it can
    follow is then read as B-, which changes no score. Of a question with a passage it reads the passage alone.
    """

    @tagging_heads.register("majority")
    class Config(BaselineSettings):
        """The most frequent tag of each word."""

        type: Literal["majority"] = "majority"
        scheme: SchemeName = "bio"
        """How labels are built: bio, bioes, or none for tags without prefixes."""

    @question_heads.register("majority")
    class AnswersConfig(BaselineSettings):
        """The most frequent tag of each word of a passage."""

        type: Literal["majority"] = "majority"
        scheme: ClassVar[SchemeName] = "bio"

    def learn(self, train: Sequence[Texts], targets: Targets, valid: Sequence[Texts], context: FitContext) -> None:
        """Count tags; the last one kept is that of words that are not known."""
        ids = {label: index for index, label in enumerate(self.space.labels)}
        seen: dict[str, Counter[int]] = defaultdict(Counter)
        for parts, tags in zip(train, targets, strict=True):
            for word, tag in zip(parts[-1], tags, strict=True):
                seen[word][ids[tag]] += 1
        self.vocabulary = {"words": sorted(seen)}
        tags_of_words = [_most_frequent(seen[word]) for word in sorted(seen)]
        other = _most_frequent(sum(seen.values(), Counter()))
        self.tensors = {"tags": np.array([*tags_of_words, other], dtype=np.int64)}

    def predict(self, texts: Sequence[Texts]) -> list[Prediction]:
        """The tag of each word, whatever stands beside it."""
        predictions = []
        for parts in texts:
            tags = [self.space.labels[self._tags.get(word, self._other)] for word in parts[-1]]
            predictions.append(Prediction(repair_bio(tags)[0] if self.config.scheme == "bio" else tags))
        return predictions

    def restore(self) -> None:
        """Make ready for prediction."""
        *tags, self._other = self.tensors["tags"].tolist()
        self._tags = dict(zip(self.vocabulary["words"], tags, strict=True))
        if max([*tags, self._other]) >= len(self.space.labels):
            raise ValueError("a tag is none of the labels")

    def parameter_counts(self) -> dict[str, int]:
        """A tag for each word, and one for all others."""
        return {name: len(tensor) for name, tensor in self.tensors.items()}


def _most_frequent(counts: Counter[int]) -> int:
    return min(counts, key=lambda index: (-counts[index], index))
