"""Model sizes that are measured."""

from __future__ import annotations

from dataclasses import dataclass

from elmo_xlstm.lm import BiXLSTMConfig


@dataclass(frozen=True)
class Size:
    """One model size with its fixed inputs.

    Attributes:
        name: on the command line.
        embedding_dim: width of the residual stream.
        num_blocks: mLSTM blocks in each direction.
        vocab_size: word pieces.
        batch: windows of a training batch.
        length: tokens of a window.
        dropout: of block outputs, in training.
        samples: negatives of the sampled soft-max.
        elmo_cells: LSTM cells of a layer of the original ELMo, scaled with the width.
        elmo_projection: width of its recurrent projection.
        bert_layers: of the BERT of the same width.
        matrix: rows and columns of the matrix product that counts as the machine's peak.
    """

    name: str
    embedding_dim: int
    num_blocks: int
    vocab_size: int
    batch: int
    length: int
    dropout: float
    samples: int
    elmo_cells: int
    elmo_projection: int
    bert_layers: int
    matrix: int

    def config(self, vocab_size: int | None = None) -> BiXLSTMConfig:
        """Our architecture at this size."""
        return BiXLSTMConfig(
            vocab_size=vocab_size or self.vocab_size,
            embedding_dim=self.embedding_dim,
            num_blocks=self.num_blocks,
            num_heads=4,
            dropout=self.dropout,
            context_length=self.length,
        )


SIZES = {
    size.name: size
    for size in (
        Size("tiny", 32, 2, 300, 2, 16, 0.0, 64, 64, 16, 2, 64),
        Size("small", 320, 2, 16_000, 32, 128, 0.0, 4096, 1728, 216, 4, 2048),
        Size("base", 768, 8, 32_000, 16, 256, 0.1, 8192, 4096, 512, 12, 4096),
    )
}
