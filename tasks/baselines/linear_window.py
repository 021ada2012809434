"""Classical taggers: each word's tag is scored by itself, from hand-made features of a window of words.

They are the word, its affixes and shape, and its neighbours; and, where it is asked for, what the question says of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field

from elmo_xlstm.modules import CRF, SchemeName, TagScheme
from elmo_xlstm.tasks.baselines.baseline import Targets
from elmo_xlstm.tasks.baselines.linear import ClassifierName, LinearBaseline
from elmo_xlstm.tasks.data.examples import Texts, Words
from elmo_xlstm.tasks.heads import question_heads, tagging_heads
from elmo_xlstm.tasks.predictor import LabelSpace, Prediction

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

UNSEEN = -1e6  # the score of a tag that training did not have: finite, for paths add scores up
FREQUENT_SHARE = 0.01  # of the training questions
OUTSIDE = "O"
WINDOW = 2
LONGEST_AFFIX = 4

Key = tuple[str, ...]
"""A place and the words there; equal keys have equal features."""


def window_keys(words: Words) -> list[list[Key]]:
    """For each word its key, those of its neighbours, and those of the pairs that it makes with the next ones."""
    padded = [""] * WINDOW + list(words) + [""] * WINDOW  # no word is empty
    rows = []
    for centre in range(WINDOW, len(words) + WINDOW):
        row: list[Key] = [(str(offset), padded[centre + offset]) for offset in range(-WINDOW, WINDOW + 1)]
        row += [("-1|0", padded[centre - 1], padded[centre]), ("0|1", padded[centre], padded[centre + 1])]
        rows.append(row)
    return rows


def describe(key: Key) -> list[str]:
    """The features of a key.

    The word itself has its lower-cased form, prefixes and suffixes of one to four letters, its shape and whether it
    has more letters than affixes; neighbours have form, shape and (next to it) a suffix of three letters. Of a question
    there are whether it holds the word and its neighbours, and each frequent word of it with the word and its shape.
    """
    place, *words = key
    if place == "held":
        return [f"held {' '.join(words)}", f"held {words[1]}"]
    if place == "asked":
        asked, word = words
        return [f"asked {asked} {word.lower()}", f"asked {asked} shape {shape(word)}"]
    forms = [word.lower() for word in words]
    if place in ("-1|0", "0|1"):
        return [f"{place} {' '.join(forms)}"]
    (word,), (form,) = words, forms
    features = [f"{place} {form}"]
    if not word:
        return features
    features.append(f"{place} shape {shape(word)}")
    if place == "0":
        features += [f"prefix {form[:size]}" for size in range(1, min(LONGEST_AFFIX, len(form)) + 1)]
        features += [f"suffix {form[-size:]}" for size in range(1, min(LONGEST_AFFIX, len(form)) + 1)]
    elif place in ("-1", "1"):
        features.append(f"{place} suffix {form[-3:]}")
    return features


def shape(word: str) -> str:
    """Kinds of characters, of equal neighbours just one: ``Xx`` for Budi, ``d.d`` for 12.500."""
    kinds = ["X" if c.isupper() else "x" if c.isalpha() else "d" if c.isdigit() else c for c in word]
    return "".join(kind for kind, before in zip(kinds, ["", *kinds], strict=False) if kind != before)


class KeyFeatures:
    """Numbers the features of keys, in the order of their names, and makes them the rows of a matrix."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._columns = {name: column for column, name in enumerate(self.names)}
        self._known: dict[Key, list[int]] = {}

    @classmethod
    def collect(cls, rows: Iterable[Sequence[Key]], min_count: int) -> KeyFeatures:
        """Number the features that occur in ``min_count`` rows or more."""
        counts: Counter[str] = Counter()
        for key, count in Counter(key for row in rows for key in row).items():
            for name in describe(key):
                counts[name] += count
        return cls([name for name, count in counts.items() if count >= min_count])

    def __call__(self, rows: Sequence[Sequence[Key]]) -> csr_matrix:
        """(N, F) matrix with a one for each feature of each of N rows."""
        from scipy.sparse import csr_matrix

        columns: list[int] = []
        ends = [0]
        for row in rows:
            for key in row:
                if key not in self._known:
                    self._known[key] = [self._columns[name] for name in describe(key) if name in self._columns]
                columns += self._known[key]
            ends.append(len(columns))
        return csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(rows), len(self.names)))


class WindowSettings(LinearBaseline.Config):
    """Settings that window models begin with."""

    classifier: ClassifierName = "sgd_svm"
    c: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] = (0.3, 3.0, 30.0)
    min_count: Annotated[int, Field(gt=0)] = 2
    """Features of fewer words of the training data are left out."""


class LinearWindow(LinearBaseline):
    """Tags words by the features of the window around them, by themselves or as the answer to a question.

    Of all tag sequences that the scheme permits, the one with the greatest sum of scores is predicted; the scores know
    nothing of neighbouring tags. Words of a question are paired with those of the passage if at least one in a hundred
    training questions has them, such as *berapa* (how many).
    """

    @tagging_heads.register("linear-window")
    class Config(WindowSettings):
        """Settings of a tagger."""

        type: Literal["linear-window"] = "linear-window"
        scheme: SchemeName = "bio"
        """How labels are built: bio, bioes, or none for tags without prefixes."""
        always_answer: ClassVar[bool] = False

    @question_heads.register("linear-window")
    class AnswersConfig(WindowSettings):
        """Settings of a tagger of answers."""

        type: Literal["linear-window"] = "linear-window"
        scheme: ClassVar[SchemeName] = "bio"
        always_answer: bool = True
        """Give an answer in every passage: where the best tags hold none, the best tags through the word at which an
        answer begins by the best score. For data in which every passage holds an answer."""

    def __init__(self, config: Any, space: LabelSpace, lower_case: bool) -> None:
        super().__init__(config, space, lower_case)
        self.scheme = TagScheme(space.labels, config.scheme)
        self._path = CRF(self.scheme)  # its own weights are zero, so that it adds the scheme alone
        self._features = KeyFeatures([])
        self._begins = torch.tensor([label.startswith("B") for label in space.labels])  # (K,)

    def learn_features(self, texts: Sequence[Texts]) -> None:
        """Number the features; those of questions need the words that these often have."""
        self.vocabulary = {"features": []}
        if len(texts[0]) > 1:
            counts = Counter(word for question, _ in texts for word in {word.lower() for word in question})
            frequent = sorted(word for word, count in counts.items() if count >= FREQUENT_SHARE * len(texts))
            self.vocabulary["asked"] = frequent
        rows = (row for parts in texts for row in self._keys(parts))
        self._features = KeyFeatures.collect(rows, self.config.min_count)
        self.vocabulary["features"] = self._features.names

    def features(self, texts: Sequence[Texts]) -> csr_matrix:
        """(N, F) for N words of all texts together."""
        return self._features([row for parts in texts for row in self._keys(parts)])

    def columns(self, targets: Targets) -> list[list[str]]:
        """The tags of all words."""
        return [[tag for tags in targets for tag in tags]]

    def decide(self, texts: Sequence[Texts], scores: Sequence[np.ndarray]) -> list[Prediction]:
        """The best path through each text."""
        (words,) = scores
        lengths = [len(parts[-1]) for parts in texts]
        sentences = np.split(np.maximum(words, UNSEEN), np.cumsum(lengths)[:-1])
        return [Prediction(self.scheme.decode(self.path(torch.from_numpy(sentence)))) for sentence in sentences]

    def path(self, scores: torch.Tensor) -> list[int]:
        """The best tags of (L, K) scores, with an answer if there is to be one always."""
        path = self._best(scores)
        if not self.config.always_answer or self._begins[path].any():
            return path
        outside = self.space.labels.index(OUTSIDE)
        position = int((scores[:, self._begins].amax(dim=1) - scores[:, outside]).argmax())
        scores = scores.clone()
        scores[position, ~self._begins] = UNSEEN
        return self._best(scores)

    def restore(self) -> None:
        """Make ready for prediction."""
        super().restore()
        self._features = KeyFeatures(self.vocabulary["features"])
        if self._classifiers[0].weights.shape[1] != len(self.vocabulary["features"]):
            raise ValueError("the weights are of other features")

    def _best(self, scores: torch.Tensor) -> list[int]:
        (path,) = self._path.decode(scores.unsqueeze(0), torch.ones(1, len(scores), dtype=torch.bool))
        return path

    def _keys(self, parts: Texts) -> list[list[Key]]:
        """Those of the window, and of what the question has to do with them if there is one."""
        *questions, words = parts
        rows = window_keys(words)
        for question in questions:
            held = {word.lower() for word in question}
            asked = sorted(held.intersection(self.vocabulary["asked"]))
            matches = ["", *("yes" if word.lower() in held else "no" for word in words), ""]
            for row, word, *near in zip(rows, words, matches, matches[1:], matches[2:], strict=False):
                row.append(("held", *near))
                row += [("asked", frequent, word) for frequent in asked]
        return rows
