"""The most frequent label: the floor that every other score stands on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from elmo_xlstm.config import Settings
from elmo_xlstm.modules import SchemeName, repair_bio
from elmo_xlstm.tasks.baselines.baseline import Baseline
from elmo_xlstm.tasks.data.examples import Texts
from elmo_xlstm.tasks.heads import label_heads, pair_heads, question_heads, tagging_heads
from elmo_xlstm.tasks.predictor import FitContext, Prediction, PredictorClass


class MajorityLabels(Baseline):
    """Gives every text the most frequent label of the training data, for each aspect its own.

    Of equally frequent labels it is the one that is declared first. Probabilities are the labels' shares.
    """

    @label_heads.register("majority")
    @pair_heads.register("majority")
    class Config(Settings):
        """Settings of :class:`MajorityLabels`."""

        needs_embedder: ClassVar[bool] = False
        type: Literal["majority"] = "majority"

        @property
        def predictor_class(self) -> PredictorClass:
            """Class to train."""
            return MajorityLabels

    def learn(
        self, train: Sequence[Texts], targets: Sequence[Sequence[str]], valid: Sequence[Texts], context: FitContext
    ) -> None:
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
        """See :class:`~elmo_xlstm.tasks.baselines.baseline.Baseline`."""
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
    class Config(Settings):
        """Settings of :class:`MajorityTags`."""

        needs_embedder: ClassVar[bool] = False
        type: Literal["majority"] = "majority"
        scheme: SchemeName = "bio"
        """How labels are built: bio, bioes, or none for tags without prefixes."""

        @property
        def predictor_class(self) -> PredictorClass:
            """Class to train."""
            return MajorityTags

    @question_heads.register("majority")
    class AnswersConfig(Settings):
        """Settings of :class:`MajorityTags` for the passages of questions."""

        needs_embedder: ClassVar[bool] = False
        type: Literal["majority"] = "majority"

        @property
        def scheme(self) -> SchemeName:
            """How labels are built."""
            return "bio"

        @property
        def predictor_class(self) -> PredictorClass:
            """Class to train."""
            return MajorityTags

    def learn(
        self, train: Sequence[Texts], targets: Sequence[Sequence[str]], valid: Sequence[Texts], context: FitContext
    ) -> None:
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
        """See :class:`~elmo_xlstm.tasks.baselines.baseline.Baseline`."""
        *tags, self._other = self.tensors["tags"].tolist()
        self._tags = dict(zip(self.vocabulary["words"], tags, strict=True))
        if max([*tags, self._other]) >= len(self.space.labels):
            raise ValueError("a tag is none of the labels")

    def parameter_counts(self) -> dict[str, int]:
        """A tag for each word, and one for all others."""
        return {name: len(tensor) for name, tensor in self.tensors.items()}


def _most_frequent(counts: Counter[int]) -> int:
    return min(counts, key=lambda index: (-counts[index], index))
