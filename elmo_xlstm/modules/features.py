"""Word-level input features for task heads: scalar mix, character CNN and word vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from pydantic import model_validator
from torch import Tensor, nn
from typing_extensions import Self

from elmo_xlstm.config import Settings
from elmo_xlstm.embedding.scalar_mix import ScalarMix
from elmo_xlstm.embedding.tuned_layers import TunedLayers
from elmo_xlstm.modules.batches import WordBatch, needed
from elmo_xlstm.modules.char_cnn import CharCNN
from elmo_xlstm.modules.vocabulary import Vocabulary
from elmo_xlstm.modules.word_vectors import WordVectors


class Vocabularies(NamedTuple):
    """Vocabularies of the training sentences.

    Attributes:
        words: for word vectors, or None without them.
        characters: for a character CNN, or None without one.
    """

    words: Vocabulary | None = None
    characters: Vocabulary | None = None


@dataclass(frozen=True)
class FeatureInputs:
    """Sizes and vocabularies that the word features of a head are built for.

    Attributes:
        layers: number and width of the language model's layers, and its directions, two by default; needed with
            ``mix``.
        vocabularies: needed with ``words`` and ``characters``.
        read_pretrained: whether to read files of pretrained vectors; False when trained weights are loaded next.
    """

    layers: tuple[int, int] | tuple[int, int, int] | None = None
    vocabularies: Vocabularies = Vocabularies()
    read_pretrained: bool = True


class WordFeatures(nn.Module):
    """Features of each word, concatenated: the scalar mix of a language model's layers, a character CNN, word vectors.

    Any one of them is enough; all three are ELMo's own recipe for named entities (Peters et al. 2018, section 4).

    Args:
        config: see :class:`Config`.
        inputs: sizes and vocabularies.

    Attributes:
        output_dim: width of the concatenation.
        language_model: computes the mixed layers where they are not in the batch; see :meth:`compute_layers`.

    Raises:
        ValueError: an input that a feature needs is missing.
        UserError: a file of vectors is missing or malformed.
    """

    class Config(Settings):
        """Settings of :class:`WordFeatures`; the settings of every neural head begin with these."""

        predictor_class: ClassVar[None] = None
        """A kind of task trains its own neural model with these settings."""

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

        @property
        def needs_embedder(self) -> bool:
            """Whether the head reads the layers of a language model."""
            return self.mix is not None

        def vocabularies(self, sentences: Sequence[Sequence[str]]) -> Vocabularies:
            """Vocabularies of training sentences, for the features that are configured.

            Raises:
                UserError: the file of pretrained vectors is missing or malformed.
            """
            return Vocabularies(
                self.words.vocabulary(sentences) if self.words is not None else None,
                self.characters.vocabulary(sentences) if self.characters is not None else None,
            )

    def __init__(self, config: Config, inputs: FeatureInputs) -> None:
        super().__init__()
        self.mix: ScalarMix | None = None
        self.characters: CharCNN | None = None
        self.words: WordVectors | None = None
        self.language_model: TunedLayers | None = None
        if config.mix is not None:
            if inputs.layers is None:
                raise ValueError("the scalar mix needs the number and width of the language model's layers")
            self.mix = config.mix.build(*inputs.layers)
        if config.characters is not None:
            if inputs.vocabularies.characters is None:
                raise ValueError("the character CNN needs a character vocabulary")
            self.characters = CharCNN(config.characters, len(inputs.vocabularies.characters))
        if config.words is not None:
            if inputs.vocabularies.words is None:
                raise ValueError("the word vectors need a word vocabulary")
            self.words = WordVectors(config.words, inputs.vocabularies.words, inputs.read_pretrained)
        parts = (self.mix, self.characters, self.words)
        self.output_dim = sum(part.output_dim for part in parts if part is not None)

    def compute_layers(self, language_model: TunedLayers) -> None:
        """Compute layers from a batch's pieces from now on, and train the model that computes them."""
        self.language_model = language_model

    def forward(self, batch: WordBatch) -> Tensor:
        """Features of the words of a batch.

        Returns:
            (B, L, output_dim).

        Raises:
            ValueError: the batch lacks an input of a feature.
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
