"""Classical taggers: each word's tag is scored by itself, from hand-made features of a window of words."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field

from elmo_xlstm.modules import CRF, SchemeName, TagScheme
from elmo_xlstm.tasks.baselines.linear import ClassifierName, LinearBaseline
from elmo_xlstm.tasks.baselines.window import Key, KeyFeatures, describe, shape, window_keys
from elmo_xlstm.tasks.data.examples import Texts
from elmo_xlstm.tasks.heads import question_heads, tagging_heads
from elmo_xlstm.tasks.predictor import LabelSpace, Prediction, PredictorClass

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

UNSEEN = -1e6  # the score of a tag that training did not have: finite, for paths add scores up
FREQUENT_SHARE = 0.01  # of the training questions
OUTSIDE = "O"


class WindowTagger(LinearBaseline):
    """Base of window models: features of the words of one text, and tags that keep to a scheme.

    Of all tag sequences that the scheme permits, the one with the greatest sum of scores is predicted; the scores know
    nothing of neighbouring tags.
    """

    class Config(LinearBaseline.Config):
        """Settings that window models begin with."""

        classifier: ClassifierName = "sgd_svm"
        c: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] = (0.3, 3.0, 30.0)
        min_count: Annotated[int, Field(gt=0)] = 2
        """Features of fewer words of the training data are left out."""

    def __init__(self, config: Any, space: LabelSpace, lower_case: bool) -> None:
        super().__init__(config, space, lower_case)
        self.scheme = TagScheme(space.labels, config.scheme)
        self._path = CRF(self.scheme)  # its own weights are zero, so that it adds the scheme alone
        self._features: KeyFeatures | None = None

    @abstractmethod
    def keys(self, parts: Texts) -> list[list[Key]]:
        """The keys of each word that gets a tag."""

    def describe(self, key: Key) -> list[str]:
        """The features of a key."""
        return describe(key)

    def learn_features(self, texts: Sequence[Texts]) -> None:
        """Number the features."""
        rows = (row for parts in texts for row in self.keys(parts))
        self._features = KeyFeatures.collect(rows, self.config.min_count, self.describe)
        self.vocabulary["features"] = self._features.names

    def features(self, texts: Sequence[Texts]) -> csr_matrix:
        """(N, F) for N words of all texts together."""
        if self._features is None:
            raise RuntimeError("learn_features() or restore() comes first")
        return self._features([row for parts in texts for row in self.keys(parts)])

    def columns(self, targets: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags of all words."""
        return [[tag for tags in targets for tag in tags]]

    def decide(self, texts: Sequence[Texts], scores: Sequence[np.ndarray]) -> list[Prediction]:
        """The best path through each text."""
        (words,) = scores
        lengths = [len(parts[-1]) for parts in texts]
        sentences = np.split(np.maximum(words, UNSEEN), np.cumsum(lengths)[:-1])
        return [Prediction(self.scheme.decode(self.path(torch.from_numpy(sentence)))) for sentence in sentences]

    def path(self, scores: torch.Tensor) -> list[int]:
        """The best tags of (L, K) scores."""
        (path,) = self._path.decode(scores.unsqueeze(0), torch.ones(1, len(scores), dtype=torch.bool))
        return path

    def restore(self) -> None:
        """See :class:`~elmo_xlstm.tasks.baselines.baseline.Baseline`."""
        super().restore()
        self._features = KeyFeatures(self.vocabulary["features"], self.describe)
        if self._classifiers[0].weights.shape[1] != len(self.vocabulary["features"]):
            raise ValueError("the weights are of other features")


class LinearWindowTags(WindowTagger):
    """Tags words by the features of the window around them (:func:`~elmo_xlstm.tasks.baselines.window.describe`)."""

    @tagging_heads.register("linear-window")
    class Config(WindowTagger.Config):
        """Settings of :class:`LinearWindowTags`."""

        type: Literal["linear-window"] = "linear-window"
        scheme: SchemeName = "bio"
        """How labels are built: bio, bioes, or none for tags without prefixes."""

        @property
        def predictor_class(self) -> PredictorClass:
            """Class to train."""
            return LinearWindowTags

    def keys(self, parts: Texts) -> list[list[Key]]:
        """Those of the window."""
        return window_keys(parts[0])


class LinearWindowAnswers(WindowTagger):
    """Tags the words of a passage as the answer to a question.

    Beside the window, a word has features of the question: whether the question holds it, its neighbours, and a pair
    of it (and its shape) with each word that at least one in a hundred training questions has, such as *berapa* (how
    many).
    """

    @question_heads.register("linear-window")
    class Config(WindowTagger.Config):
        """Settings of :class:`LinearWindowAnswers`."""

        type: Literal["linear-window"] = "linear-window"
        always_answer: bool = True
        """Give an answer in every passage: where the best tags hold none, the best tags through the word at which an
        answer begins by the best score. For data in which every passage holds an answer."""

        @property
        def scheme(self) -> SchemeName:
            """How labels are built."""
            return "bio"

        @property
        def predictor_class(self) -> PredictorClass:
            """Class to train."""
            return LinearWindowAnswers

    def __init__(self, config: Any, space: LabelSpace, lower_case: bool) -> None:
        super().__init__(config, space, lower_case)
        self._begins = torch.tensor([label.startswith("B") for label in space.labels])  # (K,)

    def learn_features(self, texts: Sequence[Texts]) -> None:
        """Find the words that questions often have, and number the features."""
        counts = Counter(word for question, _ in texts for word in {word.lower() for word in question})
        frequent = sorted(word for word, count in counts.items() if count >= FREQUENT_SHARE * len(texts))
        self.vocabulary = {"features": [], "asked": frequent}
        super().learn_features(texts)

    def keys(self, parts: Texts) -> list[list[Key]]:
        """Those of the window in the passage, and of what the question has to do with them."""
        question, passage = parts
        held = {word.lower() for word in question}
        asked = sorted(held.intersection(self.vocabulary["asked"]))
        matches = ["", *("yes" if word.lower() in held else "no" for word in passage), ""]
        rows = window_keys(passage)
        for row, word, *near in zip(rows, passage, matches, matches[1:], matches[2:], strict=False):
            row.append(("held", *near))
            row += [("asked", frequent, word) for frequent in asked]
        return rows

    def describe(self, key: Key) -> list[str]:
        """The features of a key."""
        place, *words = key
        if place == "held":
            return [f"held {' '.join(words)}", f"held {words[1]}"]
        if place == "asked":
            asked, word = words
            return [f"asked {asked} {word.lower()}", f"asked {asked} shape {shape(word)}"]
        return super().describe(key)

    def path(self, scores: torch.Tensor) -> list[int]:
        """The best tags of (L, K) scores, with an answer if there is to be one always."""
        path = super().path(scores)
        if not self.config.always_answer or self._begins[path].any():
            return path
        outside = self.space.labels.index(OUTSIDE)
        position = int((scores[:, self._begins].amax(dim=1) - scores[:, outside]).argmax())
        scores = scores.clone()
        scores[position, ~self._begins] = UNSEEN
        return super().path(scores)
