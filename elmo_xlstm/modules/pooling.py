"""One vector of a text from the vectors of its words."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from elmo_xlstm.config import Settings
from elmo_xlstm.modules.batches import sentence_lengths

Method = Literal["attention", "max", "mean"]


class Pooling(nn.Module):
    """Attention, maximum and mean over words, concatenated.

    As in McCann et al. 2017, section 5, and ULMFiT's concat pooling (Howard & Ruder 2018, section 3.3).
    Attention is additive: the weight of word i for query q is softmax_i(q · tanh(W h_i + b)) (Yang et al. 2016,
    equations 5 to 7). Several queries share W and b and each have a vector of their own; maximum and mean are the same
    for all.

    Args:
        config: see :class:`Config`.
        input_dim: width D of the word vectors.
        num_queries: how many vectors Q each text gets.

    Attributes:
        output_dim: D for each method.
    """

    class Config(Settings):
        """Settings of :class:`Pooling`."""

        methods: Annotated[tuple[Method, ...], Field(min_length=1)] = ("attention", "max", "mean")
        """The methods whose vectors are concatenated."""
        attention_dim: int = Field(default=100, gt=0)
        """Width of the hidden layer that attention is computed with."""

        @field_validator("methods")
        @classmethod
        def _distinct(cls, methods: tuple[Method, ...]) -> tuple[Method, ...]:
            if len(set(methods)) != len(methods):
                raise ValueError("each method once; a method that is repeated adds nothing")
            return methods

    def __init__(self, config: Config, input_dim: int, num_queries: int = 1) -> None:
        super().__init__()
        self.methods = config.methods
        self.num_queries = num_queries
        self.output_dim = len(config.methods) * input_dim
        if "attention" in config.methods:
            self.keys = nn.Linear(input_dim, config.attention_dim)
            self.queries = nn.Linear(config.attention_dim, num_queries, bias=False)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Pool words.

        Args:
            hidden: (B, L, D).
            mask: (B, L) bool, right-padded.

        Returns:
            (B, Q, output_dim); padding does not matter.

        Raises:
            ValueError: a mask is not right-padded or a text is empty.
        """
        lengths = sentence_lengths(mask)
        pooled: list[Tensor] = []
        for method in self.methods:
            if method == "attention":
                pooled.append(self.attention(hidden, mask) @ hidden)  # (B, Q, D)
                continue
            if method == "max":
                vector = hidden.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(dim=1)  # (B, D)
            else:
                vector = hidden.masked_fill(~mask.unsqueeze(-1), 0.0).sum(dim=1) / lengths.unsqueeze(-1)
            pooled.append(vector.unsqueeze(1).expand(-1, self.num_queries, -1))
        return torch.cat(pooled, dim=-1)

    def attention(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Attention weights of each query over the words: (B, Q, L), zero at padding, summing to 1.

        Args:
            hidden: (B, L, D).
            mask: (B, L) bool, each text with at least one word.
        """
        scores: Tensor = self.queries(self.keys(hidden).tanh())  # (B, L, Q)
        return scores.masked_fill(~mask.unsqueeze(-1), -torch.inf).softmax(dim=1).transpose(1, 2)
