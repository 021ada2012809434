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
        elmo_projection: what those are projected to.
        bert_layers: of the BERT beside us, which has the same width.
        lengths: of the measurements by length.
        batches: of the measurements by batch size.
        texts: megabytes of text, of corpus preparation.
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
    lengths: tuple[int, ...]
    batches: tuple[int, ...]
    texts: tuple[float, ...]
    matrix: int

    def config(self, vocab_size: int | None = None, context_length: int | None = None) -> BiXLSTMConfig:
        """Our architecture at this size."""
        return BiXLSTMConfig(
            vocab_size=vocab_size or self.vocab_size,
            embedding_dim=self.embedding_dim,
            num_blocks=self.num_blocks,
            num_heads=4,
            dropout=self.dropout,
            context_length=context_length or self.length,
        )


_LENGTHS = tuple(2**power for power in range(6, 15))  # 64 ... 16,384
_BATCHES = (1, 4, 16, 64)
_TEXTS = (8.0, 64.0)

SIZES = {
    size.name: size
    for size in (
        Size("tiny", 32, 2, 300, 2, 16, 0.0, 64, 64, 16, 2, (8, 16, 32), (1, 2), (0.05,), 64),
        Size("mini", 128, 1, 16_000, 8, 128, 0.0, 1024, 692, 86, 2, _LENGTHS, _BATCHES, _TEXTS, 1024),
        Size("small", 320, 2, 16_000, 32, 128, 0.0, 4096, 1728, 216, 4, _LENGTHS, _BATCHES, _TEXTS, 2048),
        Size("base", 768, 8, 32_000, 16, 256, 0.1, 8192, 4096, 512, 12, _LENGTHS, _BATCHES, _TEXTS, 4096),
    )
}
