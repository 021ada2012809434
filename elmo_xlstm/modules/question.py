"""Tags a passage's words as the answer to a question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from elmo_xlstm.modules.batches import QuestionBatch, needed
from elmo_xlstm.modules.crf import CRF, TagProbabilities
from elmo_xlstm.modules.encoders import BiLSTM, Encoder, encoders
from elmo_xlstm.modules.features import FeatureInputs
from elmo_xlstm.modules.head import Head, TextEncoder
from elmo_xlstm.modules.pooling import Pooling
from elmo_xlstm.modules.tag_scheme import TagScheme

LONGEST_RUN = 4  # shared words in a row, of which more tell no more
FADING = 0.8  # of what is near, per word of distance
FORBIDDEN = -1e4  # a score that no path of best tags goes through, and far from overflow


class QuestionAttention(nn.Module):
    """For each passage word, the mean of the question's words, weighted by similarity.

    Similarity of p and q is w · [p; q; p ∘ q] (Seo et al. 2017, "Bidirectional Attention Flow", equation 1).

    Args:
        dim: width D of both texts' words.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.passage = nn.Linear(dim, 1, bias=False)
        self.question = nn.Linear(dim, 1, bias=False)
        self.product = nn.Parameter(torch.empty(dim).uniform_(-(dim**-0.5), dim**-0.5))

    def forward(self, passage: Tensor, question: Tensor, question_mask: Tensor) -> Tensor:
        """Attended question.

        Args:
            passage: (B, L, D).
            question: (B, Q, D).
            question_mask: (B, Q) bool, true at words, of which each row has one.

        Returns:
            (B, L, D).
        """
        similarity = (passage * self.product) @ question.transpose(1, 2)  # (B, L, Q)
        similarity = similarity + self.passage(passage) + self.question(question).transpose(1, 2)
        weights = similarity.masked_fill(~question_mask.unsqueeze(1), -torch.inf).softmax(dim=-1)
        attended: Tensor = weights @ question
        return attended


class QuestionTagger(Head):
    """One encoder for both texts → each passage word attends to the question → encoder → linear → CRF.

    The second encoder reads, for each passage word: its own encoding p; the mean q of the question's words that it
    attends to, and p ∘ q (Seo et al. 2017, "Bidirectional Attention Flow", section 2.4); p ∘ W u, where u is the whole
    question, pooled, which says what kind of answer is asked for; and whether the question holds the very word (Chen et
    al. 2017, "Reading Wikipedia to Answer Open-Domain Questions", section 3.2), with ``nearness`` also how many words
    in a row, and how near such words are: of several names or numbers, the one beside them is the answer.

    Args:
        config: see :class:`Config`.
        scheme: labels and which may follow which.
        inputs: sizes and vocabularies of the word features; see :class:`Head` for errors.
    """

    class Config(TextEncoder.Config):
        """Settings of :class:`QuestionTagger`; tags follow the BIO scheme."""

        passage_encoder: Annotated[Any, encoders] = Field(default_factory=BiLSTM.Config)
        """The encoder of passage words that have attended to the question."""
        nearness: bool = False
        """Whether each passage word also has the length of the sequence of words through it that the question holds
        too, and how near such sequences are on either side."""
        always_answer: bool = True
        """Give an answer in every passage: where the best tags hold none, the best tags through the word at which an
        answer begins most probably. For data in which every passage holds an answer."""

        def build(self, labels: Sequence[str], inputs: FeatureInputs) -> QuestionTagger:
            """Make the head with fresh weights for tags in the order of their ids.

            Raises:
                UserError: the labels do not fit the scheme.
            """
            return QuestionTagger(self, TagScheme(labels, "bio"), inputs)

    def __init__(self, config: Config, scheme: TagScheme, inputs: FeatureInputs) -> None:
        super().__init__(config, inputs)
        self.scheme = scheme
        self.nearness = config.nearness
        self.always_answer = config.always_answer
        dim = self.text.output_dim
        self.attention = QuestionAttention(dim)
        self.pooling = Pooling(Pooling.Config(methods=("attention",)), dim)
        self.asked = nn.Linear(dim, dim)
        self.passage_encoder: Encoder = config.passage_encoder.build(4 * dim + (4 if config.nearness else 1))
        self.projection = nn.Linear(self.passage_encoder.output_dim, len(scheme))
        self.crf = CRF(scheme)

    def forward(self, batch: QuestionBatch) -> Tensor:
        """Emission scores of the passages' words, (B, L, K); see :class:`TextEncoder` for errors."""
        question, passage = self.text(batch.question), self.text(batch.passage)  # (B, Q, D), (B, L, D)
        attended = self.attention(passage, question, batch.question.mask)  # (B, L, D)
        asked = self.asked(self.pooling(question, batch.question.mask))  # (B, 1, D)
        matches = (batch.runs > 0).unsqueeze(-1).to(passage.dtype)  # (B, L, 1)
        if self.nearness:
            matches = torch.cat([matches, nearness(batch.runs).to(passage.dtype)], dim=-1)  # (B, L, 4)
        joined = torch.cat([passage, attended, passage * attended, passage * asked, matches], dim=-1)
        logits: Tensor = self.projection(self.passage_encoder(joined, batch.passage.mask))
        return logits

    def loss(self, batch: QuestionBatch) -> Tensor:
        """Negative log-likelihood of the passages' tags; see :class:`Head`."""
        tags = needed(batch.passage.tags, "tags")
        return self.crf.loss(self(batch), tags, batch.passage.mask) + self.features.penalty()

    @torch.no_grad()
    def decode(self, batch: QuestionBatch) -> list[list[int]]:
        """Best tag ids of each passage, one per word; see :meth:`forward` for errors."""
        return self.best(self(batch), batch.passage.mask)

    @torch.no_grad()
    def probabilities(self, logits: Tensor, mask: Tensor) -> TagProbabilities:
        """How probable tags and runs of tags are by emission scores of the passages' words (B, L, K)."""
        return self.crf.probabilities(logits, mask)

    @torch.no_grad()
    def best(self, logits: Tensor, mask: Tensor) -> list[list[int]]:
        """Best tag ids of each passage by its words' emission scores (B, L, K)."""
        paths = self.crf.decode(logits, mask)
        begins = torch.tensor([label.startswith("B") for label in self.scheme.labels], device=logits.device)  # (K,)
        silent = [row for row, path in enumerate(paths) if not begins[path].any()]
        if self.always_answer and silent:
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


def nearness(runs: Tensor) -> Tensor:
    """Lengths of shared sequences at each word, and before and after it, where they fade with the distance.

    Args:
        runs: (B, L).

    Returns:
        (B, L, 3), each of the order of 1.
    """
    lengths = runs.clamp(max=LONGEST_RUN) / LONGEST_RUN
    positions = torch.arange(runs.shape[1], device=runs.device)
    distances = positions.unsqueeze(0) - positions.unsqueeze(1)  # (L, L) from row to column
    fading = (FADING ** distances.abs()).masked_fill(distances <= 0, 0.0)
    return torch.stack([lengths, lengths @ fading, lengths @ fading.T], dim=-1)
