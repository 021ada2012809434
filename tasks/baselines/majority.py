"""The most frequent label: the floor that every other score stands on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal

import numpy as np

from elmo_xlstm.config import Settings
from elmo_xlstm.heads import repair_bio
from elmo_xlstm.heads.tag_scheme import SchemeName
from tasks.baselines.baseline import Baseline, Tensors, Vocabulary
from tasks.data.examples import Texts
from tasks.heads import label_heads, pair_heads, question_heads, tagging_heads
from tasks.predictor import FitContext, Prediction, PredictorClass


class MajorityLabels(Baseline):
    """Gives every text the most frequent label of the training data, for each aspect its own.

    Of equally frequent labels it is the one that is declared first. Probabilities are the labels' shares.
    """

    @label_heads.register("majority")
    @pair_heads.register("majority")
    class Config(Settings):
        """Settings of :class:`MajorityLabels`."""

        type: Literal["majority"] = "majority"

        @property
        def predictor_class(self) -> PredictorClass:
            """Class to train."""
            return MajorityLabels

    _counts: np.ndarray | None = None  # (A, K)

    def learn(
        self, train: Sequence[Texts], targets: Sequence[Sequence[str]], valid: Sequence[Texts], context: FitContext
    ) -> None:
        """Count labels."""
        columns = [Counter(column) for column in zip(*targets, strict=True)]
        self._counts = np.array([[column[label] for label in self.space.labels] for column in columns], dtype=np.int64)

    def predict(self, texts: Sequence[Texts]) -> list[Prediction]:
        """The same for each."""
        counts = self.tensors()["counts"]
        labels = [self.space.labels[best] for best in counts.argmax(axis=1)]
        shares = counts / counts.sum(axis=1, keepdims=True)
        return [Prediction(labels, shares.tolist())] * len(texts)

    def tensors(self) -> Tensors:
        """How often each label was seen, (A, K)."""
        if self._counts is None:
            raise RuntimeError("learn() or restore() comes first")
        return {"counts": self._counts}

    def vocabulary(self) -> Vocabulary:
        """None."""
        return {}

    def restore(self, tensors: Tensors, vocabulary: Vocabulary) -> None:
        """See :class:`~tasks.baselines.baseline.Baseline`."""
        self._counts = tensors["counts"]
        if self._counts.shape != (max(1, len(self.space.aspects)), len(self.space.labels)):
            raise ValueError(f"counts of shape {self._counts.shape} are of other labels")

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

        type: Literal["majority"] = "majority"

        @property
        def scheme(self) -> SchemeName:
            """How labels are built."""
            return "bio"

        @property
        def predictor_class(self) -> PredictorClass:
            """Class to train."""
            return MajorityTags

    _tags: dict[str, int] = {}
    _other: int | None = None

    def learn(
        self, train: Sequence[Texts], targets: Sequence[Sequence[str]], valid: Sequence[Texts], context: FitContext
    ) -> None:
        """Count tags."""
        ids = {label: index for index, label in enumerate(self.space.labels)}
        seen: dict[str, Counter[int]] = defaultdict(Counter)
        for parts, tags in zip(train, targets, strict=True):
            for word, tag in zip(parts[-1], tags, strict=True):
                seen[word][ids[tag]] += 1
        self._tags = {word: _most_frequent(counts) for word, counts in sorted(seen.items())}
        self._other = _most_frequent(sum(seen.values(), Counter()))

    def predict(self, texts: Sequence[Texts]) -> list[Prediction]:
        """The tag of each word, whatever stands beside it."""
        if self._other is None:
            raise RuntimeError("learn() or restore() comes first")
        predictions = []
        for parts in texts:
            tags = [self.space.labels[self._tags.get(word, self._other)] for word in parts[-1]]
            predictions.append(Prediction(repair_bio(tags)[0] if self.config.scheme == "bio" else tags))
        return predictions

    def tensors(self) -> Tensors:
        """The tag of each word, and at the end that of all other words."""
        return {"tags": np.array([*self._tags.values(), self._other], dtype=np.int64)}

    def vocabulary(self) -> Vocabulary:
        """The words."""
        return {"words": list(self._tags)}

    def restore(self, tensors: Tensors, vocabulary: Vocabulary) -> None:
        """See :class:`~tasks.baselines.baseline.Baseline`."""
        *tags, self._other = tensors["tags"].tolist()
        self._tags = dict(zip(vocabulary["words"], tags, strict=True))
        if max([*tags, self._other]) >= len(self.space.labels):
            raise ValueError("a tag is none of the labels")

    def parameter_counts(self) -> dict[str, int]:
        """A tag for each word, and one for all others."""
        return {} if self._other is None else {"tags": len(self._tags) + 1}


def _most_frequent(counts: Counter[int]) -> int:
    return min(counts, key=lambda index: (-counts[index], index))
