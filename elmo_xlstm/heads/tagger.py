"""A tag for every word of a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from typing_extensions import Self

from elmo_xlstm.config import Settings
from elmo_xlstm.embedding.scalar_mix import ScalarMix
from elmo_xlstm.heads.batch import WordBatch
from elmo_xlstm.heads.bilstm import BiLSTM
from elmo_xlstm.heads.char_cnn import CharCNN
from elmo_xlstm.heads.crf import CRF
from elmo_xlstm.heads.tag_scheme import SchemeName, TagScheme
from elmo_xlstm.heads.vocabulary import Vocabulary
from elmo_xlstm.heads.word_vectors import WordVectors


class Tagger(nn.Module):
    """Word features → dropout → BiLSTM → linear → CRF (Peters et al. 2018, section 4; Ma & Hovy 2016).

    The features, concatenated: the scalar mix of a language model's layers, a character CNN and trained word vectors;
    any one of them is enough.

    Args:
        config: see :class:`Config`.
        scheme: labels and which may follow which.
        feature_dim: width of the concatenated features.
        mix: of the language model's layers, or None.
        characters: character CNN, or None.
        words: word vectors, or None.
    """

    class Config(Settings):
        """Settings of :class:`Tagger`."""

        mix: ScalarMix.Config | None = None
        """Mix of the language model's layers; null to do without a language model."""
        characters: CharCNN.Config | None = None
        """Character CNN; null to do without."""
        words: WordVectors.Config | None = None
        """Trained word vectors; null to do without."""
        encoder: BiLSTM.Config = Field(default_factory=BiLSTM.Config)
        """The BiLSTM over the features."""
        dropout: float = Field(default=0.5, ge=0.0, lt=1.0)
        """Dropout of the concatenated features."""
        crf: bool = True
        """Whether tags are scored as sequences (CRF) or each on its own (soft-max)."""
        scheme: SchemeName = "bio"
        """How labels are built: bio, bioes, or none for tags without prefixes."""

        @model_validator(mode="after")
        def _has_features(self) -> Self:
            if self.mix is None and self.characters is None and self.words is None:
                raise ValueError("a tagger needs at least one of mix, characters and words to read words by")
            return self

        def build(
            self,
            labels: Sequence[str],
            layers: tuple[int, int] | None = None,
            characters: Vocabulary | None = None,
            words: Vocabulary | None = None,
            initialise: bool = True,
        ) -> Tagger:
            """Make the module with fresh weights.

            Args:
                labels: every tag, in order of its id.
                layers: number and width of the language model's layers; needed with ``mix``.
                characters: needed with ``characters``.
                words: needed with ``words``.
                initialise: whether to read files of pretrained vectors; not wanted when weights are loaded next.

            Raises:
                ValueError: something that a feature needs is not given.
                UserError: the labels do not fit the scheme, or a file of vectors is missing or malformed.
            """
            dim = 0
            if self.mix is not None:
                if layers is None:
                    raise ValueError("the scalar mix needs the number and width of the language model's layers")
                dim += layers[1]
            if self.characters is not None:
                if characters is None:
                    raise ValueError("the character CNN needs a character vocabulary")
                dim += self.characters.filters
            if self.words is not None:
                if words is None:
                    raise ValueError("the word vectors need a word vocabulary")
                dim += self.words.dim
            return Tagger(
                self,
                TagScheme(labels, self.scheme),
                dim,
                mix=self.mix.build(*layers) if self.mix and layers else None,
                characters=self.characters.build(characters) if self.characters and characters else None,
                words=self.words.build(words, initialise) if self.words and words else None,
            )

    def __init__(
        self,
        config: Config,
        scheme: TagScheme,
        feature_dim: int,
        mix: ScalarMix | None = None,
        characters: CharCNN | None = None,
        words: WordVectors | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.scheme = scheme
        self.mix = mix
        self.characters = characters
        self.words = words
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = config.encoder.build(feature_dim)
        self.projection = nn.Linear(self.encoder.output_dim, len(scheme))
        self.crf = CRF(scheme) if config.crf else None

    def forward(self, batch: WordBatch) -> Tensor:
        """Emission scores.

        Returns:
            (B, L, K) logits.

        Raises:
            ValueError: the batch lacks a feature, its mask is not right-padded, or a sentence is empty.
        """
        features: list[Tensor] = []
        if self.mix is not None:
            layers = _needed(batch.layers, "layers").to(self.projection.weight.dtype)  # stored as fp16
            features.append(self.mix(layers, batch.mask))  # (B, L, D)
        if self.characters is not None:
            features.append(self.characters(_needed(batch.characters, "characters")))  # (B, L, filters)
        if self.words is not None:
            features.append(self.words(_needed(batch.words, "words")))  # (B, L, dim)
        hidden = self.encoder(self.dropout(torch.cat(features, dim=-1)), batch.mask)  # (B, L, 2H)
        logits: Tensor = self.projection(hidden)
        return logits

    def loss(self, batch: WordBatch) -> Tensor:
        """Negative log-likelihood of the batch's tags: mean over sentences with a CRF, over words without.

        Returns:
            Scalar, in nats, the scalar mix's penalty included.

        Raises:
            ValueError: see :meth:`forward`; also if the batch has no tags.
        """
        tags, logits = _needed(batch.tags, "tags"), self(batch)
        if self.crf is not None:
            loss = self.crf.loss(logits, tags, batch.mask)
        else:
            loss = nn.functional.cross_entropy(logits[batch.mask].float(), tags[batch.mask])
        return loss if self.mix is None else loss + self.mix.penalty()

    @torch.no_grad()
    def decode(self, batch: WordBatch) -> list[list[int]]:
        """Best tag ids of each sentence, one per word; see :meth:`forward` for errors."""
        logits = self(batch)
        if self.crf is not None:
            return self.crf.decode(logits, batch.mask)
        lengths = batch.mask.sum(dim=1).tolist()
        return [row[:length] for row, length in zip(logits.argmax(dim=-1).tolist(), lengths, strict=True)]

    @torch.no_grad()
    def probabilities(self, batch: WordBatch) -> Tensor:
        """Probability of each tag at each word, (B, L, K), zero at padding; see :meth:`forward` for errors."""
        logits = self(batch)
        if self.crf is not None:
            return self.crf.marginals(logits, batch.mask)
        return logits.float().softmax(dim=-1) * batch.mask.unsqueeze(-1)

    def parameter_counts(self) -> dict[str, int]:
        """Parameters of each part, trained or not."""
        return {
            name: sum(parameter.numel() for parameter in part.parameters())
            for name, part in self.named_children()
            if any(True for _ in part.parameters())
        }


def _needed(tensor: Tensor | None, name: str) -> Tensor:
    if tensor is None:
        raise ValueError(f"the batch has no {name}, which this tagger needs")
    return tensor
