"""How a passage looks at a question."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
