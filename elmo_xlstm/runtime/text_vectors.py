"""Vectors of raw texts and of their words, from whatever gives the layers of words."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from elmo_xlstm.text.words import split_words

Vectors = npt.NDArray[np.float32]
Pool = Literal["mean", "max", "words"]
Layer = int | Literal["mean", "all"]
POOLS: dict[str, Callable[[Vectors], Vectors]] = {
    "mean": lambda words: words.sum(axis=0) / max(len(words), 1),
    "max": lambda words: words.max(axis=0) if len(words) else words.sum(axis=0),
    "words": lambda words: words,
}


class TextVectors:
    """Base of the embedders: :meth:`encode` for raw text, by the layers of words that :meth:`stream` gives.

    Attributes:
        num_layers: the token layer and one per block.
        dim: width of a layer, both directions.
    """

    num_layers: int
    dim: int

    @abstractmethod
    def stream(self, sentences: Sequence[Sequence[str]]) -> Iterator[tuple[int, Vectors]]:
        """Index and (words, layers, dim) of sentences, in any order."""

    def encode(
        self, texts: str | Sequence[str | Sequence[str]], pool: Pool = "mean", layer: Layer = "mean"
    ) -> Vectors | list[Vectors]:
        """Vectors of texts, in their order; they are computed in batches of similar length.

        Args:
            texts: each is split into words, and all words of a text are read at once; or is a list of words already.
                A single text instead of a list gives what the list's only entry would be.
            pool: one vector of each text, the mean or the maximum over its words, or one vector of each of its
                ``words``.
            layer: 0 is the token layer, 1 the first block, -1 the last one; or the ``mean`` of all of them; or
                ``all`` of them, one after the other.

        Returns:
            (texts, dim), or for each text (words, dim); with layer ``all``, (texts, layers, dim) and
            (words, layers, dim). A text without words has zeros.

        Raises:
            ValueError: there is no such pooling or layer.
            TypeError: something else than texts and lists of words.
        """
        if isinstance(texts, str):
            return self.encode([texts], pool, layer)[0]
        check_choice(pool, layer, self.num_layers)
        sentences = [words_of(text) for text in texts]
        found: list[Vectors] = [np.empty(0, np.float32)] * len(sentences)
        for index, layers in self.stream(sentences):
            found[index] = np.array(POOLS[pool](choose_layer(layers, layer)))  # of its own, not a part of a batch
        if pool == "words":
            return found
        width = (self.num_layers, self.dim) if layer == "all" else (self.dim,)
        return np.stack(found) if found else np.empty((0, *width), np.float32)


def words_of(text: str | Sequence[str]) -> Sequence[str]:
    """The words of a text; of words, themselves."""
    return split_words(text) if isinstance(text, str) else text


def choose_layer(layers: Vectors, layer: Layer) -> Vectors:
    """One layer, or the mean, of (words, layers, dim): (words, dim); all are left as they are."""
    if layer == "all":
        return layers
    return layers.mean(axis=1) if layer == "mean" else layers[:, layer]


def check_choice(pool: str, layer: Layer, num_layers: int) -> None:
    """Refuse a pooling or a layer that there is not.

    Raises:
        ValueError: says which there are.
    """
    if pool not in POOLS:
        raise ValueError(f"pool is one of {', '.join(get_args(Pool))}, not {pool!r}")
    known = layer in ("mean", "all") if isinstance(layer, str) else -num_layers <= layer < num_layers
    if not known:
        raise ValueError(
            f"layer is mean, all, or a number: 0 (the token layer) to {num_layers - 1}, -1 the last; not {layer!r}"
        )
