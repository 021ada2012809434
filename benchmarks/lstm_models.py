"""LSTM language models: the original ELMo's and a plain one."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from elmo_xlstm.lm.losses import SoftmaxLoss


class ProjectedLSTM(nn.Module):
    """Two layers of cells with a recurrent projection, the second with a residual connection (Peters et al. 2018)."""

    def __init__(self, cells: int, projection: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.LSTM(projection, cells, proj_size=projection, batch_first=True) for _ in range(2)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (batch, length, projection) to the same shape."""
        with warnings.catch_warnings():
            # It says, once, that oneDNN has no projected LSTM and that torch's own is used.
            warnings.filterwarnings("ignore", "LSTM with projections is not supported")
            first, _ = self.layers[0](inputs)
            second, _ = self.layers[1](first)
        output: Tensor = first + second
        return output


class PlainLSTM(nn.Module):
    """Two layers without projection, mapped to the width of the embedding at the end."""

    def __init__(self, dim: int, cells: int, dropout: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(dim, cells, num_layers=2, dropout=dropout, batch_first=True)
        self.output = nn.Linear(cells, dim, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (batch, length, dim) to the same shape."""
        hidden, _ = self.lstm(inputs)
        output: Tensor = self.output(hidden)
        return output


class LSTMLanguageModel(nn.Module):
    """A forward and a backward encoder over one embedding, with our own soft-max losses.

    Args:
        vocab_size: word pieces.
        dim: width of embedding and encoders' outputs.
        forward_encoder: maps (batch, length, dim) to the same shape.
        backward_encoder: likewise.
    """

    def __init__(self, vocab_size: int, dim: int, forward_encoder: nn.Module, backward_encoder: nn.Module) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocab_size, dim)
        self.forward_encoder = forward_encoder
        self.backward_encoder = backward_encoder
        self.forward_softmax = nn.Parameter(torch.randn(vocab_size, dim) * dim**-0.5)
        self.backward_softmax = nn.Parameter(torch.randn(vocab_size, dim) * dim**-0.5)

    def forward(self, input_ids: Tensor, softmax_loss: SoftmaxLoss) -> Tensor:
        """Mean of both directions' losses over (batch, length) piece ids."""
        forward, backward = self.encode(input_ids)
        targets = input_ids[:, 1:].flatten(), input_ids[:, :-1].flatten()
        forward_loss = softmax_loss(forward[:, :-1].flatten(0, 1), self.forward_softmax, targets[0])
        backward_loss = softmax_loss(backward[:, 1:].flatten(0, 1), self.backward_softmax, targets[1])
        return (forward_loss + backward_loss) / 2 / len(targets[0])

    def encode(self, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, length, dim) of each direction."""
        embeddings = self.token_embedding(input_ids)
        return self.forward_encoder(embeddings), self.backward_encoder(embeddings.flip(1)).flip(1)


def cells_for(parameters: int, dim: int) -> int:
    """Cells of a :class:`PlainLSTM` with about so many parameters, but no more."""

    def count(cells: int) -> int:
        biases = 2 * 2 * 4 * cells
        return 4 * cells * (dim + cells) + 4 * cells * 2 * cells + biases + cells * dim

    cells = 1
    while count(cells + 1) <= parameters:
        cells += 1
    return cells


def lstm_flops(inputs: int, cells: int, projection: int | None = None) -> float:
    """Forward operations per token of one layer in one direction, with or without recurrent projection."""
    recurrent = projection or cells
    return 2 * 4 * cells * (inputs + recurrent) + (2 * cells * projection if projection else 0)
