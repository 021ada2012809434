"""Tags a passage's words as the answer to a question."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from elmo_xlstm.modules import CRF, BiLSTM, Pooling, TagScheme, TextEncoder, Vocabulary, WordFeatures
from elmo_xlstm.modules.features import needed, parameter_counts
from tasks.question.attention import QuestionAttention
from tasks.question.batch import QuestionBatch

FORBIDDEN = -1e4  # a score that no path of best tags goes through, and far from overflow


class QuestionTagger(nn.Module):
    """One encoder for both texts → each passage word attends to the question → BiLSTM → linear → CRF.

    A passage word is known by its own encoding p; by the mean q of the question's words that it attends to, and
    p ∘ q (Seo et al. 2017, "Bidirectional Attention Flow", section 2.4); by p ∘ W u, where u is the whole question,
    pooled, which says what kind of answer is asked for; and by whether the question holds the very word (Chen et al.
    2017, "Reading Wikipedia to Answer Open-Domain Questions", section 3.2).

    Args:
        config: see :class:`Config`.
        scheme: labels and which may follow which.
        features: what words are read by.
    """

    class Config(TextEncoder.Config):
        """Settings of :class:`QuestionTagger`; tags follow the BIO scheme."""

        passage_encoder: BiLSTM.Config = Field(default_factory=BiLSTM.Config)
        """The BiLSTM over passage words that have seen the question."""
        always_answer: bool = True
        """Give an answer in every passage: where the best tags hold none, the best tags through the word at which an
        answer begins most probably. For data in which every passage holds an answer."""

        def build(
            self,
            labels: Sequence[str],
            layers: tuple[int, int] | None = None,
            characters: Vocabulary | None = None,
            words: Vocabulary | None = None,
            initialise: bool = True,
        ) -> QuestionTagger:
            """Make the module with fresh weights.

            Arguments and errors are those of :meth:`elmo_xlstm.modules.Tagger.Config.build`.
            """
            features = self.build_features(layers, characters, words, initialise)
            return QuestionTagger(self, TagScheme(labels, "bio"), features)

    def __init__(self, config: Config, scheme: TagScheme, features: WordFeatures) -> None:
        super().__init__()
        self.config = config
        self.scheme = scheme
        self.text = config.build_encoder(features)
        dim = self.text.output_dim
        self.attention = QuestionAttention(dim)
        self.pooling = Pooling.Config(methods=("attention",)).build(dim)
        self.asked = nn.Linear(dim, dim)
        self.passage_encoder = config.passage_encoder.build(4 * dim + 1)
        self.projection = nn.Linear(self.passage_encoder.output_dim, len(scheme))
        self.crf = CRF(scheme)

    @property
    def features(self) -> WordFeatures:
        """What words are read by."""
        return self.text.features

    def forward(self, batch: QuestionBatch) -> Tensor:
        """Emission scores of the passages' words.

        Returns:
            (B, L, K) logits.

        Raises:
            ValueError: the batch lacks a feature, a mask is not right-padded, or a text is empty.
        """
        question, passage = self.text(batch.question), self.text(batch.passage)  # (B, Q, D), (B, L, D)
        attended = self.attention(passage, question, batch.question.mask)  # (B, L, D)
        asked = self.asked(self.pooling(question, batch.question.mask))  # (B, 1, D)
        matches = batch.matches.unsqueeze(-1).to(passage.dtype)  # (B, L, 1)
        joined = torch.cat([passage, attended, passage * attended, passage * asked, matches], dim=-1)
        logits: Tensor = self.projection(self.passage_encoder(joined, batch.passage.mask))
        return logits

    def loss(self, batch: QuestionBatch) -> Tensor:
        """Negative log-likelihood of the passages' tags, mean over passages.

        Returns:
            Scalar, in nats, the scalar mix's penalty included.

        Raises:
            ValueError: see :meth:`forward`; also if the batch has no tags.
        """
        tags = needed(batch.passage.tags, "tags")
        return self.crf.loss(self(batch), tags, batch.passage.mask) + self.features.penalty()

    @torch.no_grad()
    def decode(self, batch: QuestionBatch) -> list[list[int]]:
        """Best tag ids of each passage, one per word; see :meth:`forward` for errors."""
        logits, mask = self(batch), batch.passage.mask
        paths = self.crf.decode(logits, mask)
        begins = torch.tensor([label.startswith("B") for label in self.scheme.labels], device=logits.device)  # (K,)
        silent = [row for row, path in enumerate(paths) if not begins[path].any()]
        if self.config.always_answer and silent:
            paths = self._answer(logits, mask, begins, paths, silent)
        return paths

    def _answer(
        self, logits: Tensor, mask: Tensor, begins: Tensor, paths: list[list[int]], silent: list[int]
    ) -> list[list[int]]:
        """The paths, with an answer in those rows that have none."""
        logits, mask = logits[silent].clone(), mask[silent]
        beginning = self.crf.marginals(logits, mask)[..., begins].sum(dim=-1)  # (S, L)
        rows, positions = torch.arange(len(silent), device=logits.device), beginning.argmax(dim=1)
        logits[rows, positions] = logits[rows, positions].masked_fill(~begins, FORBIDDEN)
        answered = dict(zip(silent, self.crf.decode(logits, mask), strict=True))
        return [answered.get(row, path) for row, path in enumerate(paths)]

    def parameter_counts(self) -> dict[str, int]:
        """Parameters of each part, trained or not."""
        return parameter_counts(self)
