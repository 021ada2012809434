"""What heads read words by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeVar

import torch
from pydantic import model_validator
from torch import Tensor, nn
from typing_extensions import Self

from elmo_xlstm.config import Settings
from elmo_xlstm.embedding.scalar_mix import ScalarMix
from elmo_xlstm.embedding.tuned_layers import TunedLayers
from elmo_xlstm.modules.batch import WordBatch
from elmo_xlstm.modules.char_cnn import CharCNN
from elmo_xlstm.modules.vocabulary import Vocabulary
from elmo_xlstm.modules.word_vectors import WordVectors

Part = TypeVar("Part")


class Vocabularies(NamedTuple):
    """What words are encoded with, of training sentences.

    Attributes:
        words: for word vectors, or None without them.
        characters: for a character CNN, or None without one.
    """

    words: Vocabulary | None = None
    characters: Vocabulary | None = None


class WordFeatures(nn.Module):
    """Features of each word, concatenated: the scalar mix of a language model's layers, a character CNN, word vectors.

    Any one of them is enough; all three are ELMo's own recipe for named entities (Peters et al. 2018, section 4).

    Args:
        mix: of the language model's layers, or None.
        characters: character CNN, or None.
        words: word vectors, or None.

    Attributes:
        output_dim: width of the concatenation.
        language_model: computes the mixed layers where they are not in the batch; see :meth:`compute_layers`.
    """

    class Config(Settings):
        """Settings of :class:`WordFeatures`; the settings of every head begin with these."""

        type: Literal["neural"] = "neural"
        mix: ScalarMix.Config | None = None
        """Mix of the language model's layers; null to do without a language model."""
        characters: CharCNN.Config | None = None
        """Character CNN; null to do without."""
        words: WordVectors.Config | None = None
        """Trained word vectors; null to do without."""

        @model_validator(mode="after")
        def _has_features(self) -> Self:
            if self.mix is None and self.characters is None and self.words is None:
                raise ValueError("a head needs at least one of mix, characters and words to read words by")
            return self

        def vocabularies(self, sentences: Sequence[Sequence[str]]) -> Vocabularies:
            """What the features that are wanted need to know of training sentences.

            Raises:
                UserError: the file of pretrained vectors is missing or malformed.
            """
            return Vocabularies(
                self.words.vocabulary(sentences) if self.words is not None else None,
                self.characters.vocabulary(sentences) if self.characters is not None else None,
            )

        def build_features(
            self,
            layers: tuple[int, int] | None = None,
            characters: Vocabulary | None = None,
            words: Vocabulary | None = None,
            initialise: bool = True,
        ) -> WordFeatures:
            """Make the module with fresh weights.

            Args:
                layers: number and width of the language model's layers; needed with ``mix``.
                characters: needed with ``characters``.
                words: needed with ``words``.
                initialise: whether to read files of pretrained vectors; not wanted when weights are loaded next.

            Raises:
                ValueError: something that a feature needs is not given.
                UserError: a file of vectors is missing or malformed.
            """
            if self.mix is not None and layers is None:
                raise ValueError("the scalar mix needs the number and width of the language model's layers")
            if self.characters is not None and characters is None:
                raise ValueError("the character CNN needs a character vocabulary")
            if self.words is not None and words is None:
                raise ValueError("the word vectors need a word vocabulary")
            return WordFeatures(
                self.mix.build(*layers) if self.mix and layers else None,
                self.characters.build(characters) if self.characters and characters else None,
                self.words.build(words, initialise) if self.words and words else None,
            )

    def __init__(self, mix: ScalarMix | None, characters: CharCNN | None, words: WordVectors | None) -> None:
        super().__init__()
        self.mix = mix
        self.characters = characters
        self.words = words
        self.language_model: TunedLayers | None = None
        self.output_dim = sum(
            [
                mix.output_dim if mix is not None else 0,
                characters.output_dim if characters is not None else 0,
                words.output_dim if words is not None else 0,
            ]
        )

    def compute_layers(self, language_model: TunedLayers) -> None:
        """From now on compute layers of a batch's pieces, and learn what computes them; they are not read any more."""
        self.language_model = language_model

    def forward(self, batch: WordBatch) -> Tensor:
        """Features of the words of a batch.

        Returns:
            (B, L, output_dim).

        Raises:
            ValueError: the batch lacks what a feature reads.
        """
        features: list[Tensor] = []
        if self.mix is not None:
            layers = self._layers(batch).to(self.mix.gamma.dtype)  # stored as fp16
            features.append(self.mix(layers, batch.mask))  # (B, L, D)
        if self.characters is not None:
            features.append(self.characters(needed(batch.characters, "characters")))  # (B, L, filters)
        if self.words is not None:
            features.append(self.words(needed(batch.words, "words")))  # (B, L, dim)
        return torch.cat(features, dim=-1)

    def _layers(self, batch: WordBatch) -> Tensor:
        """(B, L, num_layers, D), 0 at padding."""
        if self.language_model is None:
            return needed(batch.layers, "layers")
        vectors: Tensor = self.language_model(needed(batch.pieces, "pieces"))  # (words, num_layers, D)
        layers = vectors.new_zeros(*batch.mask.shape, *vectors.shape[1:])
        layers[batch.mask] = vectors  # both go sentence by sentence
        return layers

    def penalty(self) -> Tensor | float:
        """The scalar mix's term to add to a loss; 0 without a mix."""
        return self.mix.penalty() if self.mix is not None else 0.0


def needed(part: Part | None, name: str) -> Part:
    """A part of a batch that a head cannot do without.

    Raises:
        ValueError: it is not there.
    """
    if part is None:
        raise ValueError(f"the batch has no {name}, which this head needs")
    return part


def parameter_counts(head: nn.Module) -> dict[str, int]:
    """Parameters of each part of a head, trained or not; each of its features counts as a part."""
    counts = {name: sum(parameter.numel() for parameter in part.parameters()) for name, part in _parts(head)}
    return {name: count for name, count in counts.items() if count}


def _parts(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Children by name; in place of the features, and of what holds them, their own children."""
    for name, child in module.named_children():
        if any(isinstance(part, WordFeatures) for part in (child, *child.children())):
            yield from _parts(child)
        else:
            yield name, child
