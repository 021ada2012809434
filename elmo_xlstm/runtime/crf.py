"""The linear-chain CRF of :mod:`elmo_xlstm.modules.crf` in NumPy, for one sentence at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TagChain:
    """Scores of tags by their neighbours.

    Attributes:
        transitions: (K, K) of tag j after tag i; what the scheme forbids is practically impossible.
        start: (K,) of a first tag.
        end: (K,) of a last tag.
    """

    transitions: Numbers
    start: Numbers
    end: Numbers

    def best(self, emissions: Numbers) -> list[int]:
        """The best tag sequence (Viterbi) by the scores (L, K) of a sentence's words."""
        scores = self.start + emissions[0]  # (K,) of the best path that ends in each tag
        pointers = []
        for emission in emissions[1:]:
            paths = scores[:, None] + self.transitions
            pointers.append(paths.argmax(axis=0))
            scores = paths.max(axis=0) + emission
        path = [int((scores + self.end).argmax())]
        for pointer in reversed(pointers):
            path.append(int(pointer[path[-1]]))
        return path[::-1]

    def probabilities(self, emissions: Numbers) -> TagProbabilities:
        """How probable tags are over all tag sequences (forward-backward)."""
        length, size = emissions.shape
        ahead, back = np.empty((length, size)), np.empty((length, size))
        ahead[0], back[-1] = self.start + emissions[0], self.end
        for t in range(1, length):
            ahead[t] = _log_sum(ahead[t - 1][:, None] + self.transitions, axis=0) + emissions[t]
            back[-t - 1] = _log_sum(self.transitions + emissions[-t] + back[-t], axis=1)
        total = _log_sum(ahead[-1] + self.end, axis=0)
        pairs = ahead[:-1, :, None] + self.transitions + (emissions + back)[1:, None, :] - total
        return TagProbabilities(np.exp(ahead + back - total), np.exp(pairs))


@dataclass(frozen=True)
class TagProbabilities:
    """How probable tags are at the words of a sentence.

    Attributes:
        words: (L, K), of each tag at each word.
        steps: (L - 1, K, K), of each pair of tags at a word and the next one; None where tags are independent.
    """

    words: Numbers
    steps: Numbers | None = None

    @classmethod
    def independent(cls, emissions: Numbers) -> TagProbabilities:
        """Those of tags that are scored each on its own (soft-max)."""
        shares = np.exp(emissions - emissions.max(axis=1, keepdims=True))
        return cls(shares / shares.sum(axis=1, keepdims=True))

    def of_run(self, first: int, ids: Sequence[int], but: int | None = None) -> float:
        """The probability that words have these tags, summed over the tags of all other words.

        Args:
            first: place of the first word.
            ids: of the tags of the words from there on.
            but: a tag that the word after them does not have: of a longer span.
        """
        probability = float(self.words[first, ids[0]])
        for place, (before, tag) in enumerate(zip(ids, ids[1:], strict=False), start=first + 1):
            probability *= self._given(place, before, tag)
        if but is not None and first + len(ids) < len(self.words):
            probability *= 1.0 - self._given(first + len(ids), ids[-1], but)
        return min(1.0, max(0.0, probability))

    def _given(self, place: int, before: int, tag: int) -> float:
        """The probability of a word's tag, given that of the word before it."""
        if self.steps is None:
            return float(self.words[place, tag])
        of_before = self.words[place - 1, before]
        return min(1.0, float(self.steps[place - 1, before, tag] / of_before)) if of_before > 0 else 0.0


def _log_sum(values: Numbers, axis: int) -> Numbers:
    highest = values.max(axis=axis, keepdims=True)
    found: Numbers = np.log(np.exp(values - highest).sum(axis=axis)) + highest.squeeze(axis)
    return found
