"""A tag for every word of a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from elmo_xlstm.modules.batch import WordBatch
from elmo_xlstm.modules.crf import CRF
from elmo_xlstm.modules.features import WordFeatures, needed, parameter_counts
from elmo_xlstm.modules.tag_scheme import SchemeName, TagScheme
from elmo_xlstm.modules.text_encoder import TextEncoder
from elmo_xlstm.modules.vocabulary import Vocabulary


class Tagger(nn.Module):
    """Word features → encoder → linear → CRF (Peters et al. 2018, section 4; Ma & Hovy 2016).

    Args:
        config: see :class:`Config`.
        scheme: labels and which may follow which.
        features: what words are read by.
    """

    class Config(TextEncoder.Config):
        """Settings of :class:`Tagger`."""

        crf: bool = True
        """Whether tags are scored as sequences (CRF) or each on its own (soft-max)."""
        scheme: SchemeName = "bio"
        """How labels are built: bio, bioes, or none for tags without prefixes."""

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
            features = self.build_features(layers, characters, words, initialise)
            return Tagger(self, TagScheme(labels, self.scheme), features)

    def __init__(self, config: Config, scheme: TagScheme, features: WordFeatures) -> None:
        super().__init__()
        self.config = config
        self.scheme = scheme
        self.text = config.build_encoder(features)
        self.projection = nn.Linear(self.text.output_dim, len(scheme))
        self.crf = CRF(scheme) if config.crf else None

    @property
    def features(self) -> WordFeatures:
        """What words are read by."""
        return self.text.features

    def forward(self, batch: WordBatch) -> Tensor:
        """Emission scores.

        Returns:
            (B, L, K) logits.

        Raises:
            ValueError: the batch lacks a feature, its mask is not right-padded, or a sentence is empty.
        """
        logits: Tensor = self.projection(self.text(batch))
        return logits

    def loss(self, batch: WordBatch) -> Tensor:
        """Negative log-likelihood of the batch's tags: mean over sentences with a CRF, over words without.

        Returns:
            Scalar, in nats, the scalar mix's penalty included.

        Raises:
            ValueError: see :meth:`forward`; also if the batch has no tags.
        """
        tags, logits = needed(batch.tags, "tags"), self(batch)
        if self.crf is not None:
            loss = self.crf.loss(logits, tags, batch.mask)
        else:
            loss = nn.functional.cross_entropy(logits[batch.mask].float(), tags[batch.mask])
        return loss + self.features.penalty()

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
        return parameter_counts(self)
