"""A tag for every word of a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from elmo_xlstm.modules.batches import WordBatch, needed
from elmo_xlstm.modules.crf import CRF, TagProbabilities
from elmo_xlstm.modules.features import FeatureInputs
from elmo_xlstm.modules.head import Head, TextEncoder
from elmo_xlstm.modules.tag_scheme import SchemeName, TagScheme


class Tagger(Head):
    """Word features → encoder → linear → CRF (Peters et al. 2018, section 4; Ma & Hovy 2016).

    Args:
        config: see :class:`Config`.
        scheme: labels and which may follow which.
        inputs: sizes and vocabularies of the word features; see :class:`Head` for errors.
    """

    class Config(TextEncoder.Config):
        """Settings of :class:`Tagger`."""

        crf: bool = True
        """Whether tags are scored as sequences (CRF) or each on its own (soft-max)."""
        scheme: SchemeName = "bio"
        """How labels are built: bio, bioes, or none for tags without prefixes."""

        def build(self, labels: Sequence[str], inputs: FeatureInputs) -> Tagger:
            """Make the head with fresh weights for tags in the order of their ids.

            Raises:
                UserError: the labels do not fit the scheme.
            """
            return Tagger(self, TagScheme(labels, self.scheme), inputs)

    def __init__(self, config: Config, scheme: TagScheme, inputs: FeatureInputs) -> None:
        super().__init__(config, inputs)
        self.scheme = scheme
        self.projection = nn.Linear(self.text.output_dim, len(scheme))
        self.crf = CRF(scheme) if config.crf else None

    def forward(self, batch: WordBatch) -> Tensor:
        """Emission scores, (B, L, K); see :class:`TextEncoder` for errors."""
        logits: Tensor = self.projection(self.text(batch))
        return logits

    def loss(self, batch: WordBatch) -> Tensor:
        """Negative log-likelihood of the tags, see :class:`Head`; without a CRF the mean is over words."""
        tags, logits = needed(batch.tags, "tags"), self(batch)
        if self.crf is not None:
            loss = self.crf.loss(logits, tags, batch.mask)
        else:
            loss = nn.functional.cross_entropy(logits[batch.mask].float(), tags[batch.mask])
        return loss + self.features.penalty()

    @torch.no_grad()
    def decode(self, batch: WordBatch) -> list[list[int]]:
        """Best tag ids of each sentence, one per word; see :meth:`forward` for errors."""
        return self.best(self(batch), batch.mask)

    @torch.no_grad()
    def best(self, logits: Tensor, mask: Tensor) -> list[list[int]]:
        """Best tag ids of each sentence by its emission scores (B, L, K)."""
        if self.crf is not None:
            return self.crf.decode(logits, mask)
        lengths = mask.sum(dim=1).tolist()
        return [row[:length] for row, length in zip(logits.argmax(dim=-1).tolist(), lengths, strict=True)]

    @torch.no_grad()
    def probabilities(self, logits: Tensor, mask: Tensor) -> TagProbabilities:
        """How probable tags and runs of tags are by emission scores (B, L, K)."""
        if self.crf is not None:
            return self.crf.probabilities(logits, mask)
        return TagProbabilities((logits.float().softmax(dim=-1) * mask.unsqueeze(-1)).cpu())
